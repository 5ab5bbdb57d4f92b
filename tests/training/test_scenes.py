"""Training images by way of scenes: each depends on its draw alone, and brings its outline if that is known."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from skinlens.training.dataset import DecodedRows
from skinlens.training.recipe import Augmentation
from skinlens.training.scenes import TrainingScenes
from skinlens.training.segmentation import UNKNOWN

EVERYTHING = Augmentation(
    engine="opencv", flip=True, rotation=90.0, crop_area=0.6, swap_share=0.5, erase_share=0.5, cast=0.1, jpeg_share=0.5
)  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Four images, white on the lesion and black elsewhere; the last has no outline."""
    folder = tmp_path_factory.mktemp("scenes")
    lesion = np.zeros((64, 72), np.bool_)
    lesion[20:40, 30:60] = True
    Image.fromarray(lesion).save(folder / "mask.png")
    for number in range(4):
        Image.fromarray(np.repeat(255 * lesion[..., None].astype(np.uint8), 3, axis=2)).save(folder / f"{number}.png")
    return pd.DataFrame(
        {
            "file": [str(folder / f"{number}.png") for number in range(4)],
            "malignant": [0, 1, 0, 1],
            "outline_file": [str(folder / "mask.png")] * 3 + [None],
        }
    )


def scenes(rows, recipe=EVERYTHING, *, seed=0, outlines=True):
    kept = DecodedRows(rows, outlines=True)
    return TrainingScenes(kept, np.full(4, 0.25), recipe, size=48, seed=seed, outlines=outlines)


def test_an_image_depends_on_seed_and_draw_alone(rows):
    first = scenes(rows)[2, 1, 0]
    np.random.default_rng().random()
    torch.rand(7)
    assert all(torch.equal(one, other) for one, other in zip(scenes(rows)[2, 1, 0], first, strict=True))
    for seed, draw in ((1, (2, 1, 0)), (0, (1, 1, 0)), (0, (2, 1, 1)), (0, (2, 2, 0))):
        assert not torch.equal(scenes(rows, seed=seed)[draw][0], first[0])


def test_an_image_lies_as_scored_ones_do_and_carries_its_label(rows):
    for row in range(4):
        image, label = scenes(rows, outlines=False)[0, row]
        assert (image.shape, image.dtype) == ((48, 48, 3), torch.uint8)
        assert image.is_contiguous()
        assert (label.item(), label.dtype) == (row % 2, torch.int64)


def test_an_outline_comes_with_its_image(rows):
    geometry = Augmentation(engine="opencv", flip=True, flip_vertical=True, rotation=180.0, crop_area=0.6)
    for row in range(3):
        image, _, outline = scenes(rows, geometry)[0, row]
        assert set(outline.unique().tolist()) == {0, 1}
        assert ((image[..., 0] > 127) != (outline == 1)).float().mean() < 0.03
    assert (scenes(rows, geometry)[0, 3][2] == int(UNKNOWN)).all()


def test_an_image_without_its_lesion_is_even_odds_and_has_no_outline(rows):
    given = scenes(rows, Augmentation(engine="opencv", withhold_share=0.5))
    withheld = 0
    for repeat in range(20):
        for row in range(4):
            image, label, outline = given[0, row, repeat]
            assert label.dtype == torch.float32
            if label.item() == 0.5:
                withheld += 1
                assert image.max() < 128
                assert (outline == int(UNKNOWN)).all()
            else:
                assert label.item() == row % 2
                assert image.max() > 250
    # Binomial, n = 80 (in truth fewer, since rows share the generator's draw): 0.2 to 0.8 is beyond six deviations.
    assert 16 < withheld < 64


def test_what_is_given_out_may_be_written_to_without_harm(rows):
    plain = scenes(rows, Augmentation(engine="opencv"))
    plain.size = 64
    before = plain[0, 0][0].clone()
    plain[0, 0][0].zero_()
    assert torch.equal(plain[0, 0][0], before)
