"""Images with the lesion removed or its background changed: what a model still knows then is a shortcut."""

import cv2
import numpy as np

from skinlens.imaging.image import Pixels
from skinlens.imaging.outlines import Outline, grow, resize_outline
from skinlens.imaging.preprocess import resize

# Shares of the side: the frame and the disc just touch.
DISC_RADIUS = 85 / 224
FRAME = 27 / 224
DILATION = 8 / 224
FEATHER = 3 / 224

# A lesion is taken out of its background at this side: what is filled in is smooth, and the time is the same for all.
FILLED_SIDE = 112
_FILL_REACH = 3
_NEUTRAL = np.full(3, 128, np.uint8)


def paint_disc(pixels: Pixels) -> Pixels:
    """Paint over the same central disc in every image.

    Its radius is 85 px in an image of 224 x 224 and scales with each side, so that images of any shape have the same
    disc once squashed to the model's input. It takes the mean colour of the image's frame, the outer 27 px of 224: a
    colour fixed for all images would be unlike anything the model has seen. The frame is outside the disc, so nothing
    that was painted over can be read off the result. A lesion that reaches beyond the disc still shows there.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.

    Returns:
        A new image of that shape.
    """
    height, width = pixels.shape[:2]
    y, x = np.ogrid[0:height, 0:width]
    away_y = (y - (height - 1) / 2) / (DISC_RADIUS * height)
    away_x = (x - (width - 1) / 2) / (DISC_RADIUS * width)
    return _paint(pixels, away_x**2 + away_y**2 <= 1)


def central_ellipse(height: int, width: int) -> Outline:
    """Return what stands in for an outline where nobody traced one: the disc of `paint_disc`.

    Args:
        height: Rows of the image.
        width: Columns of the image.

    Returns:
        `(height, width)`, true in the middle.
    """
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(x**2 + y**2 <= (2 * DISC_RADIUS) ** 2)


def paint_lesion(pixels: Pixels, outline: Outline) -> Pixels:
    """Paint over a lesion with its outline, dilated by 8 px of 224, in the mean colour of the frame around it.

    The patch still shows the shape of the outline.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        outline: `(H, W)`, true on the lesion.

    Returns:
        A new image of that shape.
    """
    return _paint(pixels, grow(outline, DILATION))


def move_lesion(pixels: Pixels, outline: Outline, background: Pixels, background_outline: Outline) -> Pixels:
    """Put a lesion onto the skin around another one.

    The lesion keeps its place and size and is cut out as by `lay_over`. Before, the other lesion is taken out of its
    image, with its dilated outline, and filled in from around (Telea 2004).

    Args:
        pixels: The image with the lesion, RGB uint8 `(H, W, 3)`.
        outline: `(H, W)`, true on that lesion.
        background: The image to put it onto, of any size; it is resized to `(H, W)`.
        background_outline: Of the background's size, true on the background's own lesion.

    Returns:
        A new image of the shape of `pixels`; within `outline` the lesion as it was.
    """
    height, width = outline.shape
    skin = fill_lesion(
        resize(background, height=height, width=width), resize_outline(background_outline, height=height, width=width)
    )
    return lay_over(pixels, outline, skin)


def lay_over(pixels: Pixels, outline: Outline, background: Pixels) -> Pixels:
    """Lay a lesion over another background, where it was.

    It is cut out softly, along its outline dilated by 8 px of 224 and blurred by 3 px. Colours are not matched, so that
    the edge of the cut may show.

    Args:
        pixels: The image with the lesion, RGB uint8 `(H, W, 3)`.
        outline: `(H, W)`, true on that lesion.
        background: RGB uint8 `(H, W, 3)`.

    Returns:
        A new image of that shape; within `outline` the lesion as it was.
    """
    height, width = outline.shape
    cover = cv2.GaussianBlur(
        grow(outline, DILATION).astype(np.float32), (0, 0), sigmaX=FEATHER * width, sigmaY=FEATHER * height
    )
    # Blurring has softened the inside too; the lesion itself stays as it was.
    cover = np.maximum(cover, outline)[..., None]
    return np.rint(cover * pixels + (1 - cover) * background).astype(np.uint8)


def fill_lesion(pixels: Pixels, outline: Outline, *, side: int = FILLED_SIDE) -> Pixels:
    """Take a lesion out of its image, with its dilated outline, and fill in from the skin around (Telea 2004).

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        outline: `(H, W)`, true on the lesion.
        side: The filling is made at this side, in pixels; its time grows with the square of it.

    Returns:
        A new image of that shape.
    """
    height, width = outline.shape
    hole = grow(outline, DILATION)
    painted = _paint(pixels, hole)
    small_hole = resize_outline(hole, height=side, width=side)
    # There is no skin left to fill in from.
    if small_hole.all():
        return painted
    small = resize(painted, height=side, width=side)
    filled = np.asarray(cv2.inpaint(small, small_hole.astype(np.uint8), _FILL_REACH, cv2.INPAINT_TELEA), np.uint8)
    return np.where(hole[..., None], resize(filled, height=height, width=width), pixels)


def _paint(pixels: Pixels, hidden: Outline) -> Pixels:
    """Paint over what is hidden, `(H, W)`, in the mean colour of the frame.

    Where all of the frame is hidden, it is the mean colour of whatever is not; grey if everything is.
    """
    frame = np.ones_like(hidden)
    bottom, right = (round(FRAME * side) for side in hidden.shape)
    frame[bottom:-bottom, right:-right] = False
    seen = next((each for each in (frame & ~hidden, ~hidden) if each.any()), None)
    painted = pixels.copy()
    painted[hidden] = _NEUTRAL if seen is None else np.rint(pixels[seen].mean(axis=0)).astype(np.uint8)
    return painted
