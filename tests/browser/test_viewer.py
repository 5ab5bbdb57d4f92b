"""The viewer in a real browser: what mouse, wheel and keys do, and that the drawn evidence is Python's."""

import base64
import io
import re
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from skinlens.explain.heatmap import COLOUR_MAPS, Floats, cover, heatmap_of, shaded, stretched
from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.predictor import Predictor, load_predictor
from skinlens.triage.pipeline import Pipeline
from skinlens.triage.second import compare
from tests.browser.visiting import SECONDS, open_batch, open_sidebar, settle, visitor
from tests.drawn import familiar_pixels

CONTENT = encode_png(familiar_pixels(1, malignant_look=True))
# The overlay's own pixels: colours and cover, before the browser blends them.
PIXELS = """
(canvas) => {
  const {width, height} = canvas;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  let text = "";
  for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
  return [width, height, btoa(text), Number(canvas.style.opacity)];
}
"""
PLACES = """
(content) => [content.offsetWidth, content.offsetHeight, content.style.left, content.style.top].join(" ")
"""
FULL = "() => document.fullscreenElement !== null"


def open_viewer(page: Page, content: bytes = CONTENT) -> Locator:
    """The viewer of an image that was dropped on the Triage page."""
    page.locator('input[type="file"]').first.set_input_files(
        {"name": "lesion.png", "mimeType": "image/png", "buffer": content}
    )
    viewer = page.locator(".viewer")
    expect(viewer.locator("canvas.evidence")).to_be_visible(timeout=90 * SECONDS)
    settle(page)
    return viewer


@pytest.fixture(scope="module")
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """The page of one visitor with a result, for the tests that leave no trace on the server."""
    context = visitor(browser)
    page = context.new_page()
    page.goto(address)
    open_viewer(page)
    yield page
    context.close()


@pytest.fixture
def viewer(opened: Page) -> Locator:
    """The viewer of that page as a new visitor has it: the whole image, colours, opacity and switches as at first."""
    viewer = opened.locator(".viewer")
    wipe = viewer.get_by_role("button", name="Wipe")
    if wipe.get_attribute("aria-pressed") == "true":
        wipe.click()
    for label in ("Own scale", "Outline (estimate)"):
        viewer.get_by_label(label).uncheck()
    viewer.get_by_label("Heatmap as").select_option("colour")
    viewer.get_by_label("Colours").select_option(COLOUR_MAPS[0])
    viewer.get_by_role("slider", name="Opacity").fill("60")
    viewer.locator(".stage").press("0")
    return viewer


@pytest.fixture
def own_viewer(page: Page) -> Locator:
    """The viewer of a visitor who is this test's alone, and whose page it may change."""
    return open_viewer(page)


def zoom(viewer: Locator) -> float:
    return float(viewer.get_attribute("data-zoom") or "nan")


def middle(viewer: Locator) -> tuple[float, float]:
    x, y = (viewer.get_attribute("data-at") or "").split()
    return float(x), float(y)


def places(viewer: Locator) -> list[str]:
    """Size and place of what each pane holds."""
    return viewer.locator(".content").evaluate_all(f"contents => contents.map({PLACES})")


def box(pane: Locator) -> tuple[float, float, float, float]:
    pane.scroll_into_view_if_needed()
    found = pane.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["width"], found["height"]


def drawn(viewer: Locator) -> tuple[np.ndarray, float]:
    """The overlay, RGBA uint8 `(H, W, 4)`, and its opacity."""
    width, height, content, opacity = viewer.locator("canvas.evidence").evaluate(PIXELS)
    return np.frombuffer(base64.b64decode(content), np.uint8).reshape(height, width, 4), opacity


def looks(target: Any) -> np.ndarray:
    """Its pixels, without the rim, which ends between two of them."""
    x, y, width, height = box(target)
    clip = {"x": round(x) + 1, "y": round(y) + 1, "width": int(width) - 2, "height": int(height) - 2}
    return np.asarray(Image.open(io.BytesIO(target.page.screenshot(clip=clip))).convert("RGB"), dtype=float)


