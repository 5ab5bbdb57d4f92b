"""`skinlens predict`: images in, one row each out, with heatmaps, PDFs and DICOM objects on request."""

import csv
import io
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from skinlens.cli.passed_over import say_passed_over
from skinlens.cli.say import json_text, say
from skinlens.errors import OutputError, UsageError
from skinlens.explain.heatmap import record_overlay
from skinlens.imaging.frames import with_frame
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.own import mark_heatmap
from skinlens.imaging.sources import Source, Sources, safe_name
from skinlens.imaging.synthetic import encode_png
from skinlens.imaging.workers import worker_count
from skinlens.progress import tracked
from skinlens.runtime.choice import quickest_predictor
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.scoring.challenge import ChallengeTable
from skinlens.storage.printable import printable
from skinlens.storage.spreadsheet import guarded
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import operating_point
from skinlens.triage.diameter import assessed_diameter
from skinlens.triage.pipeline import Assessed, Outcome, Pipeline
from skinlens.triage.risk import PRIMARY_CARE, meaning
from skinlens.triage.row import Row, columns


@dataclass(frozen=True)
class Outputs:
    """Where results go; None: not wanted.

    Attributes:
        table: CSV or JSON file; None is standard output.
        as_json: JSON instead of CSV.
        heatmaps: Folder of PNG overlays.
        pdfs: Folder of case summaries.
        orientations: Whether each image is scored turned and mirrored too, which takes eight times as long.
        dicom: Folder of case summaries and overlays as DICOM objects.
        prevalence: Share of malignant lesions that risks are for, in (0, 1).
        isic: File for what isic-challenge-scoring takes.
        passed_over: CSV of every file that was passed over, with the reason.
        frame: Which image of a DICOM file or TIFF with several, from 0; None is each of them, a row each.
    """

    table: Path | None
    as_json: bool
    heatmaps: Path | None
    pdfs: Path | None
    orientations: bool = True
    dicom: Path | None = None
    prevalence: float = PRIMARY_CARE
    isic: Path | None = None
    passed_over: Path | None = None
    frame: int | None = None

    @property
    def draws(self) -> bool:
        """Whether images themselves are among the results."""
        return not (self.heatmaps is None and self.pdfs is None and self.dicom is None)


def predict(
    paths: Sequence[Path],
    outputs: Outputs,
    *,
    model: str | None,
    point: str | None,
    threshold: float | None,
    unverified: bool = False,
    engine: str | None = None,
) -> None:
    """Assess every image under the paths, and write a row for each.

    Args:
        paths: Files, folders and archives.
        outputs: What to write, and where.
        model: Name of a released model; None takes the default one.
        point: Name of an operating point of its card; None takes the default one.
        threshold: In [0, 1], instead of an operating point.
        unverified: Accept a card that was not released.
        engine: Name of an engine; None takes the quickest one.

    Raises:
        ModelFileError: If the model is missing or altered, or was not released and `unverified` is false, or if this
            machine has no such engine.
        OutputError: If a result cannot be written.
        UsageError: If the operating point is unknown or given twice.
    """
    predictor = quickest_predictor(model or DEFAULT_MODEL, unverified=unverified, engine=engine)
    try:
        chosen = operating_point(predictor.card, name=point, threshold=threshold)
    except ValueError as error:
        raise UsageError(str(error)) from error
    pipeline = Pipeline(
        predictor,
        chosen,
        orientations=outputs.orientations,
        frame=outputs.frame,
        # Rows alone need no more of a large image than the network sees.
        all_pixels=outputs.draws,
    )
    sources = Sources(paths)
    count: dict[str, int] = {}
    try:
        with ExitStack() as stack:
            for folder in (outputs.heatmaps, outputs.pdfs, outputs.dicom):
                if folder is not None:
                    folder.mkdir(parents=True, exist_ok=True)
            writer = stack.enter_context(_table(outputs, stack))
            challenge = None if outputs.isic is None else stack.enter_context(ChallengeTable(outputs.isic))
            # Every row as it comes, so that an interrupted run leaves what it had done.
            for source, outcome in tracked(pipeline.stream(sources, readers=worker_count()), "assessing"):
                if isinstance(outcome, Assessed):
                    _write_extras(source, outcome, outputs)
                row = Row.of(
                    _path(source, outcome), outcome, pipeline.card, pipeline.point, prevalence=outputs.prevalence
                )
                writer.write(row)
                if challenge is not None:
                    challenge.write(row.path, row.probability)
                count[row.decision] = count.get(row.decision, 0) + 1
    except OSError as error:
        raise OutputError(f"the results cannot be written: {error}") from error
    parts = [f"{number} {decision}" for decision, number in sorted(count.items())]
    if sources.passed_over:
        parts.append(f"{len(sources.passed_over)} other files passed over")
    say(", ".join(parts))
    say_passed_over(sources.passed_over, outputs.passed_over)
    if challenge is not None and outputs.isic is not None:
        say(challenge.sentence(outputs.isic))


