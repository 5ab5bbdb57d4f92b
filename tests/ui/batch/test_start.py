"""Starting a run: titles, paths, the list of runs, and opening and closing one."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.batch.errors import BatchError
from skinlens.batch.store import BatchStore
from skinlens.ui.batch import start
from skinlens.ui.batch.runs import runs_folder
from skinlens.ui.batch.start import AT, OPEN, close_run, open_run


def test_opening_a_run_forgets_the_image_of_the_last_one(state: dict[str, Any]) -> None:
    state[AT] = 7
    open_run("20260101-000000-abc")
    assert state == {OPEN: "20260101-000000-abc"}
    close_run()
    assert state == {}


@pytest.mark.parametrize(
    ("names", "title"),
    [(["ward/a.png", "ward/b/c.png"], "ward"), (["a.png"], "a.png"), (["a.png", "b.png"], "2 files")],
)
def test_a_run_is_named_after_what_was_dropped(names: list[str], title: str) -> None:
    assert start._title(names) == title


def test_a_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ward").mkdir()
    assert start._place("ward") == tmp_path / "ward"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert start._place("~/ward") == tmp_path / "ward"


@pytest.mark.parametrize(("path", "why"), [("nowhere", "no such file"), (f"/{'n' * 300}", "cannot be read")])
def test_a_wrong_path_is_an_error_in_words(path: str, why: str) -> None:
    with pytest.raises(BatchError, match=why):
        start._place(path)


def draw() -> None:
    from skinlens.ui.batch.start import list_runs

    list_runs()


def test_runs_are_listed_with_their_state_and_opened(run: BatchStore) -> None:
    app = AppTest.from_function(draw, default_timeout=60).run()
    assert not app.exception
    assert app.text[0].value.startswith("ward\n")
    assert app.text[0].value.endswith(", 4 images, complete")
    app.button[0].click().run()
    assert app.session_state[OPEN] == run.id


def test_a_run_that_was_not_listed_yet_says_so(waiting: BatchStore) -> None:
    assert waiting.progress().total == 0
    assert AppTest.from_function(draw, default_timeout=60).run().text[0].value.endswith(", images not listed yet")


def test_an_unreadable_run_is_named_with_its_folder(home: Path) -> None:
    damaged = runs_folder() / "20260101-000000-damage"
    damaged.mkdir(parents=True)
    (damaged / "run.sqlite").write_bytes(b"nothing" * 200)
    app = AppTest.from_function(draw, default_timeout=60).run()
    assert [each.value for each in app.warning] == ["1 run cannot be read."]
    assert app.text[0].value.startswith("20260101-000000-damage: ")
    assert str(home) in app.text[1].value


@pytest.mark.usefixtures("home")
def test_without_runs_there_is_no_list() -> None:
    app = AppTest.from_function(draw, default_timeout=60).run()
    assert not app.subheader
    assert not app.button
