"""The progress of a run in words."""

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.batch.store import BatchStore, Progress
from skinlens.ui.batch.progress import counted, duration, works_on


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (3599, "60 min"), (3600, "1.0 h"), (9000, "2.5 h")]
)
def test_a_time_has_a_suitable_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def progress(**changes: object) -> Progress:
    values = {
        "total": 1200, "assessed": 300, "unreadable": 2, "passed_over": 1, "listed": True, "wanted": "run", "rate": 2.0
    }  # fmt: skip
    return Progress(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "working", "text"),
    [
        (progress(listed=False), True, "Looking for images"),
        (progress(listed=False), False, "Images not listed yet"),
        (
            progress(),
            True,
            "302 of 1,200 images, 2.0 images per second, 7 min left, 2 unreadable, 1 other file skipped",
        ),
        (progress(passed_over=3), False, "302 of 1,200 images, 2 unreadable, 3 other files skipped, interrupted"),
        (progress(unreadable=0, passed_over=0, wanted="pause"), False, "300 of 1,200 images, paused"),
        (progress(assessed=1200, unreadable=0, passed_over=0), False, "1,200 of 1,200 images"),
    ],
)
def test_the_count_in_words(found: Progress, *, working: bool, text: str) -> None:
    assert counted(found, working=working) == text


def draw(folder: str) -> None:
    from skinlens.ui.batch.progress import show_run, works_on
    from skinlens.ui.batch.runs import open_store

    store = open_store(folder)
    show_run(store, store.lines(), None, working=works_on(store))  # type: ignore[arg-type]


def test_a_complete_run_has_no_bar_and_leads_to_the_review(run: BatchStore) -> None:
    app = AppTest.from_function(draw, kwargs={"folder": str(run.folder)}, default_timeout=60).run()
    assert not app.exception
    assert [each.value for each in app.success] == ["4 of 4 images, 1 unreadable"]
    assert "broken.jpg is not an image that can be opened" in app.text[0].value
    assert [each.label for each in app.button] == ["Review the images"]
    assert not works_on(run)


@pytest.mark.parametrize(("wanted", "state"), [("run", "Images not listed yet"), ("pause", "Images not listed yet")])
def test_a_run_that_nobody_works_on_can_be_started(waiting: BatchStore, wanted: str, state: str) -> None:
    waiting.want(wanted)  # type: ignore[arg-type]
    app = AppTest.from_function(draw, kwargs={"folder": str(waiting.folder)}, default_timeout=60).run()
    assert [each.proto.text for each in app.get("progress")] == [state]
    assert [each.label for each in app.button] == ["Start"]
