"""What the browser tests share: a new visitor, waiting for the server, a folder of drawn lesions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

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


def plant(folder: Path, number: int = IMAGES) -> Path:
    """Fill a folder with drawn lesions, half of them under `left`, half under `right`."""
    for seed in range(number):
        path = folder / ("left" if seed % 2 else "right") / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(familiar_pixels(seed, malignant_look=seed % 2 == 1)))
    return folder
