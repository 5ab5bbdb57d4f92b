"""Other skin round a lesion: the border cannot decide, and nothing tells whether there was an outline."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinlens.imaging.blanking import DILATION, FEATHER, central_ellipse
from skinlens.imaging.outlines import grow
from skinlens.imaging.synthetic import draw_pixels
from skinlens.training.dataset import DecodedRows
from skinlens.training.recipe import Augmentation
from skinlens.training.surroundings import Surroundings, traced_chances

SHARES = {"swap_share": 0.3, "background_blur_share": 0.2, "background_erase_share": 0.1, "withhold_share": 0.15}
HEIGHT, WIDTH = 64, 80


def small_lesion():
    y, x = np.ogrid[0:HEIGHT, 0:WIDTH]
    return (y - 30) ** 2 + (x - 44) ** 2 <= 11**2


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Ten rows: every benign one has an outline and one of five malignant ones, as in the data that this is for."""
    folder = tmp_path_factory.mktemp("scenes")
    Image.fromarray(small_lesion()).save(folder / "mask.png")
    told = []
    for number in range(10):
        file = folder / f"{number}.png"
        Image.fromarray(draw_pixels(number, height=HEIGHT, width=WIDTH)).save(file)
        traced = number % 2 == 0 or number == 1
        told.append((str(file), number % 2, str(folder / "mask.png") if traced else None))
    return pd.DataFrame(told, columns=["file", "malignant", "outline_file"])


@pytest.fixture(scope="module")
def images(rows):
    return DecodedRows(rows, outlines=True)


def surroundings(images, weights=None, **entries):
    weights = np.full(len(images), 1 / len(images)) if weights is None else weights
    return Surroundings(images, weights, Augmentation(engine="opencv", **entries))


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(4))
def test_an_outline_is_used_equally_often_for_both_labels(seed):
    drawn = np.random.default_rng(seed)
    malignant = drawn.integers(0, 2, 200)
    has = drawn.random(200) < np.where(malignant, 0.4, 0.9)
    weights = drawn.uniform(0.1, 1, 200)
    chances = traced_chances(has, malignant, weights)
    assert ((chances >= 0) & (chances <= 1 + 1e-12)).all()
    assert (chances[~has] == 0).all()
    used = [np.average(chances[malignant == label], weights=weights[malignant == label]) for label in (0, 1)]
    assert used[0] == pytest.approx(used[1])
    # As large as can be: the label with fewer outlines uses all of them.
    assert chances[has & (malignant == 1)] == pytest.approx(1.0)


def test_where_one_label_has_no_outline_none_is_used():
    chances = traced_chances([True, True, False, False], [0, 0, 1, 1], np.full(4, 0.25))
    np.testing.assert_array_equal(chances, 0)


def test_whether_and_how_a_row_is_altered_is_the_same_for_every_row(images):
    """Not only as often: with the same state of the generator, every row has the same fate and the same donor."""
    scenes = surroundings(images, **SHARES)
    fates = []
    for seed in range(300):
        found = {scenes.draw(row, generator(seed))[::2] for row in range(10)}
        assert len(found) == 1
        fates.append(found.pop()[0])
    for name, share in (("swap", 0.3), ("blur", 0.2), ("erase", 0.1), ("withhold", 0.15), (None, 0.25)):
        # Binomial, n = 300: six standard deviations are at most 0.17.
        assert abs(fates.count(name) / 300 - share) < 0.17


def test_the_cut_does_not_tell_the_label(images):
    """Altered images cut along an outline, counted: a fifth of either label, and never one that has none."""
    scenes = surroundings(images, **SHARES)
    used = np.array([[scenes.draw(row, generator([seed, row]))[1] for row in range(10)] for seed in range(400)])
    labels = np.array(images.labels)
    for label in (0, 1):
        # Only the benign rows are left to chance: n = 2000, p = 0.2, and 0.04 is more than four standard deviations.
        assert used[:, labels == label].mean() == pytest.approx(0.2, abs=0.04)
    assert not used[:, [3, 5, 7, 9]].any()


def test_donors_are_drawn_as_they_weigh_whatever_their_label(images):
    weights = np.arange(10) / 45
    scenes = surroundings(images, weights, swap_share=1.0)
    donors = np.bincount([scenes.draw(0, generator(seed))[2] for seed in range(1000)], minlength=10) / 1000
    np.testing.assert_allclose(donors, weights, atol=0.06)
    assert donors[0] == 0


def test_an_unaltered_scene_is_the_row(images):
    scene = surroundings(images).scene(2, generator())
    assert scene.pixels is images.pixels(2)
    np.testing.assert_array_equal(scene.traced, small_lesion())
    without = surroundings(images).scene(3, generator())
    assert without.traced is None
    np.testing.assert_array_equal(without.outline, central_ellipse(HEIGHT, WIDTH))


