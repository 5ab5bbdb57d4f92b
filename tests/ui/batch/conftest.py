"""Runs over drawn lesions for the parts of the Batch page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from skinlens.batch.store import BatchStore, Plan, create_run
from skinlens.imaging.synthetic import encode_png
from skinlens.runtime.predictor import Predictor
from skinlens.ui.batch.runs import runs_folder
from tests.complete_run import make_complete_run
from tests.drawn import familiar_pixels

NAMES = ("a.png", "b.png", "c.png")


@pytest.fixture(scope="session")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images and a file that is none in spite of its name."""
    folder = tmp_path_factory.mktemp("ward")
    for seed, name in enumerate(NAMES):
        (folder / name).write_bytes(encode_png(familiar_pixels(seed)))
    (folder / "broken.jpg").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="session")
def complete(ward: Path, predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run."""
    return make_complete_run(ward, predictor, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def run(home: Path, complete: Path) -> Iterator[BatchStore]:
    """A complete run."""
    assert not home.exists()
    store = BatchStore(shutil.copytree(complete, runs_folder() / complete.name))
    yield store
    store.engine.dispose()


@pytest.fixture
def waiting(home: Path, ward: Path, predictor: Predictor) -> Iterator[BatchStore]:
    """A run whose images are not listed yet."""
    assert not home.exists()
    store = create_run(
        runs_folder(), Plan("ward", "path", (str(ward),), predictor.card, orientations=False, actor="me")
    )
    yield store
    store.engine.dispose()
