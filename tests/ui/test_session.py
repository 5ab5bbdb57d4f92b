"""The session's results: each image is predicted once, the current one follows, only a few are kept."""

import gc
import weakref
from typing import Any

import pytest
import streamlit as st

from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.synthetic import encode_png
from skinlens.runtime.predictor import Predictor
from skinlens.triage.turns import Turns
from skinlens.ui import session
from skinlens.ui.model import LoadedModel
from tests.drawn import familiar_pixels

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def model(predictor: Predictor) -> LoadedModel:
    return LoadedModel(predictor, Turns())


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of images of each call of the predictor."""
    counted: list[int] = []
    original = Predictor.predict

    def predict(self: Predictor, images: Any) -> Any:
        counted.append(len(images))
        return original(self, images)

    monkeypatch.setattr(Predictor, "predict", predict)
    return counted


def png(number: int) -> bytes:
    return encode_png(familiar_pixels(number))


def test_the_same_bytes_are_predicted_once_and_take_the_latest_name(model: LoadedModel, calls: list[int]) -> None:
    first = session.receive(png(0), "a.png", model)
    again = session.receive(png(0), "b.png", model)
    assert calls == [1]
    assert again.prediction is first.prediction
    assert session.current() is again
    assert again.image.name == "b.png"


def test_an_unusable_file_raises_and_can_be_taken_off_the_page(model: LoadedModel) -> None:
    session.receive(png(0), "a.png", model)
    with pytest.raises(ImageRejectedError, match=r"bad\.png"):
        session.receive(b"no image", "bad.png", model)
    session.drop_result()
    assert session.current() is None


def test_clearing_empties_the_uploader_but_keeps_the_results(model: LoadedModel, calls: list[int]) -> None:
    session.receive(png(0), "a.png", model)
    before = session.uploader_key()
    session.clear()
    assert session.uploader_key() != before
    assert session.current() is None
    session.receive(png(0), "a.png", model)
    assert calls == [1]


def test_the_oldest_results_are_dropped(model: LoadedModel, calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "KEPT_RESULTS", 2)
    for number in (0, 1, 2, 0):
        session.receive(png(number), f"{number}.png", model)
    assert calls == [1] * 4
    session.receive(png(2), "2.png", model)
    assert calls == [1] * 4


def test_examples_repeat_after_the_last(model: LoadedModel, calls: list[int]) -> None:
    number = session.next_synthetic_number()
    assert number == 0
    first = session.receive_synthetic(number, model)
    assert first.image.synthetic
    assert session.receive_synthetic(len(session.EXAMPLES), model) is first
    assert calls == [1]
    assert session.next_synthetic_number() == 1


def test_a_reason_belongs_to_its_image_and_can_be_withdrawn(model: LoadedModel) -> None:
    first, second = (session.receive(png(number), "a.png", model) for number in (0, 1))
    session.keep_override(first, "  known \n camera ")
    assert session.override(first) == "known camera"
    assert session.override(second) == ""
    session.keep_override(first, "")
    assert session.override(first) == ""


def reload(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Begin a session of another browser tab, as loading a page again does; return the state of the one before."""
    before: dict[str, Any] = st.session_state  # type: ignore[assignment]
    monkeypatch.setattr(st, "session_state", {})
    return before


def test_a_reloaded_page_takes_over_the_last_result_while_its_session_is_kept(
    model: LoadedModel, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(st, "query_params", {})
    shown = session.receive(png(0), "a.png", model)
    session.mark_shown()
    before = reload(monkeypatch)
    assert before
    assert session.current() is None
    assert session.is_reloaded()
    assert session.offered() is shown
    session.take_over()
    assert session.current() is shown
    assert not session.is_reloaded()
    assert len(calls) == 1


def test_what_a_session_held_is_gone_with_it(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "query_params", {})
    held = weakref.ref(session.receive(png(0), "a.png", model))
    session.mark_shown()
    reload(monkeypatch).clear()
    gc.collect()
    assert session.offered() is None
    assert held() is None
    assert session.is_reloaded()
    session.take_over()
    assert session.current() is None


@pytest.mark.parametrize("secret", ["", "1", "another"])
def test_nothing_is_offered_to_who_does_not_know_the_secret(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setattr(st, "query_params", {})
    session.receive(png(0), "a.png", model)
    session.mark_shown()
    before = reload(monkeypatch)
    assert before
    st.query_params["result"] = secret
    assert session.offered() is None


def test_an_image_that_was_removed_is_not_offered(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "query_params", {})
    session.receive(png(0), "a.png", model)
    session.mark_shown()
    secret = st.query_params["result"]
    session.clear()
    assert "result" not in st.query_params
    before = reload(monkeypatch)
    assert before
    st.query_params["result"] = secret
    assert session.offered() is None
