"""A training run's network, evaluated as a release of it would be: fp16, an ONNX graph, ONNX Runtime."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from skinlens.export.graph import ReleasedGraph, write_graph
from skinlens.imaging.image import LesionImage
from skinlens.imaging.preprocess import Preprocessing, to_input
from skinlens.models.checkpoint import load_released, released_precision
from skinlens.models.normalise import Normalise
from skinlens.models.registry import build, parameter_count
from skinlens.runtime.card import sha256_of
from skinlens.runtime.orientations import Score
from skinlens.runtime.predictor import INPUT, in_batches, open_session, scaled

_PROBABILITY, _LOGITS = "probability", "logits"


class Candidate:
    """A checkpoint's network with the precision, the graph and the run time that a release of it would have.

    Args:
        tensors: Of a run's `model.safetensors`, as `read_tensors` gives them.
        record: What it says of its run, likewise.
        scaling: Temperature and offset of the difference of the logits.
        batch_size: Images in one pass.

    Attributes:
        preprocessing: What the network takes.
        parameters: Trainable values.
        bytes: Size of the weights file, in fp16.
        sha256: Digest of that file.
        provider: ONNX Runtime's name of what it runs on.

    Raises:
        CheckpointError: If the weights do not fit the network of the record.
        ModelFileError: If ONNX Runtime cannot load the graph.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        record: Mapping[str, Any],
        *,
        scaling: tuple[float, float] = (1.0, 0.0),
        batch_size: int = 16,
    ) -> None:
        self.scaling = scaling
        self.batch_size = batch_size
        self.preprocessing = Preprocessing.model_validate(record["recipe"]["preprocessing"])
        chosen = record["recipe"]["network"]
        network = load_released(build(chosen["name"], chosen["options"]), released_precision(tensors))
        self.parameters = parameter_count(network)
        normalise = Normalise(self.preprocessing.mean, self.preprocessing.std)
        with tempfile.TemporaryDirectory() as scratch:
            graph, weights = Path(scratch) / "model.onnx", Path(scratch) / "model.safetensors"
            write_graph(
                ReleasedGraph(network, normalise).eval(), size=self.preprocessing.size, graph=graph, weights=weights
            )
            self.bytes, self.sha256 = weights.stat().st_size, sha256_of(weights)
            self._session = open_session(graph)
        self.provider: str = self._session.get_providers()[0]

    def predict(self, images: Sequence[LesionImage]) -> list[Score]:
        """Score images as a release of the network would.

        Args:
            images: Any number, of any size.

        Returns:
            Scores in the order of the images, with milliseconds an image.
        """
        return in_batches(images, self.batch_size, self._predict_batch)

    def _predict_batch(self, images: Sequence[LesionImage]) -> list[Score]:
        began = time.perf_counter()
        pixels = np.stack([to_input(image.pixels, self.preprocessing) for image in images])
        probabilities, logits = self._session.run([_PROBABILITY, _LOGITS], {INPUT: pixels})
        milliseconds = 1000 * (time.perf_counter() - began) / len(images)
        return [
            Score(scaled(float(probability), evidence, *self.scaling), milliseconds)
            for probability, evidence in zip(probabilities, logits, strict=True)
        ]
