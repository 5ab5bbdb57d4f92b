"""Time of one image with its heatmap, against torch with the grad-cam library."""

import numpy as np
import torch
from safetensors.torch import load_file

from skinlens.errors import UsageError
from skinlens.explain.oracle import signed_grad_cam
from skinlens.imaging.synthetic import draw_lesion
from skinlens.models.checkpoint import load_released
from skinlens.models.explainable import Explainable
from skinlens.models.normalise import Normalise
from skinlens.models.registry import build
from skinlens.runtime.predictor import DEFAULT_MODEL, load_predictor
from skinlens.runtime.timing import REPEATS, WARM_UPS, timed_in_turn
from skinlens.runtime.weights import weights_folder


def bench(model: str | None, *, unverified: bool = False) -> dict[str, str | int | float]:
    """Time both ways in turn, in this process, on one drawn image.

    Args:
        model: Name of a released model; None for the default one.
        unverified: Accept a card that was not released.

    Returns:
        Medians in milliseconds and their ratio, with what they were measured on.

    Raises:
        ModelFileError: If the model is missing or altered.
        UsageError: If the model has no torch counterpart whose evidence map has a closed form.
    """
    predictor = load_predictor(model or DEFAULT_MODEL, unverified=unverified)
    image = draw_lesion(0)
    card = predictor.card
    network = build(card.architecture.name, card.architecture.options)
    if not isinstance(network, Explainable):
        raise UsageError(f"{card.name} has no evidence map in its graph to compare with")
    load_released(network, load_file(weights_folder() / card.files["weights"].file))
    network = network.to(memory_format=torch.channels_last)
    normalise = Normalise(card.preprocessing.mean, card.preprocessing.std)

    def explain() -> object:
        """The same weights in torch: a forward pass, a backward pass and the library's map."""
        images = normalise(torch.from_numpy(predictor.prepare(image)[np.newaxis].copy()))
        return signed_grad_cam(network, network.explained, images)

    ours, theirs = timed_in_turn(lambda: predictor.predict([image]), explain, warm_ups=WARM_UPS, repeats=REPEATS)
    return {
        "model": predictor.card.shown_name,
        "provider": predictor.provider,
        "repeats": REPEATS,
        "threads_torch": torch.get_num_threads(),
        "predict_with_heatmap_ms": round(ours, 1),
        "torch_with_grad_cam_ms": round(theirs, 1),
        "ratio": round(theirs / ours, 2),
    }