def ask_the_other(page: Page) -> None:
    page.get_by_test_id("stButtonGroup").get_by_text("Other model", exact=True).click()
    expect(page.locator("figcaption", has_text="ASFF ResNet-50")).to_be_visible(timeout=90 * SECONDS)
    settle(page)


class TestZoomAndPan:
    def test_the_wheel_zooms_both_sides_at_the_pointer(self, opened: Page, viewer: Locator) -> None:
        pane = viewer.locator(".pane").first
        x, y, width, height = box(pane)
        opened.mouse.move(x + 0.25 * width, y + 0.25 * height)
        opened.mouse.wheel(0, -300)
        expect(viewer).not_to_have_attribute("data-zoom", "1.000")
        left, right = places(viewer)
        assert left == right
        # What was under the pointer is still there: a quarter of the image from its left and top.
        size = [float(each.removesuffix("px")) for each in left.split()]
        assert (0.25 * width - size[2]) / size[0] == pytest.approx(0.25, abs=0.01)
        assert (0.25 * height - size[3]) / size[1] == pytest.approx(0.25, abs=0.01)

    def test_at_the_whole_image_the_wheel_scrolls_the_page(self, opened: Page, viewer: Locator) -> None:
        x, y, width, height = box(viewer.locator(".pane").first)
        before = viewer.bounding_box()
        opened.mouse.move(x + width / 2, y + height / 2)
        opened.mouse.wheel(0, 200)
        opened.wait_for_timeout(500)
        after = viewer.bounding_box()
        assert zoom(viewer) == 1
        assert before is not None
        assert after is not None
        assert after["y"] < before["y"]

    def test_dragging_one_side_moves_both_and_stops_at_the_rim(self, opened: Page, viewer: Locator) -> None:
        viewer.get_by_role("button", name="Zoom in").click()
        viewer.get_by_role("button", name="Zoom in").click()
        x, y, width, height = box(viewer.locator(".pane").nth(1))
        before = middle(viewer)
        opened.mouse.move(x + width / 2, y + height / 2)
        opened.mouse.down()
        opened.mouse.move(x + width / 2 - 40, y + height / 2 - 20, steps=4)
        opened.mouse.up()
        after = middle(viewer)
        assert after[0] == pytest.approx(before[0] + 40 / (width * zoom(viewer)), abs=0.005)
        assert after[1] > before[1]
        left, right = places(viewer)
        assert left == right
        opened.mouse.down()
        opened.mouse.move(x - 3000, y - 3000, steps=4)
        opened.mouse.up()
        corner = 1 - 1 / (2 * zoom(viewer))
        assert middle(viewer) == pytest.approx((corner, corner), abs=0.002)

    def test_a_double_click_shows_the_whole_image_again(self, opened: Page, viewer: Locator) -> None:
        viewer.get_by_role("button", name="Zoom in").click()
        assert zoom(viewer) > 1
        viewer.locator(".pane").first.dblclick()
        assert zoom(viewer) == 1
        assert middle(viewer) == (0.5, 0.5)
        assert opened.url

    def test_keys_zoom_move_and_reset(self, opened: Page, viewer: Locator) -> None:
        stage = viewer.locator(".stage")
        stage.focus()
        for key in ("+", "+", "ArrowRight", "ArrowDown"):
            opened.keyboard.press(key)
        assert zoom(viewer) == pytest.approx(1.4**2, abs=0.01)
        assert middle(viewer)[0] > 0.5
        assert middle(viewer)[1] > 0.5
        opened.keyboard.press("-")
        assert zoom(viewer) == pytest.approx(1.4, abs=0.01)
        opened.keyboard.press("0")
        assert zoom(viewer) == 1

    def test_nothing_of_it_runs_the_page(self, opened: Page, viewer: Locator) -> None:
        sent: list[str] = []
        opened.on("websocket", lambda socket: sent.append(socket.url))
        state = opened.get_by_test_id("stApp")
        opened.evaluate(
            """() => { window.runs = 0; new MutationObserver(() => window.runs++).observe(
              document.querySelector('[data-testid="stApp"]'),
              {attributes: true, attributeFilter: ["data-test-script-state"]}); }"""
        )
        viewer.get_by_role("button", name="Zoom in").click()
        viewer.get_by_role("slider", name="Opacity").fill("85")
        viewer.get_by_label("Colours").select_option("inferno")
        viewer.get_by_label("Own scale").check()
        viewer.get_by_role("button", name="Wipe").click()
        opened.wait_for_timeout(500)
        assert opened.evaluate("window.runs") == 0
        assert sent == []
        expect(state).to_have_attribute("data-test-script-state", "notRunning")

    @pytest.mark.slow
    def test_another_image_starts_whole_and_keeps_the_look(self, page: Page, own_viewer: Locator) -> None:
        own_viewer.get_by_role("button", name="Zoom in").click()
        own_viewer.get_by_label("Colours").select_option("cividis")
        source = own_viewer.locator("img").first.get_attribute("src")
        page.locator('input[type="file"]').first.set_input_files(
            {
                "name": "next.png",
                "mimeType": "image/png",
                "buffer": encode_png(familiar_pixels(2, malignant_look=True)),
            }
        )
        expect(page.locator(".viewer img").first).not_to_have_attribute("src", source or "", timeout=90 * SECONDS)
        settle(page)
        assert zoom(page.locator(".viewer")) == 1
        expect(page.locator(".viewer").get_by_label("Colours")).to_have_value("cividis")

    def test_two_fingers_zoom(self, opened: Page, viewer: Locator) -> None:
        x, y, width, height = box(viewer.locator(".pane").first)
        session = opened.context.new_cdp_session(opened)
        session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})

        def touch(kind: str, apart: float) -> None:
            at = [
                {"x": x + width / 2 + side * apart, "y": y + height / 2, "id": number}
                for number, side in enumerate((-1, 1))
            ]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if kind == "touchEnd" else at})

        touch("touchStart", 20)
        for apart in (30, 45, 60):
            touch("touchMove", apart)
        touch("touchEnd", 60)
        session.detach()
        assert zoom(viewer) == pytest.approx(3, rel=0.15)


