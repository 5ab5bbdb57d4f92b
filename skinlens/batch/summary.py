"""The content of a run's PDF, gathered from the run."""

import io
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from PIL import Image

from skinlens.batch.errors import BatchError
from skinlens.batch.figures import FEWEST_FOR_KAPPA, AgainstTruth, against_truth, measured, with_reviewers
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
from skinlens.translation import gettext as _
from skinlens.translation import in_language, marked, ngettext, number
from skinlens.triage.case import VERDICT_WORDS
from skinlens.triage.decision import Decision
from skinlens.triage.wording import HEADLINES

# What a document holds at most; beyond that nobody turns the pages.
MOST_THUMBNAILS = 600
MOST_BLOCKS = 200
_BLOCK_SIDE = 480

FACTS_IN_WORDS = {
    "case_id": marked("Patient"),
    "lesion": marked("Lesion"),
    "date": marked("Photograph taken"),
    "age": marked("Age"),
    "sex": marked("Sex"),
    "site": marked("Body site"),
    "note": marked("Note"),
    "label": marked("Ground truth"),
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
    missed = [entry for entry in worrying if entry.is_missed]
    flagged = [entry for entry in worrying if entry.outcome in {"refer", "uncertain"}]
    shown = worrying[:MOST_THUMBNAILS]
    small = store.thumbnails([entry.number for entry in shown])
    remarks = []
    if state.passed_over:
        remarks.append(_("Files skipped because they are not images: {n}.").format(n=number(state.passed_over)))
    if not state.complete:
        remarks.append(_("The run is not complete. Images that still wait are not among the results."))
    second = store.second_card()
    if second is not None:
        remarks.append(disagreement_sentence(entries))
    return BatchSummary(
        title=run.title,
        source=tuple(run.roots[:8]) + ((_("and {n} more").format(n=len(run.roots) - 8),) if len(run.roots) > 8 else ()),
        created=datetime.now().astimezone(),
        counts=tuple((_(OUTCOME_WORDS[name]), number) for name, number in counts(entries).items()),
        remarks=tuple(remarks),
        figures=_figures(entries, point),
        thumbnails=tuple(_thumbnail(entry, small.get(entry.number)) for entry in shown),
        left_out=len(worrying) - len(shown),
        blocks=tuple(_block(store, entry, card, point) for entry in flagged[:MOST_BLOCKS]),
        blocks_left_out=max(0, len(flagged) - MOST_BLOCKS),
        missed=tuple(_block(store, entry, card, point) for entry in missed[:MOST_BLOCKS]),
        missed_left_out=max(0, len(missed) - MOST_BLOCKS),
        second=None if second is None else (second.shown_name, second.version, second.files["weights"].sha256),
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
        (
            _(METRICS[name].title),
            in_language(each.text(interval=False)),
            in_language(each.interval()) or "-",
            "" if each.n is None else number(each.n),
        )
        for name, each in measured(comparison).items()
    ]
    return ((_("Metric"), _("Value"), _("95 % interval"), "n"), *rows)


def label_sentence(comparison: AgainstTruth) -> str:
    """What the figures against ground truth rest on."""
    confusion = comparison.result.confusion
    sentences = [
        _("Of {n} malignant images, {above} reach the threshold and {below} do not.").format(
            n=number(confusion.malignant), above=number(confusion.tp), below=number(confusion.fn)
        ),
        _("Of {n} benign images, {below} stay below the threshold and {above} do not.").format(
            n=number(confusion.benign), above=number(confusion.fp), below=number(confusion.tn)
        ),
    ]
    if comparison.undecided:
        sentences.append(_("Uncertain among them: {n}.").format(n=number(comparison.undecided)))
    if comparison.not_assessed:
        sentences.append(
            _("Labelled but not assessed, and so not counted: {n}.").format(n=number(comparison.not_assessed))
        )
    return " ".join(sentences)


def agreement_sentence(agreement: Agreement, *, blind: bool) -> str:
    """How far reviewers and model agree, in words."""
    if not agreement.n:
        return (
            _("No image has a verdict of benign or malignant that was given blind.")
            if blind
            else _("No image has a verdict of benign or malignant.")
        )
    n, same = agreement.n, agreement.both_malignant + agreement.both_benign
    which = (
        _("Verdicts given blind: reviewer and model agree on {same} of {n} ({share}, 95 % interval {interval}).")
        if blind
        else _("All verdicts: reviewer and model agree on {same} of {n} ({share}, 95 % interval {interval}).")
    )
    share = agreement.share
    return " ".join(
        (
            which.format(
                same=number(same),
                n=number(n),
                share=in_language(share.text(as_percent, interval=False)),
                interval=in_language(share.interval(as_percent)),
            ),
            _("Malignant for the reviewer alone: {first}. Malignant for the model alone: {second}.").format(
                first=number(agreement.first_alone), second=number(agreement.second_alone)
            ),
            _("Cohen's kappa {kappa}.").format(kappa=in_language(agreement.kappa.text()))
            if n >= FEWEST_FOR_KAPPA
            else _("No kappa is shown: with fewer than {n} verdicts its interval is too wide to mean anything.").format(
                n=FEWEST_FOR_KAPPA
            ),
        )
    )


def disagreement_sentence(entries: Sequence[Entry]) -> str:
    """On how many images the two models of a run disagree."""
    compared = [entry.models_disagree for entry in entries if entry.models_disagree is not None]
    return ngettext(
        "The two models disagree on {n} of {total} image.",
        "The two models disagree on {n} of {total} images.",
        len(compared),
    ).format(n=number(sum(compared)), total=number(len(compared)))


def second_in_words(entry: Entry, name: str) -> str:
    """What the second model decided on an image, with whether the models disagree; "" if it decided nothing.

    Args:
        entry: The image.
        name: Of the second model.
    """
    if entry.second is None:
        return ""
    score = None if entry.second == "rejected" else entry.line.second_score
    decided = _(HEADLINES[entry.second]).lower()
    sentence = (
        _("{model}: {decision}.").format(model=name, decision=decided)
        if score is None
        else _("{model}: {decision}, {score}.").format(model=name, decision=decided, score=number(score, ".2f"))
    )
    return f"{sentence} " + _("The models disagree.") if entry.models_disagree else sentence


def facts_in_words(entry: Entry, *, without_label: bool = False) -> tuple[tuple[str, str], ...]:
    """What is known beside an image, as label and text; the ground truth can be left out."""
    return tuple(
        (_(FACTS_IN_WORDS[name]), _(text) if name == "label" else text)
        for name, text in vars(entry.facts).items()
        if text and not (without_label and name == "label")
    )


def verdicts_in_words(entry: Entry) -> tuple[str, ...]:
    """Every verdict on an image, the earliest first."""
    sentences = []
    for review in entry.reviews:
        verdict = _(VERDICT_WORDS[review.verdict])
        sentence = _("{who}: {verdict}, given blind") if review.blind else _("{who}: {verdict}")
        note = f" ({review.note})" if review.note else ""
        sentences.append(sentence.format(who=review.actor, verdict=verdict) + note)
    return tuple(sentences)


def _figures(
    entries: Sequence[Entry], point: OperatingPoint
) -> tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...]:
    figures: list[tuple[str, str, tuple[tuple[str, ...], ...]]] = []
    comparison = against_truth(entries, point)
    if comparison is not None:
        figures.append((_("Results against ground truth"), label_sentence(comparison), label_rows(comparison)))
    for blind in (True, False):
        agreed = with_reviewers(entries, point, blind_alone=blind)
        if agreed.n:
            figures.append((_("Agreement of reviewer and model"), agreement_sentence(agreed, blind=blind), ()))
            break
    return tuple(figures)


