"""What transforms work on, what a transform is, and how several are applied one after another."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Self

import numpy as np
from pydantic import Field

from skinlens.imaging.image import Pixels
from skinlens.imaging.outlines import Outline
from skinlens.training.entries import Entries

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Side = Annotated[int, Field(ge=32, le=1024)]


@dataclass(frozen=True)
class Donor:
    """Another image of the training rows, read only when a transform needs it.

    Attributes:
        pixels: Returns the image, RGB uint8 `(H, W, 3)`.
        skin: Returns the same image with its lesion filled in from the skin around it.
    """

    pixels: Callable[[], Pixels]
    skin: Callable[[], Pixels]


@dataclass(frozen=True)
class Sample:
    """An image with its lesion's outline and its label, as one transform passes it to the next.

    Attributes:
        pixels: RGB uint8, `(H, W, 3)`; never written to.
        outline: `(H, W)`, true on the pixels to treat as the lesion: its traced outline, or a central ellipse.
        traced: `(H, W)`, true on the lesion as traced; None if nobody traced it or the lesion was removed.
        label: 0 (benign) to 1 (malignant); a soft label of 0.5 says neither.
        choice: In [0, 1). The background transforms share this one draw, so that at most one of them is applied; see
            `skinlens.training.transforms.background`.
        skin: Returns the image with its lesion filled in; None fills it in when it is needed.
        donor: Another image, for transforms that take its skin or its colour.
    """

    pixels: Pixels
    outline: Outline
    traced: Outline | None = None
    label: float = 0.0
    choice: float = 0.0
    skin: Callable[[], Pixels] | None = field(default=None, repr=False)
    donor: Donor | None = field(default=None, repr=False)

    def moved(self, image: Callable[[Pixels], Pixels], mask: Callable[[Outline], Outline]) -> "Sample":
        """Return the sample after the same spatial change of its image and its masks.

        Args:
            image: Maps pixels `(H, W, 3)` to pixels `(h, w, 3)`.
            mask: Maps an outline `(H, W)` to an outline `(h, w)` in the same way.
        """
        traced = None if self.traced is None else mask(self.traced)
        # Both are often the same array, which need not be moved twice.
        outline = traced if self.traced is self.outline and traced is not None else mask(self.outline)
        return replace(self, pixels=image(self.pixels), outline=outline, traced=traced)


class Transform(Entries):
    """A random change of a sample. Parameters are keyword-only, checked, and cannot be changed afterwards.

    A subclass has a `name`, under which a recipe lists it. It draws from the given generator alone, so that the same
    state of the generator gives the same pixels, and never writes into the sample's arrays.
    """

    @property
    def needs_outline(self) -> bool:
        """Whether the result depends on where the lesion is."""
        return False

    def at(self, side: int) -> Self:
        """Return the transform for training images of a side; only the one that resizes differs.

        Args:
            side: Height and width of the images that the network sees, in pixels.
        """
        del side
        return self

    @abstractmethod
    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the changed sample, or the same one if nothing happens.

        Args:
            sample: Its arrays are never written to.
            generator: All that is random is drawn from it.
        """


class PixelTransform(Transform):
    """A transform of the pixels alone, applied to a share of the samples.

    Attributes:
        share: Probability that it is applied.
    """

    share: Share = 1.0

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the sample with other pixels of the same shape, or the same one if nothing happens."""
        if self.is_identity or not self.share or generator.random() >= self.share:
            return sample
        return replace(sample, pixels=self.change(sample.pixels, generator))

    @property
    def is_identity(self) -> bool:
        """Whether the parameters leave every image as it is; then nothing is drawn."""
        return False

    @abstractmethod
    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return new pixels of given ones.

        Args:
            pixels: RGB uint8, `(H, W, 3)`; never written to.
            generator: All that is random is drawn from it.

        Returns:
            RGB uint8, `(H, W, 3)`.
        """


class Compose:
    """Transforms applied one after another, all of them drawing from one generator.

    Args:
        transforms: In the order in which they are applied.

    Example:
        >>> import numpy as np
        >>> from skinlens.imaging.blanking import central_ellipse
        >>> from skinlens.imaging.synthetic import draw_pixels
        >>> from skinlens.training.transforms.intensity import GaussianBlur
        >>> from skinlens.training.transforms.spatial import HorizontalFlip, Resize
        >>> sample = Sample(draw_pixels(0, height=90, width=120), central_ellipse(90, 120))
        >>> compose = Compose([HorizontalFlip(), Resize(side=64), GaussianBlur(sigma=1.5, share=0.5)])
        >>> compose(sample, np.random.default_rng(0)).pixels.shape
        (64, 64, 3)
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the sample after every transform."""
        for transform in self.transforms:
            sample = transform(sample, generator)
        return sample
