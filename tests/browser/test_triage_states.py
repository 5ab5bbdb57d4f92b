"""What Triage keeps and what it takes away: entries across pages, a second image, a reload, a narrow window."""

import re

import cv2
import pytest
from playwright.sync_api import Locator, Page, expect

from skinlens.imaging.synthetic import encode_png
from skinlens.runtime.predictor import load_predictor
from tests.browser.test_triage import drop, lesion
from tests.browser.visiting import SECONDS, Visit, settle
from tests.drawn import familiar_pixels


def shown(page: Page, name: str) -> Locator:
    """The name of a file as the result shows it."""
    return page.locator(".st-key-result").get_by_text(name, exact=True)


def assess(page: Page, name: str, seed: int) -> None:
    drop(page, name, lesion(seed))
    expect(shown(page, name)).to_be_visible(timeout=90 * SECONDS)
    expect(page.get_by_test_id("stMetricValue")).to_be_visible(timeout=90 * SECONDS)
    settle(page)


def is_in_view(place: Locator) -> bool:
    """Whether all of it is seen in a window of 1280 by 800, without scrolling."""
    box = place.bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 800


def test_entries_survive_a_visit_to_another_page(page: Page) -> None:
    assess(page, "mole.png", 11)
    page.get_by_label("Pseudonymous id").fill("P-17")
    page.get_by_label("Pseudonymous id").press("Tab")
    settle(page)
    # A list that has just opened closes when the page scrolls, so that it scrolls before.
    page.get_by_role("heading", level=1).scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    page.locator(".st-key-prevalence").get_by_role("combobox").click()
    page.get_by_role("option", name="pigmented-lesion clinic").click()
    expect(page.get_by_text("Risk if 10 % are malignant")).to_be_visible(timeout=90 * SECONDS)
    settle(page)
    risk = page.get_by_test_id("stMetricValue").inner_text()
    page.get_by_role("link", name="About", exact=True).click()
    expect(page.get_by_text("Intended use")).to_be_visible(timeout=90 * SECONDS)
    page.get_by_role("link", name="Triage", exact=True).click()
    expect(page.get_by_text("Risk if 10 % are malignant")).to_be_visible(timeout=90 * SECONDS)
    expect(page.get_by_test_id("stMetricValue")).to_have_text(risk)
    expect(page.get_by_label("Pseudonymous id")).to_have_value("P-17")
    expect(shown(page, "mole.png")).to_be_visible()
    expect(page).to_have_title("Triage · SkinLens")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_a_second_image_never_stands_beside_the_first_result(page: Page) -> None:
    assess(page, "first.png", 11)
    # From the drop until the second result, look at every frame for a name beside a result that is not its own.
    page.evaluate(
        """() => {
          const seen = window.seenTogether = [];
          const look = () => {
            const visible = (node) => node && node.checkVisibility();
            const result = document.querySelector('.st-key-result');
            const verdict = document.querySelector('.st-key-verdict');
            const named = document.body.innerText.includes('second.png');
            const own = result && result.innerText.includes('second.png');
            if (named && visible(verdict) && !own) seen.push(document.body.innerText.slice(0, 300));
            if (!window.stopLooking) requestAnimationFrame(look);
          };
          look();
        }"""
    )
    assess(page, "second.png", 12)
    expect(shown(page, "first.png")).to_have_count(0)
    assert page.evaluate("() => { window.stopLooking = true; return window.seenTogether; }") == []


