"""A researcher's visit to the Compare page: switch the test view, add an own model, download data and charts."""

from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from skinlens.leaderboard.chart_tables import roc_table
from skinlens.leaderboard.records import read_results
from skinlens.runtime.weights import weights_folder
from skinlens.triage.wording import DISCLAIMER
from tests.browser.visiting import SECONDS, Visit, downloaded
from tests.made_up_results import submitted_csv

SHIPPED = weights_folder() / "evaluation"


def open_compare(page: Page) -> Page:
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.get_by_text("Compare two models")).to_be_visible(timeout=60 * SECONDS)
    return page


def test_switch_upload_and_download(page: Page, tmp_path: Path) -> None:
    compare = open_compare(page)
    compare.get_by_role("radio", name="Without either").click()
    expect(compare.get_by_text("the figures to believe")).to_be_visible(timeout=60 * SECONDS)
    expect(compare.get_by_text("The paper has no results for this test view")).to_be_visible(timeout=60 * SECONDS)

    own = tmp_path / "own.csv"
    own.write_bytes(submitted_csv(SHIPPED))
    compare.get_by_text("Add your own model").click()
    compare.locator("input[type=file]").set_input_files(str(own))
    expect(compare.get_by_text("All 660 images were matched.")).to_be_visible(timeout=60 * SECONDS)

    chart = compare.locator(".st-key-chart-roc .js-plotly-plot").first
    expect(chart.locator(".legend")).to_contain_text("Yours: own.csv", timeout=60 * SECONDS)
    saved = downloaded(compare, compare.get_by_role("button", name="Download chart data (CSV)").first, tmp_path)
    assert saved.name == "skinlens-roc-clean-native.csv"
    shipped = read_results(SHIPPED).shown[0]
    expected = roc_table([shipped], "clean-native")
    table = pd.read_csv(saved)
    found = table[table["model"] == shipped.label]
    assert found["sensitivity"].tolist() == expected["sensitivity"].tolist()
    assert "Yours: own.csv" in set(table["model"])
    expect(compare.get_by_text(DISCLAIMER)).to_have_count(1)


@pytest.mark.parametrize(
    ("theme", "kind", "begins"),
    [("light", "PNG", b"\x89PNG"), pytest.param("dark", "SVG", b"<svg", marks=pytest.mark.slow)],
)
def test_a_chart_downloads_as_an_image(visit: Visit, theme: str, kind: str, begins: bytes, tmp_path: Path) -> None:
    compare = open_compare(visit(color_scheme=theme))
    compare.get_by_role("radio", name=kind, exact=True).click()
    camera = compare.locator('.st-key-chart-roc .modebar-btn[data-title*="Download"]').first
    chart = downloaded(compare, camera, tmp_path)
    assert chart.name == f"skinlens-roc-all.{kind.lower()}"
    assert chart.read_bytes().startswith(begins)


@pytest.mark.slow
def test_tabs_are_reached_by_keyboard(page: Page) -> None:
    compare = open_compare(page)
    compare.get_by_role("tab", name="ROC").focus()
    compare.keyboard.press("ArrowRight")
    compare.keyboard.press("Enter")
    expect(compare.get_by_text("never compare it across test views")).to_be_visible(timeout=60 * SECONDS)
