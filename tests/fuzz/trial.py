"""Open damaged files as users would, and count how each ended."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.sources import Sources
from tests.fuzz.mutations import mutated
from tests.fuzz.samples import samples

# gdcm needs a process of its own for each image, which takes as long as 200 other mutations.
_RARE = "dicom lossless jpeg"
_RARE_EVERY = 400


@dataclass
class Figures:
    """How so many damaged files ended.

    Attributes:
        tried: Damaged files.
        accepted: Opened, or the archive's members all opened.
        rejected: With a sentence, within the budget.
        over_budget: Rejected because of the time, memory or number of parts.
        crashed: The decoder died, or something else than a rejection was raised.
        reasons: Rejections by reason.
        slowest: Seconds of the slowest one, and its name.
        faults: What was raised that should not be: seed, name and error.
    """

    tried: int = 0
    accepted: int = 0
    rejected: int = 0
    over_budget: int = 0
    crashed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, reason: str, seconds: float) -> None:
        """Count one; `reason` is empty for an image that opened."""
        self.tried += 1
        if not reason:
            self.accepted += 1
        elif reason == "over_budget":
            self.over_budget += 1
        elif reason in ("decoder_failed", "fault"):
            self.crashed += 1
        else:
            self.rejected += 1
        if reason:
            self.reasons[reason] += 1
        self.slowest = max(self.slowest, (seconds, name))

    def __str__(self) -> str:
        """As lines for a person."""
        seconds, name = self.slowest
        lines = [
            f"tried {self.tried:,}: accepted {self.accepted:,}, rejected {self.rejected:,}, "
            f"over the budget {self.over_budget:,}, crashed {self.crashed:,}",
            "reasons: " + ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.most_common()),
            f"slowest: {seconds:.2f} s ({name})",
        ]
        return "\n".join([*lines, *self.faults])


def try_mutations(count: int, *, seed: int, progress: Callable[[int], None] = lambda _: None) -> Figures:
    """Damage files of every format, and open them.

    Args:
        count: How many; each has its own generator, so that any one can be made again.
        seed: Of all of them.
        progress: Called with how many are done.
    """
    files = samples()
    names = [name for name in files if name != _RARE]
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            name = _RARE if number % _RARE_EVERY == _RARE_EVERY - 1 else names[number % len(names)]
            rng = np.random.default_rng([seed, number])
            other = files[str(rng.choice(list(files)))]
            data = mutated(files[name], other, rng)
            began = time.monotonic()
            try:
                reason = _open(name, data, Path(folder))
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                reason = "fault"
                figures.faults.append(f"seed {seed}, number {number} ({name}): {error!r}")
            figures.add(name, reason, time.monotonic() - began)
            progress(number + 1)
    return figures


def _open(name: str, data: bytes, folder: Path) -> str:
    """Return the reason of the rejection, or nothing for an image that opened."""
    try:
        if name.startswith("zip"):
            path = folder / "a.zip"
            path.write_bytes(data)
            for source in Sources([path]):
                _check(source.read(), source.relative)
        else:
            _check(data, "arm.dcm" if name.startswith("dicom") else "arm.jpg")
    except ImageRejectedError as error:
        return error.reason
    return ""


def _check(data: bytes, name: str) -> None:
    pixels = decode(data, name=name).pixels
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
