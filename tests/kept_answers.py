"""What the models answered in this process, so that no test waits for an answer that another one has had.

Only whole batches are known again, by every pixel of theirs: tests of how images are batched, turned or scaled ask the
model as ever. Those of the predictor itself, and of what is exported, never get a kept answer.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from skinlens.imaging.image import Pixels

Answers = list[np.ndarray]

_KEPT: dict[bytes, Answers] = {}


class KeptAnswers:
    """A session of ONNX Runtime that is asked only once for the same batch.

    Args:
        session: The session.
        graph: Its file; a model whose files were changed since is another model.
    """

    # Turned off around tests that are about the model's own work.
    on = True

    def __init__(self, session: onnxruntime.InferenceSession, graph: Path) -> None:
        self._session = session
        files = sorted(each for each in graph.parent.iterdir() if each.name.startswith(graph.stem))
        self._model = repr([(str(each), each.stat().st_size, each.stat().st_mtime_ns) for each in files]).encode()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Sequence[str], feed: Mapping[str, Pixels]) -> Answers:
        if not KeptAnswers.on:
            return self._session.run(names, feed)
        digest = hashlib.blake2b(self._model + repr(names).encode())
        for name, pixels in feed.items():
            digest.update(repr((name, pixels.shape, pixels.dtype)).encode() + pixels.tobytes())
        key = digest.digest()
        if key not in _KEPT:
            _KEPT[key] = self._session.run(names, feed)
        return [answer.copy() for answer in _KEPT[key]]
