"""Recipes: everything that decides a training run, in one TOML file."""

import operator
import tomllib
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from skinlens.errors import SkinLensError
from skinlens.imaging.files import LARGEST_TABLE_FILE, read_regular
from skinlens.imaging.preprocess import Preprocessing

Share = Annotated[float, Field(ge=0.0, le=1.0)]
FirstEpoch = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=32, le=1024)]


class RecipeError(SkinLensError, ValueError):
    """A recipe cannot be used; the message names the file and the entry."""

    exit_status = 2


def _later(default: object) -> Any:
    """An entry added after runs had been recorded: unset, it stays out of a record, so that old records still agree."""
    return Field(default=default, exclude_if=partial(operator.eq, default))


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(_Frozen):
    """Which network of the registry, and its options."""

    name: str
    options: dict[str, str | bool | int] = {}


class Augmentation(_Frozen):
    """What may happen to a training image; every entry is off unless it is given.

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
        engine: `torchvision`, or `opencv`, which draws its chances from NumPy and alone knows the entries below. The
            two agree in what an entry means, not in the pixels of a draw.
        rotation: Largest turn in degrees, the border mirrored.
        squash: Largest relative stretch of one side against the other, beside `aspect`. Half of the crops are then
            true to the image's pixels and half to its frame, as when a whole image is squashed to a square.
        crop_to_lesion_share: Share of images cropped round the lesion instead of at random.
        swap_share: Share of images whose lesion is laid onto the skin of another image, of whatever label.
        background_blur_share: Share of images blurred around the lesion.
        background_erase_share: Share of images of one colour around the lesion.
        withhold_share: Share of images whose lesion is filled in from around, and which are then taught as even odds:
            where there is no lesion there is nothing to tell.
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
    engine: Literal["torchvision", "opencv"] = _later("torchvision")
    rotation: Annotated[float, Field(ge=0.0, le=180.0)] = _later(0.0)
    squash: Share = _later(0.0)
    crop_to_lesion_share: Share = _later(0.0)
    swap_share: Share = _later(0.0)
    background_blur_share: Share = _later(0.0)
    background_erase_share: Share = _later(0.0)
    withhold_share: Share = _later(0.0)
    withhold_flat: Share = _later(0.0)
    erase_share: Share = _later(0.0)
    shades_of_grey_share: Share = _later(0.0)
    cast: Annotated[float, Field(ge=0.0, lt=1.0)] = _later(0.0)
    resolution: Share = _later(0.0)
    resolution_share: Share = _later(0.0)
    noise: Annotated[float, Field(ge=0.0, le=64.0)] = _later(0.0)
    noise_share: Share = _later(0.0)
    circle_share: Share = _later(0.0)

    @model_validator(mode="after")
    def _known_to_its_engine(self) -> Self:
        given = [name for name in _OPENCV_ONLY if getattr(self, name)]
        if given and self.engine != "opencv":
            raise ValueError(f'needs engine = "opencv" for {", ".join(given)}')
        if self.withhold_flat and not self.withhold_share:
            raise ValueError("withhold_flat is a share of the images that withhold_share withholds, which is 0")
        altered = (self.swap_share, self.background_blur_share, self.background_erase_share, self.withhold_share)
        if sum(altered) > 1:
            raise ValueError(
                "swap_share, background_blur_share, background_erase_share and withhold_share together exceed 1"
            )
        return self


_OPENCV_ONLY = (
    "rotation", "squash", "crop_to_lesion_share", "swap_share", "background_blur_share", "background_erase_share",
    "withhold_share", "withhold_flat", "erase_share", "shades_of_grey_share", "cast", "resolution", "resolution_share",
    "noise", "noise_share", "circle_share",
)  # fmt: skip


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
        score_every: Epochs from one look at the held-out rows to the next; the last epoch always has one.
        images: Images that an epoch shows, whatever the number of rows, so that runs that hold out much and runs that
            hold out little train equally long; None: as many as there are training rows.
    """

    epochs: Annotated[int, Field(ge=1)]
    warm_up: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    shape: Literal["cosine", "constant"] = "cosine"
    sizes: tuple[tuple[FirstEpoch, Side], ...] = ()
    score_every: Annotated[int, Field(ge=1)] = _later(1)
    images: Annotated[int, Field(ge=1)] | None = _later(None)

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

    def scores_after(self, epoch: int) -> bool:
        """Whether the held-out rows are looked at after an epoch, counted from 0."""
        return (epoch + 1) % self.score_every == 0 or epoch + 1 == self.epochs


