"""The data folder: where SkinLens keeps everything that it keeps."""

import os
from pathlib import Path

from platformdirs import user_data_path

from skinlens.storage.private import private_folder

FOLDER_VARIABLE = "SKINLENS_HOME"


def data_folder() -> Path:
    """Return the folder for everything that SkinLens keeps: SKINLENS_HOME, or the user's data folder of this system."""
    return Path(os.environ.get(FOLDER_VARIABLE) or user_data_path("skinlens", appauthor=False))


def own_folder(path: Path) -> Path:
    """Make a folder that SkinLens writes to, for its owner alone, and close the data folder if it contains it.

    Args:
        path: Of SkinLens alone: where others could enter it, it is closed.

    Returns:
        The same path.

    Raises:
        OSError: If it cannot be made.
    """
    home = data_folder().absolute()
    if path.absolute().is_relative_to(home):
        private_folder(home)
    return private_folder(path)


def file_identity(path: Path) -> tuple[int, int]:
    """Return what changes when a file is replaced by another under the same name.

    Args:
        path: Of the file.

    Returns:
        Device and inode.

    Raises:
        OSError: If there is no such file.
    """
    status = path.stat()
    return status.st_dev, status.st_ino
