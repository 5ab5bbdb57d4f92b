"""A photograph by the camera of this computer, for which Chromium shows a film of a drawn lesion."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as TooLateError

from skinlens.triage.wording import HEADLINES
from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.visiting import SECONDS, settle, visitor
from tests.drawn import familiar_pixels


@pytest.fixture
def at_the_camera(browser: Browser, address: str, tmp_path: Path) -> Iterator[Page]:
    """The app in a browser whose camera films a drawn lesion."""
    pixels = familiar_pixels(11, height=480, width=640)
    frame = b"FRAME\n" + cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2YUV_I420).tobytes()
    film = tmp_path / "lesion.y4m"
    film.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + 10 * frame)
    device = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*QUIET, *device, f"--use-file-for-fake-video-capture={film}"]
    ) as filming:
        context = visitor(filming, permissions=["camera"])
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible(timeout=60 * SECONDS)
        yield page


def open_camera(page: Page) -> None:
    """Open the camera, again if Chromium's stand-in for a device does not begin to film."""
    for _attempt in range(3):
        page.get_by_role("button", name="Use the camera").click()
        with suppress(TooLateError):
            page.wait_for_function("() => document.querySelector('video')?.readyState >= 2", timeout=20 * SECONDS)
            return
        page.keyboard.press("Escape")
    raise AssertionError("no film was shown")


def test_a_photograph_is_assessed(at_the_camera: Page) -> None:
    page = at_the_camera
    # The camera that is opened while the page is still being drawn may be replaced by another.
    settle(page)
    open_camera(page)
    page.get_by_role("button", name="Take Photo").click()
    expect(page.locator(".st-key-decision")).to_be_visible(timeout=90 * SECONDS)
    settle(page)
    assert any(headline in page.locator(".st-key-decision").inner_text() for headline in HEADLINES.values())
    # The camera closes, so that nothing hides the result.
    expect(page.get_by_test_id("stCameraInput")).to_be_hidden()
    expect(page.locator(".viewer .pane").first).to_be_visible()
