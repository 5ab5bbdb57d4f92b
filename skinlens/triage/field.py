"""A second look at an image that is out of distribution only for the black around its round field."""

from dataclasses import replace

import numpy as np

from skinlens.imaging.decode import in_full
from skinlens.imaging.image import LesionImage
from skinlens.imaging.limits import MIN_SHORT_SIDE
from skinlens.imaging.quality import round_field
from skinlens.translation import marked

FIELD_NOTE = marked(
    "This image shows a round field on black; the black and the rim of the field were cut off before it was assessed."
)


def without_black(image: LesionImage) -> LesionImage | None:
    """Return the middle of an image's round field, with all its pixels.

    Args:
        image: As decoded; of a reduced copy, the rest is decoded where it shows a round field.

    Returns:
        The image with a note; None if it has no round field on black, or one of too few pixels.

    Raises:
        ImageRejectedError: If decoding all pixels of a reduced copy is over the budget.
    """
    place = round_field(image.pixels)
    if place is not None and image.full_size is not None:
        image = in_full(image)
        place = round_field(image.pixels)
    if place is None:
        return None
    rows, columns = place
    middle = np.ascontiguousarray(image.pixels[rows, columns])
    if min(middle.shape[:2]) < MIN_SHORT_SIDE:
        return None
    middle.setflags(write=False)
    return replace(image, pixels=middle, notes=(*image.notes, FIELD_NOTE))


def as_assessed(image: LesionImage, notes: tuple[str, ...]) -> LesionImage:
    """Return an image that was decoded again as it was assessed: cut if the notes of its result say so.

    Args:
        image: As decoded.
        notes: That were kept with its result.
    """
    return (without_black(image) if FIELD_NOTE in notes else None) or image