def _path(source: Source, outcome: Outcome) -> str:
    return with_frame(source.path, outcome.image.frame if isinstance(outcome, Assessed) else 0)


def _write_extras(source: Source, assessed: Assessed, outputs: Outputs) -> None:
    if not outputs.draws:
        return
    image = assessed.image
    name = safe_name(source.relative, image.sha256) + (f"-{image.frame + 1}" if image.frame else "")
    drawn = record_overlay(image.pixels, assessed.heatmap)
    if outputs.heatmaps is not None:
        (outputs.heatmaps / f"{name}.png").write_bytes(mark_heatmap(encode_png(drawn)))
    if outputs.pdfs is None and outputs.dicom is None:
        return
    # Imported here, since fonts and PDF code cost time that a plain table need not pay.
    from skinlens.report.pdf import case_pdf

    risk = meaning(assessed.assessment, assessed.card, outputs.prevalence)
    diameter = assessed_diameter(image, assessed.assessment.decision)
    record = CaseRecord(
        image, drawn, assessed.assessment, CaseFacts(), datetime.now().astimezone(), risk, diameter=diameter
    )
    summary = case_pdf(record, assessed.card).content
    if outputs.pdfs is not None:
        (outputs.pdfs / f"{name}.pdf").write_bytes(summary)
    if outputs.dicom is not None:
        from skinlens.report.dicom import AnotherImageError, case_dicom

        try:
            made = case_dicom(record, summary, source.read())
        except (AnotherImageError, ImageRejectedError) as error:
            raise OutputError(
                f"{source.path} changed while it was being assessed; leave it alone and try again"
            ) from error
        (outputs.dicom / f"{name}.pdf.dcm").write_bytes(made.summary)
        if made.overlay is not None:
            (outputs.dicom / f"{name}.overlay.dcm").write_bytes(made.overlay)
        for note in made.notes:
            say(f"{source.path}: {note}")


class _Table:
    """Rows as CSV or as one JSON array, written as they come so that memory stays flat."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._as_json = as_json
        self._rows = 0
        self._csv = csv.DictWriter(stream, list(columns()))

    def __enter__(self) -> "_Table":
        if self._as_json:
            self._stream.write("[")
        else:
            self._csv.writeheader()
        return self

    def __exit__(self, *_: object) -> None:
        if self._as_json:
            self._stream.write("\n]\n")
        self._stream.flush()

    def write(self, row: Row) -> None:
        content = row.cells()
        if self._as_json:
            emptied = {key: None if value == "" else value for key, value in content.items()}
            self._stream.write((",\n" if self._rows else "\n") + json_text(emptied))
        else:
            cells = {column: guarded(value, column) for column, value in content.items()}
            if self._stream.isatty():
                # A terminal would execute control characters in a name; a file gets the name as it is.
                cells = {
                    column: printable(value) if isinstance(value, str) else value for column, value in cells.items()
                }
            self._csv.writerow(cells)
        self._rows += 1
        self._stream.flush()


def _table(outputs: Outputs, stack: ExitStack) -> _Table:
    # A file name need not be text; what cannot be encoded is written as \udcff, which JSON reads back.
    if outputs.table is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
        return _Table(sys.stdout, as_json=outputs.as_json)
    outputs.table.parent.mkdir(parents=True, exist_ok=True)
    stream = outputs.table.open("w", encoding="utf-8", errors="backslashreplace", newline="")
    return _Table(stack.enter_context(stream), as_json=outputs.as_json)
