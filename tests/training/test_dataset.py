"""Images: the same pixels as at run time, decoded once, outlines beside them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from PIL import Image

from skinlens.imaging.decode import decode, decode_trusted
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.preprocess import Preprocessing, to_input
from skinlens.training import dataset
from skinlens.training.dataset import DecodedRows, ScoringImages, TrainingImages
from skinlens.training.segmentation import UNKNOWN
from skinlens.training.transforms.background import BlurBackground, RemoveLesion, ReplaceBackground
from skinlens.training.transforms.intensity import ColourJitter
from skinlens.training.transforms.sample import Compose
from skinlens.training.transforms.spatial import Affine, Crop, HorizontalFlip, Resize

BYTES = 64 * 72 * 3


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Any]) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("images")
    files = [draw(folder / f"{n}.png", malignant=n % 2, seed=n, height=64, width=72) for n in range(4)]
    files.append(draw(folder / "large.png", malignant=True, seed=9, height=300, width=200))
    return pd.DataFrame({"file": [str(file) for file in files], "malignant": [0, 1, 0, 1, 1]})


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Names of the files that were decoded, in order."""
    names = []

    def counting(path: Any) -> Any:
        names.append(path.name)
        return decode_trusted(path)

    monkeypatch.setattr(dataset, "decode_trusted", counting)
    return names


@pytest.mark.parametrize("size", [64, 96, 224])
def test_scoring_images_are_the_run_times_pixels(rows: pd.DataFrame, size: int) -> None:
    preprocessing = Preprocessing(size=size)
    images = ScoringImages(DecodedRows(rows), preprocessing)
    assert len(images) == 5
    for index, file in enumerate(rows["file"]):
        with open(file, "rb") as stream:  # noqa: PTH123 - as an upload arrives
            expected = to_input(decode(stream.read()).pixels, preprocessing)
        assert images[index].dtype == torch.uint8
        assert np.array_equal(images[index].numpy(), expected)


def test_a_scored_image_may_be_written_to_without_harm(rows: pd.DataFrame) -> None:
    images = ScoringImages(DecodedRows(rows), Preprocessing(size=64))
    first = images[0].clone()
    images[0].zero_()
    assert torch.equal(images[0], first)


def test_what_fits_the_budget_is_decoded_once(rows: pd.DataFrame, decoded: list[Any]) -> None:
    kept = DecodedRows(rows, budget_bytes=2 * BYTES + 100)
    first = [kept.pixels(index) for index in range(5)]
    second = [kept.pixels(index) for index in range(5)]
    names = ["0.png", "1.png", "2.png", "3.png", "large.png"]
    assert decoded == names + names[2:]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_image_too_large_for_what_is_left_does_not_bar_a_smaller_one(rows: pd.DataFrame, decoded: list[Any]) -> None:
    kept = DecodedRows(rows, budget_bytes=2 * BYTES)
    for index in (0, 4, 1, 0, 4, 1):
        kept.pixels(index)
    assert decoded == ["0.png", "large.png", "1.png", "large.png"]


def test_no_budget_keeps_nothing(rows: pd.DataFrame, decoded: list[Any]) -> None:
    none = DecodedRows(rows, budget_bytes=0)
    none.warm()
    assert decoded == []
    none.pixels(0)
    none.pixels(0)
    assert decoded == ["0.png", "0.png"]


def test_warming_decodes_everything_that_fits(rows: pd.DataFrame, decoded: list[Any]) -> None:
    kept = DecodedRows(rows)
    kept.warm()
    assert len(decoded) == 5
    for index in range(5):
        kept.pixels(index)
    assert len(decoded) == 5


def test_an_image_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    broken = DecodedRows(pd.DataFrame({"file": [str(tmp_path / "broken.png")], "malignant": [0]}))
    with pytest.raises(ImageRejectedError, match=r"broken\.png"):
        broken.pixels(0)


