"""A folder of drawn lesions, and runs over it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skinlens.batch.runner import go_through
from skinlens.batch.store import BatchStore, Plan, create_run
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.predictor import Predictor

MakeRun = Callable[..., BatchStore]
NAMES = ("a/1.png", "a/2.png", "b/1.png", "b/3.png", "c.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images, a file that is none in spite of its name, and one that is passed over."""
    made = tmp_path / "images"
    for seed, name in enumerate(NAMES):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(encode_png(draw_pixels(seed, height=96, width=128, malignant_look=seed % 2 == 1)))
    (made / "broken.jpg").write_bytes(b"no image")
    (made / "notes.txt").write_text("not an image")
    return made


@pytest.fixture
def new_run(tmp_path: Path, folder: Path, predictor: Predictor) -> Iterator[MakeRun]:
    """Make a run over the folder, or over other roots; nothing is assessed yet."""
    made = []

    def make(*roots: Path, kind: str = "path", orientations: bool = False) -> BatchStore:
        names = tuple(str(root) for root in roots or (folder,))
        store = create_run(tmp_path / "runs", Plan("ward", kind, names, predictor.card, orientations, "me"))  # type: ignore[arg-type]
        made.append(store)
        return store

    yield make
    for store in made:
        store.engine.dispose()


@pytest.fixture
def finished(new_run: MakeRun, predictor: Predictor) -> BatchStore:
    """A run over the folder in which everything is assessed."""
    store = new_run()
    assess_all(store, predictor)
    return store


def assess_all(store: BatchStore, predictor: Predictor) -> None:
    go_through(store, predictor, threading.Lock())
