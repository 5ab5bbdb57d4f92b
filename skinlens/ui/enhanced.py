"""Images changed to be easier to read: hair removed, colour corrected. The model never sees them."""

from dataclasses import dataclass
from typing import Literal, get_args

from skinlens.imaging.colour import shades_of_grey
from skinlens.imaging.hair import remove_hair
from skinlens.imaging.image import Pixels

Enhancement = Literal["hair removed", "colour corrected"]
ENHANCEMENTS: tuple[Enhancement, ...] = get_args(Enhancement)
_FOR_VIEWING = "For viewing only: the model assessed the original."


@dataclass(frozen=True, eq=False)
class Enhanced:
    """An image changed for viewing.

    Attributes:
        pixels: RGB uint8, of the shape of the original.
        sentence: What was changed, how much of it is made up, and that the score is not about it.
    """

    pixels: Pixels
    sentence: str


def enhance(pixels: Pixels, how: Enhancement) -> Enhanced:
    """Change an image for viewing; the original is left alone.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        how: `hair removed` fills in dark hair; `colour corrected` removes a colour cast (shades of grey).
    """
    if how == "hair removed":
        shaved = remove_hair(pixels)
        if not shaved.mask.any():
            return Enhanced(shaved.pixels, f"No dark hair was found. {_FOR_VIEWING}")
        return Enhanced(
            shaved.pixels, f"Hair was removed: {shaved.share:.1%} of the image is filled in. {_FOR_VIEWING}"
        )
    return Enhanced(
        shades_of_grey(pixels), f"Colours are shown as under white light, so that skin looks paler. {_FOR_VIEWING}"
    )
