"""A model card as Markdown, in the order of the CLAIM 2024 checklist: purpose, data, model, results, limits."""

from collections.abc import Iterator, Sequence

import pandas as pd

from skinlens.metrics.measurement import as_percent
from skinlens.report.tables import CURVE_SENTENCE, curve_table, markdown_views, point_table, rejection_sentence
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.triage.wording import DISCLAIMER


def card_markdown(card: ModelCard, measured: Sequence[tuple[str, Sequence[str | pd.DataFrame]]] = ()) -> str:
    """Everything that a card says, for a reader.

    Args:
        card: Of a released model.
        measured: Further sections after the results on test images: a title each, and paragraphs and tables.

    Returns:
        Markdown that depends on these two alone.
    """
    before, after = (_purpose, _data, _model, _evaluation), (_points, _calibration, _rejection, _limits, _files)
    lines = [f"# {card.title}: {card.name} {card.version}", "", *(line for part in before for line in part(card))]
    for title, blocks in measured:
        lines += [f"## {title}", ""]
        for block in blocks:
            lines += [*([block] if isinstance(block, str) else _table(block)), ""]
    return "\n".join([*lines, *(line for part in after for line in part(card))])


def _purpose(card: ModelCard) -> Iterator[str]:
    yield from (DISCLAIMER, "", "## Intended use", "", card.intended_use, "")


def _data(card: ModelCard) -> Iterator[str]:
    counts = ", ".join(f"{number:,} {label}" for label, number in card.training.images.items())
    yield from ("## Training data", "", f"{card.training.data}: {counts}.", "")


def _model(card: ModelCard) -> Iterator[str]:
    architecture, training, shown = card.architecture, card.training, card.preprocessing
    options = ", ".join(f"{key} {value}" for key, value in architecture.options.items())
    yield from ("## Model and training", "")
    yield f"- Network: {architecture.name} ({options}), {architecture.parameters:,} parameters."
    yield f"- Input: {shown.size} by {shown.size} pixels, {shown.geometry}."
    yield f"- Start: {training.start}."
    yield f"- Trained for {training.epochs} epochs, seed {training.seed}, in {training.seconds:,.0f} seconds:"
    yield from ("", f"      {training.command}", "")
    yield f"- Heatmap: full evidence is {card.heatmap.scale:g}, {card.heatmap.chosen_on}."
    yield ""


def _evaluation(card: ModelCard) -> Iterator[str]:
    yield from ("## Results on test images", "")
    if card.test is None:
        yield from ("The card holds no test scores.", "")
        return
    yield f"{card.test.data}, threshold {card.test.threshold:.4f}; test rows scored: {card.test.times_scored}."
    yield from ("", markdown_views(card.test), "")
    yield from (f"- {name}: {view.explanation}" for name, view in card.test.views.items())
    yield from ("", f"Intervals: {card.test.interval}.", "")


def _points(card: ModelCard) -> Iterator[str]:
    yield from ("## Operating points", "")
    for point in card.operating_points:
        default = " (default)" if point.name == card.default_point else ""
        yield f"- **{point.name}**{default}: threshold {point.threshold:.4f}, {point.chosen_on}.{_band(point)}"
    for point in card.operating_points:
        yield from ("", f"What `{point.name}` does:", "")
        yield from _table(point_table(point))
    yield ""


def _band(point: OperatingPoint) -> str:
    if point.band is None:
        return ""
    wrong, decided = (rate.text(as_percent) for rate in (point.band.error, point.band.decided))
    return (
        f" Scores from {point.band.low:.4f} to {point.band.high:.4f} are uncertain. {decided} of the held-out images "
        f"have another score; {wrong} of the decisions on those were wrong."
    )


def _calibration(card: ModelCard) -> Iterator[str]:
    yield from ("## Calibration", "")
    calibration = card.calibration
    if calibration is None:
        yield from ("The score is not calibrated: it ranks images, it is not a probability of cancer.", "")
        return
    yield (
        f"Logits are divided by {calibration.temperature:.4f}, and {calibration.offset:+.4f} is added "
        f"({calibration.chosen_on}). The score holds where {calibration.prevalence:.1%} of images are malignant. "
        f"Calibration error {calibration.error_before:.4f} before, {calibration.error_after:.4f} after."
    )
    if card.risk_curve:
        yield from ("", CURVE_SENTENCE)
    yield from ("", *_table(curve_table(card.risk_curve)), "")


def _rejection(card: ModelCard) -> Iterator[str]:
    yield from ("## Images that it rejects", "", rejection_sentence(card.ood), "")


def _limits(card: ModelCard) -> Iterator[str]:
    yield from ("## Limits", "", *(f"- {limit}" for limit in card.limits), "")


def _files(card: ModelCard) -> Iterator[str]:
    yield from ("## Files", "", f"{card.licence}", "")
    yield from (f"- {role}: {file.file}, SHA-256 {file.sha256}" for role, file in card.every_file.items())
    yield ""


def _table(table: pd.DataFrame) -> Iterator[str]:
    if table.empty:
        yield "Not measured."
        return
    yield "| " + " | ".join(table.columns) + " |"
    yield "| --- " * len(table.columns) + "|"
    for row in table.itertuples(index=False):
        yield "| " + " | ".join(str(cell) for cell in row) + " |"
