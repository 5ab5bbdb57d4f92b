"""Nothing on any page asks a foreign host for anything: not a font, an icon or a script, and nothing is sent."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from skinlens.imaging.synthetic import encode_png
from tests.browser.test_batch import begin, wait_until_complete
from tests.browser.test_cases import save_case
from tests.browser.visiting import SECONDS, begin_review, downloaded, go_to_step, open_batch, plant, settle, visitor
from tests.drawn import familiar_pixels

PAGES = {
    "Triage": "Drop a dermoscopic image here",
    "Batch": "Where are the images?",
    "Compare": "Compare two models",
    "Cases": "Check, back up, delete",
    "About": "Intended use",
}
# What the content security policy stopped: the page asked for it all the same.
REPORT_BLOCKED = """
document.addEventListener("securitypolicyviolation", (event) => blocked(event.violatedDirective, event.blockedURI));
"""


@dataclass
class Asked:
    """What a browser's pages asked for, by address."""

    own: set[str] = field(default_factory=set)
    foreign: list[str] = field(default_factory=list)

    def note(self, url: str, home: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"data", "blob"}:
            return
        (self.own.add if parts.netloc == home else self.foreign.append)(url)


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[tuple[BrowserContext, Asked]]:
    """A browser whose every request is noted; nothing may be foreign at the end."""
    asked, home = Asked(), urlsplit(address).netloc
    context = visitor(browser)
    context.on("request", lambda request: asked.note(request.url, home))
    context.on("page", lambda page: page.on("websocket", lambda socket: asked.note(socket.url, home)))

    def note_blocked(_: dict[str, Any], directive: str, uri: str) -> None:
        asked.foreign.append(f"{uri} (stopped by {directive})")

    context.expose_binding("blocked", note_blocked)
    context.add_init_script(REPORT_BLOCKED)
    yield context, asked
    context.close()
    assert not asked.foreign
    assert any("/_stcore/stream" in url for url in asked.own), "the record of requests has to work"


@pytest.fixture
def watched_page(watched: tuple[BrowserContext, Asked], address: str) -> Page:
    page = watched[0].new_page()
    page.goto(address)
    page.get_by_text("Drop a dermoscopic image here").wait_for(timeout=60 * SECONDS)
    return page


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "lesion.png"
    path.write_bytes(encode_png(familiar_pixels(4)))
    return path


def test_no_page_asks_a_foreign_host(watched_page: Page) -> None:
    for name, text in PAGES.items():
        watched_page.get_by_role("link", name=name, exact=True).click()
        expect(watched_page.get_by_text(text).first).to_be_visible(timeout=60 * SECONDS)
        watched_page.wait_for_load_state("networkidle")


@pytest.mark.slow
def test_charts_ask_no_foreign_host(watched_page: Page) -> None:
    """Plotly can fetch maps and fonts, and offers to send a chart to its maker."""
    watched_page.get_by_role("link", name="Compare", exact=True).click()
    tabs = watched_page.get_by_role("tab")
    expect(tabs.first).to_be_visible(timeout=60 * SECONDS)
    for number in range(tabs.count()):
        tabs.nth(number).click()
        watched_page.wait_for_load_state("networkidle")
    expect(watched_page.locator(".js-plotly-plot").first).to_be_attached(timeout=60 * SECONDS)
    assert watched_page.get_by_role("button", name=re.compile("cloud|Chart Studio|share", re.IGNORECASE)).count() == 0


def test_a_drop_a_pdf_and_a_case_ask_no_foreign_host(watched_page: Page, image: Path, tmp_path: Path) -> None:
    save_case(watched_page, image, "P-PRIVACY")
    pdf = downloaded(watched_page, watched_page.get_by_role("button", name="Download PDF").first, tmp_path)
    assert pdf.read_bytes().startswith(b"%PDF")
    watched_page.get_by_role("link", name="Cases", exact=True).click()
    expect(watched_page.locator("[data-testid=stDataFrame]").first).to_be_visible(timeout=60 * SECONDS)
    watched_page.wait_for_load_state("networkidle")


@pytest.mark.slow
def test_a_batch_asks_no_foreign_host(watched_page: Page, tmp_path: Path) -> None:
    begin(watched_page, plant(tmp_path / "ward", 2))
    wait_until_complete(watched_page, 2)
    watched_page.get_by_role("button", name="Review the images").click()
    begin_review(watched_page)
    settle(watched_page)
    go_to_step(watched_page, "Export")
    watched_page.get_by_role("button", name="Discard the run").click()
    watched_page.get_by_role("button", name="Delete results and verdicts").click()
    expect(watched_page.get_by_text("Where are the images?")).to_be_visible(timeout=60 * SECONDS)
    open_batch(watched_page)


def test_a_foreign_request_would_be_noticed(browser: Browser, address: str) -> None:
    """The record itself: one image, one socket and one fetch, all of which the policy stops."""
    asked, home = Asked(), urlsplit(address).netloc
    context = browser.new_context()
    context.expose_binding("blocked", lambda _, directive, uri: asked.foreign.append(f"{directive} {uri}"))
    context.add_init_script(REPORT_BLOCKED)
    page = context.new_page()
    page.on("request", lambda request: asked.note(request.url, home))
    page.goto(address)
    page.evaluate("new Image().src = 'http://elsewhere.invalid/pixel.png'")
    page.evaluate("fetch('http://elsewhere.invalid/').catch(() => 0)")
    page.wait_for_timeout(500)
    context.close()
    assert any("img-src" in each for each in asked.foreign)
    assert any("connect-src" in each or "default-src" in each for each in asked.foreign)


INTRUDE = """
async (address) => {
  const socket = new WebSocket(address.replace("http", "ws") + "/_stcore/stream", ["streamlit"]);
  const opened = new Promise((done) => {
    socket.onopen = () => done("open");
    socket.onerror = () => done("rejected");
  });
  const fetched = fetch(address + "/_stcore/host-config").then((answer) => answer.text(), () => "rejected");
  const seen = new Promise((done) => {
    const image = new Image();
    image.onload = () => done("seen");
    image.onerror = () => done("rejected");
    image.src = address + "/favicon.png";
  });
  const frame = document.createElement("iframe");
  frame.src = address;
  document.body.append(frame);
  await new Promise((done) => { frame.onload = done; });
  return [await opened, await fetched, await seen];
}
"""


class _Page(BaseHTTPRequestHandler):
    """Some other page on this computer."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another page</title><body></body>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def another_page() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def test_another_page_on_this_computer_reads_nothing(browser: Browser, address: str, another_page: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(another_page)
    answers = page.evaluate(INTRUDE, address)
    framed = page.frames[1].evaluate("document.title")
    context.close()
    assert answers == ["rejected"] * 3
    assert framed != "SkinLens"


def test_the_page_is_reached_under_the_machines_numbers_too(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address.replace("localhost", "127.0.0.1"))
    expect(page.get_by_text("Drop a dermoscopic image here")).to_be_visible(timeout=60 * SECONDS)
    context.close()
