"""`skinlens ablate-preprocessing` on drawn lesions and random networks, and the sentence that it comes to."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skinlens.errors import OutputError, UsageError
from skinlens.export.candidate import Candidate
from skinlens.imaging.colour import shades_of_grey
from skinlens.imaging.decode import decode
from skinlens.imaging.image import Pixels
from skinlens.models.checkpoint import read_tensors
from skinlens.studies.ablate_preprocessing import STEPS, ablate_preprocessing, summarise
from tests.cli.conftest import Caller
from tests.studies.fold_runs import draw_folder, fold_run

# They share a fixture that takes fifteen seconds.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    base = tmp_path_factory.mktemp("runs")
    return [fold_run(folder, "lenet5", base / str(fold), fold=fold) for fold in (0, 1)]


def inverted(pixels: Pixels) -> Pixels:
    """A retouch that any network notices."""
    return np.asarray(255 - pixels, np.uint8)


def test_each_retouch_is_compared_with_the_images_as_they_are(
    folder: Path, runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a score of our own making, image by image."""
    monkeypatch.setitem(STEPS, "hair removed", inverted)
    ablate_preprocessing("drawn", runs, [folder / "drawn.csv"], tmp_path, images=None)
    record = json.loads((tmp_path / "drawn.json").read_text("utf-8"))
    assert [run["held_out"] for run in record["runs"]] == ["fold 0", "fold 1"]
    listed = pd.read_csv(folder / "drawn.csv").query("fold == 0")
    model = Candidate(*read_tensors(runs[0] / "model.safetensors"))

    def area(retouch: object) -> float:
        chances = []
        for name in listed["path"]:
            image = decode(folder / name)
            object.__setattr__(image, "pixels", retouch(image.pixels))
            chances.append(model.predict([image])[0].score)
        scores, malignant = np.array(chances), (listed["label"] == "malignant").to_numpy()
        ahead = np.sign(scores[malignant][:, None] - scores[~malignant][None, :])
        return float((ahead.mean() + 1) / 2)

    found = record["runs"][0]
    assert (found["n"], found["malignant"]) == (14, int((listed["label"] == "malignant").sum()))
    for how, retouch in (("hair removed", inverted), ("colour cast removed", shades_of_grey)):
        assert found["differences"][how]["second"] == pytest.approx(area(lambda pixels: pixels))
        assert found["differences"][how]["first"] == pytest.approx(area(retouch))
    assert (tmp_path / "drawn.md").read_text("utf-8") == summarise(record)


@pytest.mark.slow
def test_fewer_images_can_be_asked_for(folder: Path, runs: list[Path], tmp_path: Path) -> None:
    ablate_preprocessing("drawn", runs[:1], [folder / "drawn.csv"], tmp_path, images=6)
    found = json.loads((tmp_path / "drawn.json").read_text("utf-8"))["runs"][0]
    assert found["n"] == 6
    assert 0 < found["malignant"] < 6


def record_of(**changes: list[tuple[float, float, float]]) -> dict[str, object]:
    """A record with two runs: for each retouch the change, and its interval, on either."""
    entries = [
        {
            how: {"first": 0.8 + spread[run][0], "second": 0.8, "value": spread[run][0],
                  "low": spread[run][1], "high": spread[run][2]}
            for how, spread in zip(STEPS, changes.values(), strict=True)
        }
        for run in (0, 1)
    ]  # fmt: skip
    runs = [
        {"held_out": f"fold {number}", "n": 9, "malignant": 4, "differences": one} for number, one in enumerate(entries)
    ]
    return {"model": "drawn", "recipe": "drawn_lenet5", "data": ["drawn.csv"], "runs": runs}


NEITHER = "Neither helps wherever it was tried, so images are scored as they are."
SHOWN, WEAK, WORSE = (0.02, 0.01, 0.03), (0.02, -0.01, 0.05), (-0.02, -0.03, -0.01)


@pytest.mark.parametrize(
    ("hair", "colour", "said"),
    [
        ([WORSE, SHOWN], [WEAK, WEAK], NEITHER),
        ([WEAK, SHOWN], [WORSE, WORSE], "Helps wherever it was tried: hair removed."),
        ([SHOWN, SHOWN], [SHOWN, WEAK], "Helps wherever it was tried: hair removed, colour cast removed."),
    ],
)  # fmt: skip
def test_a_retouch_has_to_help_everywhere_and_to_be_shown_once(hair: list, colour: list, said: str) -> None:  # type: ignore[type-arg]
    told = summarise(record_of(hair=hair, colour=colour)).splitlines()
    assert told[-1] == said
    assert "| fold 0 | 9 (4) | 0.800 |" in "\n".join(told)


def test_what_cannot_be_compared(folder: Path, runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two runs held out fold 0"):
        ablate_preprocessing("drawn", [runs[0], runs[0]], [folder / "drawn.csv"], tmp_path, images=None)
    with pytest.raises(UsageError, match="holds no complete run"):
        ablate_preprocessing("drawn", [tmp_path], [folder / "drawn.csv"], tmp_path, images=None)
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        ablate_preprocessing("drawn", runs[:1], [folder / "drawn.csv"], tmp_path / "file", images=2)


@pytest.mark.slow
def test_the_command_line_passes_everything_on(call: Caller, folder: Path, runs: list[Path], tmp_path: Path) -> None:
    words = ("--data", folder / "drawn.csv", "--out", tmp_path / "out", "--images", 4)
    assert call("ablate-preprocessing", "drawn", *runs, *words).status == 0
    found = json.loads((tmp_path / "out" / "drawn.json").read_text("utf-8"))["runs"]
    assert [run["n"] for run in found] == [4, 4]
