"""Augmentation: what a camera, a crop or a converter might have done to the same lesion."""

import torch
from torch import Tensor
from torchvision.transforms import v2

from skinlens.training.recipe import Augmentation


def build_augmentation(recipe: Augmentation, size: int) -> v2.Compose:
    """The random transform of training images, uint8 `(3, H, W)` to uint8 `(3, size, size)`.

    It draws from torch's global generator; `seeded` makes a draw repeatable.
    """
    steps: list[torch.nn.Module] = []
    if recipe.flip:
        steps.append(v2.RandomHorizontalFlip())
    if recipe.flip_vertical:
        steps.append(v2.RandomVerticalFlip())
    if recipe.quarter_turns:
        steps.append(QuarterTurn())
    if recipe.shift:
        steps.append(v2.RandomAffine(degrees=0, translate=(recipe.shift, recipe.shift)))
    steps.append(_crop(recipe, size))
    if recipe.vignette_share:
        steps.append(v2.RandomApply([Vignette()], p=recipe.vignette_share))
    if recipe.brightness or recipe.contrast or recipe.saturation or recipe.hue:
        steps.append(v2.ColorJitter(recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue))
    if recipe.blur_share and recipe.blur:
        steps.append(v2.RandomApply([v2.GaussianBlur(7, (0.1, recipe.blur))], p=recipe.blur_share))
    if recipe.jpeg_share:
        steps.append(v2.RandomApply([v2.JPEG((recipe.jpeg, 95))], p=recipe.jpeg_share))
    return v2.Compose(steps)


def seeded(transform: v2.Compose, image: Tensor, seed: int) -> Tensor:
    """Apply a random transform so that the same seed gives the same pixels; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transform(image)


class QuarterTurn(torch.nn.Module):
    """Turns an image `(..., H, W)` by a random multiple of 90 degrees."""

    def forward(self, image: Tensor) -> Tensor:
        """The turned image; H and W change places for odd multiples."""
        turns = int(torch.randint(4, ()).item())
        return torch.rot90(image, turns, dims=(-2, -1))


class Vignette(torch.nn.Module):
    """Darkens everything outside a random circle, softly, as the rim of a dermatoscope does."""

    def forward(self, image: Tensor) -> Tensor:
        """The darkened image, uint8 `(3, H, W)`."""
        height, width = image.shape[-2:]
        centre_y, centre_x = (0.1 * (torch.rand(2) - 0.5)).tolist()
        radius = 0.95 + 0.4 * torch.rand(()).item()
        softness = 0.02 + 0.2 * torch.rand(()).item()
        floor = 0.5 * torch.rand(()).item()
        y = torch.linspace(-1, 1, height)[:, None] - centre_y
        x = torch.linspace(-1, 1, width)[None, :] - centre_x
        light = torch.sigmoid((radius - torch.hypot(y, x)) / softness)
        return (image * (floor + (1 - floor) * light)).to(torch.uint8)


def _crop(recipe: Augmentation, size: int) -> torch.nn.Module:
    if recipe.crop_area == 1.0 and recipe.aspect == 1.0:
        return v2.Resize((size, size), antialias=True)
    return v2.RandomResizedCrop(
        size, scale=(recipe.crop_area, 1.0), ratio=(1 / recipe.aspect, recipe.aspect), antialias=True
    )