@pytest.fixture(scope="module")
def heatmap(predictor: Predictor) -> Floats:
    return heatmap_of(predictor.predict([decode(CONTENT)])[0], predictor.card)


class TestEvidence:
    @pytest.mark.parametrize("colours", COLOUR_MAPS)
    def test_the_browser_draws_what_python_draws(self, viewer: Locator, heatmap: Floats, colours: Any) -> None:
        viewer.get_by_label("Colours").select_option(colours)
        pixels, opacity = drawn(viewer)
        evidence = stretched(heatmap, *pixels.shape[:2])
        assert heatmap.max() > 0.2, "draw a lesion that gives the model something to look at"
        assert opacity == pytest.approx(0.6)
        assert np.abs(pixels[..., 3] / 255 - cover(evidence)).mean() < 0.02
        seen = pixels[..., 3] > 128
        assert np.abs(pixels[..., :3].astype(int) - shaded(evidence, colours))[seen].mean() < 3

    def test_the_own_scale_is_labelled_and_shows_the_images_own_range(self, viewer: Locator, heatmap: Floats) -> None:
        expect(viewer.locator(".scale")).to_have_text("Common scale, the same for all images.")
        common, _ = drawn(viewer)
        viewer.get_by_label("Own scale").check()
        expect(viewer.locator(".scale")).to_contain_text("Own scale: not comparable with other images.")
        stated = re.search(r"Full colour here is (\d+)", viewer.locator(".scale").inner_text())
        assert stated is not None
        assert int(stated[1]) == pytest.approx(100 * heatmap.max(), abs=2)
        own, _ = drawn(viewer)
        evidence = stretched(heatmap / heatmap.max(), *own.shape[:2])
        assert np.abs(own[..., 3] / 255 - cover(evidence)).mean() < 0.02
        assert (own[..., 3] >= common[..., 3]).all()
        assert own[..., 3].sum() > common[..., 3].sum()
        viewer.get_by_label("Own scale").uncheck()
        np.testing.assert_array_equal(drawn(viewer)[0], common)

    def test_opacity_and_contours(self, viewer: Locator) -> None:
        viewer.get_by_role("slider", name="Opacity").fill("20")
        assert drawn(viewer)[1] == pytest.approx(0.2)
        assert viewer.locator(".pane").nth(1).locator("path").count() == 0
        viewer.get_by_label("Heatmap as").select_option("contour")
        expect(viewer.locator("canvas.evidence")).to_be_hidden()
        assert viewer.locator(".pane").nth(1).locator("path").count() >= 2
        assert viewer.locator(".pane").nth(0).locator("path").count() == 0

    def test_the_outline_is_drawn_on_both_sides_and_called_an_estimate(self, viewer: Locator) -> None:
        viewer.get_by_label("Outline (estimate)").check()
        for side in (0, 1):
            assert viewer.locator(".pane").nth(side).locator("path").count() == 2

    def test_the_key_hides_the_heatmap_while_it_is_held(self, opened: Page, viewer: Locator) -> None:
        right = viewer.locator(".pane").nth(1)
        viewer.locator(".stage").focus()
        with_heatmap, original = looks(right), looks(viewer.locator(".pane").first)
        opened.keyboard.down("b")
        hidden = looks(right)
        opened.keyboard.up("b")
        again = looks(right)
        assert np.abs(hidden - original).mean() < 2
        assert np.abs(with_heatmap - original).mean() > 5
        assert np.abs(again - with_heatmap).mean() < 1

    def test_the_button_hides_it_until_it_is_pressed_again(self, viewer: Locator) -> None:
        button = viewer.get_by_role("button", name=re.compile("Hide the heatmap"))
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(viewer.locator("canvas.evidence")).to_be_hidden()
        button.click()
        expect(viewer.locator("canvas.evidence")).to_be_visible()

    @pytest.mark.slow
    def test_an_enhanced_copy_blinks_to_the_original(self, page: Page, own_viewer: Locator) -> None:
        page.get_by_test_id("stButtonGroup").get_by_text("Colour corrected", exact=True).click()
        expect(own_viewer.locator("figcaption", has_text="Colour corrected")).to_be_visible(timeout=60 * SECONDS)
        settle(page)
        own_viewer.locator(".stage").focus()
        page.keyboard.down("b")
        panes = [looks(own_viewer.locator(".pane").nth(side)) for side in (0, 1)]
        page.keyboard.up("b")
        assert np.abs(panes[0] - panes[1]).mean() < 2
        assert np.abs(looks(own_viewer.locator(".pane").nth(1)) - panes[0]).mean() > 2


