"""What the browser tests share: a new visitor, waiting for the server, a folder of drawn lesions."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from skinlens.imaging.synthetic import encode_png
from tests.drawn import familiar_pixels

SECONDS = 1000
IMAGES = 4
Visit = Callable[..., Page]


def visitor(browser: Browser, **options: Any) -> BrowserContext:
    """A new visitor at 1280x800, for whom nothing is animated: drawing frames takes a core of its own here."""
    return browser.new_context(
        viewport={"width": 1280, "height": 800}, accept_downloads=True, reduced_motion="reduce", **options
    )


def settle(page: Page) -> None:
    """Wait until the server has answered the last input."""
    # The page sends an input a moment after it was made.
    page.wait_for_timeout(400)
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=60 * SECONDS)


def open_sidebar(page: Page) -> Locator:
    """Open the sidebar, which is closed at 1280 pixels, and return it."""
    page.get_by_test_id("stExpandSidebarButton").click()
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar).to_have_attribute("data-collapsed", "false", timeout=30 * SECONDS)
    return sidebar


def downloaded(page: Page, button: Locator, folder: Path) -> Path:
    """Press a button once the page is at rest, and return the file that it downloads, under the name that it gives."""
    # Each run of a page makes a new address for what is to be downloaded; that of the run before is gone.
    settle(page)
    with page.expect_download(timeout=90 * SECONDS) as download:
        button.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def plant(folder: Path, number: int = IMAGES) -> Path:
    """Fill a folder with drawn lesions, half of them under `left`, half under `right`."""
    for seed in range(number):
        path = folder / ("left" if seed % 2 else "right") / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(familiar_pixels(seed, malignant_look=seed % 2 == 1)))
    return folder


def open_batch(page: Page) -> None:
    """Open the Batch page at its first step."""
    page.get_by_role("link", name="Batch", exact=True).click()
    expect(page.get_by_text("Where are the images?")).to_be_visible(timeout=60 * SECONDS)


def open_run(page: Page) -> None:
    """Open the newest run, which is complete, at its list of images."""
    open_batch(page)
    # Select boxes have a button of that name, too.
    page.get_by_test_id("stButton").get_by_role("button", name="Open", exact=True).first.click()
    expect(page.get_by_role("button", name=re.compile("(Start|Continue) reviewing"))).to_be_visible(
        timeout=60 * SECONDS
    )


def begin_review(page: Page) -> None:
    """Go from the list to the first image without a verdict."""
    page.get_by_role("button", name=re.compile("(Start|Continue) reviewing")).click()
    expect(page.get_by_text(re.compile(r"^Image \d+ of \d+$"))).to_be_visible(timeout=60 * SECONDS)
    # The script that listens to the keys draws it.
    expect(page.get_by_role("button", name="Keys")).to_be_visible(timeout=60 * SECONDS)


def go_to_step(page: Page, name: str) -> None:
    """Go to a step of the Batch page by its button."""
    page.get_by_role("button", name=re.compile(rf"^\d {name}")).click()
    expect(page.get_by_role("button", name=re.compile(rf"^Step \d of 4: {name}"))).to_be_visible(timeout=60 * SECONDS)
