"""The app for a browser that asks for German: no English sentence of the catalogue is left, on pages and in PDFs."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from skinlens.batch.store import BatchStore
from skinlens.translation import LOCALES, gettext, language
from tests.browser.test_triage import drop, lesion
from tests.browser.visiting import SECONDS, downloaded, settle, visitor

# Also of what is folded or out of sight, and what only a screen reader says.
TEXT = """
() => {
  const texts = [];
  const walk = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (node.shadowRoot) walk(node.shadowRoot);
      if (['SCRIPT', 'STYLE'].includes(node.tagName)) continue;
      for (const child of node.childNodes) if (child.nodeType === 3) texts.push(child.data);
      for (const name of ['aria-label', 'alt', 'title', 'placeholder'])
        if (node.getAttribute(name)) texts.push(node.getAttribute(name));
    }
  };
  walk(document.body);
  return texts.join('\\n');
}
"""
# Words in a row that make a sentence rather than a term that both languages share.
MORE_THAN = 3


@cache
def sentences() -> tuple[str, ...]:
    """Every English text of the catalogue of more than three words, and the parts of those with placeholders."""
    found = set()
    with (LOCALES / "de" / "LC_MESSAGES" / "skinlens.po").open("rb") as stream:
        for message in read_po(stream, locale="de"):
            english = message.id if isinstance(message.id, tuple) else (message.id,)
            german = message.string if isinstance(message.string, tuple) else (message.string,)
            parts = {part.strip(" .,:;()*") for text in english for part, *_rest in Formatter().parse(text)}  # type: ignore[type-var]
            found |= {plain(part) for part in parts if not any(part in text for text in german)}
    return tuple(part for part in found if len(part.split()) > MORE_THAN)


def plain(text: str) -> str:
    """A text on one line, without the marks of emphasis."""
    return " ".join(text.replace("*", "").split())


def english_in(text: str) -> list[str]:
    text = plain(text)
    return [sentence for sentence in sentences() if sentence in text]


def german(text: str) -> str:
    with language("de"):
        return gettext(text)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=german(name)).first.click()
    settle(page)


def pages_of(page: Page, button: str, folder: Path) -> str:
    """The text of the PDF that a button downloads."""
    pdf = downloaded(page, page.get_by_role("button", name=button), folder)
    return "\n".join(part.extract_text() for part in PdfReader(pdf).pages)


@pytest.fixture
def german_page(browser: Browser, address: str) -> Iterator[Page]:
    """The app as a visitor sees it whose browser asks for German."""
    context = visitor(browser, locale="de-DE")
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible(timeout=60 * SECONDS)
    yield page
    context.close()


def test_the_list_has_sentences_that_an_english_page_shows(page: Page) -> None:
    assert len(sentences()) > 300
    assert "Drop a dermoscopic image here" in plain(page.evaluate(TEXT))
    assert len(english_in(page.evaluate(TEXT))) > 5


def test_triage_and_its_pdf(german_page: Page, tmp_path: Path) -> None:
    assert english_in(german_page.evaluate(TEXT)) == []
    # Streamlit has English words there; the page's style writes ours.
    dropzone = german_page.get_by_test_id("stFileUploaderDropzone")
    expect(dropzone.get_by_role("button", name="Datei wählen", exact=True)).to_be_visible()
    for words in (dropzone.get_by_text("Upload", exact=True), dropzone.get_by_text("200MB per file")):
        expect(words).to_be_hidden()
    drop(german_page, "fleck.png", lesion(11))
    shown = german_page.get_by_test_id("stMetricValue")
    expect(shown).to_have_text(re.compile(r"^etwa \d+ von \d"), timeout=90 * SECONDS)
    settle(german_page)
    assert english_in(german_page.evaluate(TEXT)) == []
    # A decimal comma in every sentence of the verdict.
    assert re.findall(r"\d\.\d", german_page.locator(".st-key-verdict").inner_text()) == []
    text = pages_of(german_page, german("Download PDF"), tmp_path)
    assert english_in(text) == []
    assert german("Where this comes from") in plain(text)
    drop(german_page, "kaputt.png", lesion(3)[:5000])
    expect(german_page.get_by_text("kaputt.png ist unvollständig oder beschädigt")).to_be_visible(timeout=90 * SECONDS)
    assert english_in(german_page.evaluate(TEXT)) == []


def test_what_streamlit_says_in_english_is_covered_by_our_words(german_page: Page) -> None:
    """In the camera, and over the place where files are dropped while one is dragged there."""
    settle(german_page)
    german_page.get_by_test_id("stFileUploaderDropzone").evaluate(
        """element => {
          const transfer = new DataTransfer();
          transfer.items.add(new File(["x"], "fleck.png", {type: "image/png"}));
          for (const kind of ["dragenter", "dragover"])
            element.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: transfer}));
        }"""
    )
    over = german_page.get_by_text("Drag and drop a file here")
    expect(over).to_be_attached(timeout=30 * SECONDS)
    german_page.get_by_role("button", name=german("Use the camera")).click()
    camera = german_page.get_by_test_id("stCameraInput")
    # Nobody allows it here, so that it asks.
    asking = camera.get_by_text("This app would like to use your camera.")
    expect(asking).to_be_attached(timeout=30 * SECONDS)
    for place, sentence in (
        (over, "Drop here"),
        (asking, "Allow this page to use the camera."),
        (camera.get_by_test_id("stCameraInputButton"), "Take photo"),
    ):
        size, written = place.evaluate(
            "one => [getComputedStyle(one).fontSize, getComputedStyle(one, '::after').content]"
        )
        assert (size, written) == ("0px", f'"{german(sentence)}"')


def test_the_steps_of_batch(german_page: Page, run: BatchStore, tmp_path: Path) -> None:
    assert run.progress().complete
    german_page.get_by_role("link", name=german("Batch"), exact=True).click()
    expect(german_page.get_by_text(german("Where are the images?"))).to_be_visible(timeout=60 * SECONDS)
    settle(german_page)
    left: dict[str, Sequence[str]] = {"new": english_in(german_page.evaluate(TEXT))}
    german_page.get_by_test_id("stButton").get_by_role("button", name=german("Open"), exact=True).first.click()
    start = german_page.get_by_role("button", name=german("Start reviewing"))
    expect(start).to_be_visible(timeout=60 * SECONDS)
    settle(german_page)
    for step in ("Choose", "Run", "Review", "Export"):
        german_page.get_by_role("button", name=re.compile(rf"(^\d|:) {german(step)}")).click()
        settle(german_page)
        left[step] = english_in(german_page.evaluate(TEXT))
    summary = pages_of(german_page, german("Download summary (PDF)"), tmp_path)
    left["summary"] = english_in(summary)
    german_page.get_by_role("button", name=re.compile(rf"^\d {german('Review')}")).click()
    start.click()
    expect(german_page.get_by_text(re.compile(r"^Bild \d+ von \d+$"))).to_be_visible(timeout=60 * SECONDS)
    settle(german_page)
    left["review"] = english_in(german_page.evaluate(TEXT))
    assert {step: sentences for step, sentences in left.items() if sentences} == {}


@pytest.mark.parametrize("name", ["Cases", "Compare", "About"])
def test_the_other_pages(german_page: Page, name: str) -> None:
    german_page.get_by_role("link", name=german(name), exact=True).click()
    expect(german_page.get_by_role("heading", level=1)).not_to_have_text("Triage", timeout=90 * SECONDS)
    settle(german_page)
    assert english_in(german_page.evaluate(TEXT)) == []
