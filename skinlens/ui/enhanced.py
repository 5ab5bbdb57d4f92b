"""Ways of looking at an image that make it easier to read; none of them is what the model judged."""

from dataclasses import dataclass
from typing import Literal, get_args

from skinlens.imaging.colour import shades_of_grey
from skinlens.imaging.hair import remove_hair
from skinlens.imaging.image import Pixels

Retouch = Literal["hair removed", "colour cast removed"]
RETOUCHES: tuple[Retouch, ...] = get_args(Retouch)
_NOT_JUDGED = "For viewing only: the model judged the original."


@dataclass(frozen=True, eq=False)
class Retouched:
    """An image changed for viewing.

    Attributes:
        pixels: RGB uint8, of the shape of the original.
        sentence: What was changed, how much of it is made up, and that the score is not about it.
    """

    pixels: Pixels
    sentence: str


def retouched(pixels: Pixels, how: Retouch) -> Retouched:
    """Change an image for viewing.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        how: What to take out of it.
    """
    if how == "hair removed":
        shaved = remove_hair(pixels)
        found = f"{shaved.share:.1%} of the image is filled in" if shaved.mask.any() else "no dark hair was found"
        return Retouched(shaved.pixels, f"Hair: {found}. {_NOT_JUDGED}")
    return Retouched(
        shades_of_grey(pixels), f"As if under white light (shades of grey); skin comes out paler. {_NOT_JUDGED}"
    )