class TestWipe:
    def test_it_lays_both_over_each_other_with_a_border_to_drag(self, opened: Page, viewer: Locator) -> None:
        viewer.get_by_role("button", name="Wipe").click()
        expect(viewer.locator(".pane")).to_have_count(1)
        pane, divider = viewer.locator(".pane"), viewer.get_by_role("slider", name="Border between")
        expect(divider).to_have_attribute("aria-valuenow", "50")
        x, y, width, height = box(pane)
        halfway = looks(pane)
        opened.mouse.move(x + width / 2, y + height / 3)
        opened.mouse.down()
        opened.mouse.move(x + 0.9 * width, y + height / 3, steps=4)
        opened.mouse.up()
        expect(divider).to_have_attribute("aria-valuenow", "90")
        moved = looks(pane)
        # Between the two borders the original has come in the place of the heatmap, and nothing else has changed.
        columns = np.abs(moved - halfway).mean(axis=(0, 2))
        between = slice(int(0.55 * columns.size), int(0.85 * columns.size))
        assert columns[between].mean() > 5
        assert columns[: int(0.45 * columns.size)].mean() < 1
        assert zoom(viewer) == 1

    def test_keys_move_it(self, opened: Page, viewer: Locator) -> None:
        viewer.get_by_role("button", name="Wipe").click()
        divider = viewer.get_by_role("slider", name="Border between")
        divider.focus()
        before = int(divider.get_attribute("aria-valuenow") or "")
        opened.keyboard.press("ArrowLeft")
        expect(divider).to_have_attribute("aria-valuenow", str(before - 5))
        opened.keyboard.press("Home")
        expect(divider).to_have_attribute("aria-valuenow", "0")
        viewer.get_by_role("button", name="Wipe").click()
        expect(viewer.locator(".pane")).to_have_count(2)

    def test_the_wheel_zooms_under_it(self, opened: Page, viewer: Locator) -> None:
        viewer.get_by_role("button", name="Wipe").click()
        x, y, width, height = box(viewer.locator(".pane"))
        opened.mouse.move(x + 0.3 * width, y + height / 2)
        opened.mouse.wheel(0, -300)
        expect(viewer).not_to_have_attribute("data-zoom", "1.000")
        left, right = places(viewer)
        assert left == right


