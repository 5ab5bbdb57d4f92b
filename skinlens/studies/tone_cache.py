"""Estimated skin tones of images, computed once per image and kept between calls."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from skinlens.errors import OutputError, UsageError
from skinlens.imaging.decode import decode
from skinlens.imaging.skin_tone import TONES, skin_tone
from skinlens.progress import tracked
from skinlens.runtime.card import sha256_of
from skinlens.storage.replaced import replaced
from skinlens.storage.spreadsheet import guarded_table

# The cache is written each time that so many images are new: an interrupted call loses no more.
_KEEP_EVERY = 1000


def skin_tones(files: Sequence[str], cache: Path | None) -> list[str]:
    """Estimate the skin tone of each image; an image whose tone the cache has is not decoded.

    Args:
        files: Paths of N images.
        cache: A CSV file that keeps tones by the digest of the image's file; None keeps nothing.

    Returns:
        N names from `TONES`, "" where none can be estimated.

    Raises:
        UsageError: If the cache cannot be read or an image is missing.
        OutputError: If the cache cannot be written.
        ImageRejectedError: If an image cannot be used.
    """
    kept = _read(cache)
    saved = len(kept)
    tones = []
    for file in tracked(list(files), "reading"):
        try:
            digest = sha256_of(Path(file))
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error}") from error
        if digest not in kept:
            kept[digest] = skin_tone(decode(Path(file)).pixels).name or ""
        tones.append(kept[digest])
        if cache is not None and len(kept) - saved >= _KEEP_EVERY:
            _write(cache, kept)
            saved = len(kept)
    if cache is not None and len(kept) > saved:
        _write(cache, kept)
    return tones


def _read(path: Path | None) -> dict[str, str]:
    """Return tones by the digest of their image; none where there is no file yet."""
    if path is None or not path.is_file():
        return {}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        kept = dict(zip(table["sha256"], table["skin_tone"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"cannot read the skin tones in {path}: {error}") from error
    unknown = set(kept.values()) - {*TONES, ""}
    if unknown:
        raise UsageError(f"cannot read the skin tones in {path}: there is no tone {min(unknown)!r}")
    return kept


def _write(path: Path, tones: dict[str, str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame({"sha256": list(tones), "skin_tone": list(tones.values())})
        with replaced(path) as unfinished:
            guarded_table(table).to_csv(unfinished, index=False)
    except OSError as error:
        raise OutputError(f"the skin tones cannot be kept in {path}: {error}") from error
