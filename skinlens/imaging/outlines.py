"""The outline of a lesion as a mask: read, grown, and described by its shape alone."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.decode import decode_trusted

Outline = npt.NDArray[np.bool_]

SHAPE_FEATURES = (
    "area", "perimeter", "eccentricity", "solidity", "centre_x", "centre_y", "left", "top", "width", "height",
)  # fmt: skip


def read_outline(path: Path, *, height: int, width: int) -> Outline:
    """Read the mask of an image and bring it to the image's size.

    Args:
        path: An image file, white on the lesion; it may differ from its image in size.
        height: Rows of the image.
        width: Columns of the image.

    Returns:
        `(height, width)`, true on the lesion.

    Raises:
        ImageRejectedError: If the file is missing or no image.
    """
    return resize_outline(decode_trusted(path).pixels[..., 0] > 127, height=height, width=width)


def resize_outline(outline: Outline, *, height: int, width: int) -> Outline:
    """Resize a mask, each pixel taken from the nearest.

    Args:
        outline: `(H, W)`.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        `(height, width)`.
    """
    resized = cv2.resize(outline.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.bool_)


def grow(outline: Outline, share: float) -> Outline:
    """Dilate a mask with an ellipse.

    Args:
        outline: `(H, W)`.
        share: How far, as a share of each side; 0 leaves it as it is.

    Returns:
        `(H, W)`.
    """
    reach_y, reach_x = (round(share * side) for side in outline.shape)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_x + 1, 2 * reach_y + 1))
    return np.asarray(cv2.dilate(outline.astype(np.uint8), ellipse), dtype=np.bool_)


def shape_features(outline: Outline) -> npt.NDArray[np.float64]:
    """Describe an outline by its shape alone, with no look at the image.

    Args:
        outline: `(H, W)`, true on the lesion.

    Returns:
        `(10,)` in the order of `SHAPE_FEATURES`. The area is a share of the image's; perimeter (of the outer contours),
        centre and bounding box are in shares of the sides; the eccentricity is that of the ellipse with the same second
        moments, and the solidity the area over that of the convex hull, both from 0 to 1. All 0 for an empty outline.
    """
    height, width = outline.shape
    y, x = np.nonzero(outline)
    if not len(y):
        return np.zeros(len(SHAPE_FEATURES))
    left, top, box_width, box_height = cv2.boundingRect(outline.astype(np.uint8))
    contours, _ = cv2.findContours(outline.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    # A twelfth is the variance within a pixel, so that a line of pixels has a width.
    moments = np.cov(np.stack([x, y]), bias=True) + np.eye(2) / 12
    minor, major = np.linalg.eigvalsh(moments)
    # The hull's rim is included, so that it is never smaller than what it holds.
    points = cv2.findNonZero(outline.astype(np.uint8))
    filled = np.zeros(outline.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return np.array(
        [
            len(y) / outline.size,
            float(sum(cv2.arcLength(contour, closed=True) for contour in contours)) / (height + width),
            float(np.sqrt(max(0.0, 1 - minor / major))),
            len(y) / int((filled.astype(np.bool_) | outline).sum()),
            (x.mean() + 0.5) / width,
            (y.mean() + 0.5) / height,
            left / width,
            top / height,
            box_width / width,
            box_height / height,
        ]
    )
