"""A review by keyboard in a real browser: to the last image, with undo and notes, and blind."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from skinlens.batch.store import BatchStore
from tests.browser.visiting import IMAGES, SECONDS, Visit, begin_review, open_run, settle

LONG = 60 * SECONDS


@pytest.fixture
def reviewing(page: Page, run: BatchStore) -> Page:
    """A complete run, its first image in view."""
    assert run.progress().complete
    open_run(page)
    begin_review(page)
    settle(page)
    return page


def expect_image(page: Page, number: int, total: int = IMAGES) -> None:
    expect(page.get_by_text(f"Image {number} of {total}", exact=True)).to_be_visible(timeout=LONG)
    settle(page)


def note(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Note")


def verdicts(run: BatchStore) -> list[tuple[str, str]]:
    return [(review.verdict, review.note) for review in run.reviews() if review.withdrawn is None]


def test_the_last_image_is_reached_by_keyboard_alone(reviewing: Page, run: BatchStore) -> None:
    expect_image(reviewing, 1)
    for number, key in enumerate("mbun", 1):
        expect(reviewing.get_by_text(f"{number - 1} of {IMAGES} reviewed", exact=True)).to_be_visible(timeout=LONG)
        reviewing.keyboard.press(key)
        if number < IMAGES:
            expect_image(reviewing, number + 1)
    expect(reviewing.get_by_text(f"Done. All {IMAGES} images in this list are reviewed.")).to_be_visible(timeout=LONG)
    assert verdicts(run) == [("malignant", ""), ("benign", ""), ("unsure", ""), ("not judgeable", "")]
    settle(reviewing)
    # No verdict is left to give, and the end can be left again.
    reviewing.keyboard.press("m")
    reviewing.keyboard.press("ArrowLeft")
    expect_image(reviewing, IMAGES)
    reviewing.keyboard.press("ArrowLeft")
    expect_image(reviewing, IMAGES - 1)
    reviewing.keyboard.press("ArrowRight")
    expect_image(reviewing, IMAGES)
    assert len(run.reviews()) == IMAGES


def test_undo_takes_verdicts_back_to_the_first(reviewing: Page, run: BatchStore) -> None:
    reviewing.keyboard.press("z")
    for number, key in enumerate("mb", 2):
        reviewing.keyboard.press(key)
        expect_image(reviewing, number)
    for number in (2, 1):
        reviewing.keyboard.press("z")
        expect_image(reviewing, number)
    expect(reviewing.get_by_text(f"0 of {IMAGES} reviewed", exact=True)).to_be_visible(timeout=LONG)
    assert verdicts(run) == []
    assert len(run.reviews()) == 2
    reviewing.keyboard.press("u")
    expect_image(reviewing, 2)
    assert verdicts(run) == [("unsure", "")]


@pytest.mark.parametrize("leave", ["Enter", pytest.param("Escape", marks=pytest.mark.slow)])
def test_the_note_takes_letters_and_verdict_keys_leave_it_alone(reviewing: Page, run: BatchStore, leave: str) -> None:
    reviewing.keyboard.press("e")
    expect(note(reviewing)).to_be_focused(timeout=LONG)
    expect(note(reviewing)).to_have_value("")
    reviewing.keyboard.type("mbunz e?")
    expect(note(reviewing)).to_have_value("mbunz e?")
    expect_image(reviewing, 1)
    assert run.reviews() == []
    reviewing.keyboard.press(leave)
    expect(note(reviewing)).not_to_be_focused(timeout=LONG)
    # At once: the note was not saved before by anything else.
    reviewing.keyboard.press("m")
    expect_image(reviewing, 2)
    expect(note(reviewing)).to_have_value("", timeout=LONG)
    assert verdicts(run) == [("malignant", "mbunz e?")]
    reviewing.keyboard.press("z")
    expect_image(reviewing, 1)
    expect(note(reviewing)).to_have_value("mbunz e?", timeout=LONG)


def test_the_first_key_after_switching_to_blind_counts(reviewing: Page, run: BatchStore) -> None:
    # The operating point is named in the sidebar in any case; the image's result is not.
    result = reviewing.get_by_text(re.compile("(REFER|UNCERTAIN|LOW), score"))
    expect(result).to_be_visible(timeout=LONG)
    reviewing.get_by_text("Blind reading", exact=True).click()
    expect(result).to_have_count(0, timeout=LONG)
    settle(reviewing)
    reviewing.keyboard.press("m")
    # It stays, to show the result.
    expect(result).to_be_visible(timeout=LONG)
    expect_image(reviewing, 1)
    (review,) = run.reviews()
    assert (review.verdict, review.blind) == ("malignant", True)
    reviewing.keyboard.press("ArrowRight")
    expect_image(reviewing, 2)


@pytest.mark.slow
def test_a_key_that_is_held_or_comes_too_early_is_no_verdict(reviewing: Page, run: BatchStore) -> None:
    """A verdict on an image that nobody has seen would be worse than one that has to be given again."""
    reviewing.keyboard.down("m")
    for _ in range(5):
        # Without letting go: the browser repeats the key.
        reviewing.keyboard.down("m")
    reviewing.keyboard.up("m")
    expect_image(reviewing, 2)
    assert len(run.reviews()) == 1
    reviewing.evaluate(
        """() => { for (let i = 0; i < 3; i++)
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "b", bubbles: true, composed: true })) }"""
    )
    expect_image(reviewing, 3)
    assert len(run.reviews()) == 2


def test_the_keys_can_be_read_and_do_nothing_meanwhile(reviewing: Page, run: BatchStore) -> None:
    keys = reviewing.get_by_role("dialog", name="Keys")
    for close in ("?", "Escape"):
        reviewing.keyboard.press("?")
        expect(keys).to_be_visible(timeout=LONG)
        expect(keys.get_by_text("take the last verdict back")).to_be_visible()
        reviewing.keyboard.press("m")
        reviewing.keyboard.press(close)
        expect(keys).to_be_hidden(timeout=LONG)
    settle(reviewing)
    assert run.reviews() == []
    reviewing.keyboard.press("m")
    expect_image(reviewing, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_the_verdict_bar_stays_in_view(visit: Visit, run: BatchStore, width: int, height: int) -> None:
    assert run.progress().complete
    page = visit()
    page.set_viewport_size({"width": width, "height": height})
    open_run(page)
    begin_review(page)
    button = page.get_by_role("button", name="Malignant")
    expect(button).to_be_in_viewport(timeout=LONG)
    # All of what follows the images is below them; the bar must not go with the top of the page.
    page.get_by_role("button", name="Open in Triage").scroll_into_view_if_needed()
    page.mouse.move(width / 2, height - 40)
    page.mouse.wheel(0, 3000)
    page.wait_for_timeout(500)
    if height < 1000:
        expect(page.get_by_text(f"Image 1 of {IMAGES}", exact=True)).not_to_be_in_viewport()
    expect(button).to_be_in_viewport(ratio=1, timeout=LONG)
    covered = """button => { const box = button.getBoundingClientRect()
        return !button.contains(document.elementFromPoint(box.x + box.width / 2, box.y + 4)) }"""
    assert not button.evaluate(covered)
    button.click()
    expect(page.get_by_text(f"Image 2 of {IMAGES}", exact=True)).to_be_attached(timeout=LONG)


@pytest.mark.slow
def test_two_reviewers_at_two_desks_do_not_overwrite_each_other(reviewing: Page, visit: Visit, run: BatchStore) -> None:
    other = visit()
    open_run(other)
    begin_review(other)
    settle(other)
    reviewing.keyboard.press("b")
    expect_image(reviewing, 2)
    other.keyboard.press("m")
    expect(other.get_by_text("Another reviewer has given a verdict")).to_be_visible(timeout=LONG)
    settle(other)
    other.keyboard.press("m")
    expect_image(other, 2)
    assert [review.verdict for review in run.reviews()] == ["benign", "malignant"]
    other.keyboard.press("ArrowLeft")
    expect(other.get_by_text(re.compile(r": benign$"))).to_be_visible(timeout=LONG)
    expect(other.get_by_text(re.compile(r": malignant$"))).to_be_visible()


class TestAnUnreadableFile:
    @pytest.fixture
    def broken(self, run: Any) -> Iterator[BatchStore]:
        """The run, whose last image could not be read."""
        with run.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE picture SET state = 'unreadable', score = NULL, sentence = 'It is damaged.' WHERE number = 3"
            )
        return run

    def test_takes_no_verdict(self, page: Page, broken: BatchStore) -> None:
        open_run(page)
        table = page.get_by_test_id("stDataFrame")
        expect(table).to_be_visible(timeout=LONG)
        settle(page)
        # The rows are drawn on a canvas; the last one is that of the file, since it has no score.
        box = table.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 16, box["y"] + 36 + 56 * 3.5)
        expect(page.get_by_text("This file was not assessed, so it takes no verdict.")).to_be_visible(timeout=LONG)
        settle(page)
        for key in "mbun":
            page.keyboard.press(key)
        expect(page.get_by_role("button", name="Malignant")).to_have_count(0)
        settle(page)
        assert broken.reviews() == []
