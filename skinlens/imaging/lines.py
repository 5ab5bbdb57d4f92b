"""Averages of an image along short lines in several directions."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt


def means_along(
    field: npt.NDArray[np.uint8] | npt.NDArray[np.float32], lines: Sequence[npt.NDArray[np.uint8]]
) -> npt.NDArray[np.float32]:
    """Average a field along lines through each pixel; beyond the edges it is mirrored.

    Args:
        field: `(H, W)`.
        lines: `D` squares of the same odd side, 1 on the line and 0 off it.

    Returns:
        `(D, H, W)`.

    Example:
        >>> level = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]], np.uint8)
        >>> means_along(level, [level, level.T])[:, 1, 1].tolist()
        [1.0, 0.3333333432674408]
    """
    height, width = field.shape
    wider = np.asarray(np.pad(field, len(lines[0]) // 2, mode="reflect"), np.float32)
    # Sums of shifted copies: a filter with so large a kernel would go through a Fourier transform, which is slower.
    sums = np.zeros((len(lines), height, width), np.float32)
    for line, total in zip(lines, sums, strict=True):
        for down, right in np.argwhere(line):
            cv2.accumulate(wider[down : down + height, right : right + width], total)
        total /= np.float32(line.sum())
    return sums
