"""The `[augmentation]` table of recipes written before recipes listed transforms, and the transforms it stands for.

Released models, recorded runs and `weights/evaluation/selected.json` hold tables of this form. They are read for good
and give the pixels that they gave; new recipes list `transforms` instead.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor
from torchvision.transforms import v2

from skinlens.training.entries import Entries, later
from skinlens.training.transforms import background, intensity, spatial
from skinlens.training.transforms.sample import Sample, Share, Side, Transform

_OPENCV_ONLY = (
    "rotation", "squash", "crop_to_lesion_share", "swap_share", "background_blur_share", "background_erase_share",
    "withhold_share", "withhold_flat", "erase_share", "shades_of_grey_share", "cast", "resolution", "resolution_share",
    "noise", "noise_share", "circle_share",
)  # fmt: skip


class FlatTable(Entries):
    """The `[augmentation]` table of a recipe; every entry is off unless it is given.

    Attributes:
        flip: Horizontal flips, half of the time.
        flip_vertical: Vertical flips, half of the time.
        quarter_turns: Turns by 0, 90, 180 or 270 degrees.
        shift: Largest shift along each axis, as a share of the side.
        crop_area: Smallest area of the random resized crop, as a share of the image.
        aspect: Largest aspect of the crop (1.25: between 4:5 and 5:4).
        brightness: Largest relative change.
        contrast: Largest relative change.
        saturation: Largest relative change.
        hue: Largest turn of the hue, as a share of the circle.
        jpeg: Lowest JPEG quality of a recompression; its highest is 95.
        jpeg_share: Share of images that are recompressed.
        blur: Largest sigma of a Gaussian blur, in pixels.
        blur_share: Share of images that are blurred.
        vignette_share: Share of images that get dark corners.
        engine: `torchvision`, or `opencv`, which draws from NumPy and alone has the entries below. An entry means the
            same in both; the pixels of a draw differ.
        rotation: Largest turn in degrees, the border mirrored.
        squash: Largest relative stretch of one side against the other, beside `aspect`. Half of the crops are then
            true to the image's pixels and half to its frame, as when a whole image is squashed to a square.
        crop_to_lesion_share: Share of images cropped round the lesion instead of at random.
        swap_share: Share of images whose lesion is laid onto the skin of another image, of whatever label.
        background_blur_share: Share of images blurred around the lesion.
        background_erase_share: Share of images of one colour around the lesion.
        withhold_share: Share of images whose lesion is removed and whose label becomes the soft label 0.5.
        withhold_flat: Share of those whose lesion is painted over in one colour instead.
        erase_share: Share of images with a rectangle painted over, though not on the lesion.
        shades_of_grey_share: Share of images whose light is made neutral by shades of grey.
        cast: Largest relative change of a colour channel.
        resolution: Smallest side to which an image is shrunk and brought back, as a share of its side.
        resolution_share: Share of images that lose resolution.
        noise: Largest sigma of Gaussian noise, of 255.
        noise_share: Share of images that get noise.
        circle_share: Share of images that get a black round field of view.
    """

    flip: bool = False
    flip_vertical: bool = False
    quarter_turns: bool = False
    shift: Share = 0.0
    crop_area: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    aspect: Annotated[float, Field(ge=1.0, le=3.0)] = 1.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    jpeg: Annotated[int, Field(ge=1, le=95)] = 95
    jpeg_share: Share = 0.0
    blur: Annotated[float, Field(ge=0.0)] = 0.0
    blur_share: Share = 0.0
    vignette_share: Share = 0.0
    engine: Literal["torchvision", "opencv"] = later("torchvision")
    rotation: Annotated[float, Field(ge=0.0, le=180.0)] = later(0.0)
    squash: Share = later(0.0)
    crop_to_lesion_share: Share = later(0.0)
    swap_share: Share = later(0.0)
    background_blur_share: Share = later(0.0)
    background_erase_share: Share = later(0.0)
    withhold_share: Share = later(0.0)
    withhold_flat: Share = later(0.0)
    erase_share: Share = later(0.0)
    shades_of_grey_share: Share = later(0.0)
    cast: Annotated[float, Field(ge=0.0, lt=1.0)] = later(0.0)
    resolution: Share = later(0.0)
    resolution_share: Share = later(0.0)
    noise: Annotated[float, Field(ge=0.0, le=64.0)] = later(0.0)
    noise_share: Share = later(0.0)
    circle_share: Share = later(0.0)

    @model_validator(mode="after")
    def _known_to_its_engine(self) -> Self:
        given = [name for name in _OPENCV_ONLY if getattr(self, name)]
        if given and self.engine != "opencv":
            raise ValueError(f'needs engine = "opencv" for {", ".join(given)}')
        if self.withhold_flat and not self.withhold_share:
            raise ValueError("withhold_flat is a share of the images whose lesion withhold_share removes, which is 0")
        altered = (self.swap_share, self.background_blur_share, self.background_erase_share, self.withhold_share)
        if sum(altered) > 1:
            raise ValueError(
                "swap_share, background_blur_share, background_erase_share and withhold_share together exceed 1"
            )
        return self

    def transforms(self) -> tuple[Transform, ...]:
        """Return the transforms that the table stands for, in the order in which they were always applied."""
        return (TorchvisionTable(table=self),) if self.engine == "torchvision" else tuple(_listed(self))


def _listed(table: FlatTable) -> Iterator[Transform]:
    """Yield a transform for each entry of a table of the engine `opencv` that is on."""
    colours = {name: getattr(table, name) for name in ("brightness", "contrast", "saturation", "hue", "cast")}
    crop = {"area": table.crop_area, "aspect": table.aspect, "squash": table.squash}
    entries: tuple[tuple[object, type[Transform], dict[str, object]], ...] = (
        (table.swap_share, background.ReplaceBackground, {"share": table.swap_share}),
        (table.background_blur_share, background.BlurBackground, {"share": table.background_blur_share}),
        (table.background_erase_share, background.FillBackground, {"share": table.background_erase_share}),
        (table.withhold_share, background.RemoveLesion, {"share": table.withhold_share, "flat": table.withhold_flat}),
        (table.flip, spatial.HorizontalFlip, {}),
        (table.flip_vertical, spatial.VerticalFlip, {}),
        (table.quarter_turns, spatial.QuarterTurn, {}),
        (table.rotation or table.shift, spatial.Affine, {"degrees": table.rotation, "shift": table.shift}),
        (True, spatial.Crop, {**crop, "lesion_share": table.crop_to_lesion_share}),
        (True, spatial.Resize, {}),
        (table.shades_of_grey_share, intensity.ShadesOfGrey, {"share": table.shades_of_grey_share}),
        (table.erase_share, background.EraseRectangle, {"share": table.erase_share}),
        (any(colours.values()), intensity.ColourJitter, colours),
        (table.vignette_share, intensity.Vignette, {"share": table.vignette_share}),
        (table.circle_share, intensity.RoundField, {"share": table.circle_share}),
        (table.blur and table.blur_share, intensity.GaussianBlur, {"sigma": table.blur, "share": table.blur_share}),
        (
            table.resolution and table.resolution_share,
            intensity.Downsample,
            {"smallest": table.resolution, "share": table.resolution_share},
        ),
        (
            table.noise and table.noise_share,
            intensity.GaussianNoise,
            {"sigma": table.noise, "share": table.noise_share},
        ),
        (table.jpeg_share, intensity.JpegCompression, {"lowest": table.jpeg, "share": table.jpeg_share}),
    )
    for is_on, transform, parameters in entries:
        if is_on:
            yield transform.model_validate(parameters)


class TorchvisionTable(Transform):
    """A table of the engine `torchvision`, applied by torchvision with torch's own draws.

    The paper-protocol models were trained like this. Other transforms would follow the same distributions, but not give
    the same pixels, so that their recipes could no longer reproduce them. No recipe can list it.

    Attributes:
        table: The entries.
        side: Height and width of the result in pixels.
    """

    table: FlatTable
    side: Side | None = None

    def at(self, side: int) -> Self:
        """Return the transform for training images of this side."""
        return type(self)(table=self.table, side=side)

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the sample with other pixels, `(side, side, 3)`; its outline is not moved and must not be used.

        torch is seeded from the seed of the generator, whatever has been drawn from that, and its own global state is
        left as it was.
        """
        # A copy, since pixels that are kept are read-only and torch wants to own its memory.
        image = torch.from_numpy(sample.pixels.copy()).permute(2, 0, 1)
        seed = int(generator.bit_generator.seed_seq.generate_state(1)[0])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            changed: Tensor = self._steps(image)
        return replace(sample, pixels=changed.permute(1, 2, 0).contiguous().numpy())

    @cached_property
    def _steps(self) -> v2.Compose:
        table, side = self.table, self.side
        if side is None:
            raise ValueError("the transform has no side: take it from Recipe.compose")
        steps: list[torch.nn.Module] = []
        if table.flip:
            steps.append(v2.RandomHorizontalFlip())
        if table.flip_vertical:
            steps.append(v2.RandomVerticalFlip())
        if table.quarter_turns:
            steps.append(_QuarterTurn())
        if table.shift:
            steps.append(v2.RandomAffine(degrees=0, translate=(table.shift, table.shift)))
        steps.append(_torchvision_crop(table, side))
        if table.vignette_share:
            steps.append(v2.RandomApply([_Vignette()], p=table.vignette_share))
        if table.brightness or table.contrast or table.saturation or table.hue:
            steps.append(v2.ColorJitter(table.brightness, table.contrast, table.saturation, table.hue))
        if table.blur_share and table.blur:
            steps.append(v2.RandomApply([v2.GaussianBlur(7, (0.1, table.blur))], p=table.blur_share))
        if table.jpeg_share:
            steps.append(v2.RandomApply([v2.JPEG((table.jpeg, 95))], p=table.jpeg_share))
        return v2.Compose(steps)