def evenly(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    return np.full(len(rows), 1 / len(rows))


def training_images(rows: pd.DataFrame, *transforms: Any, seed: int = 0, outlines: bool = False) -> TrainingImages:
    decoded = DecodedRows(rows, outlines=True)
    return TrainingImages(decoded, evenly(rows), Compose([*transforms, Resize(side=64)]), seed=seed, outlines=outlines)


def test_a_training_image_depends_on_seed_and_draw_alone(rows: pd.DataFrame) -> None:
    def image(seed: Any, draw: Any) -> Any:
        transforms = HorizontalFlip(), Crop(area=0.5), ReplaceBackground(share=0.5), ColourJitter(brightness=0.3)
        return training_images(rows, *transforms, seed=seed)[draw][0]

    first = image(0, (2, 1, 0))
    torch.rand(7)
    np.random.default_rng().random()
    assert torch.equal(image(0, (2, 1, 0)), first)
    for seed, draw in ((1, (2, 1, 0)), (0, (1, 1, 0)), (0, (2, 1, 1)), (0, (2, 3, 0))):
        assert not torch.equal(image(seed, draw), first)


def test_an_image_without_its_lesion_is_of_no_dataset(rows: pd.DataFrame) -> None:
    numbers = np.arange(len(rows)) + 3
    for share, flat, expected in ((0.0, 0.0, numbers), (1.0, 0.5, np.full(len(rows), -1))):
        transforms = Compose([RemoveLesion(share=share, flat=flat), Resize(side=64)])
        images = TrainingImages(DecodedRows(rows, outlines=True), evenly(rows), transforms, seed=0, datasets=numbers)
        given = [images[0, row][2] for row in range(len(rows))]
        assert [number.item() for number in given] == list(expected)
        assert {number.dtype for number in given} == {torch.int64}


def test_a_training_image_without_transforms_is_the_scored_one_with_its_label(rows: pd.DataFrame) -> None:
    images, scored = training_images(rows), ScoringImages(DecodedRows(rows), Preprocessing(size=64))
    for index, expected in enumerate(rows["malignant"]):
        image, label = images[0, index]
        assert (label.item(), label.dtype) == (expected, torch.int64)
        assert torch.equal(image, scored[index])
        assert image.is_contiguous()


def test_a_training_image_may_be_written_to_without_harm(rows: pd.DataFrame) -> None:
    images = training_images(rows)
    before = images[0, 0][0].clone()
    images[0, 0][0].zero_()
    assert torch.equal(images[0, 0][0], before)


@pytest.fixture(scope="module")
def white_lesions(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Ten images, white on the lesion and black elsewhere; those of benign ones and of one malignant are traced."""
    folder = tmp_path_factory.mktemp("lesions")
    lesion = np.zeros((64, 72), np.bool_)
    lesion[20:40, 30:60] = True
    Image.fromarray(lesion).save(folder / "mask.png")
    listed = []
    for number in range(10):
        Image.fromarray(np.repeat(255 * lesion[..., None].astype(np.uint8), 3, axis=2)).save(folder / f"{number}.png")
        traced = number % 2 == 0 or number == 1
        listed.append((str(folder / f"{number}.png"), number % 2, str(folder / "mask.png") if traced else None))
    return pd.DataFrame(listed, columns=["file", "malignant", "outline_file"])


def test_a_traced_outline_comes_with_its_image(white_lesions: pd.DataFrame) -> None:
    images = training_images(white_lesions, HorizontalFlip(), Affine(degrees=180.0), Crop(area=0.6), outlines=True)
    for row in (0, 1, 2):
        image, _, outline = images[0, row]
        assert set(outline.unique().tolist()) == {0, 1}
        assert ((image[..., 0] > 127) != (outline == 1)).float().mean() < 0.03
    assert (images[0, 3][2] == int(UNKNOWN)).all()


def test_an_image_without_its_lesion_has_the_soft_label_and_no_outline(white_lesions: pd.DataFrame) -> None:
    images = training_images(white_lesions, RemoveLesion(share=0.5), outlines=True)
    removed = 0
    for repeat in range(10):
        for row in range(10):
            image, label, outline = images[0, row, repeat]
            assert label.dtype == torch.float32
            if label.item() == 0.5:
                removed += 1
                assert image.max() < 128
                assert (outline == int(UNKNOWN)).all()
            else:
                assert label.item() == row % 2
                assert image.max() > 250
    # Binomial, n = 100, p = 0.5: five standard deviations are 25.
    assert 25 < removed < 75


def test_what_happens_to_a_row_does_not_depend_on_the_row(white_lesions: pd.DataFrame) -> None:
    """Not only as often: with the same state of the generator every row has the same choice and the same donor."""
    images = training_images(white_lesions, BlurBackground(share=0.3))
    for seed in range(40):
        samples = [images.sample(row, np.random.default_rng(seed)) for row in range(10)]
        assert len({(one.choice, one.donor.pixels.args) for one in samples}) == 1


def test_the_cut_does_not_depend_on_the_label(white_lesions: pd.DataFrame) -> None:
    """Images cut along a traced outline, counted: a fifth of either label, and never one that has none."""
    images = training_images(white_lesions)
    labels = white_lesions["malignant"].to_numpy()

    def is_cut(row: Any, seed: Any) -> Any:
        sample = images.sample(row, np.random.default_rng([seed, row]))
        return sample.outline is sample.traced

    cut = np.array([[is_cut(row, seed) for row in range(10)] for seed in range(300)])
    for label in (0, 1):
        # Only the benign rows are left to chance: n = 1500, p = 0.2, and 0.04 is almost four standard deviations.
        assert cut[:, labels == label].mean() == pytest.approx(0.2, abs=0.04)
    assert not cut[:, [3, 5, 7, 9]].any()


def test_donors_are_drawn_as_they_weigh_whatever_their_label(white_lesions: pd.DataFrame) -> None:
    weights = np.arange(10) / 45
    images = TrainingImages(DecodedRows(white_lesions), weights, Compose([]), seed=0)
    drawn = [images.sample(0, np.random.default_rng(seed)).donor.pixels.args[0] for seed in range(1000)]
    donors = np.bincount(drawn, minlength=10) / 1000
    np.testing.assert_allclose(donors, weights, atol=0.06)
    assert donors[0] == 0


def test_skins_that_are_kept_are_those_that_are_made_anew(white_lesions: pd.DataFrame) -> None:
    kept, anew = (DecodedRows(white_lesions, outlines=True, skins=skins) for skins in (True, False))
    kept.warm()
    for row in range(len(white_lesions)):
        first = kept.skin(row)
        assert kept.skin(row) is first
        np.testing.assert_array_equal(first, anew.skin(row))


@pytest.fixture(scope="module")
def outlined(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Any]) -> pd.DataFrame:
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


def test_outlines_lie_on_their_images(outlined: pd.DataFrame) -> None:
    kept = DecodedRows(outlined, outlines=True, side=100)
    assert kept.outline(1) is None
    for index in (0, 2):
        outline, pixels = kept.outline(index), kept.pixels(index)
        assert outline.shape == pixels.shape[:2]
        assert outline[: len(outline) // 2].all()  # type: ignore[arg-type]
        assert not outline[len(outline) // 2 :].any()  # type: ignore[arg-type]


def test_outlines_are_read_once_and_only_where_they_are_wanted(
    outlined: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_missing_outline_is_named(outlined: pd.DataFrame) -> None:
    broken = outlined.assign(outline_file="nowhere_mask.png")
    with pytest.raises(ImageRejectedError, match=r"nowhere_mask\.png"):
        DecodedRows(broken, outlines=True).outline(0)


def test_a_large_image_is_kept_small_and_in_shape(outlined: pd.DataFrame, decoded: list[Any]) -> None:
    kept = DecodedRows(outlined, budget_bytes=2 * BYTES + 150 * 100 * 3, side=100)
    kept.warm()
    kept.warm()
    assert len(decoded) == 3
    assert kept.pixels(2).shape == (150, 100, 3)
    assert not kept.pixels(2).flags.writeable
    assert kept.pixels(0).shape == (64, 72, 3)
    whole = DecodedRows(outlined).pixels(2)
    np.testing.assert_allclose(kept.pixels(2).mean(axis=(0, 1)), whole.mean(axis=(0, 1)), atol=1)
