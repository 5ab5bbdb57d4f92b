"""A case holds its image with all pixels."""

import pytest

from skinlens.imaging.decode import decode, in_full
from skinlens.imaging.synthetic import draw_pixels, encode_png
from tests.made_up_cases import build_record


def test_a_reduced_copy_makes_no_case() -> None:
    reduced = decode(encode_png(draw_pixels(1, height=240, width=320)), side=64)
    with pytest.raises(ValueError, match="a case needs all pixels of its image"):
        build_record(image=reduced)
    assert build_record(image=in_full(reduced)).image.pixels.shape == (240, 320, 3)
