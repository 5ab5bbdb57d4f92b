"""What the first visit shows stands in files, and must be what its buttons open."""

import numpy as np
import pytest

from skinlens.imaging.decode import decode_trusted
from skinlens.ui.session import example
from skinlens.ui.triage.states import TILES


@pytest.mark.parametrize("number", range(len(TILES)))
def test_a_tile_is_the_example_behind_its_button(number: int) -> None:
    """`.ci/examples.py` makes the files anew; JPEG moves a pixel by a few grey values."""
    tile, drawn = decode_trusted(TILES[number]).pixels.astype(float), example(number).pixels.astype(float)
    assert tile.shape == drawn.shape
    assert np.abs(tile - drawn).mean() < 4
    others = [example(other).pixels.astype(float) for other in range(len(TILES)) if other != number]
    assert min(np.abs(tile - other).mean() for other in others) > 8
