"""The transforms that a recipe can list, by name."""

from typing import Annotated

from pydantic import Field

from skinlens.training.transforms.background import (
    BlurBackground,
    EraseRectangle,
    FillBackground,
    RemoveLesion,
    ReplaceBackground,
)
from skinlens.training.transforms.intensity import (
    ColourJitter,
    Downsample,
    GaussianBlur,
    GaussianNoise,
    JpegCompression,
    RoundField,
    ShadesOfGrey,
    Vignette,
)
from skinlens.training.transforms.spatial import Affine, Crop, HorizontalFlip, QuarterTurn, Resize, VerticalFlip

# Adding a transform is one class in its module and one entry here.
ListedTransform = Annotated[
    ReplaceBackground
    | BlurBackground
    | FillBackground
    | RemoveLesion
    | EraseRectangle
    | HorizontalFlip
    | VerticalFlip
    | QuarterTurn
    | Affine
    | Crop
    | Resize
    | ShadesOfGrey
    | ColourJitter
    | Vignette
    | RoundField
    | GaussianBlur
    | Downsample
    | GaussianNoise
    | JpegCompression,
    Field(discriminator="name"),
]
