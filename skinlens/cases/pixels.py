"""Pixels that the user wants kept: one lossless PNG a picture, without anything else of the file they came in."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from skinlens.imaging.image import Pixels


class PixelFolder:
    """A folder of PNG files named by the picture's row.

    Args:
        path: Made when the first picture is written, for its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, image_id: str, pixels: Pixels) -> str:
        """Keep a picture's pixels.

        Returns:
            SHA-256 of the file.

        Raises:
            OSError: If it cannot be written; then no part of it is left.
        """
        target = self.file(image_id)
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        unfinished = target.with_suffix(".unfinished")
        try:
            unfinished.write_bytes(stream.getvalue())
            unfinished.replace(target)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        return hashlib.sha256(stream.getvalue()).hexdigest()

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
        """Delete a picture's pixels, if they are kept.

        Raises:
            OSError: If the file cannot be deleted.
        """
        self.file(image_id).unlink(missing_ok=True)

    def file(self, image_id: str) -> Path:
        """Where a picture's pixels lie if they are kept."""
        return self.path / f"{image_id}.png"
