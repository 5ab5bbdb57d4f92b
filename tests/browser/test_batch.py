"""Reviewing a folder in a real browser: drop it, move the threshold, give verdicts by keyboard, export, go on."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from skinlens.imaging.synthetic import encode_png
from skinlens.report.read_pdf import read_summary
from tests.drawn import familiar_pixels
from tests.serving import started

IMAGES = 4


def plant(folder: Path, number: int = IMAGES) -> Path:
    for seed in range(number):
        path = folder / ("left" if seed % 2 else "right") / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(familiar_pixels(seed, malignant_look=seed % 2 == 1)))
    return folder


def open_batch(page: Page) -> None:
    page.get_by_role("link", name="Batch").click()
    expect(page.get_by_text("Where are they?")).to_be_visible(timeout=30_000)


def begin(page: Page, folder: Path, *, views: bool = False) -> None:
    """Have a folder on this computer judged."""
    open_batch(page)
    page.get_by_text("Path on this computer").click()
    path = page.get_by_role("textbox", name="Folder, zip archive")
    path.fill(str(folder))
    path.press("Enter")
    if not views:
        page.get_by_text("Judge each image turned and mirrored too").click()
    start = page.get_by_role("button", name="Start")
    expect(start).to_be_enabled(timeout=30_000)
    start.click()


def count(page: Page, label: str) -> str:
    metric = page.get_by_test_id("stMetric").filter(has_text=label)
    return metric.get_by_test_id("stMetricValue").inner_text()


def wait_until_judged(page: Page, number: int = IMAGES) -> None:
    expect(page.get_by_text(re.compile(rf"^{number} of {number} images(,|$)"))).to_be_visible(timeout=90_000)
    expect(page.get_by_test_id("stMetric").filter(has_text="Waiting")).to_contain_text("0", timeout=30_000)


@pytest.fixture
def reviewing(page: Page, tmp_path: Path) -> Iterator[Page]:
    """A judged run, open for review; discarded afterwards, since the server is shared."""
    begin(page, plant(tmp_path / "ward"))
    wait_until_judged(page)
    yield page
    page.get_by_role("button", name="Finish or discard").click()
    page.get_by_role("button", name="Discard the run").click()
    expect(page.get_by_text("Where are they?")).to_be_visible(timeout=30_000)


def test_a_dropped_folder_is_judged_with_its_paths(page: Page, tmp_path: Path) -> None:
    folder = plant(tmp_path / "ward", 2)
    (folder / "notes.txt").write_text("no image")
    open_batch(page)
    page.get_by_text("Folder", exact=True).click()
    expect(page.get_by_text("Drop a folder here")).to_be_visible(timeout=30_000)
    place = page.get_by_test_id("stFileUploader").filter(has_text="Drop a folder here")
    place.locator('input[type="file"]').set_input_files(folder)
    expect(place.get_by_text("notes.txt")).to_be_visible(timeout=30_000)
    page.get_by_text("Judge each image turned and mirrored too").click()
    start = page.get_by_role("button", name="Start")
    expect(start).to_be_enabled(timeout=30_000)
    start.click()
    expect(page.get_by_text("2 of 2 images, 1 other file passed over")).to_be_visible(timeout=60_000)
    # The name of the image that is looked at; the table itself is drawn on a canvas.
    shown = page.get_by_test_id("stText").filter(has_text=re.compile(r"^ward/(left|right)/\d\.png$"))
    expect(shown).to_be_visible(timeout=30_000)


def test_the_counts_follow_the_threshold(reviewing: Page) -> None:
    reviewing.get_by_text("own threshold").click()
    slider = reviewing.get_by_role("slider", name="Threshold")
    expect(slider).to_be_visible(timeout=30_000)
    slider.focus()
    slider.press("Home")
    above = reviewing.get_by_test_id("stMetric").filter(has_text="Above threshold")
    expect(above).to_contain_text(str(IMAGES), timeout=30_000)
    slider.press("End")
    expect(above).to_contain_text("0", timeout=30_000)


def test_verdicts_by_keyboard(reviewing: Page) -> None:
    place = reviewing.get_by_text(re.compile(rf"^\d of {IMAGES}$"))
    expect(place).to_have_text(f"1 of {IMAGES}")
    reviewing.get_by_text("Your verdict").click()
    reviewing.keyboard.press("ArrowRight")
    expect(place).to_have_text(f"2 of {IMAGES}", timeout=30_000)
    reviewing.keyboard.press("ArrowLeft")
    expect(place).to_have_text(f"1 of {IMAGES}", timeout=30_000)
    reviewing.keyboard.press("m")
    expect(place).to_have_text(f"2 of {IMAGES}", timeout=30_000)
    reviewing.keyboard.press("b")
    expect(place).to_have_text(f"3 of {IMAGES}", timeout=30_000)
    reviewing.keyboard.press("ArrowLeft")
    expect(reviewing.get_by_text(re.compile(r": benign$"))).to_be_visible(timeout=30_000)
    # Letters in a text are letters.
    remark = reviewing.get_by_role("textbox", name="Remark")
    remark.fill("")
    remark.type("mbun")
    expect(remark).to_have_value("mbun")
    expect(place).to_have_text(f"2 of {IMAGES}")


def test_blind_mode_shows_the_result_after_the_verdict(reviewing: Page) -> None:
    reviewing.get_by_text("Blind: my verdict first").click()
    expect(reviewing.get_by_text("Counts, order and heatmaps are hidden")).to_be_visible(timeout=30_000)
    expect(reviewing.get_by_text("What the model looked at")).to_have_count(0, timeout=30_000)
    expect(reviewing.get_by_text(re.compile("referral threshold, (score|estimate)"))).to_have_count(0)
    # While the page is redrawn, the buttons of before may still be there.
    expect(reviewing.get_by_role("button", name="Malignant")).to_have_count(1, timeout=30_000)
    reviewing.get_by_role("button", name="Malignant").click()
    expect(reviewing.get_by_text("What the model looked at")).to_be_visible(timeout=30_000)
    expect(reviewing.get_by_text("malignant, without knowing the result")).to_be_visible()
    reviewing.get_by_text("Blind: my verdict first").click()
    reviewing.get_by_text("Reviewer and model", exact=True).click()
    expect(reviewing.get_by_text("of 1 verdicts given without knowing the model's result")).to_be_visible(
        timeout=30_000
    )


def test_two_reviewers_at_two_desks_do_not_overwrite_each_other(
    reviewing: Page, browser: Browser, address: str
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    other = context.new_page()
    other.goto(address)
    expect(other.get_by_text("Drop a dermoscopic image here")).to_be_visible(timeout=60_000)
    open_batch(other)
    other.get_by_role("button", name="Open", exact=True).first.click()
    expect(other.get_by_role("button", name="Malignant")).to_be_visible(timeout=30_000)
    reviewing.get_by_role("button", name="Benign").click()
    expect(reviewing.get_by_text(f"2 of {IMAGES}", exact=True)).to_be_visible(timeout=30_000)
    other.get_by_role("button", name="Malignant").click()
    expect(other.get_by_text("Meanwhile another verdict was given")).to_be_visible(timeout=30_000)
    other.get_by_role("button", name="Malignant").click()
    expect(other.get_by_text(f"2 of {IMAGES}", exact=True)).to_be_visible(timeout=30_000)
    other.get_by_role("button", name="Previous").click()
    expect(other.get_by_text(re.compile(r": benign$"))).to_be_visible(timeout=30_000)
    expect(other.get_by_text(re.compile(r": malignant$"))).to_be_visible()
    context.close()


def test_table_summary_and_archive_are_exported(reviewing: Page, tmp_path: Path) -> None:
    # The data frame's own download would let a name that begins like a formula through.
    reviewing.get_by_test_id("stDataFrame").first.hover()
    expect(reviewing.get_by_role("button", name=re.compile("Search")).first).to_be_visible(timeout=30_000)
    expect(reviewing.get_by_role("button", name=re.compile("Download as CSV"))).to_have_count(0)
    saved = {}
    for label in ("Table (CSV)", "Summary (PDF)", "case summaries (zip)"):
        with reviewing.expect_download(timeout=60_000) as download:
            reviewing.get_by_role("button", name=label).click()
        saved[label] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[label])
    rows = list(csv.DictReader(io.StringIO(saved["Table (CSV)"].read_text("utf-8-sig"))))
    assert len(rows) == IMAGES
    scores = [float(row["probability"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    text = "\n".join(page.extract_text() for page in PdfReader(saved["Summary (PDF)"]).pages)
    assert "SkinLens batch summary" in text
    with zipfile.ZipFile(saved["case summaries (zip)"]) as archive:
        summaries = {read_summary(archive.read(name)).image_sha256 for name in archive.namelist()}
    assert summaries == {row["sha256"] for row in rows}


def test_a_killed_program_goes_on_where_it_stopped(browser: Browser, tmp_path: Path) -> None:
    number = 12
    folder = plant(tmp_path / "long", number)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    with started() as (url, server):
        page.goto(url)
        expect(page.get_by_text("Drop a dermoscopic image here")).to_be_visible(timeout=60_000)
        begin(page, folder, views=True)
        expect(page.get_by_text(re.compile(rf"^[1-9]\d* of {number} images(,|$)"))).to_be_visible(timeout=60_000)
        server.kill()
    with started() as (url, _):
        page.goto(url)
        expect(page.get_by_text("Drop a dermoscopic image here")).to_be_visible(timeout=60_000)
        open_batch(page)
        expect(page.get_by_text(re.compile(rf"[1-9]\d* of {number} images"))).to_be_visible(timeout=30_000)
        page.get_by_role("button", name="Open", exact=True).first.click()
        expect(page.get_by_text("interrupted")).to_be_visible(timeout=30_000)
        page.get_by_role("button", name="Go on").click()
        wait_until_judged(page, number)
        outcomes = ("Above threshold", "Uncertain", "Below threshold", "Not judged")
        assert sum(int(count(page, label)) for label in outcomes) == number
    context.close()
