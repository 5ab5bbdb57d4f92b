"""The older table: which transforms it stands for, and torchvision's draws for the tables of the first models.

That the pixels are those of before is held by test_golden_augmentation.py.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from pydantic import ValidationError

from skinlens.imaging.blanking import central_ellipse
from skinlens.training.transforms.background import RemoveLesion, ReplaceBackground
from skinlens.training.transforms.flat_table import FlatTable
from skinlens.training.transforms.intensity import GaussianBlur, JpegCompression
from skinlens.training.transforms.sample import Compose, Sample
from skinlens.training.transforms.spatial import Affine, Crop, HorizontalFlip, Resize

# torchvision means to move its JPEG coder to another package; its versions are pinned.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")

ALL = FlatTable(
    flip=True,
    flip_vertical=True,
    quarter_turns=True,
    shift=0.1,
    crop_area=0.6,
    aspect=1.25,
    brightness=0.15,
    contrast=0.15,
    saturation=0.15,
    hue=0.02,
    jpeg=50,
    jpeg_share=1.0,
    blur=1.2,
    blur_share=1.0,
    vignette_share=1.0,
)


def sample(height: int = 48, width: int = 48) -> Sample:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    pixels.setflags(write=False)
    return Sample(pixels, central_ellipse(height, width))


def made(table: FlatTable, given: Sample, seed: int = 0, side: int = 48) -> npt.NDArray[np.uint8]:
    compose = Compose([one.at(side) for one in table.transforms()])
    return compose(given, np.random.default_rng(seed)).pixels


def test_a_table_stands_for_its_transforms_in_their_order() -> None:
    table = FlatTable(
        engine="opencv",
        jpeg=40,
        jpeg_share=0.6,
        withhold_share=0.2,
        withhold_flat=0.5,
        swap_share=0.3,
        flip=True,
        rotation=180.0,
        crop_area=0.5,
        blur=1.5,
        blur_share=0.2,
    )
    assert table.transforms() == (
        ReplaceBackground(share=0.3),
        RemoveLesion(share=0.2, flat=0.5),
        HorizontalFlip(),
        Affine(degrees=180.0),
        Crop(area=0.5),
        Resize(),
        GaussianBlur(sigma=1.5, share=0.2),
        JpegCompression(lowest=40, share=0.6),
    )


@pytest.mark.parametrize("engine", ["torchvision", "opencv"])
@pytest.mark.parametrize(
    "entries", [{}, {"jpeg": 30}, {"blur": 2.0}, {"blur_share": 1.0}], ids=lambda entries: "+".join(entries) or "none"
)
def test_a_strength_without_its_share_changes_nothing(engine: Any, entries: Any) -> None:
    given = sample()
    for seed in range(4):
        np.testing.assert_array_equal(made(FlatTable(engine=engine, **entries), given, seed), given.pixels)


@pytest.mark.parametrize(
    "entries", [{"noise": 9.0}, {"noise_share": 1.0}, {"resolution": 0.3}, {"resolution_share": 1.0}], ids=str
)
def test_neither_does_a_share_without_its_strength(entries: Any) -> None:
    given = sample()
    np.testing.assert_array_equal(made(FlatTable(engine="opencv", **entries), given), given.pixels)


def test_entries_of_the_other_engine_are_named() -> None:
    with pytest.raises(ValidationError, match='needs engine = "opencv" for cast, noise'):
        FlatTable(cast=0.1, noise=2.0)


@pytest.mark.parametrize("shape", [(90, 120), (120, 90), (64, 300), (37, 41)])
@pytest.mark.parametrize("table", [FlatTable(), ALL], ids=["none", "all"])
def test_any_image_becomes_a_square_of_bytes(shape: tuple[int, int], table: FlatTable) -> None:
    pixels = made(table, sample(*shape), 5, side=64)
    assert (pixels.shape, pixels.dtype) == ((64, 64, 3), np.uint8)


def test_the_seed_alone_decides_torchvisions_pixels() -> None:
    given = sample()
    first = made(ALL, given, 3)
    state = torch.random.get_rng_state()
    np.testing.assert_array_equal(made(ALL, given, 3), first)
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        np.testing.assert_array_equal(made(ALL, given, 3), first)
    assert (made(ALL, given, 4) != first).any()


def test_torchvisions_quarter_turns_and_flips_only_permute() -> None:
    given = sample()
    kinds = {made(FlatTable(flip=True, quarter_turns=True), given, seed).tobytes() for seed in range(60)}
    turned = [np.rot90(one, k) for one in (given.pixels, given.pixels[:, ::-1]) for k in range(4)]
    assert kinds == {np.ascontiguousarray(one).tobytes() for one in turned}


def test_torchvisions_vignette_darkens_corners_and_never_brightens() -> None:
    white = Sample(np.full((96, 96, 3), 255, np.uint8), central_ellipse(96, 96))
    shaded = [made(FlatTable(vignette_share=1.0), white, seed, side=96) for seed in range(30)]
    assert min(one[40:56, 40:56].min() for one in shaded) >= 245
    darkest = [one[[0, 0, -1, -1], [0, -1, 0, -1]].min() for one in shaded]
    assert max(darkest) < 250
    assert min(darkest) < 60


@pytest.mark.parametrize("entries", [{"jpeg": 30, "jpeg_share": 0.3}, {"vignette_share": 0.3}], ids=str)
def test_torchvisions_shares_are_shares(entries: Any) -> None:
    given = sample()
    touched = [(made(FlatTable(**entries), given, seed) != given.pixels).any() for seed in range(200)]
    # Binomial, n = 200, p = 0.3: six standard deviations are 0.19.
    assert abs(np.mean(touched) - 0.3) < 0.19


def test_a_table_without_a_side_says_so() -> None:
    with pytest.raises(ValueError, match="has no side"):
        ALL.transforms()[0](sample(), np.random.default_rng(0))