def _torchvision_crop(table: FlatTable, side: int) -> torch.nn.Module:
    if table.crop_area == 1.0 and table.aspect == 1.0:
        return v2.Resize((side, side), antialias=True)
    ratio = (1 / table.aspect, table.aspect)
    return v2.RandomResizedCrop(side, scale=(table.crop_area, 1.0), ratio=ratio, antialias=True)


class _QuarterTurn(torch.nn.Module):
    """Turn an image `(..., H, W)` by a random multiple of 90 degrees."""

    def forward(self, image: Tensor) -> Tensor:
        turns = int(torch.randint(4, ()).item())
        return torch.rot90(image, turns, dims=(-2, -1))


class _Vignette(torch.nn.Module):
    """Darken everything outside a random circle, softly, in uint8 `(3, H, W)`."""

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        centre_y, centre_x = (0.1 * (torch.rand(2) - 0.5)).tolist()
        radius = 0.95 + 0.4 * torch.rand(()).item()
        softness = 0.02 + 0.2 * torch.rand(()).item()
        floor = 0.5 * torch.rand(()).item()
        y = torch.linspace(-1, 1, height)[:, None] - centre_y
        x = torch.linspace(-1, 1, width)[None, :] - centre_x
        light = torch.sigmoid((radius - torch.hypot(y, x)) / softness)
        return (image * (floor + (1 - floor) * light)).to(torch.uint8)
