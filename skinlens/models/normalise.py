"""Pixels to network input: the only place where mean and standard deviation are applied."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """RGB uint8 `(N, H, W, 3)` to normalised float32 `(N, 3, H, W)`: `(x / 255 - mean) / std`.

    Args:
        mean: Per channel, of pixels scaled to [0, 1].
        std: Per channel, of pixels scaled to [0, 1].
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # One multiplication and one addition; not persistent, since the card holds mean and deviation.
        self.register_buffer("scale", _by_channel(1 / (255 * torch.tensor(std))), persistent=False)
        self.register_buffer("shift", _by_channel(-torch.tensor(mean) / torch.tensor(std)), persistent=False)
        self.scale: Tensor
        self.shift: Tensor

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise pixels.

        Args:
            pixels: RGB uint8, `(N, H, W, 3)`.

        Returns:
            float32, `(N, 3, H, W)`.
        """
        # Bytes are transposed, not floats, and whole planes are scaled: ONNX Runtime is slow at three values in turn.
        return pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift


def _by_channel(values: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1)
