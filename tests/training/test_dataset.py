"""Images: the same pixels as at run time, decoded once, outlines beside them."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from skinlens.imaging.decode import decode, decode_trusted
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.preprocess import Preprocessing, to_input
from skinlens.training import dataset
from skinlens.training.augment import build_augmentation
from skinlens.training.dataset import DecodedRows, ScoringImages, TrainingImages
from skinlens.training.recipe import Augmentation

BYTES = 64 * 72 * 3


@pytest.fixture(scope="module")
def rows(tmp_path_factory, draw):
    folder = tmp_path_factory.mktemp("images")
    files = [draw(folder / f"{n}.png", malignant=n % 2, seed=n, height=64, width=72) for n in range(4)]
    files.append(draw(folder / "large.png", malignant=True, seed=9, height=300, width=200))
    return pd.DataFrame({"file": [str(file) for file in files], "malignant": [0, 1, 0, 1, 1]})


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that were decoded, in order."""
    names = []

    def counting(path):
        names.append(path.name)
        return decode_trusted(path)

    monkeypatch.setattr(dataset, "decode_trusted", counting)
    return names


@pytest.mark.parametrize("size", [64, 96, 224])
def test_scoring_images_are_the_run_times_pixels(rows, size):
    preprocessing = Preprocessing(size=size)
    images = ScoringImages(DecodedRows(rows), preprocessing)
    assert len(images) == 5
    for index, file in enumerate(rows["file"]):
        with open(file, "rb") as stream:  # noqa: PTH123 - as an upload arrives
            expected = to_input(decode(stream.read()).pixels, preprocessing)
        assert images[index].dtype == torch.uint8
        assert np.array_equal(images[index].numpy(), expected)


def test_a_scored_image_may_be_written_to_without_harm(rows):
    images = ScoringImages(DecodedRows(rows), Preprocessing(size=64))
    first = images[0].clone()
    images[0].zero_()
    assert torch.equal(images[0], first)


def test_what_fits_the_budget_is_decoded_once(rows, decoded):
    kept = DecodedRows(rows, budget_bytes=2 * BYTES + 100)
    first = [kept.pixels(index) for index in range(5)]
    second = [kept.pixels(index) for index in range(5)]
    names = ["0.png", "1.png", "2.png", "3.png", "large.png"]
    assert decoded == names + names[2:]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_image_too_large_for_what_is_left_does_not_bar_a_smaller_one(rows, decoded):
    kept = DecodedRows(rows, budget_bytes=2 * BYTES)
    for index in (0, 4, 1, 0, 4, 1):
        kept.pixels(index)
    assert decoded == ["0.png", "large.png", "1.png", "large.png"]


def test_no_budget_keeps_nothing(rows, decoded):
    none = DecodedRows(rows, budget_bytes=0)
    none.warm()
    assert decoded == []
    none.pixels(0)
    none.pixels(0)
    assert decoded == ["0.png", "0.png"]


def test_warming_decodes_everything_that_fits(rows, decoded):
    kept = DecodedRows(rows)
    kept.warm()
    assert len(decoded) == 5
    for index in range(5):
        kept.pixels(index)
    assert len(decoded) == 5


def test_an_image_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    broken = DecodedRows(pd.DataFrame({"file": [str(tmp_path / "broken.png")], "malignant": [0]}))
    with pytest.raises(ImageRejectedError, match=r"broken\.png"):
        broken.pixels(0)


def test_a_training_image_depends_on_seed_epoch_and_row_alone(rows):
    augmentation = build_augmentation(Augmentation(flip=True, crop_area=0.5, brightness=0.3), 64)

    def image(seed, draw):
        return TrainingImages(DecodedRows(rows), augmentation, seed)[draw][0]

    first = image(0, (2, 1))
    torch.rand(7)
    assert torch.equal(image(0, (2, 1)), first)
    for seed, draw in ((1, (2, 1)), (0, (1, 1)), (0, (2, 3))):
        assert not torch.equal(image(seed, draw), first)


def test_a_training_image_carries_its_label_and_lies_as_scored_ones_do(rows):
    kept = DecodedRows(rows)
    images = TrainingImages(kept, build_augmentation(Augmentation(), 64), 0)
    scored = ScoringImages(kept, Preprocessing(size=64))
    for index, label in enumerate(rows["malignant"]):
        image, found = images[0, index]
        assert found == label
        assert image.shape == scored[index].shape == (64, 64, 3)
        assert image.dtype == torch.uint8
        assert image.is_contiguous()
        # The two resize with different libraries, so that only the colour can be compared.
        assert abs(image.float().mean() - scored[index].float().mean()) < 1


@pytest.fixture(scope="module")
def outlined(tmp_path_factory, draw):
    """An image with an outline, one without, and a large one whose outline is a pixel wider."""
    folder = tmp_path_factory.mktemp("outlined")
    files = [draw(folder / f"{n}.png", malignant=False, seed=n) for n in range(2)]
    files.append(draw(folder / "large.png", malignant=True, seed=9, height=300, width=200))
    for name, (height, width) in {"0": (64, 72), "large": (300, 201)}.items():
        mask = np.zeros((height, width), np.bool_)
        mask[: height // 2] = True
        Image.fromarray(mask).save(folder / f"{name}_mask.png")
    masks = [str(folder / "0_mask.png"), None, str(folder / "large_mask.png")]
    return pd.DataFrame({"file": [str(file) for file in files], "malignant": [0, 0, 1], "outline_file": masks})


def test_outlines_lie_on_their_images(outlined):
    kept = DecodedRows(outlined, outlines=True, side=100)
    assert kept.outline(1) is None
    for index in (0, 2):
        outline, pixels = kept.outline(index), kept.pixels(index)
        assert outline.shape == pixels.shape[:2]
        assert outline[: len(outline) // 2].all()
        assert not outline[len(outline) // 2 :].any()


def test_outlines_are_read_once_and_only_where_they_are_wanted(outlined, monkeypatch):
    read = []
    plain = dataset.read_outline
    monkeypatch.setattr(dataset, "read_outline", lambda path, **size: read.append(path.name) or plain(path, **size))
    kept = DecodedRows(outlined, outlines=True)
    kept.warm()
    kept.outline(0)
    assert read == ["0_mask.png", "large_mask.png"]
    unwanted = DecodedRows(outlined)
    unwanted.warm()
    assert unwanted.outline(0) is None
    assert len(read) == 2


def test_a_missing_outline_is_named(outlined):
    broken = outlined.assign(outline_file="nowhere_mask.png")
    with pytest.raises(ImageRejectedError, match=r"nowhere_mask\.png"):
        DecodedRows(broken, outlines=True).outline(0)


def test_a_large_image_is_kept_small_and_in_shape(outlined, decoded):
    kept = DecodedRows(outlined, budget_bytes=2 * BYTES + 150 * 100 * 3, side=100)
    kept.warm()
    kept.warm()
    assert len(decoded) == 3
    assert kept.pixels(2).shape == (150, 100, 3)
    assert not kept.pixels(2).flags.writeable
    assert kept.pixels(0).shape == (64, 72, 3)
    whole = DecodedRows(outlined).pixels(2)
    np.testing.assert_allclose(kept.pixels(2).mean(axis=(0, 1)), whole.mean(axis=(0, 1)), atol=1)
