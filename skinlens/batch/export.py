"""Exports of a run: a table in which a spreadsheet finds no formula, and case summaries in an archive."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from skinlens.batch.errors import BatchError
from skinlens.batch.reopen import record_again
from skinlens.batch.store import BatchStore
from skinlens.batch.table import Entry, second_point
from skinlens.imaging.sources import safe_name
from skinlens.report.pdf import case_pdf
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.storage.printable import printable
from skinlens.storage.spreadsheet import guarded
from skinlens.translation import DEFAULT
from skinlens.triage.decision import decision_with_reasons
from skinlens.triage.risk import PRIMARY_CARE, meaning_of
from skinlens.triage.row import Row, diameter_cells, risk_cells

NOT_INCLUDED = "not-included.txt"


def table_csv(
    entries: Sequence[Entry],
    card: ModelCard,
    point: OperatingPoint,
    *,
    prevalence: float = PRIMARY_CARE,
    second: ModelCard | None = None,
) -> str:
    """Return every image as a row: the columns of `predict`, then case facts and verdicts.

    No text is a formula in a spreadsheet; see `spreadsheet.guarded`.

    Args:
        entries: Images of the run.
        card: Of its model.
        point: At which they are assessed.
        prevalence: Share of malignant lesions that risks are for, in (0, 1).
        second: Card of its second model, whose result then follows in columns of its own.
    """
    stream = io.StringIO(newline="")
    rows = [_row(entry, card, point, prevalence) | _second_cells(entry, second, point) for entry in entries]
    writer = csv.DictWriter(stream, list(rows[0]) if rows else ["path"])
    writer.writeheader()
    for row in rows:
        writer.writerow({column: guarded(value, column) for column, value in row.items()})
    return stream.getvalue()


def _row(entry: Entry, card: ModelCard, point: OperatingPoint, prevalence: float) -> dict[str, object]:
    line, last = entry.line, entry.last_review
    risk, is_assessed = None, entry.outcome in ("refer", "uncertain", "low")
    if line.score is not None and is_assessed:
        risk = meaning_of(line.score, card, point, prevalence)
    millimetres, source = diameter_cells(line.diameter if is_assessed else None)
    row = Row(
        path=line.path,
        sha256=line.sha256,
        probability=line.score,
        decision="rejected" if entry.outcome == "unreadable" else entry.outcome,
        threshold=point.threshold,
        point=point.name,
        reasons=_reasons(entry, card, point),
        quality_failed=";".join(line.flags),
        stability=entry.orientations,
        width=line.width or None,
        height=line.height or None,
        model=card.shown_name,
        error=line.reason,
        **risk_cells(risk),
        diameter_mm=millimetres,
        diameter_by=source,
    )
    return {
        **row.cells(),
        **vars(entry.facts),
        "verdict": last.verdict if last else "",
        "verdict_by": last.actor if last else "",
        "verdict_blind": "" if last is None else str(last.blind).lower(),
        "verdict_note": last.note if last else "",
        "verdicts": len(entry.reviews),
    }


def _second_cells(entry: Entry, second: ModelCard | None, point: OperatingPoint) -> dict[str, object]:
    if second is None:
        return {}
    disagree = entry.models_disagree
    return {
        "second_model": second.shown_name,
        "second_version": second.version,
        "second_probability": entry.line.second_score,
        "second_decision": entry.second or "",
        "second_threshold": second_point(second, point).threshold,
        "models_disagree": "" if disagree is None else str(disagree).lower(),
    }


def _reasons(entry: Entry, card: ModelCard, point: OperatingPoint) -> str:
    line = entry.line
    if line.score is None:
        return line.sentence
    stability = None if line.stability is None else Stability(line.stability)
    _, reasons = decision_with_reasons(
        line.score, card, point, notes=line.notes, stability=stability, rejections=line.rejections
    )
    return " ".join(reasons)


def case_archive(
    store: BatchStore,
    entries: Sequence[Entry],
    card: ModelCard,
    point: OperatingPoint,
    *,
    prevalence: float = PRIMARY_CARE,
    code: str = DEFAULT,
    progress: Callable[[int], object] = lambda _: None,
) -> bytes:
    """Return a zip archive with the case summary of every assessed image, and a text with a line for each other.

    Args:
        store: The run.
        entries: Images of it.
        card: Of its model.
        point: At which they are assessed.
        prevalence: Share of malignant lesions that the risks are for, in (0, 1).
        code: Of the summaries' language.
        progress: Called with how many are done.

    Raises:
        BatchError: If the run cannot be read.
    """
    stream = io.BytesIO()
    left_out = []
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for done, (entry, content) in enumerate(_summaries(store, entries, card, point, prevalence, code), 1):
            if isinstance(content, str):
                left_out.append(printable(f"{entry.line.path}: {content}"))
            else:
                archive.writestr(f"{safe_name(entry.line.relative, entry.line.sha256)}-{entry.number}.pdf", content)
            progress(done)
        if left_out:
            archive.writestr(NOT_INCLUDED, "\n".join(left_out) + "\n")
    return stream.getvalue()


def _summaries(
    store: BatchStore, entries: Sequence[Entry], card: ModelCard, point: OperatingPoint, prevalence: float, code: str
) -> Iterator[tuple[Entry, bytes | str]]:
    """Each image's summary, or why it has none."""
    created = datetime.now().astimezone()
    for entry in entries:
        if entry.line.score is None:
            yield entry, entry.line.sentence or "not assessed yet"
            continue
        row = store.image(entry.number)
        try:
            record = record_again(row, card, point, entry.facts, created=created, prevalence=prevalence)
        except BatchError as error:
            yield entry, str(error)
            continue
        yield entry, case_pdf(record, card, code=code).content


def file_stem(title: str) -> str:
    """A run's title as the stem of a file name."""
    return "".join(character if character.isalnum() else "-" for character in PurePosixPath(title).name)[:60] or "batch"
