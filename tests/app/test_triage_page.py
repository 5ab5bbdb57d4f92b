"""The Triage page in its states: no image, result, rejected image, unusable file, no model."""

import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.metrics.measurement import Measurement
from skinlens.runtime.card import ModelCard
from skinlens.runtime.orientations import predict_orientations
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor
from skinlens.runtime.released import VARIABLE
from skinlens.runtime.weights import weights_folder
from skinlens.triage.risk import one_in, outlook_of, risk_of, risk_words
from skinlens.triage.wording import (
    AGAINST_ADVICE,
    DISCLAIMER,
    HEADLINES,
    LOW_SENTENCE,
    NOT_DERMOSCOPY,
    UNCALIBRATED,
    UNCERTAIN_SENTENCE,
    UNVERIFIED,
)
from skinlens.ui import session
from skinlens.ui.case_store import case_store
from skinlens.ui.stability_check import StabilityCheck
from tests.drawn import familiar_pixels
from tests.imaging.conftest import dicom as dicom
from tests.quick_app import given_to_components


def png(number: int, *, side: int = 240) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(familiar_pixels(number, height=side, width=side)).save(stream, "PNG")
    return stream.getvalue()


def texts(app: AppTest) -> list[str]:
    return [
        element.value
        for kind in (app.text, app.markdown, app.caption, app.error, app.warning, app.info)
        for element in kind
    ]


def headline_of(app: AppTest) -> str:
    return next(text for text in texts(app) if text.startswith("## "))


