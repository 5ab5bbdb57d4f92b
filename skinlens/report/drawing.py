"""The parts of a case summary that are drawn: the images, the table of measured rates."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from skinlens.imaging.image import Pixels
from skinlens.report.canvas import RULE, SMALL, PageCanvas, Style

_GAP = 6.0
_CAPTION = Style(8.5, bold=True)
_WARNING = Style(7.5, bold=True)
_LONG_SIDE = 1200
_JPEG_QUALITY = 90
_CELL = Style(8.5)


@dataclass(frozen=True, eq=False)
class PlacedImage:
    """An image with what is written under it.

    Attributes:
        pixels: RGB uint8, `(H, W, 3)`.
        description: For who cannot see it.
        title: The first line under it.
        warning: The second line, as strong as the title; none if empty.
        caption: What follows.
    """

    pixels: Pixels
    description: str
    title: str
    warning: str
    caption: str


def draw_images(canvas: PageCanvas, images: Sequence[PlacedImage], *, highest: float) -> None:
    """Draw images side by side at `canvas.y`, at one scale and with their aspect kept, and move `y` below them.

    Args:
        canvas: Where to draw.
        images: All of one shape.
        highest: The most an image may take of the page's height.
    """
    column = (canvas.epw - _GAP * (len(images) - 1)) / len(images)
    rows, columns = images[0].pixels.shape[:2]
    scale = min(column / columns, highest / rows)
    texts = [_under(image) for image in images]
    text_height = max(
        sum(len(canvas.lines(text, column, style)) * style.leading for text, style in under) for under in texts
    )
    canvas.need(rows * scale + 1.5 + text_height)
    for index, (image, under) in enumerate(zip(images, texts, strict=True)):
        left = canvas.l_margin + index * (column + _GAP)
        width, height = columns * scale, rows * scale
        embed(canvas, image.pixels, left, canvas.y, width, height, image.description)
        y = canvas.y + height + 1.5
        for text, style in under:
            y += canvas.block(text, left, y, column, style)
    canvas.y += rows * scale + 1.5 + text_height


def draw_table(canvas: PageCanvas, widths: Sequence[float], rows: Sequence[Sequence[str]]) -> None:
    """Draw a table at `canvas.y`, its first row as the head, over as many pages as it needs.

    Args:
        canvas: Where to draw; `y` moves below the table.
        widths: Of the columns.
        rows: As many texts in each as there are columns.
    """
    for index, row in enumerate(rows):
        style = SMALL if index == 0 else _CELL
        inner = [width - 3 for width in widths]
        taken = [len(canvas.lines(text, width, style)) for text, width in zip(row, inner, strict=True)]
        height = max(taken) * style.leading
        canvas.need(height + 1.6)
        left = canvas.l_margin
        for text, width in zip(row, widths, strict=True):
            canvas.block(text, left, canvas.y + 0.8, width - 3, style)
            left += width
        canvas.y += height + 1.6
        canvas.set_draw_color(*RULE)
        canvas.set_line_width(0.2)
        canvas.line(canvas.l_margin, canvas.y, canvas.l_margin + sum(widths), canvas.y)


def embed(
    canvas: PageCanvas, pixels: Pixels, x: float, y: float, width: float, height: float, description: str
) -> None:
    """Put one image with its upper left corner at `(x, y)`; `description` is for who cannot see it."""
    canvas.image(_jpeg(pixels), x=x, y=y, w=width, h=height, alt_text=description)


def _jpeg(pixels: Pixels) -> io.BytesIO:
    image = Image.fromarray(pixels)
    image.thumbnail((_LONG_SIDE, _LONG_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_JPEG_QUALITY)
    stream.seek(0)
    return stream


def _under(image: PlacedImage) -> list[tuple[str, Style]]:
    warning = [(image.warning, _WARNING)] if image.warning else []
    return [(image.title, _CAPTION), *warning, *([(image.caption, SMALL)] if image.caption else [])]