class TestFullScreen:
    @pytest.mark.parametrize("by_key", [False, True])
    def test_button_and_key_show_the_pair_alone(self, opened: Page, viewer: Locator, by_key: bool) -> None:
        small = box(viewer.locator(".pane").first)[2]
        if by_key:
            viewer.locator(".stage").focus()
            opened.keyboard.press("f")
        else:
            viewer.get_by_role("button", name="Full screen").click()
        opened.wait_for_function(FULL, timeout=10 * SECONDS)
        opened.wait_for_timeout(300)
        found = viewer.locator(".pane").first.bounding_box()
        assert found is not None
        assert found["width"] > 1.4 * small
        assert found["y"] + found["height"] <= 800
        opened.keyboard.press("f")
        opened.wait_for_function("() => document.fullscreenElement === null", timeout=10 * SECONDS)


class TestModels:
    @pytest.mark.slow
    def test_the_other_model_is_shown_and_a_disagreement_is_said(self, page: Page, predictor: Predictor) -> None:
        content = encode_png(draw_pixels(32, height=240, width=320))
        own, other = Pipeline(predictor)(content), Pipeline(load_predictor("asff_resnet50"))(content)
        decisions = own.assessment.decision, other.assessment.decision
        assert decisions == ("refer", "low"), "choose a drawn lesion that divides the two models"
        viewer = open_viewer(page, content)
        before = drawn(viewer)[0]
        ask_the_other(page)
        expect(viewer.locator("figcaption").nth(1)).to_have_text(f"{other.card.title}: {other.assessment.headline}")
        expect(page.get_by_text("The two models disagree.")).to_be_visible()
        expect(page.get_by_text(compare(own.assessment, other.assessment).sentence)).to_be_visible()
        assert np.abs(drawn(viewer)[0].astype(int) - before).mean() > 1

    @pytest.mark.slow
    def test_the_sidebar_switches_the_model_of_the_page(self, page: Page, own_viewer: Locator) -> None:
        before = drawn(own_viewer)[0]
        sidebar = open_sidebar(page)
        sidebar.get_by_text("paper protocol").click()
        expect(sidebar.get_by_text("asff_resnet50_paper 1.1.0")).to_be_visible(timeout=90 * SECONDS)
        settle(page)
        assert np.abs(drawn(page.locator(".viewer"))[0].astype(int) - before).mean() > 1
        open_batch(page)
        expect(sidebar).to_have_attribute("data-collapsed", "true", timeout=30 * SECONDS)
        expect(open_sidebar(page).get_by_text("asff_resnet50_paper 1.1.0")).to_be_visible(timeout=60 * SECONDS)


