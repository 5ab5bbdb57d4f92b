"""Background transforms: the border cannot decide, and nothing shows whether there was an outline."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

from skinlens.imaging.blanking import DILATION, FEATHER, central_ellipse
from skinlens.imaging.outlines import grow
from skinlens.imaging.synthetic import draw_pixels
from skinlens.training.transforms.background import (
    BlurBackground,
    EraseRectangle,
    FillBackground,
    RemoveLesion,
    ReplaceBackground,
    outline_shares,
)
from skinlens.training.transforms.sample import Compose, Donor, Sample

HEIGHT, WIDTH = 64, 80
FAR = DILATION + 4 * FEATHER
EVERY = (ReplaceBackground, BlurBackground, FillBackground, RemoveLesion)


def small_lesion() -> npt.NDArray[np.bool_]:
    y, x = np.ogrid[0:HEIGHT, 0:WIDTH]
    return (y - 30) ** 2 + (x - 44) ** 2 <= 11**2


def drawn(seed: int = 2, *, traced: bool = True, donor: int = 5, pixels: npt.NDArray[np.uint8] | None = None) -> Sample:
    pixels = draw_pixels(seed, height=HEIGHT, width=WIDTH) if pixels is None else pixels
    other = draw_pixels(donor, height=90, width=70)
    outline = small_lesion() if traced else central_ellipse(HEIGHT, WIDTH)
    given_donor = Donor(pixels=lambda: other, skin=lambda: other)
    return Sample(pixels, outline, outline if traced else None, label=1.0, donor=given_donor)


def generator(seed: int = 0) -> Generator:
    return np.random.default_rng(seed)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 200), rarity=st.floats(0.05, 1.0))
def test_an_outline_is_used_equally_often_for_both_labels(seed: int, rows: Any, rarity: Any) -> None:
    drawn_rows = np.random.default_rng(seed)
    malignant = np.arange(rows) % 2
    has = drawn_rows.random(rows) < np.where(malignant, rarity, 0.9)
    weights = drawn_rows.uniform(0.1, 1, rows)
    shares = outline_shares(has, malignant, weights)
    assert ((shares >= 0) & (shares <= 1 + 1e-12)).all()
    assert (shares[~has] == 0).all()
    used = [np.average(shares[malignant == label], weights=weights[malignant == label]) for label in (0, 1)]
    assert used[0] == pytest.approx(used[1])
    # As large as possible: the label with fewer outlines uses all of them.
    assert not has.any() or shares.max() == pytest.approx(1.0) or min(used) == 0


def test_where_one_label_has_no_outline_none_is_used() -> None:
    shares = outline_shares([True, True, False, False], [0, 0, 1, 1], np.full(4, 0.25))
    np.testing.assert_array_equal(shares, 0)


@settings(max_examples=200, deadline=None)
@given(choice=st.floats(0, 1, exclude_max=True))
def test_at_most_one_is_applied_whichever_the_choice(choice: Any) -> None:
    """The choice alone decides, so that every row meets the same fate."""
    shares = (0.3, 0.2, 0.1, 0.15)
    sample = Sample(*drawn_small(), choice=choice, donor=Donor(*[lambda: np.full((8, 8, 3), 7, np.uint8)] * 2))
    compose = Compose([transform(share=share) for transform, share in zip(EVERY, shares, strict=True)])
    states, current = [], sample
    for transform in compose.transforms:
        following = transform(current, generator())
        states.append(following.pixels is not current.pixels)
        current = following
    bounds = np.cumsum(shares)
    expected = int(np.searchsorted(bounds, choice, side="right"))
    assert sum(states) == (expected < 4)
    # At a bound itself, rounding may give the choice to either neighbour.
    if np.abs(bounds - choice).min() > 1e-9 and expected < 4:
        assert states[expected]


def drawn_small() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    outline = np.zeros((16, 16), np.bool_)
    outline[6:10, 6:10] = True
    return np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8), outline


@pytest.mark.parametrize("transform", [ReplaceBackground(), FillBackground()], ids=lambda one: one.name)
@pytest.mark.parametrize("traced", [True, False])
def test_nothing_of_the_border_is_left(transform: FillBackground | ReplaceBackground, traced: bool) -> None:
    """Two images that differ only around the lesion become the same one; the lesion stays as it was."""
    sample = drawn(traced=traced)
    changed = transform(sample, generator()).pixels
    np.testing.assert_array_equal(changed[sample.outline], sample.pixels[sample.outline])
    far = ~grow(sample.outline, FAR)
    assert far.any()
    other = sample.pixels.copy()
    other[far] = 255 - other[far]
    again = transform(drawn(traced=traced, pixels=other), generator()).pixels
    np.testing.assert_array_equal(again, changed)
    assert (changed[far] != sample.pixels[far]).any()


def test_a_filled_background_has_one_colour_that_comes_from_another_image() -> None:
    colours = set()
    for donor in range(8):
        changed = FillBackground()(drawn(donor=donor), generator()).pixels
        around = np.unique(changed[~grow(small_lesion(), FAR)], axis=0)
        assert len(around) == 1
        colours.add(tuple(around[0]))
    assert len(colours) > 2


def test_a_blurred_background_keeps_its_colour_and_loses_its_detail() -> None:
    sample = drawn()
    changed = BlurBackground()(sample, generator()).pixels
    far = ~grow(sample.outline, FAR)
    before, after = (one[far].astype(float) for one in (sample.pixels, changed))
    np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=8)
    roughness = [np.abs(np.diff(one.astype(float), axis=1)).mean() for one in (sample.pixels, changed)]
    assert roughness[1] < 0.8 * roughness[0]
    np.testing.assert_array_equal(changed[sample.outline], sample.pixels[sample.outline])


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("flat", [0.0, 1.0], ids=["filled in", "painted over"])
def test_a_removed_lesion_leaves_nothing_of_itself(traced: bool, flat: float) -> None:
    """Two images that differ in the lesion alone become the same one, with a soft label and no traced outline."""
    transform, sample = RemoveLesion(flat=flat), drawn(traced=traced)
    changed = transform(sample, generator())
    assert (changed.label, changed.traced) == (0.5, None)
    other = sample.pixels.copy()
    other[sample.outline] = 255 - other[sample.outline]
    again = transform(drawn(traced=traced, pixels=other), generator())
    np.testing.assert_array_equal(again.pixels, changed.pixels)
    outside = ~grow(sample.outline, DILATION)
    np.testing.assert_array_equal(changed.pixels[outside], sample.pixels[outside])
    assert (flat == 1) == (len(np.unique(changed.pixels[sample.outline], axis=0)) == 1)


def test_a_lesion_that_was_cut_along_the_ellipse_is_removed_with_its_traced_outline() -> None:
    sample = drawn()
    wide = Sample(sample.pixels, central_ellipse(HEIGHT, WIDTH), sample.traced, label=0.0)
    filled = RemoveLesion()(wide, generator()).pixels
    painted = RemoveLesion(flat=1.0)(wide, generator()).pixels
    np.testing.assert_array_equal(filled, RemoveLesion()(sample, generator()).pixels)
    assert len(np.unique(painted[wide.outline], axis=0)) == 1


def test_a_skin_that_is_kept_is_used() -> None:
    kept = np.full((HEIGHT, WIDTH, 3), 99, np.uint8)
    sample = Sample(drawn().pixels, small_lesion(), skin=lambda: kept)
    assert RemoveLesion()(sample, generator()).pixels is kept


def test_lesions_are_removed_in_both_ways() -> None:
    """One colour on the lesion, or more: a quarter, n = 100."""
    flat = [RemoveLesion(flat=0.25)(drawn(), generator(seed)).pixels for seed in range(100)]
    one_colour = [len(np.unique(one[small_lesion()], axis=0)) == 1 for one in flat]
    # Five standard deviations of a binomial are 0.22.
    assert np.mean(one_colour) == pytest.approx(0.25, abs=0.22)


@pytest.mark.parametrize("transform", [ReplaceBackground(), BlurBackground(), FillBackground()], ids=lambda t: t.name)
def test_only_a_removed_lesion_gets_a_soft_label(
    transform: BlurBackground | FillBackground | ReplaceBackground,
) -> None:
    changed = transform(drawn(), generator())
    assert changed.label == 1.0
    np.testing.assert_array_equal(changed.traced, small_lesion())


@pytest.mark.parametrize("transform", [ReplaceBackground(), FillBackground()], ids=lambda one: one.name)
def test_a_sample_without_a_donor_is_an_error(transform: FillBackground | ReplaceBackground) -> None:
    with pytest.raises(ValueError, match="has no donor"):
        transform(Sample(drawn().pixels, small_lesion()), generator())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_an_erased_rectangle_has_one_colour_and_never_covers_the_lesion(seed: int) -> None:
    sample = drawn()
    changed = (EraseRectangle()(sample, generator(seed)).pixels != sample.pixels).any(axis=2)
    assert not (changed & sample.outline).any()
    assert len(np.unique(EraseRectangle()(sample, generator(seed)).pixels[changed], axis=0)) <= 1
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if len(rows):
        assert (np.ptp(rows) + 1) * (np.ptp(columns) + 1) <= 0.27 * changed.size


def test_a_share_of_rectangles_is_a_share(applied: Callable[..., Any]) -> None:
    sample = drawn()
    changed = [one is not sample for one in applied(EraseRectangle(share=0.3), sample, 200)]
    # Binomial, n = 200, p = 0.3: six standard deviations are 0.19.
    assert abs(np.mean(changed) - 0.3) < 0.19
