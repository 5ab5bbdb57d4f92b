"""The lesion's diameter: only with a scale, by the file's own statement before a ruler, and the same from a copy."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from skinlens.imaging.decode import decode_trusted
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.translation import in_language, language
from skinlens.triage.diameter import Diameter, diameter_document, diameter_from, diameter_of, pixel_width


def round_lesion(radius: int = 102) -> Pixels:
    skin = np.full((480, 640, 3), (222, 180, 160), np.uint8)
    return np.asarray(cv2.circle(skin, (320, 240), radius, (90, 50, 40), -1), np.uint8)


def image(pixels: Pixels | None = None, millimetres: float | None = None) -> LesionImage:
    return LesionImage(
        pixels=round_lesion() if pixels is None else pixels, sha256="0" * 64, name="a", millimetres=millimetres
    )


@pytest.mark.parametrize(
    ("stated", "ruler", "expected", "source"),
    [
        (0.03, None, 6.15, "pixel spacing"),
        (None, 0.03, 6.15, "ruler"),
        # What the file states counts before what a person measured.
        (0.03, 0.3, 6.15, "pixel spacing"),
    ],
)
def test_a_diameter_follows_from_a_scale(
    stated: float | None, ruler: float | None, expected: float, source: str
) -> None:
    diameter = diameter_of(image(millimetres=stated), ruler)
    assert diameter is not None
    assert (diameter.source, diameter.pixel) == (source, 0.03)
    assert diameter.millimetres == pytest.approx(expected, abs=0.2)
    assert "estimated outline" in diameter.sentence
    assert diameter_from(diameter_document(diameter)) == diameter


def test_there_is_none_without_a_scale_or_a_lesion_within_the_frame() -> None:
    assert diameter_of(image()) is None
    assert diameter_of(image(round_lesion(400), 0.03)) is None
    assert diameter_from(diameter_document(None)) is None


def test_a_reduced_copy_gives_the_same() -> None:
    whole = image(millimetres=0.03)
    copy = replace(whole, pixels=np.ascontiguousarray(whole.pixels[::2, ::2]), full_size=(640, 480))
    both = diameter_of(whole), diameter_of(copy)
    assert both[0] is not None
    assert both[1] is not None
    assert both[1].millimetres == pytest.approx(both[0].millimetres, abs=0.2)


@pytest.mark.parametrize("distance", [0.1, 10.0])
def test_a_pixel_is_as_wide_as_two_points_say(distance: float) -> None:
    assert pixel_width((10, 10), (310, 410), distance) == pytest.approx(distance / 500)
    assert pixel_width((10, 10), (20, 10), distance) is None


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_exif_and_resolution_alone_give_no_scale(kind: str) -> None:
    """They say how the image is printed, and what the camera would see without a dermatoscope."""
    block = Image.Exif()
    camera = block.get_ifd(0x8769)
    # Subject distance, focal length, and pixels of the sensor to the centimetre.
    camera[0x9206], camera[0x920A], camera[0xA20E], camera[0xA20F], camera[0xA210] = 0.05, 4.2, 8000.0, 8000.0, 3
    stream = io.BytesIO()
    Image.fromarray(round_lesion()).save(stream, kind, exif=block, dpi=(300, 300))
    decoded = decode_trusted(stream.getvalue())
    assert decoded.millimetres is None
    assert diameter_of(decoded) is None


def test_a_document_of_another_source_is_not_read() -> None:
    with pytest.raises(ValueError, match="no source"):
        diameter_from({"millimetres": 5.0, "source": "guess", "pixel": 0.1})


def test_it_is_said_in_the_readers_language() -> None:
    with language("de"):
        assert "6,1 mm" in in_language(Diameter(6.14, "ruler", 0.03).sentence)