class TestAccess:
    def test_images_and_controls_are_named(self, viewer: Locator) -> None:
        alternatives = viewer.locator("img").evaluate_all("images => images.map(image => image.alt)")
        assert len(alternatives) == 2
        assert all(len(text) > 20 for text in alternatives)
        names = viewer.locator("button, select, input").evaluate_all(
            "all => all.map(one => one.getAttribute('aria-label') ?? one.closest('label')?.textContent ?? '')"
        )
        assert len(names) >= 9
        assert all(names)
        assert "F opens full screen" in (viewer.locator(".stage").get_attribute("aria-label") or "")

    def test_what_has_the_focus_is_ringed(self, opened: Page, viewer: Locator) -> None:
        viewer.locator(".stage").focus()
        opened.keyboard.press("Shift")
        ring = "one => { const style = getComputedStyle(one); return style.boxShadow + style.outlineWidth; }"
        assert "3px" in viewer.locator(".stage").evaluate(ring)
        opened.keyboard.press("Tab")
        assert "3px" in viewer.get_by_role("button", name="Zoom out").evaluate(ring)

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_text_stands_out_in_both_themes(
        self, opened: Page, viewer: Locator, scheme: Literal["light", "dark"]
    ) -> None:
        opened.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        opened.wait_for_timeout(500)
        colours = viewer.evaluate(
            "one => { const style = getComputedStyle(one); return [style.color, style.backgroundColor]; }"
        )
        text, ground = (luminance([int(part) for part in re.findall(r"\d+", each)[:3]]) for each in colours)
        assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) > 7
        assert (ground < 0.2) == (scheme == "dark")

    def test_the_pair_is_as_large_as_the_window_allows(self, opened: Page, viewer: Locator) -> None:
        """Each image of a pair is at least 420 px wide at 1280."""
        assert opened.viewport_size is not None
        assert opened.viewport_size["width"] == 1280
        widths = [box(viewer.locator(".pane").nth(side))[2] for side in (0, 1)]
        assert min(widths) >= 420


class TestTwoPoints:
    @pytest.mark.slow
    def test_two_clicks_and_a_distance_give_the_diameter(self, page: Page, own_viewer: Locator) -> None:
        own_viewer.get_by_role("button", name="Choose two points").click()
        expect(own_viewer.get_by_text("Click the first point.")).to_be_visible()
        pane = own_viewer.locator(".pane").first
        _x, _y, width, height = box(pane)
        for share in (0.25, 0.75):
            pane.click(position={"x": share * width, "y": 0.5 * height})
        settle(page)
        page.get_by_text("Diameter of the lesion, by a ruler").click()
        across = [page.get_by_label(f"{which} point, across") for which in ("First", "Second")]
        expect(across[0]).not_to_have_value("")
        first, second = (int(field.input_value()) for field in across)
        shown = Image.open(io.BytesIO(CONTENT)).width
        # The image is as wide as the pane, or stands in its middle.
        assert second - first == pytest.approx(shown / 2, rel=0.35)
        distance = page.get_by_label("Distance, mm")
        distance.fill("10")
        distance.press("Enter")
        expect(page.get_by_text("Largest diameter of the lesion").first).to_be_visible(timeout=30 * SECONDS)
        assert own_viewer.locator("svg path").count() > 0


def luminance(rgb: list[int]) -> float:
    """Relative luminance of sRGB, as WCAG 2 defines it."""
    linear = [
        value / 255 / 12.92 if value / 255 <= 0.04045 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in rgb
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
