"""A folder in a real browser: drop it, move the threshold, export, resume."""

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from pypdf import PdfReader
from sqlalchemy import update

from skinlens.batch.schema import RunImage
from skinlens.batch.store import BatchStore
from skinlens.report.read_pdf import read_summary
from tests.browser.visiting import (
    IMAGES,
    SECONDS,
    begin_review,
    downloaded,
    go_to_step,
    open_batch,
    open_run,
    open_sidebar,
    plant,
)


def begin(page: Page, folder: Path) -> None:
    """Have a folder on this computer assessed."""
    open_batch(page)
    page.get_by_text("Path on this computer").click()
    path = page.get_by_role("textbox", name="Folder, zip archive")
    path.fill(str(folder))
    path.press("Enter")
    start(page)


def start(page: Page) -> None:
    page.get_by_text("Assess each image in eight orientations").click()
    button = page.get_by_role("button", name="Start")
    expect(button).to_be_enabled(timeout=60 * SECONDS)
    button.click()


def counts(page: Page) -> Locator:
    """The line above the table."""
    return page.get_by_test_id("stText").filter(has_text=re.compile(r"(threshold|Uncertain|Waiting): \d"))


def wait_until_complete(page: Page, number: int = IMAGES) -> None:
    expect(page.get_by_text(re.compile(rf"^{number} of {number} images(,|$)"))).to_be_visible(timeout=90 * SECONDS)


@pytest.fixture
def listed(page: Page, run: BatchStore) -> Page:
    """A complete run, its images listed."""
    assert run.progress().complete
    open_run(page)
    return page


def test_a_dropped_folder_is_assessed_with_its_paths_and_discarded(page: Page, tmp_path: Path) -> None:
    folder = plant(tmp_path / "ward", 2)
    (folder / "notes.txt").write_text("no image")
    open_batch(page)
    page.get_by_text("Folder", exact=True).click()
    expect(page.get_by_text("Drop a folder here")).to_be_visible(timeout=60 * SECONDS)
    place = page.get_by_test_id("stFileUploader").filter(has_text="Drop a folder here")
    place.locator('input[type="file"]').set_input_files(folder)
    expect(place.get_by_text("notes.txt")).to_be_visible(timeout=60 * SECONDS)
    start(page)
    expect(page.get_by_text("2 of 2 images, 1 other file skipped")).to_be_visible(timeout=60 * SECONDS)
    page.get_by_role("button", name="Review the images").click()
    begin_review(page)
    # The name of the image in review; the table itself is drawn on a canvas.
    shown = page.get_by_test_id("stText").filter(has_text=re.compile(r"^ward/(left|right)/\d\.png$"))
    expect(shown).to_be_visible(timeout=60 * SECONDS)
    go_to_step(page, "Export")
    page.get_by_role("button", name="Discard the run").click()
    expect(page.get_by_text("This cannot be undone.")).to_be_visible(timeout=60 * SECONDS)
    page.get_by_role("button", name="Delete results and verdicts").click()
    expect(page.get_by_text("Where are the images?")).to_be_visible(timeout=60 * SECONDS)


@pytest.mark.slow
def test_the_counts_and_the_sidebar_follow_the_threshold(listed: Page) -> None:
    sidebar = open_sidebar(listed)
    expect(sidebar.get_by_text("screening")).to_be_visible(timeout=60 * SECONDS)
    listed.get_by_text("custom threshold").click()
    slider = listed.get_by_role("slider", name="Threshold")
    expect(slider).to_be_visible(timeout=60 * SECONDS)
    expect(sidebar.get_by_text("custom")).to_be_visible(timeout=60 * SECONDS)
    slider.focus()
    slider.press("Home")
    expect(counts(listed)).to_have_text(f"Above threshold: {IMAGES}", timeout=60 * SECONDS)
    expect(sidebar.get_by_text("threshold 0.00")).to_be_visible(timeout=60 * SECONDS)
    slider.focus()
    slider.press("End")
    expect(counts(listed)).to_have_text(f"Below threshold: {IMAGES}", timeout=60 * SECONDS)


def test_the_table_is_in_view_at_once(listed: Page) -> None:
    table = listed.get_by_test_id("stDataFrame")
    expect(table).to_be_visible(timeout=60 * SECONDS)
    box = table.bounding_box()
    assert box is not None
    assert box["y"] < 400


def test_table_summary_and_archive_are_exported(listed: Page, tmp_path: Path) -> None:
    # The data frame's own download would let a name that begins like a formula through.
    listed.get_by_test_id("stDataFrame").first.hover()
    expect(listed.get_by_role("button", name=re.compile("Search")).first).to_be_visible(timeout=60 * SECONDS)
    expect(listed.get_by_role("button", name=re.compile("Download as CSV"))).to_have_count(0)
    go_to_step(listed, "Export")
    saved = {}
    for label in ("table (CSV)", "summary (PDF)", "case summaries (zip)"):
        saved[label] = downloaded(listed, listed.get_by_role("button", name=label), tmp_path)
    rows = list(csv.DictReader(io.StringIO(saved["table (CSV)"].read_text("utf-8-sig"))))
    assert len(rows) == IMAGES
    scores = [float(row["probability"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    text = "\n".join(page.extract_text() for page in PdfReader(saved["summary (PDF)"]).pages)
    assert "SkinLens batch summary" in text
    with zipfile.ZipFile(saved["case summaries (zip)"]) as archive:
        summaries = {read_summary(archive.read(name)).image_sha256 for name in archive.namelist()}
    assert summaries == {row["sha256"] for row in rows}


def test_an_interrupted_run_is_resumed_where_it_stopped(page: Page, run: BatchStore) -> None:
    """As after a crash, which `tests/batch/test_runner.py` brings about."""
    with run.engine.begin() as connection:
        connection.execute(update(RunImage).where(RunImage.number >= 2).values(state="waiting", finished=None))
    done = run.progress().done
    open_batch(page)
    expect(page.get_by_text(re.compile(rf"{done} of {IMAGES} images"))).to_be_visible(timeout=60 * SECONDS)
    page.get_by_test_id("stButton").get_by_role("button", name="Open", exact=True).first.click()
    expect(page.get_by_text("interrupted")).to_be_visible(timeout=60 * SECONDS)
    page.get_by_role("button", name="Resume").click()
    # A run that ends while nobody looks away goes on to its review.
    review = page.get_by_role("button", name="Review the images")
    expect(review.or_(counts(page)).first).to_be_visible(timeout=90 * SECONDS)
    if review.is_visible():
        review.click()
    expect(counts(page)).to_be_visible(timeout=60 * SECONDS)
    assert sum(int(number) for number in re.findall(r": (\d+)", counts(page).inner_text())) == IMAGES
