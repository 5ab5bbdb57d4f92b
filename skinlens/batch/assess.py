"""From an image that waits to what is kept of it."""

import io
from collections.abc import Sequence
from pathlib import PurePosixPath
from threading import Lock
from typing import Any

from PIL import Image

from skinlens.batch.store import Waiting
from skinlens.imaging.image import ImageRefusedError, Pixels
from skinlens.imaging.preprocess import fitted
from skinlens.runtime.predictor import Predictor
from skinlens.triage.decision import NO_RESULT, NO_RESULT_CODE, has_result
from skinlens.triage.documents import admission_document, prediction_columns
from skinlens.triage.pipeline import Judged, Received, judge, receive

THUMBNAIL_SIDE = 128


def received(waiting: Waiting) -> Received:
    """Read and decode an image that waits."""
    return receive(waiting.place.read, name=PurePosixPath(waiting.relative).name)


def results(
    chunk: Sequence[tuple[Waiting, Received]], predictor: Predictor, lock: Lock, *, views: bool
) -> list[dict[str, Any]]:
    """What is to be kept of each image, for `BatchStore.keep`.

    Args:
        chunk: From `judging.in_chunks`.
        predictor: Of the model.
        lock: Held while the model runs.
        views: Whether each image is judged in eight orientations.
    """
    found = judge([each for _, each in chunk], predictor, views=views, lock=lock)
    return [
        _unreadable(waiting.number, each.sha256, made)
        if isinstance(made, ImageRefusedError)
        else _assessed(waiting.number, made)
        for (waiting, each), made in zip(chunk, found, strict=True)
    ]


def _unreadable(number: int, sha256: str, refusal: ImageRefusedError) -> dict[str, Any]:
    return _without_result(number, sha256, refusal.reason, str(refusal))


def _without_result(number: int, sha256: str, reason: str, sentence: str) -> dict[str, Any]:
    return {"number": number, "state": "unreadable", "sha256": sha256, "reason": reason, "sentence": sentence}


def _assessed(number: int, made: Judged) -> dict[str, Any]:
    if not has_result(made.prediction.score, stability=made.stability):
        return _without_result(number, made.image.sha256, NO_RESULT_CODE, NO_RESULT)
    return _judged(number, made)


def _judged(number: int, made: Judged) -> dict[str, Any]:
    image = made.image
    return {
        "number": number,
        "state": "judged",
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "notes": list(image.notes),
        "stability": None if made.stability is None else list(made.stability.scores),
        "admission": admission_document(made.admission),
        "thumbnail": thumbnail(image.pixels),
        **prediction_columns(made.prediction),
    }


def thumbnail(pixels: Pixels) -> bytes:
    """A small JPEG of an image, at most `THUMBNAIL_SIDE` wide and high."""
    stream = io.BytesIO()
    Image.fromarray(fitted(pixels, THUMBNAIL_SIDE)).save(stream, "JPEG", quality=80)
    return stream.getvalue()
