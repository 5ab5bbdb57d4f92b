"""Weights between a start and an end: both ends, the middle, and states that do not belong together."""

import pytest
import torch

from skinlens.training.interpolation import interpolated

START = {"weight": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
END = {"weight": torch.tensor([1.0, -2.0]), "count": torch.tensor(7)}


@pytest.mark.parametrize(("share", "weight"), [(0.0, [0.0, 2.0]), (0.25, [0.25, 1.0]), (1.0, [1.0, -2.0])])
def test_weights_lie_on_the_line_between_both_states(share: float, weight: list[float]) -> None:
    between = interpolated(START, END, share)
    torch.testing.assert_close(between["weight"], torch.tensor(weight))
    # A counter has nothing between its values.
    assert between["count"] == 7


def test_a_stored_half_takes_the_type_of_the_trained_state() -> None:
    between = interpolated({"weight": torch.zeros(2).half()}, {"weight": torch.ones(2)}, 0.5)
    assert between["weight"].dtype == torch.float32


def test_what_cannot_be_interpolated() -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], not 1.5"):
        interpolated(START, END, 1.5)
    with pytest.raises(ValueError, match="different networks"):
        interpolated(START, {"weight": END["weight"]}, 0.5)
