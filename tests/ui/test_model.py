"""The loaded model: shared, loaded again when its card changes, and missing with a reason."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from skinlens.runtime.card import ModelCard, ModelFileError, write_card
from skinlens.runtime.engine_names import Engine
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor, card_of
from skinlens.runtime.released import VARIABLE
from skinlens.runtime.weights import shipped_folder
from skinlens.ui.model import MODEL, chosen_name, loaded_model, model_title, released_names


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

    monkeypatch.setattr("skinlens.ui.model.predictor_for", load)
    return versions


@pytest.mark.usefixtures("folder")
def test_it_is_loaded_once(loads: list[str]) -> None:
    first = loaded_model()
    assert loaded_model() is first
    assert len(loads) == 1
    assert first.runs_on in {"CPU", "CUDA"}


@pytest.mark.usefixtures("folder", "loads")
def test_the_engine_is_shown_in_words(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "provider", Engine("openvino", "int8").provider)
    assert loaded_model().runs_on == "OpenVINO, int8"


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


PAPER = "asff_resnet50_paper"


@pytest.fixture
def both(folder: Path) -> Path:
    """The folder with a second released model."""
    for path in shipped_folder().glob(f"{PAPER}.*"):
        (folder / path.name).symlink_to(path.resolve())
    return folder


class TestChoice:
    def test_the_default_model_comes_first(self, both: Path) -> None:
        assert released_names() == (DEFAULT_MODEL, PAPER)
        assert model_title(PAPER) == "ASFF ResNet-50, paper protocol"
        (both / f"{PAPER}.json").unlink()
        assert released_names() == (DEFAULT_MODEL,)

    def test_a_card_that_cannot_be_read_is_known_by_its_name(self, both: Path) -> None:
        (both / f"{PAPER}.json").unlink()
        (both / f"{PAPER}.json").write_text("no card")
        assert model_title(PAPER) == PAPER

    def test_the_chosen_model_is_in_use_until_it_is_gone(
        self, both: Path, state: dict[str, object], loads: list[str]
    ) -> None:
        assert chosen_name() == DEFAULT_MODEL
        state[MODEL] = PAPER
        loaded_model()
        loaded_model()
        loaded_model(DEFAULT_MODEL)
        assert loads == ["1.1.0", card_of(DEFAULT_MODEL, shipped_folder()).version]
        (both / f"{PAPER}.json").unlink()
        assert chosen_name() == DEFAULT_MODEL

    @pytest.mark.usefixtures("both", "loads")
    def test_two_models_never_work_at_once(self) -> None:
        assert loaded_model(PAPER).lock is loaded_model(DEFAULT_MODEL).lock

    @pytest.mark.usefixtures("folder")
    def test_one_model_is_no_choice(self) -> None:
        assert not AppTest.from_function(_chooser).run().radio

    def test_the_choice_shows_titles_and_offers_only_what_is_there(self, both: Path) -> None:
        app = AppTest.from_function(_chooser).run()
        (choice,) = app.radio
        assert choice.options == [card_of(DEFAULT_MODEL, shipped_folder()).title, "ASFF ResNet-50, paper protocol"]
        choice.set_value(PAPER).run()
        assert app.text[0].value == PAPER
        (both / f"{PAPER}.json").unlink()
        later = AppTest.from_function(_chooser)
        later.session_state[MODEL] = PAPER
        later.run()
        assert not later.exception
        assert later.text[0].value == DEFAULT_MODEL


def _chooser() -> None:
    import streamlit as st

    from skinlens.ui.model import choose_model, chosen_name

    choose_model()
    st.text(chosen_name())
