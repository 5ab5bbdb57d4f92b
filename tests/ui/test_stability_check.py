"""The check of a first result: it ends in the complete one, steps aside for the next image, and fails alone."""

import threading
from dataclasses import replace

import pytest
import streamlit as st

from skinlens.runtime.predictor import Predictor
from skinlens.triage.pipeline import Assessed, Pipeline
from skinlens.ui import session
from skinlens.ui.model import LoadedModel
from skinlens.ui.stability_check import StabilityCheck
from tests.ui.test_session import png

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def model(predictor: Predictor) -> LoadedModel:
    return LoadedModel(predictor, threading.Lock())


@pytest.fixture
def early(model: LoadedModel) -> Assessed:
    return session.receive(png(0), "a.png", model)


def check_of(result: Assessed, model: LoadedModel) -> StabilityCheck:
    check = session.check_of(result, model)
    assert check is not None
    return check


def checked(result: Assessed, model: LoadedModel) -> StabilityCheck:
    check = check_of(result, model)
    check.start()
    assert check.wait(60)
    return check


def test_it_leaves_the_complete_result_in_the_sessions_place(early: Assessed, model: LoadedModel) -> None:
    assert not early.is_complete
    assert checked(early, model).failed is False
    complete = session.current()
    assert complete is not None
    assert complete.is_complete
    assert session.check_of(complete, model) is None
    whole = Pipeline(model.predictor)(early.image)
    assert complete.stability == whole.stability
    assert complete.assessment.reasons == whole.assessment.reasons


def test_the_latest_name_of_an_image_stays(early: Assessed, model: LoadedModel) -> None:
    check = check_of(early, model)
    renamed = session.receive(png(0), "b.png", model)
    assert check_of(renamed, model) is check
    check.run()
    current = session.current()
    assert current is not None
    assert (current.image.name, current.is_complete) == ("b.png", True)


def test_a_run_of_the_page_finds_the_check_of_the_one_before(early: Assessed, model: LoadedModel) -> None:
    check = check_of(early, model)
    assert check_of(early, model) is check


def test_it_does_not_begin_before_the_model_is_free_nor_after_another_image_has_come(
    early: Assessed, model: LoadedModel
) -> None:
    with model.lock:
        check = check_of(early, model)
        check.start()
        assert not check.wait(0.05)
        check.give_up()
    assert check.wait(60)
    assert session.current() is early
    # Shown again, it is checked after all.
    again = check_of(early, model)
    assert again is not check
    again.run()
    assert session.check_of(replace(early, is_complete=True), model) is None


def test_the_next_image_gives_the_check_of_the_last_one_up(early: Assessed, model: LoadedModel) -> None:
    check = check_of(early, model)
    session.receive(png(1), "b.png", model)
    assert not check.is_wanted


def test_a_check_that_ends_while_the_page_is_drawn_is_not_begun_again(early: Assessed, model: LoadedModel) -> None:
    check = checked(early, model)
    assert check_of(early, model) is check


def test_a_failure_is_kept_until_somebody_asks_again(
    early: Assessed, model: LoadedModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a.png of Mrs Jones")

    with monkeypatch.context() as patch:
        patch.setattr("skinlens.triage.pipeline.predict_orientations", broken)
        failed = checked(early, model)
    assert failed.failed
    assert check_of(early, model) is failed
    assert "Jones" not in caplog.text
    assert not model.lock.locked()
    session.check_again()
    assert not checked(early, model).failed


def test_it_ends_also_when_its_session_has(
    early: Assessed, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = check_of(early, model)
    monkeypatch.setattr(st, "session_state", {})
    check.run()
    assert check.is_done
    assert not check.failed


def test_another_model_gives_a_first_result_too_and_the_first_ones_stays(
    early: Assessed, model: LoadedModel, predictor: Predictor
) -> None:
    checked(early, model)
    own = session.current()
    other_predictor = Predictor.__new__(Predictor)
    other_predictor.__dict__.update(predictor.__dict__)
    other_predictor.model = replace(predictor.model, name="other", sha256="f" * 64)
    other = LoadedModel(other_predictor, model.lock)
    by_other = session.current_by(other)
    assert by_other is not None
    assert not by_other.is_complete
    assert by_other.prediction.model.name == "other"
    assert session.current_by(other) is by_other
    assert session.current_by(model) is own
