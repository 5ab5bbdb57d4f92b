"""The released model, drawn images and, where SKINLENS_DATA names the data folder, real test images."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from tests.drawn_at_random import LabelsAndProbabilities

# Two processes with two threads each would fight for two cores. The libraries read this when they are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from skinlens.imaging.decode import decode
from skinlens.imaging.image import LesionImage
from skinlens.imaging.synthetic import draw_lesion
from skinlens.leaderboard.records import EvaluatedModel, read_results
from skinlens.leaderboard.table import paper_label, read_published
from skinlens.report import installed_fonts
from skinlens.runtime import predictor as predictor_module
from skinlens.runtime.predictor import Predictor, load_predictor, open_session
from skinlens.runtime.weights import weights_folder
from tests.kept_answers import KeptAnswers
from tests.made_up_results import write_folder

DATA = Path(os.environ.get("SKINLENS_DATA") or ".")
MANIFEST = DATA / "isic3297.csv"
REAL_IMAGES_PER_LABEL = 10
# Folders whose tests share a dear fixture (a server, a browser), so that one process runs them all.
TOGETHER = ("tests/browser/",)
# What takes longest begins first, so that no process is left alone with it at the end.
FIRST = (*TOGETHER, "tests/network/", "tests/training/test_loop.py", "tests/scoring/", "tests/models/")
# Tests of the model's own work.
ALWAYS_ASKED = ("tests/runtime/", "tests/export/", "tests/models/")

# Property tests try the same examples in every run, so that a failure is a change of the code.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("repeatable")


class _FileOrFolder(LoadScopeScheduling):
    """Give each process a file at a time, and the folders of `TOGETHER` as one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for the suite. What a command line names runs in its own process, which begins much sooner."""
    return 2 if config.args_source == pytest.Config.ArgsSource.TESTPATHS else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _FileOrFolder(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests; without the data folder, leave out those on real images."""
    items.sort(key=lambda item: next((at for at, name in enumerate(FIRST) if item.nodeid.startswith(name)), len(FIRST)))
    if "SKINLENS_DATA" in os.environ and MANIFEST.is_file():
        return
    left_out = [item for item in items if "real_images" in getattr(item, "fixturenames", ())]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish() -> None:
    """Leave what imports and collection made out of garbage collection, where it took a tenth of the time: it stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def no_fonts_of_the_system() -> Iterator[None]:
    """What a document can show depends on what SkinLens asks for alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installed_fonts, "_of_system", lambda: iter(()))
        patch.delenv(installed_fonts.FOLDER_VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Cases that tests keep, also through a server that they start, never reach the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("SKINLENS_HOME", str(home))
        patch.delenv("SKINLENS_DB_URL", raising=False)
        patch.delenv("SKINLENS_UNVERIFIED", raising=False)
        # The same numbers in every run, whatever is installed; tests of the choice remove it.
        patch.setenv("SKINLENS_ENGINE", "onnxruntime")
        yield home


@pytest.fixture(scope="session", autouse=True)
def kept_answers() -> Iterator[None]:
    """Models are asked once for the same batch of images, since most tests are about what is made of the answer."""

    def opened(graph: Path, *arguments: Any, **options: Any) -> KeptAnswers:
        return KeptAnswers(open_session(graph, *arguments, **options), graph)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor_module, "open_session", opened)
        yield


@pytest.fixture(autouse=True)
def asked_again(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exception: tests of the model's own work."""
    monkeypatch.setattr(KeptAnswers, "on", not request.node.nodeid.startswith(ALWAYS_ASKED))


@pytest.fixture
def no_trace_of_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A training run seeds the process and sets its precision; other tests must not notice."""
    # Most tests need no torch, which takes seconds to import.
    import torch

    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        monkeypatch.setenv(name, "0")
    state, precision = torch.random.get_rng_state(), torch.get_float32_matmul_precision()
    yield
    torch.random.set_rng_state(state)
    torch.set_float32_matmul_precision(precision)


@pytest.fixture(scope="session")
def released_folder() -> Path:
    """The folder of released models."""
    return weights_folder()


@pytest.fixture(scope="session")
def made_up_evaluations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation folder of models that do not exist; tests that change it work on a copy."""
    return write_folder(tmp_path_factory.mktemp("weights") / "evaluation")


@pytest.fixture(scope="session")
def models(made_up_evaluations: Path) -> tuple[EvaluatedModel, ...]:
    """What the charts show of the made-up evaluations."""
    return read_results(made_up_evaluations).shown


@pytest.fixture(scope="session")
def published(made_up_evaluations: Path) -> pd.DataFrame:
    """The paper's table beside them, as a reader sees it."""
    table = read_published(made_up_evaluations)
    return table.assign(label=[paper_label(model) for model in table["model"]])


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    """The default model, loaded once."""
    return load_predictor()


@pytest.fixture(scope="session")
def images() -> list[LesionImage]:
    """Drawn lesions of several sizes and aspects, one of them the model's own size."""
    sizes = [(96, 128), (160, 160), (224, 224), (200, 300), (300, 180)]
    return [
        draw_lesion(seed, height=height, width=width, malignant_look=seed % 2 == 1)
        for seed, (height, width) in enumerate(sizes)
    ]


@pytest.fixture(scope="session")
def real_images() -> list[LesionImage]:
    """Test images spread evenly over both labels' rows of the manifest."""
    rows = pd.read_csv(MANIFEST)
    test = rows[rows["split"] == "test"]
    chosen = [
        path
        for _, of_label in test.groupby("label")
        for path in of_label["path"].iloc[:: len(of_label) // REAL_IMAGES_PER_LABEL][:REAL_IMAGES_PER_LABEL]
    ]
    return [decode(DATA / path) for path in chosen]


@pytest.fixture
def paper() -> LabelsAndProbabilities:
    """Labels and probabilities whose confusion matrix at 0.5 is the paper's: TN 336, FP 24, FN 21, TP 279."""
    return np.repeat([0, 0, 1, 1], [336, 24, 21, 279]), np.repeat([0.1, 0.8, 0.2, 0.9], [336, 24, 21, 279])


@pytest.fixture
def predictions() -> LabelsAndProbabilities:
    """300 labels and informative probabilities in steps of 0.02, so with many ties."""
    generator = np.random.default_rng(7)
    labels = (generator.random(300) < 0.4).astype(int)
    evidence = generator.normal(2.0 * labels - 1.0, 1.3)
    return labels, np.round(1 / (1 + np.exp(-evidence)) * 50) / 50


@pytest.fixture
def rival(predictions: LabelsAndProbabilities) -> npt.NDArray[np.float64]:
    """A second model's probabilities for `predictions`: somewhat worse, correlated with the first, also with ties."""
    labels, probabilities = predictions
    generator = np.random.default_rng(8)
    evidence = np.log((probabilities + 0.01) / (1.01 - probabilities)) + generator.normal(-0.1 * labels, 0.8)
    return np.round(1 / (1 + np.exp(-evidence)) * 50) / 50
