"""The largest diameter of a lesion in millimetres: an estimate, by the scale of the file or of a ruler in the image."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import dist
from typing import Any, Final, Literal, get_args

from skinlens.imaging.image import LesionImage
from skinlens.imaging.quality import lesion_diameter
from skinlens.translation import marked, sentence
from skinlens.triage.decision import Decision

Source = Literal["pixel spacing", "ruler"]
_SENTENCES: Final[Mapping[Source, str]] = {
    "pixel spacing": marked(
        "Largest diameter of the lesion: about {n} mm, by the pixel spacing of the file and an estimated outline"
    ),
    "ruler": marked(
        "Largest diameter of the lesion: about {n} mm, by two points that the reader chose and an estimated outline"
    ),
}
# Pixels between the two points of a ruler: a reader misses each by one or two.
LEAST_APART: Final = 20.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Diameter:
    """The largest diameter of a lesion.

    Attributes:
        millimetres: Between the two points of the estimated outline that are furthest apart.
        source: What the scale comes from.
        pixel: Width of a pixel of the image on the skin, in millimetres.
    """

    millimetres: float
    source: Source
    pixel: float

    @property
    def sentence(self) -> str:
        """The diameter in words."""
        return sentence(_SENTENCES[self.source], n=f"{self.millimetres:.1f}")


def diameter_of(image: LesionImage, ruler: float | None = None) -> Diameter | None:
    """Estimate the largest diameter of the lesion in an image.

    Args:
        image: As decoded; a reduced copy is enough.
        ruler: Width of a pixel in millimetres by two points that a person chose, from `pixel_width`; the file's own
            statement counts before it.

    Returns:
        None without a scale, without a lesion, and where the lesion reaches the frame.
    """
    source: Source = "ruler" if image.millimetres is None else "pixel spacing"
    pixel = ruler if image.millimetres is None else image.millimetres
    if pixel is None:
        return None
    # A pixel of a reduced copy is as wide as several of the image itself.
    wider = max(image.width, image.height) / max(image.pixels.shape[:2])
    measured = lesion_diameter(image.pixels, pixel * wider)
    return None if measured is None else Diameter(measured, source, pixel)


def assessed_diameter(image: LesionImage, decision: Decision, ruler: float | None = None) -> Diameter | None:
    """Return `diameter_of` an image, and none for a rejected one, whose outline may be of no lesion."""
    return None if decision == "rejected" else diameter_of(image, ruler)


def pixel_width(first: Point, second: Point, millimetres: float) -> float | None:
    """Return the width of a pixel in millimetres by two points a known distance apart.

    Args:
        first: Column and row, in pixels of the image.
        second: Likewise.
        millimetres: Between them on the skin, above 0.

    Returns:
        None if the points are less than `LEAST_APART` pixels apart.

    >>> pixel_width((10, 20), (310, 420), 10)
    0.02
    >>> pixel_width((10, 20), (12, 20), 10) is None
    True
    """
    apart = dist(first, second)
    return None if apart < LEAST_APART else millimetres / apart


def diameter_document(diameter: Diameter | None) -> dict[str, Any] | None:
    """Return a diameter as JSON holds it."""
    if diameter is None:
        return None
    return {"millimetres": diameter.millimetres, "source": diameter.source, "pixel": diameter.pixel}


def diameter_from(document: Mapping[str, Any] | None) -> Diameter | None:
    """Return the diameter of a document from `diameter_document`.

    Raises:
        ValueError: If its source is not known.
    """
    if document is None:
        return None
    source = document["source"]
    if source not in get_args(Source):
        raise ValueError(f"{source!r} is no source of a scale")
    return Diameter(float(document["millimetres"]), source, float(document["pixel"]))
