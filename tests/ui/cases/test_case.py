"""One case: its images, its result, readers' verdicts, the lesion's other photographs, and deletion."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.batch.holding import Holding
from skinlens.cases.store import CaseStore
from skinlens.cases.verify import verify
from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import encode_png
from skinlens.runtime.card import read_card
from skinlens.runtime.weights import weights_folder
from skinlens.triage.case import CaseFacts
from skinlens.triage.checklists import Checklists, SevenPoint
from skinlens.triage.second import Comparison, Opinion
from skinlens.triage.wording import HEADLINES
from tests.drawn import familiar_pixels
from tests.made_up_cases import CARD, CREATED, build_record


def save(store: CaseStore, seed: int, *, lesion: str = "L1", pixels: bool = True, photographed: str = "") -> str:
    image = decode(encode_png(familiar_pixels(seed)), name=f"{seed}.png")
    facts = CaseFacts("P-1", age="57", site="back", note="itches", lesion=lesion, photographed=photographed)
    return store.save(build_record(image=image, facts=facts), CARD, actor="me", keep_pixels=pixels, prevalence=0.02)


def draw(case: str) -> None:
    from skinlens.ui.case_store import case_store
    from skinlens.ui.cases.case import show_case

    show_case(case_store(), case)


def opened(case: str) -> AppTest:
    app = AppTest.from_function(draw, kwargs={"case": case}, default_timeout=60).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> list[str]:
    return [element.value for kind in (app.text, app.caption, app.info, app.error, app.warning) for element in kind]


def captions(app: AppTest) -> list[str]:
    """What stands under the images in viewers, in the order of the page."""
    viewers = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    return [side["caption"] for viewer in viewers for side in viewer["sides"]]


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def test_it_shows_both_images_the_decision_and_what_was_typed(cases: CaseStore) -> None:
    app = opened(save(cases, 1, photographed="2026-02-27"))
    assert len(captions(app)) == 2
    assert any(HEADLINES["refer"] in element.value for element in app.markdown)
    shown = {"P-1: L1, back", "Age: 57", "Note: itches", "Body site: back", "Photographed on: 2026-02-27"}
    assert shown <= set(texts(app))
    assert not any(text.startswith("Sex") for text in texts(app)), "nothing was typed"
    assert any(text.startswith("1.png. ") and text.endswith(" by me.") for text in texts(app))


def test_a_day_that_is_not_known_is_said(cases: CaseStore) -> None:
    assert "Photographed on: not known" in texts(opened(save(cases, 1)))


def test_checklists_are_shown(cases: CaseStore) -> None:
    facts = CaseFacts("P-1", checklists=Checklists(SevenPoint(frozenset({"regression"}))))
    image = decode(encode_png(familiar_pixels(1)), name="1.png")
    case = cases.save(build_record(image=image, facts=facts), CARD, actor="me", keep_pixels=True)
    assert any(text.startswith("Seven-point checklist: 1 of 10") for text in texts(opened(case)))


def test_without_its_pixels_it_asks_for_the_file_and_takes_the_right_one_only(cases: CaseStore) -> None:
    app = opened(save(cases, 1, pixels=False))
    assert captions(app) == []
    assert not app.get("download_button")
    app.file_uploader[0].set_value(("2.png", encode_png(familiar_pixels(2)), "image/png")).run()
    assert "This file cannot be used." in texts(app)
    assert captions(app) == []
    app.file_uploader[0].set_value(("1.png", encode_png(familiar_pixels(1)), "image/png")).run()
    assert len(captions(app)) == 2
    assert len(app.get("download_button")) == 1


def test_a_lesion_alone_is_compared_with_nothing(cases: CaseStore) -> None:
    first = save(cases, 1)
    save(cases, 2, lesion="L2")
    app = opened(first)
    assert not any(box.label == "Compare" for box in app.selectbox)


def test_the_lesion_is_listed_by_day_and_two_photographs_are_compared(cases: CaseStore) -> None:
    last = save(cases, 1, photographed="2026-02-27")
    first = save(cases, 2, photographed="2025-02-27")
    save(cases, 3, photographed="2025-08-01")
    app = opened(last)
    listed = [button.label for button in app.button if button.key and button.key.startswith("open-")]
    assert [label.partition(":")[0] for label in listed] == ["1. 2025-02-27", "2. 2025-08-01", "3. 2026-02-27"]
    assert captions(app)[2:] == ["1. 2025-02-27", "3. 2026-02-27"]
    assert "12 months lie between them." in texts(app)
    next(box for box in app.selectbox if box.label == "with").set_value(first).run()
    assert "Choose two different photographs." in texts(app)
    press(app, listed[0])
    assert app.session_state["open-case"] == first


def test_a_photograph_without_its_image_says_so_in_the_comparison(cases: CaseStore) -> None:
    first = save(cases, 1, photographed="2025-02-27")
    save(cases, 2, photographed="2026-02-27", pixels=False)
    app = opened(first)
    assert "2. 2026-02-27: the image was not saved." in texts(app)


class TestDeletion:
    def test_it_asks_and_can_be_called_off(self, cases: CaseStore) -> None:
        app = opened(save(cases, 1))
        press(app, "Delete…")
        assert any("PDFs and backups that were made before are not deleted" in text for text in texts(app))
        press(app, "Keep it")
        assert not any(button.label == "Delete permanently" for button in app.button)
        assert cases.search().total == 1

    @pytest.mark.parametrize(("scope", "left"), [("case", 2), ("lesion", 1), ("patient", 0)])
    def test_what_was_chosen_is_deleted_and_no_more(self, cases: CaseStore, scope: str, left: int) -> None:
        first = save(cases, 1)
        save(cases, 2)
        save(cases, 3, lesion="L2")
        app = opened(first)
        app.session_state["open-case"] = first
        press(app, "Delete…")
        app.radio(key="delete-scope").set_value(scope).run()
        # The page is drawn once more after that, and the case is gone.
        next(button for button in app.button if button.label == "Delete permanently").click().run()
        assert cases.search().total == left
        assert "open-case" not in app.session_state
        assert verify(cases).findings == ()

    def test_batch_runs_that_hold_the_image_are_named(self, cases: CaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[tuple[set[str], str]] = []

        def holding(_root: object, digests: set[str], *, pseudonym: str) -> tuple[tuple[Holding, ...], int]:
            asked.append((digests, pseudonym))
            return (Holding("ward", CREATED, 1, named=True),), 1

        monkeypatch.setattr("skinlens.ui.cases.deletion.runs_holding", holding)
        case = save(cases, 1)
        other = save(cases, 2)
        app = opened(case)
        press(app, "Delete…")
        shown = texts(app)
        assert any(text.startswith("The batch run ward of 2026-03-04") and "the result of 1" in text for text in shown)
        assert any(text.startswith("The case facts of the batch run ward") for text in shown)
        assert "1 batch run could not be read." in shown
        digests = {each: cases.assessment(each).image.sha256 for each in (case, other)}
        assert asked[-1] == ({digests[case]}, "")
        app.radio(key="delete-scope").set_value("patient").run()
        assert asked[-1] == (set(digests.values()), "P-1")


@pytest.mark.parametrize(("verdict", "shown"), [("malignant", "malignant"), ("not judgeable", "not assessable")])
def test_a_verdict_is_saved_and_listed_in_words(cases: CaseStore, verdict: str, shown: str) -> None:
    case = save(cases, 1)
    app = opened(case)
    next(button for button in app.button if button.label == "Save verdict").click().run()
    assert "Choose a verdict first." in texts(app)
    assert cases.assessment(case).reviews == []
    app.radio[0].set_value(verdict)
    next(field for field in app.text_input if field.label == "Remark").set_value("**x**")
    next(button for button in app.button if button.label == "Save verdict").click().run()
    assert [review.verdict for review in cases.assessment(case).reviews] == [verdict]
    assert any(text.endswith(f": {shown}. **x**") for text in texts(app))


def test_a_verdict_bears_the_readers_name(cases: CaseStore) -> None:
    case = save(cases, 1)
    app = opened(case)
    app.radio[0].set_value("unsure")
    next(field for field in app.text_input if field.label == "Your name").set_value("Dr Example")
    next(button for button in app.button if button.label == "Save verdict").click().run()
    (review,) = cases.assessment(case).reviews
    assert (review.reader, review.verdict) == ("Dr Example", "unsure")
    assert any(" Dr Example: unsure." in text for text in texts(app))


@pytest.mark.parametrize("same_weights", [True, False])
def test_a_second_opinion_is_said_and_its_heatmap_offered_where_the_model_is_the_same(
    cases: CaseStore, *, same_weights: bool
) -> None:
    card = read_card(weights_folder() / "asff_resnet50_paper.json")
    digest = card.files["weights"].sha256 if same_weights else "0" * 64
    record = build_record(image=decode(encode_png(familiar_pixels(1)), name="1.png"))
    second = Opinion(card.name, card.version, digest, "low", card.default_point, 0.12)
    record = replace(record, comparison=Comparison(Opinion.of(record.assessment), second))
    app = opened(cases.save(record, CARD, actor="me", keep_pixels=True, prevalence=0.02))
    assert any("The two models disagree." in text for text in texts(app))
    choices = next(group for group in app.button_group if "Heatmap" in group.options)
    assert ("Other model" in choices.options) == same_weights