def test_an_oversized_or_bad_file_takes_the_old_result_away(page: Page) -> None:
    assess(page, "good.png", 11)
    # Rejected by the browser, so that the server never hears of it.
    page.evaluate(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new ArrayBuffer(201 * 1024 * 1024)], "huge.png", {type: "image/png"}));
          const target = document.querySelector('[data-testid="stFileUploaderDropzone"]');
          for (const kind of ["dragenter", "dragover", "drop"])
            target.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: transfer}));
        }"""
    )
    expect(page.get_by_text("huge.png")).to_be_visible(timeout=30 * SECONDS)
    expect(page.get_by_test_id("stMetricValue")).to_be_hidden()
    said = "element => getComputedStyle(element, '::after').content"
    assert "larger than 200 MB" in page.get_by_test_id("stFileUploader").first.evaluate(said)
    assess(page, "next.png", 12)
    drop(page, "broken.png", lesion(3)[:5000])
    expect(page.get_by_text("broken.png is incomplete or damaged")).to_be_visible(timeout=90 * SECONDS)
    expect(page.get_by_test_id("stMetricValue")).to_have_count(0)


def test_a_reload_offers_the_last_result_or_says_that_it_is_gone(page: Page) -> None:
    assess(page, "mole.png", 11)
    risk = page.get_by_test_id("stMetricValue").inner_text()
    page.reload()
    page.get_by_role("button", name="Show the last result").click(timeout=90 * SECONDS)
    expect(shown(page, "mole.png")).to_be_visible(timeout=90 * SECONDS)
    expect(page.get_by_test_id("stMetricValue")).to_have_text(risk)
    assert "mole" not in page.url
    # Of a session that ended long ago.
    page.goto(page.url.partition("?")[0] + "?result=another")
    expect(page.get_by_text("the last result is gone")).to_be_visible(timeout=90 * SECONDS)
    expect(page.get_by_role("button", name="Show the last result")).to_have_count(0)


def test_a_result_is_in_view_and_read_out_and_comes_first_at_200_percent(page: Page) -> None:
    live = page.locator(".st-key-announcement [role=status]")
    assess(page, "mole.png", 11)
    # Once the check in eight orientations has ended.
    expect(live).to_contain_text("REFER. about 1 in ", timeout=60 * SECONDS)
    assert "mole" not in live.inner_text()
    buttons = [page.get_by_role("button", name=name) for name in ("Save case", "Download PDF")]
    images = page.locator(".viewer .pane")
    for place in (page.get_by_test_id("stMetricValue"), images.nth(0), images.nth(1), *buttons):
        assert is_in_view(place), "below the fold at 1280x800"
    verdict, image = page.locator(".st-key-verdict").bounding_box(), images.nth(1).bounding_box()
    assert verdict is not None
    assert image is not None
    assert verdict["x"] >= image["x"] + image["width"], "the result stands beside the images"
    # A browser at 200 % lays a window of 1280 by 800 out as one of half the size.
    page.set_viewport_size({"width": 640, "height": 400})
    settle(page)
    page.wait_for_timeout(500)
    narrow, original = page.locator(".st-key-verdict").bounding_box(), images.nth(0).bounding_box()
    assert narrow is not None
    assert original is not None
    assert narrow["y"] + narrow["height"] <= original["y"], "the result comes before the images"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_the_longest_result_leaves_the_buttons_in_view(visit: Visit, locale: str) -> None:
    page = visit(locale=locale)
    # Uncertain: its sentence is the longest.
    drop(page, "mole.png", encode_png(familiar_pixels(6)))
    expect(page.locator(".st-key-decision")).to_have_text(re.compile("UNCERTAIN|UNSICHER"), timeout=90 * SECONDS)
    settle(page)
    buttons = page.locator(".st-key-verdict-row").get_by_role("button")
    for name in ("Save case|Fall speichern", "Download PDF|PDF laden"):
        assert is_in_view(buttons.filter(has_text=re.compile(name)))


@pytest.mark.slow
def test_a_stopped_page_offers_to_go_on(page: Page) -> None:
    # Larger than a camera's, so that there is time to press the button; as few bytes as repeated pixels take.
    large = cv2.resize(familiar_pixels(14), (9600, 7200), interpolation=cv2.INTER_NEAREST)
    drop(page, "slow.png", encode_png(large))  # type: ignore[arg-type]
    expect(page.locator(".st-key-at-work")).to_be_visible(timeout=30 * SECONDS)
    # Streamlit's own Stop, by its button in the toolbar, in the frame that shows it: the work may soon be done.
    page.wait_for_function(
        """() => {
          const stop = [...document.querySelectorAll('button')].find((one) => one.innerText.trim() === 'Stop');
          stop?.click();
          return Boolean(stop);
        }""",
        polling="raf",
        timeout=30 * SECONDS,
    )
    go_on = page.get_by_role("button", name="Continue")
    expect(go_on).to_be_visible(timeout=60 * SECONDS)
    expect(page.locator(".st-key-stopped").get_by_text("slow.png")).to_be_visible()
    go_on.click()
    expect(page.get_by_test_id("stMetricValue")).to_be_visible(timeout=90 * SECONDS)
    expect(shown(page, "slow.png")).to_be_visible()


def test_the_sidebar_closes_by_itself_in_a_narrow_window(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar).to_have_attribute("data-collapsed", "false", timeout=30 * SECONDS)
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(sidebar).to_have_attribute("data-collapsed", "true", timeout=30 * SECONDS)
    # Who opens it keeps it, until another page is shown. What is chosen in it is written beside the arrows.
    arrows = page.get_by_test_id("stExpandSidebarButton")
    written = arrows.evaluate("one => getComputedStyle(one, '::after').content")
    assert written == f'"{load_predictor().card.title} · English"'
    arrows.click()
    expect(sidebar).to_have_attribute("data-collapsed", "false", timeout=30 * SECONDS)
    page.wait_for_timeout(500)
    expect(sidebar).to_have_attribute("data-collapsed", "false", timeout=30 * SECONDS)
    page.get_by_role("link", name="About", exact=True).click()
    expect(page.get_by_text("Intended use")).to_be_visible(timeout=90 * SECONDS)
    expect(sidebar).to_have_attribute("data-collapsed", "true", timeout=30 * SECONDS)
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(sidebar).to_have_attribute("data-collapsed", "false", timeout=30 * SECONDS)
