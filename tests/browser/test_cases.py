"""From an image to a saved case and back, in a real browser: save, find, open, download, compare with the PDF."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from skinlens.imaging.synthetic import encode_png
from tests.browser.visiting import SECONDS, downloaded, settle
from tests.drawn import familiar_pixels


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "lesion.png"
    path.write_bytes(encode_png(familiar_pixels(4)))
    return path


def save_case(page: Page, image: Path, patient: str = "P-BROWSER") -> None:
    page.locator("input[type=file]").set_input_files(image)
    expect(page.get_by_test_id("stMetricValue")).to_be_visible(timeout=60 * SECONDS)
    page.get_by_label("Pseudonymous id").fill(patient)
    page.keyboard.press("Tab")
    settle(page)
    page.get_by_role("button", name="Save case").click()
    page.get_by_text("Save the image too").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible(timeout=20 * SECONDS)
    page.keyboard.press("Escape")


@pytest.mark.slow
def test_a_case_is_saved_opened_and_agrees_with_its_pdf(page: Page, image: Path, tmp_path: Path) -> None:
    save_case(page, image)
    page.get_by_role("link", name="Cases", exact=True).click()
    listed = page.locator("[data-testid=stDataFrame]").first
    expect(listed).to_be_visible(timeout=20 * SECONDS)
    box = listed.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 15, box["y"] + 52)
    expect(page.get_by_text(re.compile("^P-BROWSER: L1"))).to_be_visible(timeout=20 * SECONDS)
    expect(page.locator(".viewer img").first).to_be_visible()
    pdf = downloaded(page, page.get_by_role("button", name="Download PDF"), tmp_path)
    page.get_by_text("Check, back up, delete").click()
    page.locator("input[type=file]").last.set_input_files(pdf)
    expect(page.get_by_text("The PDF agrees with the saved case.")).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_text(re.compile("exactly what SkinLens makes"))).to_be_visible()
