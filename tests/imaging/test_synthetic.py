"""The drawn lesion: the same by seed, labelled as drawn, and with what a dermoscopic image has."""

import cv2
import numpy as np
import pytest

from skinlens.imaging.decode import decode
from skinlens.imaging.image import Pixels
from skinlens.imaging.synthetic import draw_lesion, draw_pixels, encode_png

SEEDS = range(6)
both_looks = pytest.mark.parametrize("malignant_look", [False, True])


def lesion_mask(pixels: Pixels) -> np.ndarray:
    """Where the middle of the image is darker than Otsu's threshold, hairs and dark corners left out."""
    grey = cv2.medianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), 21)
    _, dark = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    count, labels, sizes, _ = cv2.connectedComponentsWithStats(dark)
    height, width = grey.shape
    rim = {int(labels[y, x]) for y in (0, height - 1) for x in (0, width - 1)} | {0}
    return labels == max(set(range(count)) - rim, key=lambda label: sizes[label, cv2.CC_STAT_AREA])


def roughness(mask: np.ndarray) -> float:
    """Perimeter squared over area, 1 for a disc."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    return float(cv2.arcLength(contour, True) ** 2 / (4 * np.pi * cv2.contourArea(contour)))  # noqa: FBT003


@both_looks
def test_the_same_seed_draws_the_same_image_and_another_another(malignant_look: bool) -> None:
    first = draw_pixels(7, height=200, width=300, malignant_look=malignant_look)
    np.testing.assert_array_equal(first, draw_pixels(7, height=200, width=300, malignant_look=malignant_look))
    assert np.abs(first.astype(int) - draw_pixels(8, height=200, width=300, malignant_look=malignant_look)).mean() > 3


def test_drawing_leaves_numpys_global_generator_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draw_pixels(1, height=64, width=64)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@both_looks
@pytest.mark.parametrize(("height", "width"), [(64, 64), (224, 224), (65, 301), (480, 640), (900, 600)])
def test_any_size_can_be_drawn(height: int, width: int, malignant_look: bool) -> None:
    pixels = draw_pixels(3, height=height, width=width, malignant_look=malignant_look)
    assert pixels.shape == (height, width, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize(("height", "width"), [(63, 200), (200, 0)])
def test_a_size_that_would_be_rejected_is_not_drawn(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"at least 64, not {height} and {width}"):
        draw_pixels(1, height=height, width=width)


def test_a_drawn_lesion_is_labelled_as_such() -> None:
    image = draw_lesion(7, height=100, width=120)
    assert image.synthetic
    assert image.name == "synthetic-example-7"
    assert image.notes == ()
    assert not image.pixels.flags.writeable


@both_looks
def test_a_drawn_lesion_is_what_decoding_its_file_gives(malignant_look: bool) -> None:
    drawn = draw_lesion(11, height=120, width=160, malignant_look=malignant_look)
    decoded = decode(encode_png(drawn.pixels))
    np.testing.assert_array_equal(decoded.pixels, drawn.pixels)
    assert decoded.sha256 == drawn.sha256


@both_looks
@pytest.mark.parametrize("seed", SEEDS)
def test_there_is_one_dark_brownish_lesion_in_the_middle_of_skin(seed: int, malignant_look: bool) -> None:
    pixels = draw_pixels(seed, malignant_look=malignant_look)
    mask = lesion_mask(pixels)
    height, width = mask.shape
    assert 0.04 < mask.mean() < 0.5
    y, x = np.nonzero(mask)
    assert abs(x.mean() / width - 0.5) < 0.15
    assert abs(y.mean() / height - 0.5) < 0.15
    lesion, skin = np.median(pixels[mask], axis=0), np.median(pixels[~mask], axis=0)
    assert (lesion < skin - 20).all()
    assert lesion[0] > lesion[2]
    assert skin[0] > skin[1] > skin[2]


@pytest.mark.slow
def test_a_malignant_look_has_a_rougher_border_and_more_colours() -> None:
    rough = {look: [] for look in (False, True)}
    colours = {look: [] for look in (False, True)}
    for seed in SEEDS:
        for look in (False, True):
            pixels = draw_pixels(seed, malignant_look=look)
            mask = lesion_mask(pixels)
            lab = cv2.cvtColor(cv2.GaussianBlur(pixels, (0, 0), 5), cv2.COLOR_RGB2LAB)[mask]
            rough[look].append(roughness(mask))
            colours[look].append(lab.std(axis=0).sum())
    assert np.median(rough[True]) > 1.3 * np.median(rough[False])
    assert min(colours[True]) > max(colours[False])


def test_images_have_grain_like_a_sensor_and_no_flat_area() -> None:
    pixels = draw_pixels(5).astype(np.float32)
    grain = pixels - cv2.GaussianBlur(pixels, (0, 0), 2)
    assert 0.8 < np.median(np.abs(grain[100:380, 200:440])) < 6
