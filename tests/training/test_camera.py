"""Light, lens and file: each step alone does what its entry says, and the lesion is never painted over."""

import numpy as np
import pytest

from skinlens.training.camera import photographed
from skinlens.training.recipe import Augmentation

ALWAYS = {
    "shades_of_grey_share": 1.0,
    "erase_share": 1.0,
    "vignette_share": 1.0,
    "circle_share": 1.0,
    "cast": 0.1,
    "brightness": 0.2,
    "contrast": 0.2,
    "saturation": 0.2,
    "hue": 0.05,
    "blur": 1.5,
    "blur_share": 1.0,
    "resolution": 0.3,
    "resolution_share": 1.0,
    "noise": 8.0,
    "noise_share": 1.0,
    "jpeg": 40,
    "jpeg_share": 1.0,
}


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(20, 236, (64, 72, 3), np.uint8)


@pytest.fixture
def outline():
    marked = np.zeros((64, 72), np.bool_)
    marked[20:44, 24:50] = True
    return marked


def shots(pixels, outline, count=24, **entries):
    recipe = Augmentation(engine="opencv", **entries)
    return [photographed(pixels, outline, recipe, np.random.default_rng(seed)) for seed in range(count)]


def test_nothing_happens_unless_it_is_asked_for(pixels, outline):
    assert all(shot is pixels for shot in shots(pixels, outline, 3))


@pytest.mark.parametrize("entries", [{"blur_share": 1.0}, {"noise_share": 1.0}, {"resolution_share": 1.0}])
def test_a_share_without_a_strength_changes_nothing(pixels, outline, entries):
    assert all(shot is pixels for shot in shots(pixels, outline, 3, **entries))


@pytest.mark.parametrize("entries", [{"blur": 2.0}, {"noise": 9.0}, {"resolution": 0.3}, {"jpeg": 30}])
def test_a_strength_without_its_share_changes_nothing(pixels, outline, entries):
    assert all(shot is pixels for shot in shots(pixels, outline, 3, **entries))


def test_all_at_once_is_repeatable_and_leaves_the_image_as_it_was(pixels, outline):
    before = pixels.copy()
    pixels.setflags(write=False)
    first, again = (shots(pixels, outline, 3, **ALWAYS) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.shape == pixels.shape
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, other)
    assert (first[0] != first[1]).any()
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(
    "entries",
    [
        {"erase_share": 0.3},
        {"circle_share": 0.3},
        {"vignette_share": 0.3},
        {"shades_of_grey_share": 0.3},
        {"noise": 9.0, "noise_share": 0.3},
        {"blur": 2.0, "blur_share": 0.3},
        {"resolution": 0.3, "resolution_share": 0.3},
        {"jpeg": 30, "jpeg_share": 0.3},
    ],
    ids=lambda entries: next(iter(entries)),
)
def test_a_share_is_a_share(pixels, outline, entries):
    touched = [shot is not pixels for shot in shots(pixels, outline, 200, **entries)]
    # Binomial, n = 200, p = 0.3: six standard deviations are 0.19.
    assert abs(np.mean(touched) - 0.3) < 0.19


def test_what_is_erased_has_one_colour_and_never_lies_on_the_lesion(pixels, outline):
    areas = []
    for shot in shots(pixels, outline, 40, erase_share=1.0):
        changed = (shot != pixels).any(axis=2)
        assert not (changed & outline).any()
        assert len(np.unique(shot[changed], axis=0)) <= 1
        areas.append(changed.mean())
    assert max(areas) > 0.1


def test_a_cast_weighs_channels(outline):
    flat = np.full((64, 72, 3), 100, np.uint8)
    gains = np.array([shot[0, 0] / 100 for shot in shots(flat, outline, 60, cast=0.2)])
    assert ((gains > 0.79) & (gains < 1.21)).all()
    assert gains.std(axis=0).min() > 0.07
    assert np.abs(np.corrcoef(gains.T)[np.triu_indices(3, 1)]).max() < 0.5


@pytest.mark.parametrize("entries", [{"saturation": 0.5}, {"hue": 0.3}])
def test_saturation_and_hue_leave_grey_alone_and_change_colours(pixels, outline, entries):
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    assert all(np.abs(shot.astype(int) - grey).max() <= 1 for shot in shots(grey, outline, 8, **entries))
    assert all((shot != pixels).any() for shot in shots(pixels, outline, 8, **entries))


def test_a_third_of_a_hue_turn_moves_red_towards_green_or_blue(outline):
    red = np.zeros((64, 72, 3), np.uint8)
    red[..., 0] = 120
    turned = np.array([shot[0, 0] for shot in shots(red, outline, 60, hue=1 / 3)])
    assert turned[:, 1].max() > 100
    assert turned[:, 2].max() > 100


def test_contrast_keeps_the_mean_lightness(pixels, outline):
    luma = np.array((0.299, 0.587, 0.114))
    calm = pixels // 3 + 80
    found = shots(calm, outline, 12, contrast=0.4)
    assert all(abs((shot @ luma).mean() - (calm @ luma).mean()) < 0.6 for shot in found)
    spreads = [shot.std() for shot in found]
    assert max(spreads) > 1.2 * min(spreads)


def test_a_round_field_is_black_outside_and_changes_nothing_within():
    white = np.full((96, 128, 3), 250, np.uint8)
    seen = np.zeros((96, 128), np.bool_)
    for shot in shots(white, seen, 30, circle_share=1.0):
        corners = shot[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert corners.min() < 25
        assert shot[40:56, 56:72].min() == 250
        assert (shot[..., 0] == shot[..., 2]).all()


def test_a_vignette_darkens_softly(outline):
    white = np.full((96, 128, 3), 250, np.uint8)
    darkest = []
    for shot in shots(white, outline, 30, vignette_share=1.0):
        assert shot[40:56, 56:72].min() >= 240
        assert np.abs(np.diff(shot[48, :, 0].astype(int))).max() < 60
        darkest.append(shot.min())
    assert min(darkest) < 100


def roughness(pixels):
    return np.abs(np.diff(pixels.astype(float), axis=1)).mean()


def test_lost_resolution_and_blur_smooth(pixels, outline):
    coarse = [roughness(shot) for shot in shots(pixels, outline, resolution=0.2, resolution_share=1.0)]
    soft = [roughness(shot) for shot in shots(pixels, outline, blur=2.0, blur_share=1.0)]
    for found in (coarse, soft):
        assert max(found) <= roughness(pixels) + 1e-9
        assert min(found) < 0.35 * roughness(pixels)


def test_noise_has_the_mean_zero_and_at_most_its_sigma(outline):
    flat = np.full((64, 72, 3), 128, np.uint8)
    off = [shot.astype(float) - 128 for shot in shots(flat, outline, 30, noise=10.0, noise_share=1.0)]
    spreads = [one.std() for one in off]
    assert max(abs(one.mean()) for one in off) < 0.5
    assert 7 < max(spreads) < 10.5
    assert min(spreads) < 4


def test_jpeg_keeps_colours_where_they_are(outline):
    red = np.zeros((64, 72, 3), np.uint8)
    red[..., 0] = 200
    for shot in shots(red, outline, 6, jpeg=30, jpeg_share=1.0):
        assert np.abs(shot.astype(int) - red).max() < 8
