"""What `skinlens bench` measured, as a typed document and as the table of docs/performance.md."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from skinlens.leaderboard.documents import ResultError
from skinlens.metrics.report import Document

Work = Literal[
    "image_heatmap",
    "orientations",
    "batch_8",
    "batch_32",
    "decode",
    "decode_24mp",
    "bytes_to_assessment",
    "folder",
    "first_result",
    "first_page",
    "peak_memory",
]
WORK_IN_WORDS: Final[dict[Work, str]] = {
    "image_heatmap": "one image with its heatmap",
    "orientations": "eight orientations of one image",
    "batch_8": "8 images in one pass",
    "batch_32": "32 images in two passes",
    "decode": "an ordinary JPEG to the model's input",
    "decode_24mp": "a JPEG of 24 megapixels to the model's input",
    "bytes_to_assessment": "bytes to assessment, eight orientations",
    "folder": "`predict` on a folder, to CSV, eight orientations",
    "first_result": "`predict` on one image, from the start of the process",
    "first_page": "the first page, from the start of the process",
    "peak_memory": "most memory of that process",
}
# What the ratio of each work is against.
AGAINST: Final[dict[Work, str]] = {
    "image_heatmap": "torch and the grad-cam library on one image",
    "orientations": "torch and the grad-cam library on one image, once",
    "batch_8": "torch and the grad-cam library on as many images, one after another",
    "batch_32": "torch and the grad-cam library on as many images, one after another",
    "decode": "",
    "decode_24mp": "a full decode",
    "bytes_to_assessment": "torch and the grad-cam library on one image, once",
    "folder": "torch and the grad-cam library on as many images, one after another",
    "first_result": "",
    "first_page": "an empty Streamlit page",
    "peak_memory": "",
}


class Machine(Document):
    """Where it was measured.

    Attributes:
        processor: As its maker calls it.
        cores: Logical ones.
        memory: In gigabytes; None where the system does not tell.
        load: Mean number of processes that wanted a core in the minute before; None likewise.
        versions: Of Python, the runtimes and torch, by name.
    """

    processor: str
    cores: int
    memory: float | None = None
    load: float | None = None
    system: str
    versions: dict[str, str]


class Row(Document):
    """One measurement.

    Attributes:
        engine: A runtime, or what the others are compared with, such as `torch+grad-cam`.
        milliseconds: Median for the whole work; None for memory.
        images: How many the work is about.
        ratio: How many times as fast as what `AGAINST` names, in the same run; None where there is nothing to compare.
        megabytes: Of memory; None for time.
        decisions_kept: Share of decisions at the default operating point that are those of ONNX Runtime in fp32; None
            where it was not measured.
        auc_change: ROC AUC minus that of ONNX Runtime in fp32; None likewise.
    """

    work: Work
    engine: str
    precision: str
    milliseconds: Annotated[float, Field(ge=0)] | None = None
    images: int = 1
    ratio: Annotated[float, Field(ge=0)] | None = None
    megabytes: float | None = None
    decisions_kept: Annotated[float, Field(ge=0, le=1)] | None = None
    auc_change: float | None = None


class Performance(Document):
    """One run of `skinlens bench`.

    Attributes:
        measured_on: How many images the decisions and the AUC were compared on in this run; 0: none.
        repeats: Turns of the shortest work.
        engine: The one that the self-test chose.
    """

    model: str
    version: str
    weights_sha256: str
    engine: str
    date: str
    repeats: int
    measured_on: int = 0
    machine: Machine
    rows: tuple[Row, ...]


def read_performance(path: Path) -> Performance:
    """Read what `skinlens bench --out` wrote.

    Raises:
        ResultError: If it cannot be read or is no such file.
    """
    try:
        return Performance.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ResultError(f"{path.name} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise ResultError(f"{path.name} is not what `bench --out` writes: {error.errors()[0]['msg']}") from error


def markdown_performance(measured: Performance) -> str:
    """Return the machine in a sentence and the rows as a table."""
    machine = measured.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    memory = "" if machine.memory is None else f", {machine.memory:.0f} GB of memory"
    lines = [
        f"`{measured.model}` {measured.version} on {machine.processor} with {machine.cores} cores{memory}, "
        f"{machine.system}; {versions}. Measured on {measured.date}, medians of up to {measured.repeats} turns. "
        f"The self-test chose `{measured.engine}`."
        + ("" if machine.load is None else f" Other work kept {machine.load:.1f} cores busy when it began."),
        "",
        "| what | engine | precision | milliseconds | times as fast | decisions kept | AUC change |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in measured.rows:
        cost = f"{row.megabytes:,.0f} MB" if row.megabytes is not None else f"{row.milliseconds or 0:,.1f}"
        cells = [
            WORK_IN_WORDS[row.work] + (f" ({row.images} images)" if row.work == "folder" else ""),
            row.engine,
            row.precision,
            cost,
            "" if row.ratio is None else f"{row.ratio:.2f}",
            "" if row.decisions_kept is None else f"{100 * row.decisions_kept:.1f} %",
            "" if row.auc_change is None else f"{row.auc_change:+.4f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    against: dict[str, list[str]] = {}
    for work in dict.fromkeys(row.work for row in measured.rows):
        if AGAINST[work]:
            against.setdefault(AGAINST[work], []).append(WORK_IN_WORDS[work])
    lines += ["", "Times as fast as:", ""]
    lines += [f"- {reference}: {'; '.join(works)}" for reference, works in against.items()]
    return "\n".join(lines)
