"""Optimiser, learning-rate schedule, moving average and loss of a training run."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from skinlens.models.pretrained import PretrainedWeights
from skinlens.training.recipe import Recipe
from skinlens.training.segmentation import WithOutlines

_Tensors = tuple[Tensor, ...] | list[Tensor]


def warmed_average(decay: float) -> Callable[[_Tensors, _Tensors, Tensor | int], None]:
    """Return a moving average that forgets quickly while it is young, so that the initial weights do not linger.

    After `n` updates its decay is `min(decay, (1 + n) / (10 + n))`, as in TensorFlow's `ExponentialMovingAverage`.

    Args:
        decay: In (0, 1), reached after about `9 / (1 - decay)` updates.

    Returns:
        A function for `AveragedModel(multi_avg_fn=...)`: of averaged and new tensors, and how often they were averaged.
    """

    def update(old: _Tensors, new: _Tensors, count: Tensor | int) -> None:
        if old[0].is_floating_point():
            young = (1 + float(count)) / (10 + float(count))
            get_ema_multi_avg_fn(min(decay, young))(old, new, count)
            return
        # Counters of batches, which have no mean.
        for counted, latest in zip(old, new, strict=True):
            counted.copy_(latest)

    return update


def build_optimiser(network: nn.Module, pretrained: PretrainedWeights, recipe: Recipe) -> torch.optim.Optimizer:
    """Build the optimiser of the parameters that are trained.

    Args:
        network: Parameters that need no gradient are left out.
        pretrained: The parameters that it names learn at `rate_pretrained`, others at `rate_new`.
        recipe: Its optimiser is built.

    Returns:
        Adam or AdamW with up to four groups: pretrained or new, decayed or not (norms and biases are not). `base_lr` of
        a group is its rate before the schedule.
    """
    settings = recipe.optimiser
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        # A wrapper's name for the network, `WithOutlines.PREFIX` or `WithIntercepts.PREFIX`, is the same.
        is_pretrained = name.removeprefix(WithOutlines.PREFIX) in pretrained.loaded
        groups.setdefault((is_pretrained, parameter.ndim > 1), []).append(parameter)
    family = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return family(
        [
            {
                "params": members,
                "lr": settings.rate_pretrained if is_pretrained else settings.rate_new,
                "weight_decay": settings.weight_decay if decayed else 0.0,
                # The schedule overwrites lr at each step.
                "base_lr": settings.rate_pretrained if is_pretrained else settings.rate_new,
            }
            for (is_pretrained, decayed), members in sorted(groups.items())
        ]
    )


def rate_factor(step: int, total: int, recipe: Recipe) -> float:
    """Return the share of the base learning rate at a step: linear warm-up, then cosine to 0 or constant.

    Args:
        step: Counted from 0, over all epochs of the cycle.
        total: Steps of the cycle, which is the whole run where the schedule has no restarts.
        recipe: Its schedule is followed.

    Returns:
        In [0, 1]. With `w` warm-up steps: `(step + 1) / w` before `w`, then
        `(1 + cos(pi (step - w) / (total - w))) / 2` or 1.
    """
    warm = round(recipe.schedule.warm_up * total)
    if step < warm:
        return (step + 1) / warm
    if recipe.schedule.shape == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def class_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross-entropy.

    Args:
        logits: `(N, 2)`.
        labels: `(N,)`: classes as integers, or the probability of the second class as floats (soft labels).
        smoothing: Label smoothing, 0 to 1.

    Example:
        >>> logits = torch.tensor([[0.0, 2.0]])
        >>> hard, soft = (class_loss(logits, torch.tensor([label]), 0.0).item() for label in (1, 0.5))
        >>> round(hard, 3), round(soft, 3)
        (0.127, 1.127)
    """
    target = torch.stack([1 - labels, labels], dim=1) if labels.is_floating_point() else labels
    return F.cross_entropy(logits, target, label_smoothing=smoothing)


def retention_loss(logits: Tensor, before: Tensor) -> Tensor:
    """Return the mean cross-entropy against the probabilities of the network before it was trained.

    Args:
        logits: `(N, 2)`.
        before: `(N, 2)`, on the same images; no gradient flows into them.

    Example:
        >>> logits = torch.tensor([[0.0, 2.0]])
        >>> same, other = (retention_loss(logits, before).item() for before in (logits, -logits))
        >>> round(same, 3), round(other, 3)
        (0.365, 1.889)
    """
    return F.cross_entropy(logits, before.detach().softmax(dim=1))
