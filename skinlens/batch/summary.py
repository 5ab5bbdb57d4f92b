"""The content of a run's PDF, gathered from the run."""

import io
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from PIL import Image

from skinlens.batch.errors import BatchError
from skinlens.batch.figures import AgainstTruth, against_truth, with_reviewers
from skinlens.batch.reopen import assessment_again, image_again
from skinlens.batch.store import BatchStore
from skinlens.batch.table import OUTCOME_WORDS, Entry, counts, ordered
from skinlens.explain.heatmap import heatmap_of, overlay
from skinlens.imaging.image import Pixels
from skinlens.imaging.preprocess import fitted
from skinlens.metrics.agreement import Agreement
from skinlens.metrics.measurement import as_percent
from skinlens.metrics.registry import METRICS
from skinlens.report.batch_pdf import BatchSummary, Block, Thumbnail
from skinlens.runtime.card import ModelCard, OperatingPoint

# What a document holds at most; beyond that nobody turns the pages.
MOST_THUMBNAILS = 600
MOST_BLOCKS = 200
_BLOCK_SIDE = 480

FACTS_IN_WORDS = {
    "case_id": "Patient",
    "lesion": "Lesion",
    "date": "Photograph taken",
    "age": "Age",
    "sex": "Sex",
    "site": "Body site",
    "note": "Note",
    "label": "Ground truth",
}


def summarise(
    store: BatchStore,
    entries: Sequence[Entry],
    card: ModelCard,
    point: OperatingPoint,
) -> BatchSummary:
    """Gather what the PDF of a run shows.

    Args:
        store: The run.
        entries: Every image of it, at the point.
        card: Of its model.
        point: At which it is assessed.

    Raises:
        BatchError: If the run cannot be read.
    """
    run, state = store.run(), store.progress()
    worrying = ordered(entries, "worry")
    flagged = [entry for entry in worrying if entry.outcome in {"refer", "uncertain"}]
    shown = worrying[:MOST_THUMBNAILS]
    small = store.thumbnails([entry.number for entry in shown])
    remarks = []
    if state.passed_over:
        remarks.append(f"Other files, which are no images: {state.passed_over:,}.")
    if not state.complete:
        remarks.append("The run is not complete: images that were not assessed yet are not among the results.")
    return BatchSummary(
        title=run.title,
        source=tuple(run.roots[:8]) + ((f"and {len(run.roots) - 8} more",) if len(run.roots) > 8 else ()),
        created=datetime.now().astimezone(),
        counts=tuple((OUTCOME_WORDS[name], number) for name, number in counts(entries).items()),
        remarks=tuple(remarks),
        figures=_figures(entries, point),
        thumbnails=tuple(_thumbnail(entry, small.get(entry.number)) for entry in shown),
        left_out=len(worrying) - len(shown),
        blocks=tuple(_block(store, entry, card, point) for entry in flagged[:MOST_BLOCKS]),
        blocks_left_out=max(0, len(flagged) - MOST_BLOCKS),
        results=tuple(
            (entry.line.sha256, entry.outcome, entry.line.score)
            for entry in entries
            # Two comparisons, since a set would not narrow the type.
            if entry.outcome != "unreadable" and entry.outcome != "waiting"
        ),
    )


def label_rows(comparison: AgainstTruth) -> tuple[tuple[str, ...], ...]:
    """A head and one row a metric, for a table."""
    rows = [
        (METRICS[name].title, measured.text(interval=False), measured.interval(), f"{measured.n:,}")
        for name, measured in comparison.result.metrics.items()
    ]
    return (("Metric", "Value", "95 % interval", "n"), *rows)


def label_sentence(comparison: AgainstTruth) -> str:
    """What the figures against ground truth rest on."""
    confusion = comparison.result.confusion
    return (
        f"Ground truth: of {confusion.malignant:,} malignant images {confusion.tp:,} reach the threshold and "
        f"{confusion.fn:,} do not; of {confusion.benign:,} benign ones {confusion.tn:,} stay below it and "
        f"{confusion.fp:,} do not. "
        f"Called uncertain among them: {comparison.undecided:,}; "
        f"labelled but not assessed: {comparison.not_assessed:,}."
    )


def agreement_sentence(agreement: Agreement, *, blind: bool) -> str:
    """How far reviewers and model agree, in words."""
    which = "given without knowing the model's result" if blind else "benign or malignant"
    if not agreement.n:
        return f"No verdict {which} yet."
    share = agreement.share
    return (
        f"Reviewer and model agree on {agreement.both_malignant + agreement.both_benign:,} of {agreement.n:,} verdicts "
        f"{which} ({share.text(as_percent, interval=False)}, 95 % interval {share.interval(as_percent)}; "
        f"Cohen's kappa {agreement.kappa.text()}). Malignant for the reviewer "
        f"alone: {agreement.first_alone:,}; for the model alone: {agreement.second_alone:,}."
    )


def facts_in_words(entry: Entry) -> tuple[tuple[str, str], ...]:
    """What is known beside an image, as label and text."""
    return tuple((FACTS_IN_WORDS[name], text) for name, text in vars(entry.facts).items() if text)


def verdicts_in_words(entry: Entry) -> tuple[str, ...]:
    """Every verdict on an image, the earliest first."""
    return tuple(
        f"{review.actor}: {review.verdict}{', without knowing the result' if review.blind else ''}"
        f"{f' ({review.note})' if review.note else ''}"
        for review in entry.reviews
    )


def _figures(
    entries: Sequence[Entry], point: OperatingPoint
) -> tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...]:
    figures: list[tuple[str, str, tuple[tuple[str, ...], ...]]] = []
    comparison = against_truth(entries, point)
    if comparison is not None:
        figures.append(("Against ground truth", label_sentence(comparison), label_rows(comparison)))
    for blind in (True, False):
        agreed = with_reviewers(entries, point, blind_alone=blind)
        if agreed.n:
            figures.append(("Reviewer and model", agreement_sentence(agreed, blind=blind), ()))
            break
    return tuple(figures)


def _thumbnail(entry: Entry, content: bytes | None) -> Thumbnail:
    known = entry.outcome if entry.outcome not in {"unreadable", "waiting"} else None
    return Thumbnail(entry.line.relative, known, entry.line.score, None if content is None else _pixels(content))  # type: ignore[arg-type]


def _block(store: BatchStore, entry: Entry, card: ModelCard, point: OperatingPoint) -> Block:
    row = store.image(entry.number)
    assessment = assessment_again(row, card, point)
    image = drawn = None
    reasons = assessment.reasons
    try:
        image = fitted(image_again(row).pixels, _BLOCK_SIDE)
        drawn = overlay(image, heatmap_of(assessment.prediction, card))
    except BatchError as error:
        reasons = (*reasons, str(error))
    return Block(
        thumbnail=Thumbnail(entry.line.relative, assessment.decision, entry.line.score, image),
        sha256=entry.line.sha256,
        facts=facts_in_words(entry),
        reasons=reasons,
        verdicts=verdicts_in_words(entry),
        overlay=drawn,
    )


def _pixels(content: bytes) -> Pixels:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), np.uint8)
