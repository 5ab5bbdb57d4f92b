"""A batch run in which every image is assessed, made once and copied by the tests that change it."""

import threading
from pathlib import Path

from skinlens.batch.runner import go_through
from skinlens.batch.store import Plan, create_run
from skinlens.runtime.predictor import Predictor


def make_complete_run(images: Path, predictor: Predictor, runs: Path) -> Path:
    """Assess a folder of images, each in one orientation, and return the folder of the run."""
    store = create_run(runs, Plan("ward", "path", (str(images),), predictor.card, orientations=False, actor="me"))
    go_through(store, predictor, threading.Lock())
    store.engine.dispose()
    return store.folder
