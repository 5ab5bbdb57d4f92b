"""Reviewing a folder in a real browser: drop it, move the threshold, give verdicts by keyboard, export, resume."""

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader
from sqlalchemy import update

from skinlens.batch.schema import RunImage
from skinlens.batch.store import BatchStore
from skinlens.report.read_pdf import read_summary
from tests.browser.visiting import IMAGES, SECONDS, Visit, plant


def open_batch(page: Page) -> None:
    page.get_by_role("link", name="Batch").click()
    expect(page.get_by_text("Where are the images?")).to_be_visible(timeout=60 * SECONDS)


def open_run(page: Page) -> None:
    """Open the newest run."""
    open_batch(page)
    page.get_by_role("button", name="Open", exact=True).first.click()
    expect(page.get_by_role("button", name="Malignant")).to_be_visible(timeout=60 * SECONDS)


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


def count(page: Page, label: str) -> str:
    metric = page.get_by_test_id("stMetric").filter(has_text=label)
    return metric.get_by_test_id("stMetricValue").inner_text()


def wait_until_complete(page: Page, number: int = IMAGES) -> None:
    expect(page.get_by_text(re.compile(rf"^{number} of {number} images(,|$)"))).to_be_visible(timeout=90 * SECONDS)
    expect(page.get_by_test_id("stMetric").filter(has_text="Waiting")).to_contain_text("0", timeout=60 * SECONDS)


@pytest.fixture
def reviewing(page: Page, run: BatchStore) -> Page:
    """A complete run, open for review."""
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
    # The name of the image in review; the table itself is drawn on a canvas.
    shown = page.get_by_test_id("stText").filter(has_text=re.compile(r"^ward/(left|right)/\d\.png$"))
    expect(shown).to_be_visible(timeout=60 * SECONDS)
    page.get_by_role("button", name="Finish or discard").click()
    page.get_by_role("button", name="Discard the run").click()
    expect(page.get_by_text("Where are the images?")).to_be_visible(timeout=60 * SECONDS)


def test_the_counts_follow_the_threshold(reviewing: Page) -> None:
    reviewing.get_by_text("custom threshold").click()
    slider = reviewing.get_by_role("slider", name="Threshold")
    expect(slider).to_be_visible(timeout=60 * SECONDS)
    slider.focus()
    slider.press("Home")
    above = reviewing.get_by_test_id("stMetric").filter(has_text="Above threshold")
    expect(above).to_contain_text(str(IMAGES), timeout=60 * SECONDS)
    slider.press("End")
    expect(above).to_contain_text("0", timeout=60 * SECONDS)


def test_verdicts_by_keyboard(reviewing: Page) -> None:
    place = reviewing.get_by_text(re.compile(rf"^\d of {IMAGES}$"))
    expect(place).to_have_text(f"1 of {IMAGES}")
    reviewing.get_by_text("Your verdict").click()
    reviewing.keyboard.press("ArrowRight")
    expect(place).to_have_text(f"2 of {IMAGES}", timeout=60 * SECONDS)
    reviewing.keyboard.press("ArrowLeft")
    expect(place).to_have_text(f"1 of {IMAGES}", timeout=60 * SECONDS)
    reviewing.keyboard.press("m")
    expect(place).to_have_text(f"2 of {IMAGES}", timeout=60 * SECONDS)
    reviewing.keyboard.press("b")
    expect(place).to_have_text(f"3 of {IMAGES}", timeout=60 * SECONDS)
    reviewing.keyboard.press("ArrowLeft")
    expect(reviewing.get_by_text(re.compile(r": benign$"))).to_be_visible(timeout=60 * SECONDS)
    # Letters in a text are letters.
    remark = reviewing.get_by_role("textbox", name="Remark")
    remark.fill("")
    remark.type("mbun")
    expect(remark).to_have_value("mbun")
    expect(place).to_have_text(f"2 of {IMAGES}")


def test_blind_mode_shows_the_result_after_the_verdict(reviewing: Page) -> None:
    reviewing.get_by_text("Blind reading", exact=True).click()
    expect(reviewing.get_by_text("Counts, order and heatmaps are hidden")).to_be_visible(timeout=60 * SECONDS)
    expect(reviewing.get_by_text("What the model looked at")).to_have_count(0, timeout=60 * SECONDS)
    expect(reviewing.get_by_text(re.compile("(REFER|UNCERTAIN|LOW), score"))).to_have_count(0)
    # While the page is redrawn, the buttons of before may still be there.
    expect(reviewing.get_by_role("button", name="Malignant")).to_have_count(1, timeout=60 * SECONDS)
    reviewing.get_by_role("button", name="Malignant").click()
    expect(reviewing.get_by_text("What the model looked at")).to_be_visible(timeout=60 * SECONDS)
    expect(reviewing.get_by_text("malignant, without knowing the result")).to_be_visible()
    reviewing.get_by_text("Blind reading", exact=True).click()
    reviewing.get_by_text("Agreement of reviewer and model", exact=True).click()
    expect(reviewing.get_by_text("of 1 verdicts given without knowing the model's result")).to_be_visible(
        timeout=60 * SECONDS
    )


def test_two_reviewers_at_two_desks_do_not_overwrite_each_other(reviewing: Page, visit: Visit, run: BatchStore) -> None:
    other = visit()
    open_run(other)
    reviewing.get_by_role("button", name="Benign").click()
    expect(reviewing.get_by_text(f"2 of {IMAGES}", exact=True)).to_be_visible(timeout=60 * SECONDS)
    other.get_by_role("button", name="Malignant").click()
    expect(other.get_by_text("Another reviewer has given a verdict")).to_be_visible(timeout=60 * SECONDS)
    other.get_by_role("button", name="Malignant").click()
    expect(other.get_by_text(f"2 of {IMAGES}", exact=True)).to_be_visible(timeout=60 * SECONDS)
    assert [review.verdict for review in run.reviews()] == ["benign", "malignant"]
    other.get_by_role("button", name="Previous").click()
    expect(other.get_by_text(re.compile(r": benign$"))).to_be_visible(timeout=60 * SECONDS)
    expect(other.get_by_text(re.compile(r": malignant$"))).to_be_visible()


def test_table_summary_and_archive_are_exported(reviewing: Page, tmp_path: Path) -> None:
    # The data frame's own download would let a name that begins like a formula through.
    reviewing.get_by_test_id("stDataFrame").first.hover()
    expect(reviewing.get_by_role("button", name=re.compile("Search")).first).to_be_visible(timeout=60 * SECONDS)
    expect(reviewing.get_by_role("button", name=re.compile("Download as CSV"))).to_have_count(0)
    saved = {}
    for label in ("table (CSV)", "summary (PDF)", "case summaries (zip)"):
        with reviewing.expect_download(timeout=60 * SECONDS) as download:
            reviewing.get_by_role("button", name=label).click()
        saved[label] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[label])
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
    page.get_by_role("button", name="Open", exact=True).first.click()
    expect(page.get_by_text("interrupted")).to_be_visible(timeout=60 * SECONDS)
    page.get_by_role("button", name="Resume").click()
    wait_until_complete(page)
    outcomes = ("Above threshold", "Uncertain", "Below threshold")
    assert sum(int(count(page, label)) for label in outcomes) == IMAGES
