"""The lesion's diameter under Details: only where the file states the size of a pixel."""

import cv2
import numpy as np
import pytest

from skinlens.imaging.image import LesionImage
from skinlens.ui.triage.details import _diameter


@pytest.mark.parametrize(("millimetres", "said"), [(0.03, "about 6."), (None, "")])
def test_a_diameter_needs_a_scale(millimetres: float | None, said: str) -> None:
    skin = np.full((480, 640, 3), (222, 180, 160), np.uint8)
    pixels = np.asarray(cv2.circle(skin, (320, 240), 102, (90, 50, 40), -1), np.uint8)
    lines = _diameter(LesionImage(pixels=pixels, sha256="0" * 64, name="a.dcm", millimetres=millimetres))
    assert len(lines) == (1 if said else 0)
    assert all(said in line for line in lines)
