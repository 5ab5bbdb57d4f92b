"""What makes tests of the app quick without changing what they see."""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from skinlens.imaging.image import LesionImage
from skinlens.runtime.orientations import predict_orientations
from skinlens.runtime.predictor import Predictor

Answers = list[tuple[Any, Any]]


@pytest.fixture(scope="session", autouse=True)
def _packages_are_read_once() -> Iterator[None]:
    """Streamlit reads the metadata of every installed package whenever an app begins: a second each time."""
    once = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: once())
        yield


def given_to_components(app: AppTest, name: str) -> list[dict[str, Any]]:
    """What the components of a page are given, of those that take data of a name."""
    given = [json.loads(each.proto.json) for each in app.get("bidi_component")]
    return [data for data in given if name in data]


def remembering() -> Callable[[Predictor, Sequence[LesionImage]], Answers]:
    """Return `predict_orientations` that computes once what the same model makes of the same pixels."""
    kept: dict[object, tuple[Any, Any]] = {}
    alive: dict[tuple[int, ...], object] = {}

    def key(predictor: Predictor, image: LesionImage) -> object:
        # A test may have put something else in the place of any of these; kept alive, so that no number comes twice.
        method = getattr(predictor.predict, "__func__", predictor.predict)
        parts = (predictor, predictor.card, predictor._session, method)
        model = tuple(map(id, parts))
        alive[model] = parts
        return (model, image.pixels.shape, sha256(image.pixels.tobytes()).hexdigest())

    def predict(predictor: Predictor, images: Sequence[LesionImage]) -> Answers:
        keys = [key(predictor, image) for image in images]
        new = {each: image for each, image in zip(keys, images, strict=True) if each not in kept}
        kept.update(zip(new, predict_orientations(predictor, list(new.values())), strict=True))
        return [kept[each] for each in keys]

    return predict
