"""Pixels that the user wants kept: one lossless PNG an image, without anything else of the file they came in."""

import hashlib
import io
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image

from skinlens.imaging.image import Pixels
from skinlens.storage.location import own_folder
from skinlens.storage.private import private_file

_KEPT = ".png"
_MARK = ".pending"
_UNFINISHED = ".unfinished"
_REMOVED = ".removed"


class PixelFolder:
    """A folder of PNG files named by the image's row.

    A file and the rows that know of it cannot be written in one step. Whoever writes or deletes a file first leaves a
    mark, an empty file in a folder beside this one, and deletes it when file and rows agree again. A mark that is still
    there, although nobody is writing, was left by a program that was ended in between; see `cases.tidy`.

    Args:
        path: Made when the first image is written, for its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pending = path.with_name(f"{path.name}-pending")

    def write(self, image_id: str, pixels: Pixels) -> str:
        """Keep an image's pixels; `mark` the image first.

        Returns:
            SHA-256 of the file.

        Raises:
            OSError: If it cannot be written; then no part of it is left.
        """
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        self.write_file(image_id, stream.getvalue())
        return hashlib.sha256(stream.getvalue()).hexdigest()

    def write_file(self, image_id: str, content: bytes) -> None:
        """Keep a PNG file, as `write` does."""
        own_folder(self.path)
        unfinished = own_folder(self.pending) / f"{image_id}{_UNFINISHED}"
        try:
            with private_file(unfinished) as stream:
                stream.write(content)
            unfinished.replace(self.file(image_id))
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def read(self, image_id: str) -> Pixels | None:
        """RGB uint8 `(H, W, 3)`; None if they are not kept.

        Raises:
            OSError: If the file cannot be read.
        """
        path = self.file(image_id)
        if not path.is_file():
            return None
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), np.uint8)

    def remove(self, image_id: str) -> None:
        """Delete an image's pixels, if they are kept.

        Raises:
            OSError: If the file cannot be deleted.
        """
        self.file(image_id).unlink(missing_ok=True)

    def file(self, image_id: str) -> Path:
        """Where an image's pixels lie if they are kept."""
        return self.path / f"{image_id}{_KEPT}"

    def files(self) -> list[Path]:
        """Every file of kept pixels, sorted."""
        return sorted(self.path.glob(f"*{_KEPT}"))

    def mark(self, image_id: str) -> Path:
        """Say that an image's file and its rows are about to change.

        Returns:
            The mark, a file to be deleted by whoever made it once file and rows agree.

        Raises:
            OSError: If it cannot be written.
        """
        path = own_folder(self.pending) / f"{image_id}.{uuid4().hex}{_MARK}"
        private_file(path).close()
        return path

    def marks(self, image_id: str) -> list[Path]:
        """Every mark of an image."""
        return [path for path in self.pending.glob(f"*{_MARK}") if _image_of(path) == image_id]

    def marked(self) -> list[str]:
        """Ids of the images whose file and rows may not agree, or of which a part lies about, sorted."""
        return sorted({_image_of(path) for path in self.pending.glob("*")})

    def leftovers(self, image_id: str) -> list[Path]:
        """What lies here of an image, whole or in part."""
        parts = (self.pending / f"{image_id}{ending}" for ending in (_UNFINISHED, _REMOVED))
        return [path for path in (self.file(image_id), *parts) if path.is_file()]

    def set_aside(self, image_id: str, path: Path) -> Path:
        """Move a leftover to where no case can take it for its own, until it is deleted; raises OSError."""
        return path.replace(own_folder(self.pending) / f"{image_id}{_REMOVED}")


def _image_of(pending: Path) -> str:
    """The image that a file beside the kept pixels is about."""
    return pending.name.rsplit(".", 2)[0] if pending.suffix == _MARK else pending.stem
