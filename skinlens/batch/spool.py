"""Uploaded images on their way into a run: copies in the run's own folder, until it is finished or discarded."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from skinlens.batch.errors import BatchError
from skinlens.batch.store import BatchStore
from skinlens.imaging.archives import head_of
from skinlens.imaging.contents import passed_over
from skinlens.imaging.decode import IMAGE_SUFFIXES
from skinlens.imaging.sources import PassedOver, Place, Source, Sources
from skinlens.storage.errors import explained
from skinlens.storage.private import private_file, private_folder
from skinlens.translation import marked

_ARCHIVE = ".zip"


@dataclass(frozen=True)
class Upload:
    """A file that a browser sent.

    Attributes:
        name: As the browser says, with the folders of a dropped folder; never used as a path.
        stream: Its bytes.
    """

    name: str
    stream: BinaryIO


def take_in(store: BatchStore, uploads: Iterable[Upload], *, whole_folder: bool) -> None:
    """Copy uploads into the run's folder and list them; zip archives are listed by their members.

    Args:
        store: A new run of the kind `upload`.
        uploads: In order.
        whole_folder: Pass over what is no image, as in a dropped folder; else everything gets a row.

    Raises:
        BatchError: If they cannot be written.
    """
    with explained(marked("The images could not be taken in"), BatchError):
        private_folder(store.spool)
        names = {}
        for number, upload in enumerate(uploads):
            # The name comes from outside: nothing of it but a known ending gets into the file system.
            suffix = PurePosixPath(upload.name).suffix.lower()
            path = store.spool / f"{number:06d}{suffix if suffix in {*IMAGE_SUFFIXES, _ARCHIVE} else ''}"
            with private_file(path) as copy:
                shutil.copyfileobj(upload.stream, copy)
            names[path] = upload.name
    store.list_images(_Spooled(names, whole_folder=whole_folder), shown=names)


@dataclass
class _Spooled:
    """The images among the copies, in order; `passed_over` names the others, as in `Sources`."""

    names: dict[Path, str]
    whole_folder: bool
    passed_over: list[PassedOver] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[Source]:
        for path, name in self.names.items():
            if path.suffix == _ARCHIVE:
                members = Sources([path])
                for member in members:
                    # An archive without images is named as it was dropped, not as its copy.
                    yield member if member.place else Source(name, name, member.read)
                # Named as they were dropped, not as their copies are.
                self.passed_over += [
                    PassedOver(f"{name}{other.path.removeprefix(str(path))}", other.reason)
                    for other in members.passed_over
                ]
            elif self.whole_folder and (reason := passed_over(name, head_of(path))):
                self.passed_over.append(PassedOver(name, reason))
            else:
                place = Place(path)
                yield Source(name, name, place.read, place)
