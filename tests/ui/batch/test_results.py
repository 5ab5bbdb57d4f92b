"""The results of a run: what is hidden, what is cached, which page of the table, and what the table says."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.batch.errors import BatchError
from skinlens.batch.store import BatchStore
from skinlens.ui.batch import results
from skinlens.ui.batch.results import loaded
from tests.ui.batch.made import shown


def test_a_blind_reviewer_sees_a_result_after_the_own_verdict_only(run: BatchStore) -> None:
    first, *_ = shown(run).every
    assert not shown(run).hides(first)
    assert shown(run, blind=True).hides(first)
    run.review(first.number, "benign", note="", blind=True, actor="somebody else")
    assert shown(run, blind=True).hides(shown(run).every[0])
    (seen,) = run.reviews()
    run.review(first.number, "benign", note="", blind=True, actor="me", seen=seen.id)
    assert not shown(run, blind=True).hides(shown(run).every[0])


def test_nothing_is_hidden_of_an_image_without_a_result(run: BatchStore) -> None:
    (broken,) = [entry for entry in shown(run).every if entry.outcome == "unreadable"]
    assert not shown(run, blind=True).hides(broken)


def test_a_run_is_read_again_only_when_something_changed(run: BatchStore, state: dict[str, Any]) -> None:
    first = loaded(run)
    assert loaded(run) is first
    run.review(first.lines[0].number, "unsure", note="", blind=False, actor="me")
    second = loaded(run)
    assert [review.verdict for review in second.reviews] == ["unsure"]
    # A verdict changes nothing of the images, which may be thousands.
    assert second.lines is first.lines
    run.add_facts("facts.csv", b"path,label\na.png,malignant\n")
    assert [facts.label for facts in loaded(run).matched.facts.values()] == ["malignant"]
    assert state


@pytest.mark.usefixtures("state")
def test_case_facts_that_cannot_be_used_are_a_sentence(run: BatchStore) -> None:
    run.add_facts("facts.csv", b"path,label\na.png,nevus\n")
    found = loaded(run)
    assert "nevus" in found.facts_error
    assert found.matched.facts == {}


@pytest.mark.usefixtures("state")
def test_a_deleted_run_cannot_be_read(run: BatchStore) -> None:
    run.discard()
    with pytest.raises(BatchError):
        loaded(run)


def test_the_table_turns_to_the_page_of_an_image(run: BatchStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "A_PAGE", 3)
    found = shown(run)
    numbers = [entry.number for entry in found.listed]
    assert [results.page_of(found, number) for number in numbers] == [1, 1, 1, 2]
    assert results.page_of(found, None) == 1
    assert results.page_of(found, 999) == 1


def test_who_took_a_blind_verdict_back_has_seen_the_result(run: BatchStore) -> None:
    first, *_ = shown(run).every
    run.withdraw(run.review(first.number, "benign", note="", blind=True, actor="me").id)
    found = shown(run, blind=True)
    assert not found.hides(found.every[0])
    assert not found.is_reviewed(found.every[0])
    assert shown(run, blind=True, reviewer="another").hides(found.every[0])


def draw(folder: str) -> None:
    import streamlit as st

    from skinlens.ui.batch.listing import show_list
    from skinlens.ui.batch.results import view
    from skinlens.ui.batch.runs import open_store

    store = open_store(folder)
    shown = view(store)
    st.session_state.setdefault("batch-at", shown.listed[0].number if shown.listed else -1)
    show_list(store, shown)


def counts(page: AppTest) -> dict[str, int]:
    """The line above the table."""
    return {name: int(n) for name, _, n in (part.partition(": ") for part in page.text[0].value.split(" · "))}


class TestTable:
    @pytest.fixture
    def page(self, run: BatchStore) -> AppTest:
        app = AppTest.from_function(draw, kwargs={"folder": str(run.folder)}, default_timeout=60).run()
        assert not app.exception
        return app

    def test_one_row_an_image_with_the_current_one_marked(self, page: AppTest, run: BatchStore) -> None:
        table = page.dataframe[0].value
        assert sorted(table["Name"]) == ["a.png", "b.png", "broken.jpg", "c.png"]
        assert table[""].tolist() == ["▸", "", "", ""]
        assert table["Image"].str.startswith("data:image/jpeg;base64,").sum() == 3
        assert "Stable" not in table
        assert counts(page) == {"Below threshold": 3, "Not readable": 1}
        assert len(run.lines()) == 4

    def test_verdicts_are_shown_and_can_be_filtered(self, page: AppTest, run: BatchStore) -> None:
        number = next(line.number for line in run.lines() if line.relative == "b.png")
        run.review(number, "not judgeable", note="", blind=False, actor="me")
        page.run()
        assert sorted(page.dataframe[0].value["Verdict"]) == ["", "", "", "not assessable"]
        page.multiselect(key="batch-verdicts").set_value(["not judgeable"]).run()
        assert page.dataframe[0].value["Name"].tolist() == ["b.png"]
        page.multiselect(key="batch-verdicts").set_value([""]).run()
        assert len(page.dataframe[0].value) == 3

    def test_a_custom_threshold_changes_the_decisions(self, page: AppTest) -> None:
        page.segmented_control(key="batch-point").set_value("custom threshold").run()
        page.slider(key="batch-threshold").set_value(0.0).run()
        assert counts(page) == {"Above threshold": 3, "Not readable": 1}
        page.text_input(key="batch-words").set_value("no such name").run()
        assert "No image matches the filter." in [each.value for each in page.info]