def _thumbnail(entry: Entry, content: bytes | None) -> Thumbnail:
    known = entry.outcome if entry.outcome not in {"unreadable", "waiting"} else None
    return Thumbnail(entry.line.shown_name, known, entry.line.score, None if content is None else _pixels(content))  # type: ignore[arg-type]


def _block(store: BatchStore, entry: Entry, card: ModelCard, point: OperatingPoint) -> Block:
    second = store.second_card()
    compared = "" if second is None else second_in_words(entry, second.shown_name)
    outcome: Decision | None = None
    image = drawn = None
    reasons: tuple[str, ...] = (entry.line.sentence,)
    # Two comparisons, since a set would not narrow the type.
    if entry.outcome != "unreadable" and entry.outcome != "waiting":
        row = store.image(entry.number)
        assessment = assessment_again(row, card, point)
        outcome, reasons = assessment.decision, assessment.reasons
        try:
            image = fitted(image_again(row).pixels, _BLOCK_SIDE)
            if outcome != "rejected":
                drawn = overlay(image, heatmap_of(assessment.prediction, card))
        except BatchError as error:
            reasons = (*reasons, str(error))
    return Block(
        thumbnail=Thumbnail(entry.line.shown_name, outcome, entry.line.score, image),
        sha256=entry.line.sha256,
        facts=facts_in_words(entry),
        reasons=(*reasons, compared) if compared else reasons,
        verdicts=verdicts_in_words(entry),
        overlay=drawn,
    )


def _pixels(content: bytes) -> Pixels:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), np.uint8)
