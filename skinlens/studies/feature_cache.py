"""Features of a released model, computed once per image and kept between calls."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from skinlens.errors import OutputError, UsageError
from skinlens.imaging.decode import decode
from skinlens.imaging.image import LesionImage
from skinlens.progress import tracked
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor
from skinlens.storage.replaced import replaced

Features = npt.NDArray[np.float32]

_BATCH = 16
# The cache is written each time that so many images are new: an interrupted call loses no more.
_KEEP_EVERY = 320


def features_of(
    predictor: Predictor, files: Sequence[str], of: Callable[[Prediction], Features], cache: Path | None
) -> Iterator[tuple[LesionImage, Features]]:
    """Decode images one after another, and give each with its features; the model runs only on what the cache lacks.

    Args:
        predictor: The model.
        files: Paths of images.
        of: Which features `(C,)` of a prediction are meant; one cache holds one kind.
        cache: A file that keeps them by the digest of the image and of the model's graph; None keeps nothing.

    Raises:
        UsageError: If the cache cannot be read, or was made with another model.
        OutputError: If the cache cannot be written.
        ImageRejectedError: If an image cannot be used.
    """
    graph = predictor.card.files["graph"].sha256
    kept = _read(cache, graph)
    saved = len(kept)
    for first in tracked(range(0, len(files), _BATCH), "reading"):
        images = [decode(Path(file)) for file in files[first : first + _BATCH]]
        new = [image for image in images if image.sha256 not in kept]
        kept |= {image.sha256: of(answer) for image, answer in zip(new, predictor.predict(new), strict=True)}
        enough = _KEEP_EVERY if first + _BATCH < len(files) else 1
        if cache is not None and len(kept) - saved >= enough:
            _write(cache, kept, graph)
            saved = len(kept)
        yield from ((image, kept[image.sha256]) for image in images)


def _read(path: Path | None, graph: str) -> dict[str, Features]:
    """Return features by the digest of their image; none where there is no file yet."""
    if path is None or not path.is_file():
        return {}
    try:
        with safe_open(path, "np") as stream:
            if (stream.metadata() or {}).get("graph_sha256") != graph:
                raise UsageError(f"{path} holds features of another model; name another file")
            return {digest: stream.get_tensor(digest) for digest in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot read the features in {path}: {error}") from error


def _write(path: Path, features: dict[str, Features], graph: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as unfinished:
            save_file(features, unfinished, metadata={"graph_sha256": graph})
    except OSError as error:
        raise OutputError(f"the features cannot be kept in {path}: {error}") from error
