"""Predictions as the ISIC challenges take them: what isic-challenge-scoring reads beside a ground truth."""

import csv
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from pyarrow import ArrowException, fs, parquet

from skinlens.errors import OutputError
from skinlens.scoring.shards import DestinationError, destination
from skinlens.storage.spreadsheet import guarded

CATEGORIES = ("benign", "malignant")


class ChallengeTable:
    """A CSV with `image` and a probability for each of `CATEGORIES`, written as rows come.

    isic-challenge-scoring takes a prediction for every image or none at all, so that an image without a probability and
    one whose name was there before are left out and counted.

    Args:
        path: Of the CSV; replaced if it is there.

    Attributes:
        rows: Images that are in it.
        unassessed: Images without a probability.
        repeated: Images whose name another one has.

    Raises:
        OSError: If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = self.unassessed = self.repeated = 0
        self._names: set[str] = set()
        self._stream = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._csv = csv.writer(self._stream, lineterminator="\n")
        self._csv.writerow(("image", *CATEGORIES))

    def __enter__(self) -> "ChallengeTable":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def write(self, path: str, probability: float | None) -> None:
        """Write one image.

        Args:
            path: As in the row of `predict`; its file name without the ending is the image's name.
            probability: Of malignant; None if there is none.
        """
        name = PurePosixPath(path.replace("\\", "/")).stem
        if probability is None:
            self.unassessed += 1
        elif name in self._names:
            self.repeated += 1
        else:
            self._names.add(name)
            self.rows += 1
            # With a point whatever the value: a column of whole numbers is not taken.
            self._csv.writerow((guarded(name), repr(1.0 - float(probability)), repr(float(probability))))
            self._stream.flush()

    def sentence(self, path: Path) -> str:
        """Return what is in the file and what is not.

        Args:
            path: As the reader named it.
        """
        parts = [f"{path} has {self.rows} images for isic-challenge-scoring"]
        if self.unassessed:
            parts.append(f"{self.unassessed} without a probability are not in it")
        if self.repeated:
            parts.append(f"{self.repeated} whose name another image has are not in it")
        return "; ".join(parts)


def write_challenge(path: Path, scored: str) -> str:
    """Write the predictions of finished shards for isic-challenge-scoring.

    Args:
        path: Of the CSV.
        scored: Folder or address of the shards.

    Returns:
        What is in the file and what is not.

    Raises:
        OutputError: If the shards cannot be read, or the file cannot be written.
    """
    try:
        with ChallengeTable(path) as table:
            for row in _rows(scored):
                table.write(row["path"], row["probability"])
    except (OSError, ArrowException, DestinationError) as error:
        raise OutputError(f"{path} cannot be written: {error}") from error
    return table.sentence(path)


def _rows(scored: str) -> Iterator[dict[str, Any]]:
    system, folder = destination(scored)
    files = system.get_file_info(fs.FileSelector(folder))
    for each in sorted(file.path for file in files if file.path.endswith(".parquet")):
        with system.open_input_file(each) as stream:
            yield from parquet.read_table(stream, columns=["path", "probability"]).to_pylist()
