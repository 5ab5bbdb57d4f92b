"""Weights between those that a run began with and those that it ended with (WiSE-FT, arXiv 2109.01903)."""

from collections.abc import Mapping

from torch import Tensor


def interpolated(start: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Compute `start + share * (trained - start)` for every tensor of floating point; others are those of `trained`.

    Args:
        start: State of a network before it was trained.
        trained: Its state afterwards.
        share: In [0, 1]: 0 is the start, 1 the trained network.

    Returns:
        A state with the names and devices of `trained`.

    Raises:
        ValueError: If the two states have other tensors, or the share is out of range.

    Example:
        >>> import torch
        >>> interpolated({"w": torch.zeros(2)}, {"w": torch.ones(2)}, 0.25)["w"].tolist()
        [0.25, 0.25]
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share must lie in [0, 1], not {share}")
    if start.keys() != trained.keys():
        raise ValueError("the two states belong to different networks")
    return {
        name: start[name].to(tensor).lerp(tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in trained.items()
    }
