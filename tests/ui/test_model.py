"""The loaded model: shared, loaded again when its card changes, and missing with a reason."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from skinlens.runtime.card import ModelCard, ModelFileError, write_card
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor
from skinlens.runtime.released import VARIABLE
from skinlens.runtime.weights import shipped_folder
from skinlens.ui.model import loaded_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the default model's folder, in use instead of it."""
    for path in shipped_folder().glob(f"{DEFAULT_MODEL}.*"):
        if path.suffix == ".json":
            shutil.copy(path, tmp_path)
        else:
            (tmp_path / path.name).symlink_to(path.resolve())
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    yield tmp_path
    st.cache_resource.clear()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, predictor: Predictor) -> list[str]:
    """Versions of the cards that predictors were made for."""
    versions: list[str] = []

    def load(card: ModelCard, _folder: Path) -> Predictor:
        versions.append(card.version)
        return predictor

    monkeypatch.setattr("skinlens.ui.model.Predictor", load)
    return versions


@pytest.mark.usefixtures("folder")
def test_it_is_loaded_once(loads: list[str]) -> None:
    first = loaded_model()
    assert loaded_model() is first
    assert len(loads) == 1
    assert first.runs_on in {"CPU", "CUDA"}


def test_another_card_is_loaded_again_if_it_is_allowed(
    folder: Path, loads: list[str], predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded_model()
    write_card(predictor.card.model_copy(update={"version": "9.9.9"}), folder / f"{DEFAULT_MODEL}.json")
    with pytest.raises(ModelFileError, match=VARIABLE):
        loaded_model()
    monkeypatch.setenv(VARIABLE, "1")
    loaded_model()
    assert loads == [predictor.card.version, "9.9.9"]


def test_a_missing_model_is_named_with_its_folder(folder: Path) -> None:
    with pytest.raises(ModelFileError, match=f"no model 'other' in {folder}"):
        loaded_model("other")