def captions(app: AppTest) -> list[str]:
    """Of the images in the viewer."""
    (viewer,) = given_to_components(app, "sides")
    return [side["caption"] for side in viewer["sides"]]


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    return app.file_uploader[0].set_value((name, content, "application/octet-stream")).run()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call of the predictor got."""
    counted: list[int] = []
    original = Predictor.predict

    def predict(self: Predictor, images: Any) -> Any:
        counted.append(len(images))
        return original(self, images)

    monkeypatch.setattr(Predictor, "predict", predict)
    return counted


def test_starts_with_an_invitation_and_nothing_else(app: AppTest, calls: list[int]) -> None:
    app.run()
    assert not app.exception
    assert any("No image yet" in text for text in texts(app))
    assert not app.metric
    assert calls == []


def test_the_disclaimer_is_shown_once(app: AppTest) -> None:
    app.run()
    assert texts(app).count(DISCLAIMER) == 1
    upload(app, "lesion.png", png(1))
    assert texts(app).count(DISCLAIMER) == 1


def risk_at(predictor: Predictor, content: bytes, prevalence: float) -> Measurement:
    """The risk of an image as the card's curve has it, from the model's own score."""
    risk = risk_of(predictor.predict([decode(content)])[0].score, predictor.card, prevalence)
    assert risk is not None
    return risk


def test_upload_gives_the_risk_of_the_predictors_score(app: AppTest, predictor: Predictor) -> None:
    upload(app.run(), "lesion.png", png(5))
    assert not app.exception
    risk = risk_at(predictor, png(5), 0.02)
    number, _, interval = risk_words(risk).partition(" (")
    assert app.metric[0].value == number
    assert app.metric[0].label == "Risk if 2 % are malignant"
    assert any(text.startswith(interval.removesuffix(")")) for text in texts(app))


def test_what_had_to_be_done_to_read_a_file_stands_beside_the_image(app: AppTest, dicom: Callable[..., bytes]) -> None:
    """Not only under Details, which is closed: it may name the patient, or limit the result."""
    pixels = familiar_pixels(5)
    size = {"Rows": pixels.shape[0], "Columns": pixels.shape[1]}
    upload(app.run(), "lesion.dcm", dicom(pixels.tobytes() * 2, BurnedInAnnotation="YES", NumberOfFrames=2, **size))
    assert not app.exception
    (details,) = [each for each in app.expander if each.label.startswith("Details")]
    hidden = [element.value for element in details.text]
    notes = [text for text in texts(app) if "burned into the image" in text]
    assert len(notes) == 1 + sum(notes[0] == text for text in hidden) == 2
    # Which frame it is stands beside the name already.
    assert [text for text in texts(app) if "2 frames; the first is used" in text] == [
        text for text in hidden if "2 frames" in text
    ]


def test_the_raw_score_stands_under_details_only(app: AppTest, predictor: Predictor) -> None:
    upload(app.run(), "lesion.png", png(5))
    score = predictor.predict([decode(png(5))])[0].score
    threshold = predictor.card.point().threshold
    relation = "at or above" if score >= threshold else "below"
    (details,) = [each for each in app.expander if each.label.startswith("Details")]
    shown = [element.value for element in details.text]
    assert any(f"{relation} the threshold" in text for text in shown)
    assert any(f"Score, unrounded: {score!r}" in text for text in shown)
    assert not any(f"{score:.2f}" in text for text in texts(app) if text not in shown)


@pytest.mark.slow
def test_a_low_score_says_that_it_does_not_exclude_melanoma(app: AppTest, predictor: Predictor) -> None:
    """Whichever way an image falls, the sentence is there exactly when it is needed."""
    for seed in (0, 1, 3, 5):
        upload(app.run(), f"{seed}.png", png(seed))
        headline = headline_of(app)
        shown = [sentence in texts(app) for sentence in (LOW_SENTENCE, UNCERTAIN_SENTENCE)]
        assert shown == [HEADLINES["low"] in headline, HEADLINES["uncertain"] in headline]
        at_threshold = risk_of(predictor.card.point().threshold, predictor.card, 0.02)
        assert at_threshold is not None
        below = risk_at(predictor, png(seed), 0.02).value < at_threshold.value
        assert not (below and HEADLINES["refer"] in headline)


def buttons_that_keep(app: AppTest) -> list[bool]:
    """Whether the PDF's button, the case's and the one that saves can only be seen."""
    popover = next(each.proto.popover for each in app.get("popover") if each.proto.popover.label == "Save case")
    save = next(button for button in app.button if button.label == "Save")
    return [app.get("download_button")[0].proto.disabled, popover.disabled, save.disabled]


class TestFirstResult:
    """The result of the image as it is comes first; its check in eight orientations follows in place."""

    @pytest.fixture
    def waiting(self) -> Iterator[pytest.MonkeyPatch]:
        """Checks that do not begin until this is undone."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("skinlens.ui.triage.states.PATIENCE", 0.0)
            patch.setattr(StabilityCheck, "start", lambda _: None)
            yield patch

    def test_it_is_preliminary_until_it_was_checked(self, app: AppTest, waiting: pytest.MonkeyPatch) -> None:
        upload(app.run(), "lesion.png", png(5))
        assert not app.exception
        early, risk = headline_of(app), app.metric[0].value
        assert "Preliminary: " in early
        assert "Checking eight orientations ..." in texts(app)
        assert not any("Turned or mirrored" in text for text in texts(app))
        assert buttons_that_keep(app) == [True] * 3
        waiting.undo()
        app.run()
        assert "Preliminary" not in headline_of(app)
        assert headline_of(app).split()[-1] == early.split()[-1]
        assert app.metric[0].value == risk
        assert "Checking eight orientations ..." not in texts(app)
        assert any("Turned or mirrored" in text for text in texts(app))
        assert buttons_that_keep(app) == [False] * 3

    def test_a_decision_that_cannot_change_is_not_called_preliminary(
        self, app: AppTest, waiting: pytest.MonkeyPatch
    ) -> None:
        upload(app.run(), "grey.png", encode_png(np.full((240, 240, 3), 128, np.uint8)))
        assert waiting
        assert headline_of(app).endswith("NOT ASSESSED")

    def test_a_second_image_takes_the_place_of_one_that_is_being_checked(
        self, app: AppTest, waiting: pytest.MonkeyPatch
    ) -> None:
        upload(app.run(), "first.png", png(5))
        upload(app, "second.png", png(6))
        assert "second.png" in texts(app)
        waiting.undo()
        app.run()
        assert any("Turned or mirrored" in text for text in texts(app))
        # The first one was never checked, and is when it comes again.
        upload(app, "first.png", png(5))
        assert any("Turned or mirrored" in text for text in texts(app))

    def test_a_check_that_fails_says_so_and_can_be_repeated(
        self, app: AppTest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("skinlens.triage.pipeline.predict_orientations", None)
            upload(app.run(), "lesion.png", png(5))
            assert not app.exception
            assert any("failed" in warning.value for warning in app.warning)
            assert "Preliminary: " in headline_of(app)
            assert buttons_that_keep(app) == [True] * 3
        app.button(key="check-again").click().run()
        assert "Preliminary" not in headline_of(app)
        assert buttons_that_keep(app) == [False] * 3

    def test_another_page_meanwhile_does_no_harm(self, app: AppTest, waiting: pytest.MonkeyPatch) -> None:
        upload(app.run(), "lesion.png", png(5))
        app.switch_page("pages/about.py").run()
        assert not app.exception
        waiting.undo()
        app.switch_page("pages/triage.py").run()
        assert any("Turned or mirrored" in text for text in texts(app))


def test_the_orientations_are_counted_beside_the_decision(app: AppTest, predictor: Predictor) -> None:
    upload(app.run(), "lesion.png", png(5))
    _, views = predict_orientations(predictor, [decode(png(5))])[0]
    unchanged = views.unchanged(predictor.card.point().threshold)
    assert any(text.endswith(f"same result in {unchanged} of 8.") for text in texts(app))


def test_risk_threshold_and_consequences_follow_the_prevalence(app: Any, predictor: Predictor) -> None:
    def check(prevalence: Any) -> None:
        assert app.metric[0].value == one_in(risk_at(predictor, png(5), prevalence).value)  # type: ignore[arg-type]
        at_threshold = risk_of(predictor.card.point().threshold, predictor.card, prevalence)
        assert any(f"refers from {one_in(at_threshold.value)} upward" in text for text in texts(app))  # type: ignore[arg-type]
        outlooks = [outlook_of(point, prevalence).counts() for point in predictor.card.operating_points]
        captions = ["{referred} referred, {found} found, {missed} missed".format(**counts) for counts in outlooks]
        assert list(app.radio(key="point").proto.captions) == captions

    upload(app.run(), "lesion.png", png(5))
    check(0.02)
    app.selectbox(key="prevalence").set_value("10 %: pigmented-lesion clinic").run()
    check(0.1)
    app.selectbox(key="prevalence").set_value("Other percentage").run()
    app.number_input(key="own-prevalence").set_value(7.0).run()
    check(0.07)


def test_entries_survive_a_visit_to_another_page(app: AppTest) -> None:
    upload(app.run(), "mole.png", png(5))
    app.text_input[0].set_value("P-17").run()
    next(field for field in app.number_input if field.label == "Age").set_value(61).run()
    app.selectbox(key="prevalence").set_value("Other percentage").run()
    app.number_input(key="own-prevalence").set_value(7.0).run()
    app.radio(key="point").set_value("specialist").run()
    shown = app.metric[0].value
    app.switch_page("pages/about.py").run()
    assert not app.metric
    app.switch_page("pages/triage.py").run()
    assert not app.exception
    assert "mole.png" in texts(app)
    assert (app.text_input[0].value, app.number_input(key="own-prevalence").value) == ("P-17", 7.0)
    assert next(field.value for field in app.number_input if field.label == "Age") == 61
    assert (app.radio(key="point").value, app.metric[0].value) == ("specialist", shown)


def address_of(app: AppTest) -> str:
    """What the page's address says of its result: AppTest holds a text, or a list of one."""
    return "".join(app.query_params["result"])


def loaded_again(address: str) -> AppTest:
    again = AppTest.from_file(str(Path("app.py").resolve()), default_timeout=60)
    again.query_params["result"] = address
    return again.run()


def test_a_page_that_is_loaded_again_offers_the_last_result(app: AppTest, calls: list[int]) -> None:
    upload(app.run(), "mole.png", png(5))
    secret = address_of(app)
    reloaded = loaded_again(secret)
    assert not reloaded.metric
    reloaded.button(key="take-over").click().run()
    assert [metric.value for metric in reloaded.metric] == [metric.value for metric in app.metric]
    assert "mole.png" in texts(reloaded)
    assert calls == [1, 8]


def test_a_page_that_is_loaded_again_too_late_says_that_the_result_is_gone(app: AppTest) -> None:
    upload(app.run(), "mole.png", png(5))
    reloaded = loaded_again("of-a-session-that-has-ended")
    assert any("the last result is gone" in text for text in texts(reloaded))
    assert "take-over" not in {button.key for button in reloaded.button}
    upload(reloaded, "mole.png", png(5))
    assert reloaded.metric
    assert not any("the last result is gone" in text for text in texts(reloaded))


def test_the_address_tells_nothing_of_the_image(app: AppTest) -> None:
    upload(app.run(), "Mrs Smith.png", png(5))
    assert list(app.query_params) == ["result"]
    secret = address_of(app)
    assert re.fullmatch(r"[\w-]{22}", secret)
    again = AppTest.from_file(str(Path("app.py").resolve()), default_timeout=60)
    upload(again.run(), "Mrs Smith.png", png(5))
    assert address_of(again) != secret


def test_what_waits_is_assessed_after_the_page_was_stopped(app: AppTest, calls: list[int]) -> None:
    """A visitor who stops the page leaves the image waiting; the page offers to go on."""
    app.run()
    app.session_state["pending"] = session.Pending("stopped.png", png(5))
    app.run()
    assert calls == [1, 8]
    assert "stopped.png" in texts(app)
    assert app.metric


def test_the_way_on_is_drawn_before_the_work_begins(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a stop looks: the script ends in the middle, and what was drawn so far is what is left."""

    def stopped(_: object) -> None:
        st.stop()

    monkeypatch.setattr(session, "assess_pending", stopped)
    upload(app.run(), "stopped.png", png(5))
    assert "stopped.png" in texts(app)
    assert "Continue" in [button.label for button in app.button]
    assert texts(app).count(DISCLAIMER) == 1
    assert not app.metric
    monkeypatch.undo()


def test_saving_the_same_twice_says_so(app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path))
    upload(app.run(), "lesion.png", png(5))

    def save() -> None:
        next(button for button in app.button if button.label == "Save").click().run()

    app.text_input[0].set_value("P-17").run()
    save()
    assert [done.value for done in app.success] == ["Saved."]
    save()
    assert not app.success
    assert "This case is saved already, so nothing was saved again." in [info.value for info in app.info]
    assert case_store().search().total == 1
    app.selectbox(key="prevalence").set_value("10 %: pigmented-lesion clinic").run()
    save()
    assert [done.value for done in app.success] == ["Saved."]
    assert case_store().search().total == 2


def test_there_is_one_heading_of_the_first_level(app: AppTest) -> None:
    upload(app.run(), "lesion.png", png(5))
    assert [title.value for title in app.title] == ["Triage"]


@pytest.mark.usefixtures("uncalibrated")
def test_a_model_that_is_not_calibrated_gives_no_risk(app: AppTest) -> None:
    upload(app.run(), "lesion.png", png(5))
    assert not app.exception
    assert not app.metric
    assert UNCALIBRATED in texts(app)
    assert not any(text.startswith("about 1 in") or "refers from" in text for text in texts(app))


def test_the_same_image_again_costs_nothing(app: AppTest, calls: list[int]) -> None:
    upload(app.run(), "a.png", png(3))
    assert calls == [1, 8]
    upload(app, "b.png", png(4))
    upload(app, "again.png", png(3))
    assert calls == [1, 8, 1, 8]
    app.run()
    assert calls == [1, 8, 1, 8]
    assert any("again.png" in element.value for element in app.text)


def test_moving_the_controls_scores_nothing(app: AppTest, calls: list[int]) -> None:
    upload(app.run(), "a.png", png(3))
    app.selectbox(key="viewer-left").set_value("heatmap").run()
    app.selectbox(key="prevalence").set_value("Other percentage").run()
    app.number_input(key="own-prevalence").set_value(7.0).run()
    assert not app.exception
    assert calls == [1, 8]


def test_an_enhanced_image_can_be_shown_beside_the_original(app: AppTest, calls: list[int]) -> None:
    upload(app.run(), "a.png", png(3))
    score = app.metric[0].value
    for how in ("hair removed", "colour corrected"):
        app.segmented_control(key="viewer-right").set_value(how).run()
        assert not app.exception
        assert captions(app) == ["Original", how.capitalize()]
        assert any("the model assessed the original" in text for text in texts(app))
    assert app.metric[0].value == score
    assert calls == [1, 8]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"no image at all", "not an image"),
        (png(1)[:4000], "incomplete"),
        (png(1, side=40), "64"),
    ],
)
def test_a_bad_file_gets_its_sentence_and_the_page_goes_on(app: AppTest, content: bytes, message: str) -> None:
    upload(app.run(), "good.png", png(5))
    upload(app, "bad.png", content)
    assert not app.exception
    assert any(message in text for text in texts(app))
    # The last image's score must not be shown beside the message.
    assert not app.metric
    upload(app, "good.png", png(5))
    assert app.metric


def test_names_from_users_are_never_markup(app: AppTest) -> None:
    name = "<b>x</b> **y** $z$.png"
    upload(app.run(), name, b"nothing")
    assert any(name in element.value for element in app.text)
    rendered = [element.value for kind in (app.markdown, app.caption, app.error, app.warning) for element in kind]
    assert not any("<b>x" in text for text in rendered)


def test_synthetic_example_is_labelled_everywhere(app: AppTest) -> None:
    app.run()
    app.button[0].click().run()
    assert not app.exception
    assert any("not a patient" in text for text in texts(app))
    assert sum("ynthetic" in caption for caption in captions(app)) == 2


@pytest.mark.slow
def test_examples_differ_and_give_way_to_an_upload(app: AppTest, calls: list[int]) -> None:
    def example(label: str) -> float:
        next(button for button in app.button if button.label == label).click().run()
        number, of = app.metric[0].value.removeprefix("about ").replace(",", "").split(" in ")
        return int(number) / int(of)

    app.run()
    first = example("Try a synthetic example")
    next(button for button in app.button if button.label == "Remove image").click().run()
    # A drawing that looks malignant comes first: there is something to see in its heatmap.
    assert first > example("Try another example")
    assert calls == [1, 8, 1, 8]
    upload(app, "mine.png", png(6))
    assert not any("not a patient" in text for text in texts(app))


def test_facts_stay_with_their_image(app: AppTest) -> None:
    upload(app.run(), "a.png", png(7))
    app.text_input[0].set_value("P-17").run()
    upload(app, "b.png", png(8))
    assert app.text_input[0].value == ""


def test_characters_that_the_pdf_lacks_are_named(app: AppTest) -> None:
    upload(app.run(), "a.png", png(7))
    assert not any("cannot print" in text for text in texts(app))
    app.text_input[0].set_value("Ω Ж א ب").run()
    assert not any("cannot print" in text for text in texts(app))
    app.text_input[0].set_value("P-7 \U00012031").run()
    assert any("cannot print" in text for text in texts(app))
    assert "\U00012031" in texts(app)


def test_multi_frame_note_is_shown(app: AppTest) -> None:
    first, second = (Image.fromarray(draw_pixels(seed, height=120, width=160)) for seed in (1, 2))
    stream = io.BytesIO()
    first.save(stream, "TIFF", save_all=True, append_images=[second])
    upload(app.run(), "pages.tif", stream.getvalue())
    assert not app.exception
    assert any("first" in element.value for element in app.text)


@pytest.mark.usefixtures("no_model")
def test_without_a_model_the_page_says_so(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert any("cannot be used" in text for text in texts(app))
    assert not app.file_uploader


def test_a_tampered_model_is_rejected(app: AppTest, no_model: Path, released_folder: Path) -> None:
    for path in released_folder.glob(f"{DEFAULT_MODEL}.*"):
        shutil.copy(path, no_model)
    weights = no_model / f"{DEFAULT_MODEL}.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    app.run()
    assert not app.exception
    assert any("SHA-256 differs" in text for text in texts(app))
    assert no_model == weights_folder()


@pytest.mark.usefixtures("assesses_anything")
def test_dark_round_border_image_is_accepted(app: AppTest) -> None:
    """A black circle round the lesion is normal dermoscopy, and no fault of the image; a drawn one looks odd."""
    pixels = np.array(draw_pixels(9, height=240, width=320))
    y, x = np.ogrid[:240, :320]
    pixels[(y - 120) ** 2 + (x - 160) ** 2 > 115**2] = 0
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    upload(app.run(), "round.png", stream.getvalue())
    assert app.metric


class TestRejectedImage:
    @pytest.fixture
    def rejected(self, app: AppTest) -> AppTest:
        """The page with an image that has no colour."""
        stream = io.BytesIO()
        Image.fromarray(draw_pixels(9, height=240, width=320)).convert("L").save(stream, "PNG")
        return upload(app.run(), "grey.png", stream.getvalue())

    def test_it_is_shown_alone_with_a_reason_and_what_to_do(self, rejected: AppTest) -> None:
        assert not rejected.exception
        assert not rejected.metric
        assert any(HEADLINES["rejected"] in text for text in texts(rejected))
        assert not any("nothing found against it" in text or text == "None" for text in texts(rejected))
        assert any("hardly any colour" in text and "Use a colour photograph" in text for text in texts(rejected))
        assert captions(rejected) == ["Original"]
        assert not any("Score, unrounded" in text for text in texts(rejected))

    def test_an_image_that_is_not_dermoscopy_is_rejected(self, app: AppTest) -> None:
        stream = io.BytesIO()
        fields = ((np.indices((240, 320)) // 30).sum(axis=0) % 2)[..., None] * np.array([200, 200, 40]) + 30
        Image.fromarray(fields.astype(np.uint8)).save(stream, "PNG")
        upload(app.run(), "fields.png", stream.getvalue())
        assert not app.metric
        assert any(text == NOT_DERMOSCOPY for text in texts(app))

    def test_it_is_assessed_only_for_a_reason(self, rejected: AppTest) -> None:
        button = next(button for button in rejected.button if button.label == "Assess anyway")
        button.click().run()
        assert any("Enter a reason first" in text for text in texts(rejected))
        assert not rejected.metric
        self.give_reason(rejected, "  seen through\ta dermatoscope ")
        assert AGAINST_ADVICE in headline_of(rejected)
        assert any(text.endswith(": seen through a dermatoscope") for text in texts(rejected))
        assert any("hardly any colour" in text for text in texts(rejected))

    def test_an_override_stays_with_its_image_and_can_be_withdrawn(self, rejected: AppTest) -> None:
        self.give_reason(rejected, "known camera")
        upload(rejected, "other.png", png(3))
        assert not any("known camera" in text for text in texts(rejected))
        stream = io.BytesIO()
        Image.fromarray(draw_pixels(9, height=240, width=320)).convert("L").save(stream, "PNG")
        upload(rejected, "grey.png", stream.getvalue())
        assert AGAINST_ADVICE in headline_of(rejected)
        next(button for button in rejected.button if button.label == "Withdraw the assessment").click().run()
        assert HEADLINES["rejected"] in headline_of(rejected)

    def test_assessed_against_advice_it_gets_no_risk_and_no_rate(self, rejected: AppTest) -> None:
        self.give_reason(rejected, "known camera")
        assert not rejected.metric
        assert not [box for box in rejected.selectbox if box.key == "prevalence"]
        assert not any(rejected.radio(key="point").proto.captions)
        shown = [text for text in texts(rejected) if not text.startswith("#")]
        for sign in ("1,000", " in 10", " refers from", "Measured at this threshold", "sensitivity", "Risk where"):
            assert not any(sign in text for text in shown), sign

    @staticmethod
    def give_reason(app: AppTest, reason: str) -> None:
        next(field for field in app.text_input if field.label.startswith("Your reason")).set_value(reason)
        next(button for button in app.button if button.label == "Assess anyway").click().run()


def test_a_good_image_has_no_quality_problem(app: AppTest) -> None:
    upload(app.run(), "lesion.png", png(5))
    assert "Image quality: nothing found against it." in texts(app)
    assert app.dataframe[0].value["Check"].tolist()[:3] == ["not dermoscopy", "blurred", "too dark"]


@pytest.mark.usefixtures("calibrated")
class TestCalibratedModel:
    def test_the_point_is_the_users_choice_and_stands_in_the_sidebar(self, app: AppTest) -> None:
        upload(app.run(), "lesion.png", png(5))
        assert any("Operating point **screening**" in text for text in texts(app))
        app.radio(key="point").set_value("specialist").run()
        assert any("the threshold 0.95" in text for text in texts(app))
        assert any("Operating point **specialist**" in text for text in texts(app))

    def test_a_score_in_the_band_is_uncertain(self, app: AppTest) -> None:
        upload(app.run(), "lesion.png", png(5))
        app.radio(key="point").set_value("balanced").run()
        assert HEADLINES["uncertain"] in headline_of(app)
        assert any("too close to the threshold to call" in text for text in texts(app))


def test_a_card_that_was_not_released_is_rejected_by_the_page(
    app: AppTest, calibrated: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    app.run()
    assert not app.exception
    assert "The model cannot be used, so no image can be assessed." in texts(app)
    assert any(calibrated.name in text and VARIABLE in text for text in texts(app))
    assert not app.file_uploader


@pytest.mark.usefixtures("calibrated")
def test_an_allowed_unreleased_card_is_used_under_a_banner(app: AppTest) -> None:
    app.run()
    assert UNVERIFIED in [warning.value for warning in app.warning]
    app.switch_page("pages/about.py").run()
    assert UNVERIFIED in [warning.value for warning in app.warning]
