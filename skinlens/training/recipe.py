"""Recipes: everything that decides a training run, in one TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from skinlens.imaging.preprocess import Preprocessing

Share = Annotated[float, Field(ge=0.0, le=1.0)]
FirstEpoch = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=32, le=1024)]


class RecipeError(ValueError):
    """A recipe cannot be used; the message names the file and the entry."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(_Frozen):
    """Which network of the registry, and its options."""

    name: str
    options: dict[str, str | bool | int] = {}


class Augmentation(_Frozen):
    """What may happen to a training picture; every entry is off unless it is given.

    Attributes:
        flip: Horizontal flips, half of the time.
        flip_vertical: Vertical flips, half of the time.
        quarter_turns: Turns by 0, 90, 180 or 270 degrees.
        shift: Largest shift along each axis, as a share of the side.
        crop_area: Smallest area of the random resized crop, as a share of the picture.
        aspect: Largest aspect of the crop (1.25: between 4:5 and 5:4).
        brightness: Largest relative change.
        contrast: Largest relative change.
        saturation: Largest relative change.
        hue: Largest turn of the hue, as a share of the circle.
        jpeg: Lowest JPEG quality of a recompression; its highest is 95.
        jpeg_share: Share of pictures that are recompressed.
        blur: Largest sigma of a Gaussian blur, in pixels.
        blur_share: Share of pictures that are blurred.
        vignette_share: Share of pictures that get dark corners.
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


class Optimiser(_Frozen):
    """AdamW, or Adam as in the paper (weight decay 0). Norms and biases are never decayed."""

    name: Literal["adam", "adamw"] = "adamw"
    rate_pretrained: Annotated[float, Field(gt=0)]
    rate_new: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = None


class Schedule(_Frozen):
    """How long, and how the learning rates move.

    Attributes:
        warm_up: Share of all steps in which the rates rise from 0.
        shape: `cosine` falls to 0 after the warm-up, `constant` stays.
        sizes: Training resolutions as (from which epoch, side in pixels), first epoch 0; empty: the model's input size.
    """

    epochs: Annotated[int, Field(ge=1)]
    warm_up: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    shape: Literal["cosine", "constant"] = "cosine"
    sizes: tuple[tuple[FirstEpoch, Side], ...] = ()

    @field_validator("sizes")
    @classmethod
    def _in_order(cls, sizes: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        starts = [start for start, _ in sizes]
        if starts and (starts[0] != 0 or starts != sorted(set(starts))):
            raise ValueError(f"must begin at epoch 0 and go on with later ones, not {starts}")
        return sizes

    def size(self, epoch: int, default: int) -> int:
        """Side in pixels at which an epoch trains."""
        reached = [side for start, side in self.sizes if start <= epoch]
        return reached[-1] if reached else default


class Recipe(_Frozen):
    """A training run, without its data, start, fold and seed."""

    name: str
    about: str
    network: Network
    preprocessing: Preprocessing = Preprocessing()
    augmentation: Augmentation = Augmentation()
    optimiser: Optimiser
    schedule: Schedule
    batch_size: Annotated[int, Field(ge=2)] = 32
    precision: Literal["bf16-mixed", "16-mixed", "32-true"] = "bf16-mixed"
    ema: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    label_smoothing: Share = 0.0


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    A recipe may begin with `extends = "other.toml"`, a path from its own folder: it then holds only what differs. Its
    entries replace the other's one by one, but a table `network` replaces the other's as a whole.

    Raises:
        RecipeError: If a file cannot be read, extends itself, or an entry is unknown, missing or out of range.
    """
    try:
        return Recipe.model_validate(_entries(path, ()))
    except ValidationError as error:
        entries = "; ".join(f"{'.'.join(str(key) for key in e['loc'])}: {e['msg']}" for e in error.errors())
        raise RecipeError(f"{path}: {entries}") from error


def _entries(path: Path, extending: tuple[Path, ...]) -> dict[str, Any]:
    """A recipe's entries, those of the recipe that it extends among them."""
    if path.resolve() in extending:
        raise RecipeError(f"{path} extends itself")
    own = _parsed(path)
    base = own.pop("extends", None)
    if base is None:
        return own
    return _replaced(_entries(path.parent / str(base), (*extending, path.resolve())), own)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error


def _replaced(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        table = key != "network" and isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = base[key] | value if table else value
    return merged
