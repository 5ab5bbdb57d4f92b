"""What the viewer's script gets: images, evidence, outlines, colour tables and words, as JSON."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from skinlens.explain.heatmap import BARE, COLOUR_MAPS, CONTOUR_LEVELS, COVER_POWER, COVERED, coloured
from skinlens.imaging.image import Pixels
from skinlens.imaging.preprocess import fitted
from skinlens.runtime.prediction import Floats, is_scale
from skinlens.translation import gettext as _

# Pixels along the longer side of what is sent: enough for four-fold zoom of half a page.
SENT_SIDE = 1600
_JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class Shown:
    """An image as it is sent to the browser.

    Attributes:
        name: Tells it from the other images of a viewer.
        content: A JPEG, at most `SENT_SIDE` wide and high.
        width: Of the image itself, in pixels.
        height: Of the image itself, in pixels.
    """

    name: str
    content: bytes
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Side:
    """One side of the viewer.

    Attributes:
        image: What is shown.
        caption: Under it; text, never markup.
        alt: For a reader who cannot see it.
        signed_map: Evidence to draw over it, `(h, w)`; None for an image alone.
        scale: The evidence that is drawn as 1 on the common scale.
        outline: Closed lines of points `(x, y)` in shares of width and height.
    """

    image: Shown
    caption: str
    alt: str
    signed_map: Floats | None = None
    scale: float = 1.0
    outline: Sequence[Sequence[tuple[float, float]]] = ()


def shown(pixels: Pixels, name: str) -> Shown:
    """Return an image as it is sent: RGB uint8 `(H, W, 3)` as a JPEG."""
    sent = cv2.cvtColor(fitted(pixels, SENT_SIDE), cv2.COLOR_RGB2BGR)
    # Full resolution in the colours too: structures of a lesion are often seen in colour alone.
    settings = [
        cv2.IMWRITE_JPEG_QUALITY,
        _JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    content = cv2.imencode(".jpg", sent, settings)[1].tobytes()
    return Shown(name, content, pixels.shape[1], pixels.shape[0])


def viewer_data(
    sides: Sequence[Side],
    *,
    address: Callable[[Shown], str],
    key: str,
    image: str,
    height: int,
    blink: str,
    points: Sequence[tuple[float, float]] | None = None,
) -> dict[str, Any]:
    """Return everything that the viewer's script needs.

    Args:
        sides: One or two.
        address: Gives the address under which the browser gets an image.
        key: Viewers of one key share their look (opacity, colours, wipe) from image to image.
        image: Names the image; another one starts at the whole image again.
        height: Most pixels that a side is high, outside full screen.
        blink: The key that hides the heatmap while it is held.
        points: That the reader chose, in shares of width and height; None where none may be chosen.
    """
    return {
        "key": key,
        "image": hashlib.sha256(image.encode()).hexdigest()[:16],
        "height": height,
        "blink": blink,
        "images": {side.image.name: address(side.image) for side in sides},
        "sides": [_side(side) for side in sides],
        "tables": {colours: _text(_table(colours).tobytes()) for colours in COLOUR_MAPS},
        "levels": list(CONTOUR_LEVELS),
        "cover": {"bare": BARE, "covered": COVERED, "power": COVER_POWER},
        "points": None if points is None else [[round(x, 4), round(y, 4)] for x, y in points],
        "words": _words(blink),
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "image": side.image.name,
        "width": side.image.width,
        "height": side.image.height,
        "caption": side.caption,
        "alt": side.alt,
        "map": None if side.signed_map is None else _evidence(side.signed_map, side.scale),
        "outline": [[[round(x, 4), round(y, 4)] for x, y in line] for line in side.outline],
    }


def _evidence(signed_map: Floats, scale: float) -> dict[str, Any]:
    """Return positive evidence as a share of the scale; nothing where `explain.heatmap` draws nothing."""
    usable = is_scale(scale) and bool(np.isfinite(signed_map).all())
    shares = np.clip(signed_map / scale, 0, None) if usable else np.zeros_like(signed_map)
    # Far finer than anybody sees. What differs less, such as a first and a complete result, is not drawn again.
    shares = shares.round(4)
    height, width = shares.shape
    return {"width": width, "height": height, "values": _text(np.ascontiguousarray(shares, "<f4").tobytes())}


def _table(colours: Any) -> Pixels:
    """Return 256 colours, RGB uint8 `(1, 256, 3)`."""
    return coloured(np.linspace(0, 1, 256, dtype=np.float32)[None], colours)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _words(blink: str) -> dict[str, Any]:
    return {
        "stage": _(
            "Images. Arrow keys move a zoomed image, plus and minus zoom, 0 shows the whole image, F opens full "
            "screen, {key} held down hides the heatmap."
        ).format(key=blink),
        "toolbar": _("How the images are shown"),
        "zoom_in": _("Zoom in"),
        "zoom_out": _("Zoom out"),
        "reset": _("Whole image"),
        "reset_help": _("Whole image (0, or double click)"),
        "full_screen": _("Full screen"),
        "full_screen_help": _("Full screen (F)"),
        "no_full_screen": _("The browser does not allow full screen."),
        "wipe": _("Wipe"),
        "wipe_help": _("Wipe: lay both images over each other"),
        "divider": _("Border between left and right image"),
        "blink": _("Hide ({key})").format(key=blink),
        "blink_help": _("Hide the heatmap, or show the left image at the right ({key} held down)").format(key=blink),
        "opacity": _("Opacity"),
        "style": _("Heatmap as"),
        "styles": {"colour": _("Colour"), "contour": _("Contour")},
        "colours": _("Colours"),
        "colour_maps": {colours: colours.capitalize() for colours in COLOUR_MAPS},
        "own": _("Own scale"),
        "outline": _("Outline (estimate)"),
        "measure": _("Two points"),
        "measure_help": _("Choose two points whose distance you know, such as two marks of a ruler"),
        "measure_first": _("Click the first point."),
        "measure_second": _("Click the second point."),
        "little": _("no evidence"),
        "much": _("full evidence of malignancy"),
        "legend_alt": _("Colour scale, from no evidence at the left to full evidence at the right."),
        "common_scale": _("Common scale, the same for all images."),
        "own_scale": _("Own scale: not comparable with other images."),
        "own_peak": _("Full colour here is {share} of the common scale."),
    }
