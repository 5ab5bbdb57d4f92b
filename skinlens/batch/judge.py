"""From a picture that waits to what is kept of it."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Lock
from typing import Any

from PIL import Image

from skinlens.batch.store import Waiting
from skinlens.cases.records import admission_document, prediction_columns
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRefusedError, LesionImage, Pixels
from skinlens.imaging.preprocess import fitted
from skinlens.refusal import examine
from skinlens.runtime.orientations import Stability, in_all_views
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor

THUMBNAIL_SIDE = 128


@dataclass(frozen=True)
class Received:
    """A picture that waits, the digest of its bytes (empty if there were none), and it or why there is none."""

    waiting: Waiting
    sha256: str
    image: LesionImage | ImageRefusedError


def receive(waiting: Waiting) -> Received:
    """Read and decode a picture."""
    sha256 = ""
    try:
        content = waiting.place.read()
        sha256 = hashlib.sha256(content).hexdigest()
        return Received(waiting, sha256, decode(content, name=PurePosixPath(waiting.relative).name))
    except ImageRefusedError as refusal:
        return Received(waiting, sha256, refusal)


def judge(received: Sequence[Received], predictor: Predictor, lock: Lock, *, views: bool) -> list[dict[str, Any]]:
    """What is to be kept of each picture, for `BatchStore.keep`.

    Args:
        received: From `receive`.
        predictor: Of the model.
        lock: Held while the model runs.
        views: Whether each picture is judged in eight orientations.
    """
    images = [each.image for each in received if isinstance(each.image, LesionImage)]
    with lock:
        answers = iter(_answers(predictor, images, views=views))
    return [
        _unreadable(each, each.image)
        if isinstance(each.image, ImageRefusedError)
        else _judged(each.waiting.number, each.image, *next(answers), predictor)
        for each in received
    ]


def _answers(
    predictor: Predictor, images: Sequence[LesionImage], *, views: bool
) -> Sequence[tuple[Prediction, Stability | None]]:
    if views:
        return in_all_views(predictor, images)
    return [(prediction, None) for prediction in predictor.predict(images)]


def _unreadable(received: Received, refusal: ImageRefusedError) -> dict[str, Any]:
    return {
        "number": received.waiting.number,
        "state": "unreadable",
        "sha256": received.sha256,
        "reason": refusal.reason,
        "sentence": str(refusal),
    }


def _judged(
    number: int, image: LesionImage, prediction: Prediction, stability: Stability | None, predictor: Predictor
) -> dict[str, Any]:
    return {
        "number": number,
        "state": "judged",
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "notes": list(image.notes),
        "stability": None if stability is None else list(stability.scores),
        "admission": admission_document(examine(image, prediction, predictor)),
        "thumbnail": thumbnail(image.pixels),
        **prediction_columns(prediction),
    }


def thumbnail(pixels: Pixels) -> bytes:
    """A small JPEG of a picture, at most `THUMBNAIL_SIDE` wide and high."""
    stream = io.BytesIO()
    Image.fromarray(fitted(pixels, THUMBNAIL_SIDE)).save(stream, "JPEG", quality=80)
    return stream.getvalue()