class Recipe(_Frozen):
    """A training run, without its data, start, fold and seed.

    Attributes:
        leave_out: Columns of the manifests; a row where one of them is 1 is neither trained on nor held out.
        balance: How far an epoch evens out the cells of origin and label. A cell of n rows is drawn from in proportion
            to n to the power of (1 - balance): 0 takes the rows as they are, at 1 all cells are drawn equally often.
        even_labels: Whether an origin's labels are drawn as often as one another; `balance` then evens out origins.
        paired_origins: Whether origins with one label alone are left out.
        frozen: Parts of the network, by their names in it, that keep their starting weights and batch-norm statistics.
        batch_norm: Whether batch-norm layers that came with the pretrained weights go on gathering statistics
            (`trained`) or keep theirs (`frozen`); their scales and shifts are trained in either case.
        head: How the new layers begin: `random`, or as a linear `probe` of the pretrained weights, fitted to the
            training rows (linear probing before fine-tuning, arXiv 2202.10054).
        probe_strength: The probe's inverse regularisation, scikit-learn's `C` on standardised features.
        interpolation: Share of the way from the network as it began to the network as it was trained at which its
            weights are kept; less than 1 needs a head that began as a probe.
        segmentation: Weight of the loss of an auxiliary head that draws the lesion's outline; 0 has no such head.
        keep_side: Training images are shrunk to this short side as they are read, so that more fit into memory.
    """

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
    leave_out: tuple[str, ...] = _later(())
    balance: Share = _later(0.0)
    even_labels: bool = _later(False)  # noqa: FBT003 - a default
    paired_origins: bool = _later(False)  # noqa: FBT003 - a default
    frozen: tuple[str, ...] = _later(())
    batch_norm: Literal["trained", "frozen"] = _later("trained")
    head: Literal["random", "probe"] = _later("random")
    probe_strength: Annotated[float, Field(gt=0.0)] = _later(1e-3)
    interpolation: Share = _later(1.0)
    segmentation: Annotated[float, Field(ge=0.0)] = _later(0.0)
    keep_side: Side | None = _later(None)

    @model_validator(mode="after")
    def _outlines_can_be_followed(self) -> Self:
        if self.segmentation and self.augmentation.engine != "opencv":
            raise ValueError('segmentation needs augmentation.engine = "opencv", which moves outlines too')
        return self

    @model_validator(mode="after")
    def _epochs_can_be_filled(self) -> Self:
        if self.schedule.images is not None and not self.draws_unevenly:
            raise ValueError("schedule.images needs balance or even_labels, which may draw a row several times")
        return self

    @model_validator(mode="after")
    def _has_a_start_worth_keeping(self) -> Self:
        if self.interpolation < 1 and self.head != "probe":
            raise ValueError('interpolation below 1 needs head = "probe": other networks begin with random layers')
        return self

    @property
    def draws_unevenly(self) -> bool:
        """Whether some rows are drawn more often than others."""
        return bool(self.balance or self.even_labels)

    @property
    def looks_at_outlines(self) -> bool:
        """Whether a run needs to know where the lesions are."""
        wanted = self.augmentation
        shares = (wanted.crop_to_lesion_share, wanted.swap_share, wanted.background_blur_share)
        return any(
            (*shares, wanted.background_erase_share, wanted.withhold_share, wanted.erase_share, self.segmentation)
        )

    @property
    def looks_at_skins(self) -> bool:
        """Whether a run needs images without their lesions."""
        return bool(self.augmentation.swap_share or self.augmentation.withhold_share)


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
        return tomllib.loads(read_regular(path, largest=LARGEST_TABLE_FILE).decode())
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
