"""Drawn lesions that the default model takes for dermoscopy, for tests that judge them as they would photographs.

A drawing is no photograph: the model rejects about half of them. Which ones depends on its weights;
`test_drawn.py` says when a new model needs other seeds.
"""

from functools import cache

import cv2
import numpy as np

from skinlens.imaging.image import Pixels
from skinlens.imaging.synthetic import draw_pixels

HEIGHT, WIDTH = 240, 320
# Seeds of drawings of that size, by whether they look malignant; the model gives the plain ones low scores.
FAMILIAR = {
    False: (134, 275, 349, 86, 222, 132, 36, 28),
    True: (14, 40, 47, 55, 27, 5, 28, 12, 64, 32, 46),
}


def familiar_pixels(number: int, *, height: int = HEIGHT, width: int = WIDTH, malignant_look: bool = False) -> Pixels:
    """Draw a lesion, RGB uint8 `(height, width, 3)`: another one for every number up to the number of `FAMILIAR` seeds.

    The model squashes what it is given, so that it knows a drawing again at any aspect, but not one much smaller than
    its own input of 224 pixels.
    """
    seeds = FAMILIAR[malignant_look]
    drawn = _drawn(seeds[number % len(seeds)], malignant_look)
    if (height, width) == (HEIGHT, WIDTH):
        return drawn.copy()
    return np.asarray(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _drawn(seed: int, malignant_look: bool) -> Pixels:
    return draw_pixels(seed, height=HEIGHT, width=WIDTH, malignant_look=malignant_look)
