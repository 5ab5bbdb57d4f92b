"""The review of one image after another: which one comes next, and what becomes of a verdict."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from skinlens.batch.errors import BatchError
from skinlens.batch.store import BatchStore
from skinlens.ui.batch import review
from skinlens.ui.batch.images import MOST_HELD, forget_images, read_ahead, ready
from skinlens.ui.batch.results import FOLLOW
from skinlens.ui.batch.review import END, back_to_list, begin, current, go_to, is_reviewing, unsaved_verdict
from skinlens.ui.batch.start import AT, QUEUE
from tests.ui.batch.made import shown


def save(store: Any, number: int, verdict: str, **options: Any) -> None:
    """Press a verdict's button."""
    view = shown(store, **options)
    entry = next(each for each in view.every if each.number == number)
    review._save_verdict(store, view, entry, verdict)  # type: ignore[arg-type]


def assessed(store: BatchStore) -> list[int]:
    return [line.number for line in store.lines() if line.is_assessed]


def test_a_review_begins_with_the_first_image_without_a_verdict(run: BatchStore, state: dict[str, Any]) -> None:
    first, second, *_ = assessed(run)
    begin(shown(run))
    assert is_reviewing()
    assert state[AT] == first
    save(run, first, "benign")
    begin(shown(run))
    assert state[AT] == second
    back_to_list()
    assert not is_reviewing()
    assert state[FOLLOW]


def test_files_that_could_not_be_read_are_gone_through_only_if_asked_for(
    run: BatchStore, state: dict[str, Any]
) -> None:
    view = shown(run)
    (broken,) = (entry.number for entry in view.every if not entry.line.is_assessed)
    begin(view)
    assert state[QUEUE] == tuple(assessed(run))
    begin(view, broken)
    assert broken in state[QUEUE]
    assert current(view) is not None
    assert current(view).number == broken


def test_the_order_stays_while_verdicts_change_the_list(run: BatchStore, state: dict[str, Any]) -> None:
    begin(shown(run))
    queue = state[QUEUE]
    for number in queue:
        save(run, number, "benign")
    assert state[QUEUE] == queue
    assert state[AT] == END
    assert current(shown(run)) is None


def test_a_verdict_is_saved_with_its_note_and_the_next_image_comes(run: BatchStore, state: dict[str, Any]) -> None:
    first, second, *_ = assessed(run)
    begin(shown(run))
    state[f"batch-note-{run.id}-{first}"] = "asymmetric"
    save(run, first, "malignant")
    (saved,) = run.reviews()
    assert (saved.number, saved.actor, saved.verdict, saved.note, saved.blind) == (
        first, "me", "malignant", "asymmetric", False
    )  # fmt: skip
    assert state[AT] == second


def test_a_verdict_that_is_taken_back_brings_its_image_and_note_back(run: BatchStore, state: dict[str, Any]) -> None:
    first, *_ = assessed(run)
    begin(shown(run))
    state[f"batch-note-{run.id}-{first}"] = "asymmetric"
    save(run, first, "malignant")
    state[f"batch-note-{run.id}-{first}"] = ""
    review._undo(run)
    assert run.reviews()[0].withdrawn is not None
    assert state[AT] == first
    assert state[f"batch-note-{run.id}-{first}"] == "asymmetric"
    review._undo(run)
    assert state[AT] == first


def test_a_blind_verdict_stays_to_show_the_result(run: BatchStore, state: dict[str, Any]) -> None:
    first = assessed(run)[0]
    begin(shown(run))
    save(run, first, "benign", blind=True)
    assert run.reviews()[0].blind
    assert state[AT] == first


def test_a_verdict_of_another_reviewer_must_be_seen_before_one_is_added(run: BatchStore, state: dict[str, Any]) -> None:
    view = shown(run)
    begin(view)
    entry = view.listed[0]
    run.review(entry.number, "malignant", note="", blind=False, actor="another")
    review._save_verdict(run, view, entry, "benign")
    assert [each.actor for each in run.reviews()] == ["another"]
    assert state[AT] == entry.number
    review._save_verdict(run, view, entry, "benign")
    assert [(each.actor, each.verdict) for each in run.reviews()] == [("another", "malignant"), ("me", "benign")]


def test_a_verdict_that_cannot_be_saved_is_reported_once(run: BatchStore, state: dict[str, Any]) -> None:
    view = shown(run)
    begin(view)
    at = state[AT]
    shutil.rmtree(run.folder)
    review._save_verdict(run, view, view.listed[0], "benign")
    assert state[AT] == at
    assert unsaved_verdict()
    assert not unsaved_verdict()


def test_the_buttons_of_an_image_are_its_own(run: BatchStore) -> None:
    """So that a late press is never a verdict on the image that has come into view meanwhile."""
    view = shown(run)
    names = [review._verdict_buttons(run, view, entry) for entry in view.every if entry.line.is_assessed]
    assert len({name for each in names for name in each.values()}) == 4 * len(names)
    assert all(set(each) == {"b", "m", "u", "n"} for each in names)


class TestImages:
    def test_an_image_is_read_once_and_let_go(self, run: BatchStore, state: dict[str, Any]) -> None:
        first = assessed(run)[0]
        found = ready(run, first)
        assert ready(run, first) is found
        forget_images()
        again = ready(run, first)
        assert again is not found
        assert (again.image.pixels == found.image.pixels).all()
        assert state

    def test_the_next_one_is_there_when_it_is_asked_for(
        self, run: BatchStore, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second, *_ = assessed(run)
        ready(run, first)
        read_ahead(run, [second])
        ahead = state["batch-ahead"].held[run.id, second].result()

        def read_again(*_: object) -> None:
            pytest.fail("it was read ahead")

        monkeypatch.setattr("skinlens.ui.batch.images.image_again", read_again)
        assert ready(run, second) is ahead

    def test_few_are_held(self, run: BatchStore, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("skinlens.ui.batch.images.MOST_HELD", 2)
        for number in assessed(run):
            ready(run, number)
        assert [number for _, number in state["batch-ahead"].held] == assessed(run)[-2:]
        assert MOST_HELD >= 2

    @pytest.mark.usefixtures("state")
    def test_one_that_was_away_is_shown_once_it_is_back(self, run: BatchStore, ward: Path) -> None:
        number = assessed(run)[0]
        away = ward.rename(ward.with_name("away"))
        try:
            with pytest.raises(BatchError, match="can no longer be read"):
                ready(run, number)
        finally:
            away.rename(ward)
        assert ready(run, number).image.name == "a.png"


def test_another_image_is_gone_to(run: BatchStore, state: dict[str, Any]) -> None:
    view = shown(run)
    go_to(view.every[2].number)
    assert current(view) is view.every[2]
    assert state
