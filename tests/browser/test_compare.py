"""A researcher's visit to the comparison page: switch the view, add a model of one's own, take the numbers."""

import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from skinlens.leaderboard.chart_tables import roc_table
from skinlens.leaderboard.records import read_results
from skinlens.runtime.weights import weights_folder
from skinlens.triage.wording import DISCLAIMER
from tests.made_up_results import submitted_csv

SHIPPED = weights_folder() / "evaluation"


@pytest.fixture(params=["light", "dark"])
def compare(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """The comparison page in each theme."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, accept_downloads=True, color_scheme=request.param
    )
    page = context.new_page()
    page.goto(address)
    page.get_by_text("Drop a dermoscopic image here").wait_for(timeout=60_000)
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("Two models against each other")).to_be_visible(timeout=60_000)
    yield page
    context.close()


def downloaded(page: Page, button: str) -> tuple[str, bytes]:
    with page.expect_download(timeout=30_000) as download:
        page.get_by_role("button", name=button).first.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_switch_upload_and_download(compare: Page, tmp_path: Path) -> None:
    compare.get_by_role("radio", name="clean-native").click()
    expect(compare.get_by_text("the figures to believe")).to_be_visible(timeout=30_000)
    expect(compare.get_by_text("The paper has no numbers for this test view")).to_be_visible(timeout=30_000)

    own = tmp_path / "own.csv"
    own.write_bytes(submitted_csv(SHIPPED))
    compare.get_by_text("Add a model of your own").click()
    compare.locator("input[type=file]").set_input_files(str(own))
    expect(compare.get_by_text("All 660 images were matched.")).to_be_visible(timeout=60_000)

    chart = compare.locator(".st-key-chart-roc .js-plotly-plot").first
    expect(chart.locator(".legend")).to_contain_text("Yours: own.csv", timeout=30_000)
    name, content = downloaded(compare, "Numbers of this chart (CSV)")
    assert name == "skinlens-roc-clean-native.csv"
    shipped = read_results(SHIPPED).shown[0]
    expected = roc_table([shipped], "clean-native")
    table = pd.read_csv(io.BytesIO(content))
    found = table[table["model"] == shipped.label]
    assert found["sensitivity"].tolist() == expected["sensitivity"].tolist()
    assert "Yours: own.csv" in set(table["model"])
    expect(compare.get_by_text(DISCLAIMER)).to_have_count(1)


@pytest.mark.parametrize(("kind", "begins"), [("PNG", b"\x89PNG"), ("SVG", b"<svg")])
def test_a_chart_downloads_as_an_image(compare: Page, kind: str, begins: bytes) -> None:
    compare.get_by_role("radio", name=kind, exact=True).click()
    compare.wait_for_timeout(2000)
    camera = compare.locator('.st-key-chart-roc .modebar-btn[data-title*="Download"]').first
    with compare.expect_download(timeout=30_000) as download:
        camera.click()
    assert download.value.suggested_filename == f"skinlens-roc-all.{kind.lower()}"
    assert Path(download.value.path()).read_bytes().startswith(begins)


def test_tabs_are_reached_by_keyboard(compare: Page) -> None:
    compare.get_by_role("tab", name="ROC").focus()
    compare.keyboard.press("ArrowRight")
    compare.keyboard.press("Enter")
    expect(compare.get_by_text("never compare it across test views")).to_be_visible(timeout=30_000)