@pytest.mark.parametrize("entry", ["swap_share", "background_erase_share"])
@pytest.mark.parametrize("row", [1, 3], ids=["traced", "untraced"])
def test_nothing_of_the_border_is_left(images, rows, tmp_path, entry, row):
    """Two images that differ only around the lesion become the same one; the lesion stays as it was."""
    scenes = surroundings(images, **{entry: 1.0})
    scene = scenes.scene(row, generator(5))
    np.testing.assert_array_equal(scene.pixels[scene.outline], images.pixels(row)[scene.outline])
    far = ~grow(scene.outline, DILATION + 4 * FEATHER)
    assert far.any()
    other = images.pixels(row).copy()
    other[far] = 255 - other[far]
    Image.fromarray(other).save(tmp_path / "other.png")
    changed = rows.copy()
    changed.loc[row, "file"] = str(tmp_path / "other.png")
    donor = scenes.draw(row, generator(5))[2]
    assert donor != row
    again = surroundings(DecodedRows(changed, outlines=True), **{entry: 1.0}).scene(row, generator(5))
    np.testing.assert_array_equal(again.pixels, scene.pixels)
    assert (scene.pixels[far] != images.pixels(row)[far]).any()


def test_an_erased_background_has_one_colour_that_comes_from_another_image(images):
    colours = set()
    for seed in range(8):
        scene = surroundings(images, background_erase_share=1.0).scene(3, generator(seed))
        around = np.unique(scene.pixels[~grow(scene.outline, DILATION + 4 * FEATHER)], axis=0)
        assert len(around) == 1
        colours.add(tuple(around[0]))
    assert len(colours) > 2


def test_a_blurred_background_keeps_its_colour_and_loses_its_detail(images):
    scene = surroundings(images, background_blur_share=1.0).scene(2, generator(1))
    far = ~grow(scene.outline, DILATION + 4 * FEATHER)
    before, after = (one[far].astype(float) for one in (images.pixels(2), scene.pixels))
    np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=8)
    rows_differ = [np.abs(np.diff(one.astype(float), axis=1)).mean() for one in (images.pixels(2), scene.pixels)]
    assert rows_differ[1] < 0.8 * rows_differ[0]


@pytest.mark.parametrize("row", [1, 3], ids=["traced", "untraced"])
@pytest.mark.parametrize("flat", [False, True], ids=["filled in", "painted over"])
def test_a_withheld_lesion_leaves_nothing_of_itself(images, rows, tmp_path, row, flat):
    """Two images that differ in the lesion alone become the same one, and no outline of it is taught."""
    shares = {"withhold_share": 1.0, "withhold_flat": float(flat)}
    scene = surroundings(images, **shares).scene(row, generator())
    assert scene.withheld
    assert scene.traced is None
    lesion = small_lesion() if row == 1 else central_ellipse(HEIGHT, WIDTH)
    other = images.pixels(row).copy()
    other[lesion] = 255 - other[lesion]
    Image.fromarray(other).save(tmp_path / "other.png")
    changed = rows.copy()
    changed.loc[row, "file"] = str(tmp_path / "other.png")
    again = surroundings(DecodedRows(changed, outlines=True), **shares).scene(row, generator())
    np.testing.assert_array_equal(again.pixels, scene.pixels)
    assert (scene.pixels[lesion] != images.pixels(row)[lesion]).any()
    # Only what is painted over may be wider than the lesion, by the ellipse that most lesions are cut along.
    outside = ~grow(lesion | central_ellipse(HEIGHT, WIDTH) if flat else lesion, DILATION)
    np.testing.assert_array_equal(scene.pixels[outside], images.pixels(row)[outside])
    assert flat == (len(np.unique(scene.pixels[lesion], axis=0)) == 1)


def test_lesions_are_withheld_in_both_ways(images):
    """One colour on the lesion, or more: a quarter, n = 100."""
    scenes = surroundings(images, withhold_share=1.0, withhold_flat=0.25)
    colours = [len(np.unique(scenes.scene(3, generator(seed)).pixels[small_lesion()], axis=0)) for seed in range(100)]
    # Five standard deviations of a binomial are 0.22.
    assert np.mean(np.array(colours) == 1) == pytest.approx(0.25, abs=0.22)


def test_only_a_withheld_scene_says_so(images):
    for entry in ("swap_share", "background_blur_share", "background_erase_share"):
        assert not surroundings(images, **{entry: 1.0}).scene(1, generator()).withheld


def test_skins_that_are_kept_are_those_that_are_made_anew(rows):
    kept, anew = DecodedRows(rows, outlines=True, skins=True), DecodedRows(rows, outlines=True)
    kept.warm()
    for row in range(len(rows)):
        skin = kept.skin(row)
        assert kept.skin(row) is skin
        assert anew.skin(row) is not skin
        np.testing.assert_array_equal(anew.skin(row), skin)


def test_a_scene_is_repeatable(images):
    scenes = surroundings(images, **SHARES)
    for row in range(10):
        first, again = (scenes.scene(row, generator(row)) for _ in range(2))
        np.testing.assert_array_equal(first.pixels, again.pixels)
        np.testing.assert_array_equal(first.outline, again.outline)
