"""Folders and files that their owner alone may read: everything in the data folder is made here."""

import logging
import os
import stat
from pathlib import Path
from typing import BinaryIO

FOLDER_MODE = 0o700
FILE_MODE = 0o600
# What SQLite keeps beside a database; it copies the database's mode when it makes them.
_BESIDE_A_DATABASE = ("", "-wal", "-shm", "-journal")

_log = logging.getLogger(__name__)


def private_folder(path: Path) -> Path:
    """Make a folder that its owner alone may enter, with its missing parents, or close one that is too open.

    A folder that others could enter is closed together with everything in it, so that a link that was made to one of
    its files while it was open leads nowhere either.

    Args:
        path: A folder of SkinLens; what exists above it stays as it is.

    Returns:
        The same path.

    Raises:
        OSError: If it cannot be made.
    """
    for missing in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        # One at a time: `parents=True` would make the folders between with the mode that everyone's files get.
        missing.mkdir(mode=FOLDER_MODE, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(20, "is not a folder", str(path))
    if _is_open(path):
        for place, folders, files in os.walk(path):
            for name in (*folders, *files):
                _close(Path(place, name))
        _close(path)
    return path


def private_file(path: Path) -> BinaryIO:
    """Open a file for writing, emptied, that its owner alone may read.

    Args:
        path: A file that is there keeps its place and loses its content.

    Raises:
        OSError: If it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), FILE_MODE)
    try:
        # The mode above counts only for a file that was not there before.
        _close(path)
        return os.fdopen(descriptor, "wb")
    except BaseException:
        os.close(descriptor)
        raise


def private_database(path: Path) -> None:
    """See to it that a SQLite file, new or old, and what SQLite keeps beside it may be read by their owner alone.

    A missing folder is made private. One that is there stays as it is: a database may lie anywhere.

    Args:
        path: Of the database; an empty file is made where there is none.

    Raises:
        OSError: If the file cannot be made.
    """
    if not path.parent.exists():
        private_folder(path.parent)
    # SQLite takes an empty file for an empty database.
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT, FILE_MODE))
    for ending in _BESIDE_A_DATABASE:
        _close(path.with_name(path.name + ending))


def _is_open(path: Path) -> bool:
    """Whether anyone but the owner has any right to a path; always no where the system knows no such rights."""
    return os.name == "posix" and bool(stat.S_IMODE(path.lstat().st_mode) & 0o077)


def _close(path: Path) -> None:
    """Leave the rights to a path to its owner; a link, and what went away meanwhile, is left alone."""
    try:
        if path.is_symlink() or not _is_open(path):
            return
        path.chmod(stat.S_IMODE(path.lstat().st_mode) & 0o700)
    except FileNotFoundError:
        return
    except OSError as error:
        # Another owner, or a file system without rights: no reason to lose what is to be saved.
        _log.warning("%s may be read by others, and that cannot be changed: %s", path, error.strerror)
