"""A folder with more images than a shard holds, some of them unreadable."""

from pathlib import Path

import pytest

from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.predictor import Predictor
from skinlens.scoring.shards import Job

IMAGES = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    (made / "below").mkdir(parents=True)
    for seed in range(IMAGES):
        place = made / "below" / f"{seed}.png" if seed % 2 else made / f"{seed}.png"
        place.write_bytes(encode_png(draw_pixels(seed, height=96, width=128, malignant_look=seed % 2 == 1)))
    (made / "broken.jpg").write_bytes(b"no image")
    (made / "empty.png").write_bytes(b"")
    return made


@pytest.fixture
def job(tmp_path: Path, predictor: Predictor) -> Job:
    """How the released model scores at its default point, in one orientation."""
    point = predictor.card.point().model_dump(mode="json")
    destination = str(tmp_path / "scored")
    return Job(predictor.card.name, predictor.model.sha256, point, orientations=False, destination=destination)
