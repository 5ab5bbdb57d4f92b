"""What is sent to the browser: pixels once, evidence hardly rounded, and the colours that Python draws with."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skinlens.explain.heatmap import COLOUR_MAPS, CONTOUR_LEVELS, coloured, cover, shaded
from skinlens.imaging.synthetic import draw_pixels
from skinlens.ui.viewer.data import SENT_SIDE, Side, shown, viewer_data

SCRIPT = (Path(__file__).parents[3] / "skinlens" / "ui" / "components" / "viewer" / "index.js").read_text("utf-8")


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def data_of(*sides: Side) -> dict[str, Any]:
    data = viewer_data(
        sides, address=lambda sent: f"/{sent.name}.jpg", key="viewer", image="one", height=420, blink="B"
    )
    assert json.loads(json.dumps(data)) == data
    return data


@pytest.fixture
def pixels() -> np.ndarray:
    return draw_pixels(4, height=240, width=320)


def test_the_image_arrives_as_it_is(pixels: np.ndarray) -> None:
    sent = shown(pixels, "original")
    assert (sent.width, sent.height) == (320, 240)
    assert np.abs(opened(sent.content).astype(int) - pixels).mean() < 3


def test_a_large_image_is_sent_smaller(pixels: np.ndarray) -> None:
    sent = shown(np.ascontiguousarray(np.tile(pixels, (8, 8, 1))), "original")
    assert (sent.width, sent.height) == (2560, 1920)
    assert opened(sent.content).shape == (1200, SENT_SIDE, 3)


def test_an_image_on_both_sides_is_sent_once(pixels: np.ndarray) -> None:
    sent = shown(pixels, "original")
    signed = np.ones((14, 14), np.float32)
    data = data_of(Side(sent, "left", "a"), Side(sent, "right", "b", signed_map=signed, scale=2.0))
    assert data["images"] == {"original": "/original.jpg"}
    assert [side["image"] for side in data["sides"]] == ["original", "original"]


def test_evidence_is_sent_as_a_share_of_the_scale(pixels: np.ndarray) -> None:
    signed = np.array([[-1.0, 0.5], [2.0, 8.0], [0.0, 1.0]], np.float32)
    side = data_of(Side(shown(pixels, "original"), "c", "a", signed_map=signed, scale=4.0))["sides"][0]
    values = np.frombuffer(base64.b64decode(side["map"]["values"]), "<f4")
    assert (side["map"]["width"], side["map"]["height"]) == (2, 3)
    # Above 1 too: the own scale knows where beyond the common one an image ends.
    assert values.tolist() == [0.0, 0.125, 0.5, 2.0, 0.0, 0.25]


def test_evidence_that_nobody_can_tell_apart_is_not_sent_again(pixels: np.ndarray) -> None:
    signed, image = np.full((3, 3), 0.7, np.float32), shown(pixels, "original")
    sides = [Side(image, "c", "a", signed_map=each) for each in (signed, signed + np.float32(1e-6), signed + 0.01)]
    first, same, other = (data_of(side)["sides"][0]["map"]["values"] for side in sides)
    assert first == same != other


@pytest.mark.parametrize(("signed", "scale"), [(float("nan"), 1.0), (1.0, 0.0), (1.0, float("inf"))])
def test_what_cannot_be_drawn_is_sent_as_no_evidence(pixels: np.ndarray, signed: float, scale: float) -> None:
    side = Side(shown(pixels, "original"), "c", "a", signed_map=np.full((2, 2), signed, np.float32), scale=scale)
    values = np.frombuffer(base64.b64decode(data_of(side)["sides"][0]["map"]["values"]), "<f4")
    assert not values.any()


@pytest.mark.parametrize("colours", COLOUR_MAPS)
def test_the_tables_are_the_colour_maps(pixels: np.ndarray, colours: Any) -> None:
    table = np.frombuffer(base64.b64decode(data_of(Side(shown(pixels, "o"), "c", "a"))["tables"][colours]), np.uint8)
    levels = np.arange(256, dtype=np.float32)[None] / 255
    np.testing.assert_array_equal(table.reshape(1, 256, 3), coloured(levels, colours))  # type: ignore[arg-type]


@pytest.mark.parametrize("colours", COLOUR_MAPS)
def test_the_script_colours_and_covers_by_the_same_formulas(pixels: np.ndarray, colours: Any) -> None:
    """The script's two formulas, read from its source and computed here; a browser test holds the drawn pixels."""
    assert "3 * Math.round(255 * Math.sqrt(evidence))" in SCRIPT
    assert re.search(r"clamp\(\(evidence - bare\) / \(covered - bare\), 0, 1\) \*\* power", SCRIPT)
    data = data_of(Side(shown(pixels, "o"), "c", "a"))
    table = np.frombuffer(base64.b64decode(data["tables"][colours]), np.uint8).reshape(256, 3)
    evidence = np.linspace(0, 1, 501, dtype=np.float32)
    np.testing.assert_array_equal(
        table[np.round(255 * np.sqrt(evidence)).astype(int)], shaded(evidence[None], colours)[0]
    )
    scale = data["cover"]
    share = np.clip((evidence - scale["bare"]) / (scale["covered"] - scale["bare"]), 0, 1) ** scale["power"]
    np.testing.assert_allclose(share, cover(evidence), atol=1e-6)
    assert data["levels"] == list(CONTOUR_LEVELS)


def test_another_image_is_known_by_its_name_alone(pixels: np.ndarray) -> None:
    side = Side(shown(pixels, "o"), "c", "a")
    names = {
        viewer_data([side], address=str, key="v", image=name, height=1, blink="B")["image"]
        for name in ("one", "two", "one")
    }
    assert len(names) == 2
    assert not any("one" in name for name in names)


def test_the_script_asks_for_nothing() -> None:
    """The policy would stop it; no image leaves the page either."""
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import\(|eval|innerHTML|sendBeacon)\b", SCRIPT)
    assert set(re.findall(r"https?://[^\s\"'`]+", SCRIPT)) == {"http://www.w3.org/2000/svg"}
