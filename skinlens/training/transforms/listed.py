"""The transforms that a recipe can list, by name."""

from typing import Annotated

from pydantic import Field

from skinlens.training.transforms import background, intensity, spatial

# Adding a transform is one class in its module and one entry here.
ListedTransform = Annotated[
    background.ReplaceBackground
    | background.BlurBackground
    | background.FillBackground
    | background.RemoveLesion
    | background.EraseRectangle
    | spatial.HorizontalFlip
    | spatial.VerticalFlip
    | spatial.QuarterTurn
    | spatial.Affine
    | spatial.Crop
    | spatial.Resize
    | intensity.ShadesOfGrey
    | intensity.ColourJitter
    | intensity.Vignette
    | intensity.RoundField
    | intensity.GaussianBlur
    | intensity.Downsample
    | intensity.GaussianNoise
    | intensity.JpegCompression,
    Field(discriminator="name"),
]
