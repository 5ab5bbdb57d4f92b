"""The app under Streamlit's own test driver, with fresh caches for every test."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime import pages_manager
from streamlit.testing.v1 import AppTest

from skinlens.metrics.measurement import Measurement
from skinlens.runtime.card import (
    Calibration,
    MeasuredRates,
    ModelCard,
    OperatingPoint,
    UncertainBand,
    write_card,
)
from skinlens.runtime.predictor import Predictor
from skinlens.runtime.released import VARIABLE
from skinlens.runtime.weights import shipped_folder
from skinlens.ui.compare import held_out
from tests.made_up_assessments import CURVE
from tests.quick_app import _packages_are_read_once, remembering

__all__ = ["_packages_are_read_once"]

ROOT = Path(__file__).parents[2]
# Predictions in eight orientations, each computed once for all tests.
_REMEMBERED = remembering()


class _NoPagesFolder(type(Path())):
    def exists(self, **_: object) -> bool:
        return False


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    """Keep the figures on held-out datasets, which follow from files and take ten seconds, from test to test."""
    read: dict[object, Any] = {}

    def read_once(folder: Path, titles: Mapping[str, str]) -> Any:
        key = (folder.resolve(), held_out._digest(folder), *sorted(titles.items()))
        if key not in read:
            read[key] = read_held_out(folder, titles)
        return read[key]

    read_held_out = held_out.read_held_out
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "read_held_out", read_once)
        yield


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Cases and runs of one test are not those of another, whichever comes first."""
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, predictor: Predictor) -> Iterator[AppTest]:
    """The app's entry point, not yet run."""

    def loaded(card: ModelCard, folder: Path) -> Predictor:
        # The released model takes a second to load, for each of some hundred tests.
        return predictor if (card, folder) == (predictor.card, shipped_folder()) else Predictor(card, folder)

    monkeypatch.setattr("skinlens.ui.model.predictor_for", loaded)
    monkeypatch.setattr("skinlens.triage.pipeline.predict_orientations", _REMEMBERED)
    # The driver has no browser, which would ask again whether the check of a first result has ended.
    monkeypatch.setattr("skinlens.ui.triage.states.PATIENCE", 60.0)
    monkeypatch.chdir(ROOT)
    # AppTest forgets between runs that st.navigation was reached, and would run pages/ files without app.py.
    monkeypatch.setattr(pages_manager, "Path", _NoPagesFolder)
    st.cache_resource.clear()
    yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    st.cache_resource.clear()


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder in place of the released models."""
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def assesses_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, predictor: Predictor) -> ModelCard:
    """The released model without statistics of what dermoscopy looks like."""
    card = predictor.card.model_copy(update={"ood": None})
    for file in card.files.values():
        (tmp_path / file.file).symlink_to(shipped_folder() / file.file)
    write_card(card, tmp_path / f"{card.name}.json")
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "1")
    return card


@pytest.fixture
def uncalibrated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, predictor: Predictor) -> ModelCard:
    """The released model under a card without calibration."""
    card = predictor.card.model_copy(update={"calibrated": False, "calibration": None, "risk_curve": ()})
    for file in card.every_file.values():
        (tmp_path / file.file).symlink_to(shipped_folder() / file.file)
    write_card(card, tmp_path / f"{card.name}.json")
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "1")
    return card


@pytest.fixture
def calibrated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, predictor: Predictor) -> ModelCard:
    """The released model under a card with another calibration and curve, and three points, one of them with a band."""
    rate = Measurement(value=0.9, low=0.8, high=0.95, n=100)
    measured = (MeasuredRates(population="drawn", sensitivity=rate, specificity=rate),)
    points = {
        name: OperatingPoint(name=name, threshold=threshold, chosen_on="nothing", measured=measured)
        for name, threshold in (("screening", 0.05), ("balanced", 0.5), ("specialist", 0.95))
    }
    band = UncertainBand(low=0.0001, high=0.9999, error=rate, decided=rate)
    points["balanced"] = points["balanced"].model_copy(update={"band": band})
    card = predictor.card.model_copy(
        update={
            "calibrated": True,
            "calibration": Calibration(
                temperature=1.5, prevalence=0.45, chosen_on="nothing", error_before=0.1, error_after=0.05
            ),
            "risk_curve": CURVE,
            "operating_points": tuple(points.values()),
            "default_point": "screening",
            "ood": None,
        }
    )
    for file in card.files.values():
        (tmp_path / file.file).symlink_to(shipped_folder() / file.file)
    write_card(card, tmp_path / f"{card.name}.json")
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "1")
    return card
