"""One server and one browser for all browser tests; each test gets a browser context of its own, as a new visitor."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLateError

from skinlens.batch.store import BatchStore
from skinlens.runtime.predictor import Predictor
from skinlens.triage.wording import DISCLAIMER
from skinlens.ui.batch.runs import runs_folder
from tests.browser.visiting import SECONDS, Visit, plant, visitor
from tests.complete_run import make_complete_run
from tests.serving import STREAMLIT, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",
    # No name but our own is looked up, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
)
# One walk from drop to PDF, and what shares the page of another test. All others are slow
# tests, since a browser takes ten seconds for what a page's own test does in one.
QUICK = (
    "test_privacy.py::test_a_foreign_request_would_be_noticed",
    "test_privacy.py::test_another_page_on_this_computer_reads_nothing",
    "test_triage.py::test_drop_read_slide_and_take_the_pdf",
    "test_triage.py::test_a_pages_own_address_leads_through_the_router",
    "test_viewer.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is not quick; without Chromium these tests are left out, except in CI, where they then fail."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        if not item.nodeid.rpartition("/")[2].startswith(QUICK):
            item.add_marker(pytest.mark.slow)
    if CHROMIUM or os.environ.get("CI"):
        return
    items[:] = [item for item in items if item not in here]
    config.hook.pytest_deselected(items=here)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not CHROMIUM:
        terminalreporter.write_line("The browser tests need Chromium, which was not found; see the README.")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "the browser tests need Chromium, as the README says"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def first_visit(browser: Browser) -> Iterator[tuple[str, str]]:
    """The server's address, and the text that the first visitor of all saw under a page's own address.

    The server keeps sessions longer than the app's own, since a busy machine takes long to load a page again.
    """
    with serving((*STREAMLIT[:-1], "--server.disconnectedSessionTTL", "120", STREAMLIT[-1])) as address:
        context = visitor(browser)
        page = context.new_page()
        page.goto(f"{address}/cases")
        # Without it the text shows what was there instead.
        with suppress(TooLateError):
            page.get_by_text(DISCLAIMER).first.wait_for(timeout=60 * SECONDS)
        text = page.get_by_test_id("stApp").inner_text()
        context.close()
        yield address, text


@pytest.fixture(scope="session")
def address(first_visit: tuple[str, str]) -> str:
    """The address of the server for the whole run."""
    return first_visit[0]


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Open the app as a new visitor; arguments are those of a browser context."""
    contexts: list[BrowserContext] = []

    def open_app(**options: object) -> Page:
        contexts.append(visitor(browser, **options))
        page = contexts[-1].new_page()
        page.goto(address)
        page.get_by_test_id("stFileUploaderDropzone").wait_for(timeout=60 * SECONDS)
        return page

    yield open_app
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit()


@pytest.fixture(scope="session")
def complete_run(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run, of which a test can put a copy on the server."""
    folder = plant(tmp_path_factory.mktemp("images") / "ward")
    return make_complete_run(folder, predictor, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def run(complete_run: Path, tmp_path: Path) -> Iterator[BatchStore]:
    """A complete run on the server, deleted afterwards, since the server is shared."""
    store = BatchStore(shutil.copytree(complete_run, runs_folder() / f"{complete_run.name}-{tmp_path.name[-40:]}"))
    yield store
    store.engine.dispose()
    shutil.rmtree(store.folder, ignore_errors=True)
