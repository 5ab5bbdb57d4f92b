"""Recipes: everything that decides a training run, in one TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from skinlens.errors import SkinLensError
from skinlens.imaging.files import LARGEST_TABLE_FILE, read_regular
from skinlens.imaging.preprocess import Preprocessing
from skinlens.training.entries import Entries, later
from skinlens.training.transforms.background import BackgroundTransform, RemoveLesion, ReplaceBackground
from skinlens.training.transforms.flat_table import FlatTable, TorchvisionTable
from skinlens.training.transforms.listed import ListedTransform
from skinlens.training.transforms.sample import Compose, Share, Side, Transform
from skinlens.training.transforms.spatial import Resize

FirstEpoch = Annotated[int, Field(ge=0)]


class RecipeError(SkinLensError, ValueError):
    """A recipe cannot be used; the message names the file and the entry."""

    exit_status = 2


class Network(Entries):
    """Which network of the registry, and its options."""

    name: str
    options: dict[str, str | bool | int] = Field(default_factory=dict)


class Optimiser(Entries):
    """AdamW, or Adam as in the paper (weight decay 0). Norms and biases are never decayed."""

    name: Literal["adam", "adamw"] = "adamw"
    rate_pretrained: Annotated[float, Field(gt=0)]
    rate_new: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = None


class Schedule(Entries):
    """The length of a run and its learning rates.

    Attributes:
        warm_up: Share of all steps in which the rates rise from 0.
        shape: `cosine` falls to 0 after the warm-up, `constant` stays.
        sizes: Training resolutions as (from which epoch, side in pixels), first epoch 0; empty: the model's input size.
        score_every: Epochs from one look at the held-out rows to the next; the last epoch always has one.
        images: Images that an epoch shows, whatever the number of rows, so that runs that hold out much and runs that
            hold out little train equally long; None: as many as there are training rows.
        restarts: Epochs, counted from 0, at which warm-up and shape begin anew (warm restarts, arXiv 1608.03983).
    """

    epochs: Annotated[int, Field(ge=1)]
    warm_up: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    shape: Literal["cosine", "constant"] = "cosine"
    sizes: tuple[tuple[FirstEpoch, Side], ...] = ()
    score_every: Annotated[int, Field(ge=1)] = later(1)
    images: Annotated[int, Field(ge=1)] | None = later(None)
    restarts: tuple[Annotated[int, Field(ge=1)], ...] = later(())

    @model_validator(mode="after")
    def _restarts_in_order(self) -> Self:
        if list(self.restarts) != sorted(set(self.restarts)) or any(start >= self.epochs for start in self.restarts):
            raise ValueError(f"restarts must be in order and before epoch {self.epochs}, not {list(self.restarts)}")
        return self

    @field_validator("sizes")
    @classmethod
    def _in_order(cls, sizes: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        starts = [start for start, _ in sizes]
        if starts and (starts[0] != 0 or starts != sorted(set(starts))):
            raise ValueError(f"must begin at epoch 0 and name later epochs in order, not {starts}")
        return sizes

    def size(self, epoch: int, default: int) -> int:
        """Return the resolution at which an epoch trains.

        Args:
            epoch: Counted from 0.
            default: Side in pixels where the schedule names none.

        Returns:
            Side in pixels.
        """
        reached = [side for start, side in self.sizes if start <= epoch]
        return reached[-1] if reached else default

    def cycle(self, epoch: int) -> range:
        """Return the epochs from the last restart to the next, among them this one.

        Args:
            epoch: Counted from 0.

        Returns:
            All epochs where there are no restarts.
        """
        starts = (0, *self.restarts)
        ends = (*self.restarts, self.epochs)
        return next(range(start, end) for start, end in zip(starts, ends, strict=True) if epoch < end)

    def until(self, epoch: int) -> "Schedule":
        """Return the schedule of a run that ends earlier.

        Args:
            epoch: Epochs of that run, at most those of this one.
        """
        return self.model_copy(
            update={
                "epochs": epoch,
                "sizes": tuple((start, side) for start, side in self.sizes if start < epoch),
                "restarts": tuple(start for start in self.restarts if start < epoch),
            }
        )

    def scores_after(self, epoch: int) -> bool:
        """Whether the held-out rows are looked at after an epoch.

        Args:
            epoch: Counted from 0; after the last one they always are.
        """
        return (epoch + 1) % self.score_every == 0 or epoch + 1 == self.epochs


class Recipe(Entries):
    """A training run, without its data, pretrained weights, fold and seed.

    Attributes:
        augmentation: Changes of training images as one table; recipes written before `transforms` have it.
        transforms: Changes of training images, in the order in which they are applied; None: those of `augmentation`.
        leave_out: Columns of the manifests; a row where one of them is 1 is neither trained on nor held out.
        balance: How far an epoch evens out the cells of dataset and label. A cell of n rows is drawn from in proportion
            to n to the power of (1 - balance): 0 takes the rows as they are, at 1 all cells are drawn equally often.
        even_labels: Whether both labels of a dataset are drawn equally often; `balance` then evens out datasets.
        paired_origins: Whether datasets with only one label are left out.
        intercepts: `dataset` learns an intercept for each dataset beside the network, like the fixed effects of a
            regression, so that telling datasets apart earns nothing. They are not kept; needs `head = "probe"`.
        frozen: Parts of the network, by their names in it, that keep pretrained weights and batch-norm statistics.
        batch_norm: Whether batch-norm layers that came with the pretrained weights keep gathering statistics
            (`trained`) or keep theirs (`frozen`); their scales and shifts are trained in either case.
        head: How the new layers are initialised: `random`, or as a linear `probe` of the pretrained weights, fitted to
            the training rows (linear probing before fine-tuning, arXiv 2202.10054).
        probe_strength: The probe's inverse regularisation, scikit-learn's `C` on standardised features.
        interpolation: Weights that are kept, as a share of the way from the initial network to the trained one; below 1
            needs a head initialised as a probe.
        retain: Weight of a loss by which the network keeps near the answers of the probe that it began as (learning
            without forgetting, arXiv 1606.09282), in the epochs of the last cycle; needs `head = "probe"`.
        segmentation: Weight of the loss of an auxiliary head that predicts the lesion's outline; 0 has no such head.
        keep_side: Training images are shrunk to this short side as they are read, so that more fit into memory.

    Example:
        >>> recipe = Recipe(
        ...     name="short",
        ...     about="A short run",
        ...     network={"name": "lenet5"},
        ...     optimiser={"rate_pretrained": 1e-4, "rate_new": 1e-3},
        ...     schedule={"epochs": 2, "sizes": [[0, 64]]},
        ...     transforms=[{"name": "horizontal_flip"}, {"name": "resize"}, {"name": "gaussian_blur", "sigma": 1.5}],
        ... )
        >>> [one.name for one in recipe.compose(recipe.schedule.size(0, 224)).transforms]
        ['horizontal_flip', 'resize', 'gaussian_blur']
    """

    name: str
    about: str
    network: Network
    preprocessing: Preprocessing = Preprocessing()
    augmentation: FlatTable = FlatTable()
    transforms: tuple[ListedTransform, ...] | None = later(None)
    optimiser: Optimiser
    schedule: Schedule
    batch_size: Annotated[int, Field(ge=2)] = 32
    precision: Literal["bf16-mixed", "16-mixed", "32-true"] = "bf16-mixed"
    ema: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    label_smoothing: Share = 0.0
    leave_out: tuple[str, ...] = later(())
    balance: Share = later(0.0)
    even_labels: bool = later(False)  # noqa: FBT003 - a default
    paired_origins: bool = later(False)  # noqa: FBT003 - a default
    intercepts: Literal["none", "dataset"] = later("none")
    frozen: tuple[str, ...] = later(())
    batch_norm: Literal["trained", "frozen"] = later("trained")
    head: Literal["random", "probe"] = later("random")
    probe_strength: Annotated[float, Field(gt=0.0)] = later(1e-3)
    interpolation: Share = later(1.0)
    retain: Annotated[float, Field(ge=0.0)] = later(0.0)
    segmentation: Annotated[float, Field(ge=0.0)] = later(0.0)
    keep_side: Side | None = later(None)

    @model_validator(mode="after")
    def _augmented_in_one_way(self) -> Self:
        if self.transforms is not None:
            if "augmentation" in self.model_fields_set:
                raise ValueError("give either transforms or the older table augmentation, not both")
            if sum(isinstance(one, Resize) for one in self.transforms) != 1:
                raise ValueError('transforms needs { name = "resize" } exactly once')
            background = sum(one.share for one in self.transforms if isinstance(one, BackgroundTransform))
            # Shares such as 0.7 + 0.2 + 0.1 add up to 1 only up to rounding.
            if background > 1 + 1e-9:
                raise ValueError("the shares of the background transforms, of which one is applied at most, exceed 1")
        return self

    @model_validator(mode="after")
    def _outlines_can_be_followed(self) -> Self:
        if self.segmentation and any(isinstance(one, TorchvisionTable) for one in self.applied_transforms):
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
        if self.retain and (self.head != "probe" or self.segmentation):
            raise ValueError('retain needs head = "probe", and no segmentation')
        return self

    @model_validator(mode="after")
    def _intercepts_have_a_start(self) -> Self:
        if self.intercepts == "dataset" and (self.head != "probe" or self.segmentation):
            raise ValueError('intercepts = "dataset" needs head = "probe", and no segmentation')
        return self

    def followed(self, epoch: int) -> "Recipe":
        """Return what a run that has come to an epoch has followed, to compare two recipes up to there.

        Args:
            epoch: Epochs that are done, at least 1.

        Returns:
            The recipe to the end of the last of these epochs' cycle, on which its rates depend; without what changes no
            weights.
        """
        schedule = self.schedule.until(self.schedule.cycle(epoch - 1).stop)
        return self.model_copy(
            update={
                "name": "",
                "about": "",
                "schedule": schedule.model_copy(update={"score_every": 1}),
                "retain": self.retained_in(epoch - 1),
            }
        )

    def retained_in(self, epoch: int) -> float:
        """Return `retain` for an epoch of the last cycle, counted from 0; 0 for one before."""
        return self.retain if epoch in self.schedule.cycle(self.schedule.epochs - 1) else 0.0

    @property
    def draws_unevenly(self) -> bool:
        """Whether some rows are drawn more often than others."""
        return bool(self.balance or self.even_labels)

    @property
    def applied_transforms(self) -> tuple[Transform, ...]:
        """The transforms of training images: those listed, or those that the table `augmentation` stands for."""
        return self.augmentation.transforms() if self.transforms is None else self.transforms

    def compose(self, side: int) -> Compose:
        """Return the transforms of training images for an epoch.

        Args:
            side: Height and width of the images that the network sees, in pixels.
        """
        return Compose([one.at(side) for one in self.applied_transforms])

    @property
    def needs_outlines(self) -> bool:
        """Whether a run needs to know where the lesions are."""
        return self.segmentation > 0 or any(one.needs_outline for one in self.applied_transforms)

    @property
    def needs_skins(self) -> bool:
        """Whether a run needs images without their lesions."""
        uses_skin = (ReplaceBackground, RemoveLesion)
        return any(isinstance(one, uses_skin) and one.share > 0 for one in self.applied_transforms)

    @model_serializer(mode="wrap")
    def _record(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        """Keep the table `augmentation` out of the record of a recipe that lists transforms."""
        del info
        record: dict[str, Any] = handler(self)
        if self.transforms is not None:
            record.pop("augmentation", None)
        return record


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    A recipe may begin with `extends = "other.toml"`, a path from its own folder: it then holds only what differs. Its
    entries replace the other's one by one, but a table `network` replaces the other's as a whole.

    Args:
        path: The TOML file.

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
    try:
        own: dict[str, Any] = tomllib.loads(read_regular(path, largest=LARGEST_TABLE_FILE).decode())
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error
    base = own.pop("extends", None)
    if base is None:
        return own
    merged = dict(_entries(path.parent / str(base), (*extending, path.resolve())))
    # Transforms take the place of the older table, and the other way round.
    for one, other in (("transforms", "augmentation"), ("augmentation", "transforms")):
        if one in own and other not in own:
            merged.pop(other, None)
    for key, value in own.items():
        table = key != "network" and isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merged[key] | value if table else value
    return merged
