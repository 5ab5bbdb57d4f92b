"""The zoom window: both images are cut alike, and the window never leaves them."""

import numpy as np
import pytest

from skinlens.ui.viewer import ZOOMS, Window


def grid(height: int, width: int) -> np.ndarray:
    """Every pixel holds its own row and column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=2).astype(np.uint8)


def test_no_zoom_is_the_whole_image() -> None:
    pixels = grid(48, 64)
    assert np.array_equal(Window().cut(pixels), pixels)


@pytest.mark.parametrize("zoom", ZOOMS)
@pytest.mark.parametrize("across", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("down", [0.0, 0.7, 1.0])
def test_the_window_stays_inside_and_keeps_its_size(zoom: float, across: float, down: float) -> None:
    pixels = grid(48, 64)
    part = Window(zoom, across, down).cut(pixels)
    assert part.shape == (round(48 / zoom), round(64 / zoom), 3)
    # One contiguous piece of the image.
    assert np.array_equal(np.unique(np.diff(part[:, 0, 0])), [1])
    assert np.array_equal(np.unique(np.diff(part[0, :, 1])), [1])


def test_the_corners_can_be_reached() -> None:
    pixels = grid(48, 64)
    assert tuple(Window(2.0, 0.0, 0.0).cut(pixels)[0, 0, :2]) == (0, 0)
    assert tuple(Window(2.0, 1.0, 1.0).cut(pixels)[-1, -1, :2]) == (47, 63)


def test_image_and_map_are_cut_alike() -> None:
    pixels = grid(48, 64)
    window = Window(3.0, 0.4, 0.9)
    assert np.array_equal(window.cut(pixels)[:, :, 1], window.cut(pixels[:, :, 1].astype(np.float32)))
