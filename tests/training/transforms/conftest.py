"""Samples for the transforms."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from skinlens.training.transforms.sample import Sample


@pytest.fixture(scope="session")
def noise() -> Sample:
    """A sample of noise with a rectangular lesion, 64 x 72, whose arrays cannot be written to."""
    pixels = np.random.default_rng(0).integers(20, 236, (64, 72, 3), np.uint8)
    outline = np.zeros((64, 72), np.bool_)
    outline[20:44, 24:50] = True
    pixels.setflags(write=False)
    outline.setflags(write=False)
    return Sample(pixels, outline, outline, label=1.0)


@pytest.fixture(scope="session")
def lesion() -> Callable[..., Any]:
    """Return a function that draws a white ellipse on black with its outline, so that one can be read off the other."""

    def draw(height: int = 90, width: int = 120, centre: Any = (40, 70), radius: Any = (14, 20)) -> Any:
        y, x = np.ogrid[0:height, 0:width]
        outline = ((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2 <= 1
        return Sample(np.repeat(255 * outline[..., None].astype(np.uint8), 3, axis=2), outline, outline)

    return draw


@pytest.fixture(scope="session")
def applied() -> Callable[..., Any]:
    """Return a function that applies a transform with several generators."""

    def apply(transform: Any, sample: Any, count: int = 24) -> Any:
        return [transform(sample, np.random.default_rng(seed)) for seed in range(count)]

    return apply
