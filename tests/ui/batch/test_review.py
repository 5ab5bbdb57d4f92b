"""The review of one image: which one comes next, and what becomes of a verdict."""

import shutil
from typing import Any

from skinlens.batch.store import BatchStore
from skinlens.ui.batch import review
from skinlens.ui.batch.results import FOLLOW
from skinlens.ui.batch.review import current, go_to, unsaved_verdict
from skinlens.ui.batch.start import AT
from tests.ui.batch.made import shown


def save(store: BatchStore, number: int, verdict: str, **options: bool) -> None:
    """Press a verdict's button."""
    view = shown(store, **options)
    entry = next(each for each in view.every if each.number == number)
    review._save_verdict(store, view, entry, verdict)  # type: ignore[arg-type]


def test_the_first_image_is_reviewed_until_another_is_chosen(run: BatchStore, state: dict[str, Any]) -> None:
    view = shown(run)
    assert current(view) is view.listed[0]
    go_to(view.listed[2].number)
    assert current(view) is view.listed[2]
    assert state[FOLLOW]
    go_to(999)
    assert current(view) is view.listed[0]


def test_a_verdict_is_saved_with_its_remark_and_the_next_image_comes(run: BatchStore, state: dict[str, Any]) -> None:
    first, second, *_ = (entry.number for entry in shown(run).listed)
    state[f"batch-note-{run.id}-{first}"] = "asymmetric"
    save(run, first, "malignant")
    (saved,) = run.reviews()
    assert (saved.number, saved.actor, saved.verdict, saved.note, saved.blind) == (
        first, "me", "malignant", "asymmetric", False
    )  # fmt: skip
    assert state[AT] == second


def test_after_the_last_image_the_review_stays(run: BatchStore, state: dict[str, Any]) -> None:
    last = shown(run).listed[-1].number
    save(run, last, "unsure")
    assert state[AT] == last


def test_a_blind_verdict_stays_to_show_the_result(run: BatchStore, state: dict[str, Any]) -> None:
    first = shown(run).listed[0].number
    save(run, first, "benign", blind=True)
    assert run.reviews()[0].blind
    assert state[AT] == first


def test_a_verdict_of_another_reviewer_must_be_seen_before_one_is_added(run: BatchStore, state: dict[str, Any]) -> None:
    view = shown(run)
    entry = view.listed[0]
    run.review(entry.number, "malignant", note="", blind=False, actor="another")
    review._save_verdict(run, view, entry, "benign")
    assert [each.actor for each in run.reviews()] == ["another"]
    assert AT not in state
    review._save_verdict(run, view, entry, "benign")
    assert [(each.actor, each.verdict) for each in run.reviews()] == [("another", "malignant"), ("me", "benign")]


def test_a_verdict_that_cannot_be_saved_is_reported_once(run: BatchStore, state: dict[str, Any]) -> None:
    view = shown(run)
    shutil.rmtree(run.folder)
    review._save_verdict(run, view, view.listed[0], "benign")
    assert AT not in state
    assert unsaved_verdict()
    assert not unsaved_verdict()


def test_the_pixels_of_the_image_in_review_are_kept_until_they_are_dropped(
    run: BatchStore, state: dict[str, Any]
) -> None:
    row = run.image(next(line.number for line in run.lines() if line.relative == "a.png"))
    first = review._pixels(run, row)
    assert review._pixels(run, row) is first
    review.forget_image()
    again = review._pixels(run, row)
    assert again is not first
    assert (again == first).all()
    assert max(again.shape) <= review._SIDE
    assert state
