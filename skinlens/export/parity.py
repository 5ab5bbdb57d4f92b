"""The checks a graph must pass before it is released: torch with the same weights, and the grad-cam library."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from safetensors.torch import load_file

from skinlens.errors import SkinLensError
from skinlens.explain.oracle import signed_grad_cam
from skinlens.models.checkpoint import load_released
from skinlens.models.explainable import Explainable
from skinlens.models.normalise import Normalise
from skinlens.runtime.predictor import INPUT, OUTPUTS, TEXTURE

PROBABILITY_TOLERANCE = 1e-4
MAP_TOLERANCE = 1e-3


class ParityError(SkinLensError):
    """A graph does not compute what it should; it must not be released."""


@dataclass(frozen=True)
class Parity:
    """How far a graph is from its references.

    Attributes:
        images: How many images were compared.
        probability: Largest absolute difference of P(malignant) from torch with the same stored weights.
        map: Largest absolute difference of the signed evidence map from the grad-cam library, as a share of the
            library's largest absolute value over all images.
        features: Largest absolute difference of the pooled features from torch, as a share of their largest value.
        texture: Likewise of the texture; 0 for a network without one.
    """

    images: int
    probability: float
    map: float
    features: float
    texture: float = 0.0

    def check(self) -> None:
        """Insist that every difference is within its tolerance.

        Raises:
            ParityError: Naming what differs, by how much and how much is allowed.
        """
        for name, value, allowed in (
            ("probability", self.probability, PROBABILITY_TOLERANCE),
            ("evidence map", self.map, MAP_TOLERANCE),
            ("features", self.features, MAP_TOLERANCE),
            ("texture", self.texture, MAP_TOLERANCE),
        ):
            # Written so that a NaN fails too.
            if not value <= allowed:
                raise ParityError(
                    f"the graph's {name} is off by {value:.2e} on {self.images} images; allowed: {allowed:.0e}"
                )


def measure_parity(
    graph: Path, weights: Path, network: Explainable, normalise: Normalise, pixels: npt.NDArray[np.uint8]
) -> Parity:
    """Compare a graph with torch and with the grad-cam library on the same images.

    Args:
        graph: The ONNX file.
        weights: The safetensors file it reads; loaded into `network` for the comparison.
        network: A network of the card's architecture.
        normalise: With the card's mean and standard deviation.
        pixels: RGB uint8 `(N, size, size, 3)`.

    Returns:
        The measured differences, for `Parity.check`.
    """
    load_released(network, load_file(weights))
    # On the CPU, whose arithmetic is the same everywhere: what is checked is the graph, not a GPU.
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [*OUTPUTS, *([TEXTURE] if network.textured else [])]
    answers = dict(zip(names, session.run(names, {INPUT: pixels}), strict=True))
    images = normalise(torch.from_numpy(pixels))
    with torch.inference_mode():
        output = network.analyse(images)
    expected = signed_grad_cam(network, network.explained, images)
    return Parity(
        images=len(pixels),
        probability=_largest(answers["probability"] - output.logits.softmax(dim=1)[:, 1].numpy()),
        map=_largest(answers["evidence"] - expected) / _largest(expected),
        features=_largest(answers["features"] - output.pooled.numpy()) / _largest(output.pooled.numpy()),
        texture=0.0
        if output.texture is None
        else _largest(answers[TEXTURE] - output.texture.numpy()) / _largest(output.texture.numpy()),
    )


def _largest(values: npt.NDArray[np.float32]) -> float:
    return float(np.abs(values).max())
