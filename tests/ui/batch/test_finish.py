"""The end of a run: what can be downloaded, finishing, discarding."""

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.batch.store import BatchStore
from skinlens.ui.batch.start import OPEN


def draw(folder: str) -> None:
    import streamlit as st

    from skinlens.batch.errors import BatchError
    from skinlens.ui.batch.finish import offer_end, offer_exports
    from skinlens.ui.batch.results import view
    from skinlens.ui.batch.runs import open_store

    try:
        store = open_store(folder)
        offer_exports(store, view(store))
        offer_end(store, 3)
    except BatchError as error:
        st.error(str(error))


@pytest.fixture
def page(run: BatchStore) -> AppTest:
    app = AppTest.from_function(draw, kwargs={"folder": str(run.folder)}, default_timeout=60)
    app.session_state[OPEN] = run.id
    app.run()
    assert not app.exception
    return app


def downloads(app: AppTest) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()


def test_table_summary_and_archive_are_offered(page: AppTest) -> None:
    assert downloads(page) == [
        "Download table (CSV)", "Download summary (PDF)", "Download 3 case summaries (zip)"
    ]  # fmt: skip


def test_the_archive_is_limited_and_says_so(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skinlens.ui.batch.finish.MOST_SUMMARIES", 1)
    page.run()
    assert downloads(page)[2] == "Download 1 case summary (zip)"
    assert any("contains the first 1 of 3 images" in each.value for each in page.caption)


def test_a_blind_reviewer_gets_no_results(page: AppTest) -> None:
    page.session_state["batch-blind"] = True
    page.run()
    assert downloads(page) == []
    assert any("Turn blind reading off" in each.value for each in page.caption)


def test_images_in_place_have_nothing_to_finish(page: AppTest) -> None:
    assert [button.label for button in page.button] == ["Discard the run"]


def test_discarding_can_be_thought_better_of(page: AppTest, run: BatchStore) -> None:
    press(page, "Discard the run")
    assert [each.value for each in page.warning] == [
        "All results and 3 verdicts are deleted. This cannot be undone."
    ]  # fmt: skip
    press(page, "Keep the run")
    assert not page.warning
    assert run.folder.exists()


def test_discarding_deletes_the_run_and_leaves_it(page: AppTest, run: BatchStore) -> None:
    press(page, "Discard the run")
    press(page, "Delete results and verdicts")
    assert not page.exception
    assert not run.folder.exists()
    assert OPEN not in page.session_state


def test_a_run_that_cannot_be_deleted_is_reported(
    page: AppTest, run: BatchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("skinlens.batch.store.shutil.rmtree", closed)
    press(page, "Discard the run")
    press(page, "Delete results and verdicts")
    assert [each.value for each in page.error] == ["The run was not discarded."]
    assert run.folder.exists()
    assert page.session_state[OPEN] == run.id
