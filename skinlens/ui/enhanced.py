"""Images changed to be easier to read: hair removed, colour corrected. The model never sees them."""

from dataclasses import dataclass
from typing import Literal, get_args

from skinlens.imaging.colour import shades_of_grey
from skinlens.imaging.hair import remove_hair
from skinlens.imaging.image import Pixels
from skinlens.translation import gettext as _
from skinlens.translation import number

Enhancement = Literal["hair removed", "colour corrected"]
ENHANCEMENTS: tuple[Enhancement, ...] = get_args(Enhancement)


@dataclass(frozen=True, eq=False)
class Enhanced:
    """An image changed for viewing.

    Attributes:
        pixels: RGB uint8, of the shape of the original.
        sentence: What was changed, how much of it is made up, and that the score is not about it.
    """

    pixels: Pixels
    sentence: str


def enhancement_title(how: Enhancement) -> str:
    """Return what was changed, in two words."""
    return _("Hair removed") if how == "hair removed" else _("Colour corrected")


def enhance(pixels: Pixels, how: Enhancement) -> Enhanced:
    """Change an image for viewing; the original is left alone.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        how: `hair removed` fills in dark hair; `colour corrected` removes a colour cast (shades of grey).
    """
    for_viewing = _("For viewing only: the model assessed the original.")
    if how == "hair removed":
        shaved = remove_hair(pixels)
        if not shaved.mask.any():
            return Enhanced(shaved.pixels, _("No dark hair was found.") + f" {for_viewing}")
        share = _("Hair was removed: {share} of the image is filled in.").format(share=number(shaved.share, ".1%"))
        return Enhanced(shaved.pixels, f"{share} {for_viewing}")
    sentence = _("Colours are shown as under white light, so that skin looks paler.")
    return Enhanced(shades_of_grey(pixels), f"{sentence} {for_viewing}")
