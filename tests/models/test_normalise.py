"""Normalisation against NumPy in double precision."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from skinlens.models.normalise import Normalise

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def pixels() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)


def test_it_is_the_formula_channel_by_channel(pixels: npt.NDArray[np.uint8]) -> None:
    expected = ((pixels / 255.0 - np.array(MEAN)) / np.array(STD)).transpose(0, 3, 1, 2)
    found = Normalise(MEAN, STD)(torch.from_numpy(pixels))
    assert found.dtype == torch.float32
    assert found.shape == (2, 3, 5, 7)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-6)


def test_every_value_of_a_byte_comes_out_right() -> None:
    ramp = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(1, 16, 16, 3)
    found = Normalise((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))(ramp)
    assert found.min() == -1
    assert found.max() == pytest.approx(1, abs=1e-6)
    steps = found[0, 0].flatten().diff()
    torch.testing.assert_close(steps, torch.full((255,), 2 / 255), atol=1e-6, rtol=0)


def test_the_order_of_the_channels_is_kept() -> None:
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).expand(1, 2, 2, 3)
    found = Normalise((0, 0, 0), (1, 2, 4))(red)
    torch.testing.assert_close(found[0, :, 0, 0], torch.tensor([1.0, 0.0, 0.0]))
    white = torch.full((1, 2, 2, 3), 255, dtype=torch.uint8)
    torch.testing.assert_close(Normalise((0, 0, 0), (1, 2, 4))(white)[0, :, 0, 0], torch.tensor([1.0, 0.5, 0.25]))


def test_its_constants_are_not_weights() -> None:
    normalise = Normalise(MEAN, STD)
    assert normalise.state_dict() == {}
    assert list(normalise.parameters()) == []
