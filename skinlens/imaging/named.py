"""Images in a folder and below it by the name that a table has for them: with or without ending and folder."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from skinlens.imaging.decode import IMAGE_SUFFIXES


class ImagesByName:
    """The images in a folder, looked for once and only when a name is asked for.

    Args:
        folder: In which the table lies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, list[Path]] | None = None
        self._folders: dict[str, list[Path]] = defaultdict(list)

    def find(self, name: str) -> Sequence[Path]:
        """Return the images of a name, relative to the folder; none, one or several.

        Args:
            name: Of a file, with or without its ending; capitals do not matter, nor how accents are stored.
        """
        self._look()
        assert self._files is not None  # noqa: S101 - `_look` has filled it
        return self._files.get(_folded(name), [])

    def locate(self, name: str, *, is_id: bool) -> list[str]:
        """Return where the image lies that a table names: one path, or the several files that it could be.

        Args:
            name: A path relative to the folder, as any system writes it, or an image's name.
            is_id: Whether the column holds names of images, whose files may lie in any folder below.

        Returns:
            Paths relative to the folder, with slashes; the name itself where no file is found by it.
        """
        path = PurePosixPath(name.replace("\\", "/"))
        is_plain = path.suffix.lower() in IMAGE_SUFFIXES and "\\" not in name and name.isascii()
        if is_plain and not is_id:
            return [name]
        # A Mac stores accents as signs of their own, and a table from elsewhere does not, or the other way round.
        forms = (name, unicodedata.normalize("NFC", path.as_posix()), unicodedata.normalize("NFD", path.as_posix()))
        try:
            there = next((form for form in forms if (self._folder / form).exists()), None)
        except OSError:
            return [name]
        if there is not None:
            return [there]
        if len(path.parts) == 1 and (is_id or path.suffix.lower() not in IMAGE_SUFFIXES):
            return [file.as_posix() for file in self.find(name)] or [name]
        # Windows writes backslashes, which are part of a name elsewhere.
        return [path.as_posix()]

    def in_folder(self, name: str) -> Sequence[Path]:
        """Return the images that lie directly in the folders of a name, relative to the folder, sorted.

        Args:
            name: Of a folder, such as a lesion's in MILK10k.
        """
        self._look()
        return self._folders.get(_folded(name), [])

    def _look(self) -> None:
        if self._files is not None:
            return
        self._files = defaultdict(list)
        for folder, below, names in os.walk(self._folder):
            below.sort()
            for name in sorted(names):
                path = PurePosixPath(name)
                if path.suffix.lower() not in IMAGE_SUFFIXES or name.startswith("._"):
                    continue
                place = Path(folder, name).relative_to(self._folder)
                for each in (path.name, path.stem):
                    self._files[_folded(each)].append(place)
                self._folders[_folded(place.parent.name)].append(place)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
