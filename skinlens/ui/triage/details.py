"""Details of one image for those who want them: every quality check, the model, the fusion."""

import pandas as pd
import streamlit as st

from skinlens.imaging.image import name_in_words
from skinlens.imaging.quality import LIMITS, Check, CheckName, Severity
from skinlens.runtime.card import OodRecord
from skinlens.runtime.prediction import GateSummary
from skinlens.runtime.providers import provider_in_words
from skinlens.translation import gettext as _
from skinlens.translation import in_language, marked, number, numbers_in
from skinlens.triage.admission import Admission
from skinlens.triage.decision import Assessment
from skinlens.triage.diameter import Diameter
from skinlens.triage.pipeline import Assessed
from skinlens.triage.wording import point_sentence, rates_sentence
from skinlens.ui.model import LoadedModel

_CHECKS: dict[CheckName, str] = {
    "blurred": marked("blurred"),
    "too_dark": marked("too dark"),
    "too_bright": marked("too bright"),
    "no_colour": marked("no colour"),
    "no_lesion": marked("no lesion"),
    "cut_off": marked("cut off"),
    "hair": marked("hair"),
    "ink": marked("ink"),
    "ruler": marked("ruler"),
    "dark_corners": marked("dark corners"),
}
_RESULTS: dict[Severity, str] = {"warn": marked("warning"), "refuse": marked("rejected")}


def show_details(
    result: Assessed, assessment: Assessment, model: LoadedModel, diameter: Diameter | None = None
) -> None:
    """Show checks and provenance, folded.

    Args:
        result: The image and its prediction.
        assessment: Of that prediction.
        model: That made it.
        diameter: Of the lesion; None without a scale.
    """
    image, prediction = result.image, result.prediction
    point = assessment.point
    # Rates were measured on images that may be assessed.
    rates = [] if assessment.override else [in_language(point_sentence(point)), in_language(rates_sentence(point))]
    scores = [
        _("The score is the model's own output. It orders images; the risk above follows from it."),
        _("Score, unrounded: {score}").format(score=numbers_in(repr(prediction.score))),
        *_orientations(result),
    ]
    with st.expander(_("Details: reasons, image quality, score, model")):
        if assessment.decision != "rejected":
            for reason in assessment.reasons:
                st.text(in_language(reason))
        st.dataframe(quality_table(result.admission, model.card.ood), hide_index=True, width="stretch")
        lines = [
            _("Image: {name}, {width} x {height} px").format(
                name=name_in_words(image.name, image.frame, image.frames), width=image.width, height=image.height
            ),
            _("SHA-256 of the file: {digest}").format(digest=image.sha256),
            _("Model: {name} {version}, weights SHA-256 {digest}").format(
                name=prediction.model.name, version=prediction.model.version, digest=prediction.model.sha256
            ),
            _("Ran on: {place}, {milliseconds} ms").format(
                place=_(provider_in_words(prediction.provider)), milliseconds=number(prediction.milliseconds, ".1f")
            ),
            *([] if diameter is None else [in_language(diameter.sentence)]),
            *([] if assessment.decision == "rejected" else scores),
            _("Operating point: {name}, threshold {threshold}").format(
                name=_(point.name), threshold=number(point.threshold, ".4f")
            ),
            *rates,
            _fusion(prediction.gate),
            _("Heatmap: full evidence is {scale}, {chosen_on}").format(
                scale=number(model.card.heatmap.scale, "g"), chosen_on=in_language(model.card.heatmap.chosen_on)
            ),
        ]
        st.text("\n".join(lines))


def _orientations(result: Assessed) -> list[str]:
    """Return the scores of the eight orientations in a sentence, once they are known."""
    if result.stability is None:
        return []
    scores = ", ".join(number(score, ".3f") for score in result.stability.scores)
    return [_("Scores of the eight orientations: {scores}").format(scores=scores)]


def quality_table(admission: Admission | None, record: OodRecord | None) -> pd.DataFrame:
    """Tabulate every check of an image, one row each.

    Args:
        admission: Of the image; None gives an empty table.
        record: From the model's card; None for a model without out-of-distribution statistics.

    Returns:
        Columns Check, Measured, Passes (the limit), Result (`passed`, `warning` or `rejected`) and Unit, all of it text
        in the reader's language.
    """
    if admission is None:
        return pd.DataFrame()
    rows = [_row(check) for check in admission.quality.checks]
    if admission.ood_score is not None and record is not None:
        # Written so that a number that is none counts as rejected.
        rejected = not admission.ood_score >= record.threshold
        rows.insert(
            0,
            {
                _("Check"): _("not dermoscopy"),
                _("Measured"): number(admission.ood_score, ".2f"),
                _("Passes"): _("at least {limit}").format(limit=number(record.threshold, ".2f")),
                _("Result"): _("rejected") if rejected else _("passed"),
                _("Unit"): _("standard deviations from the dermoscopic training images"),
            },
        )
    return pd.DataFrame(rows)


def _row(check: Check) -> dict[str, str]:
    limits = LIMITS[check.name]
    passes = _("at least {limit}") if limits.low else _("at most {limit}")
    return {
        _("Check"): _(_CHECKS[check.name]),
        _("Measured"): number(check.value, ".2f"),
        _("Passes"): passes.format(limit=number(limits.warn, "g")),
        _("Result"): _("passed") if check.passed else _(_RESULTS[check.severity]),
        _("Unit"): _(limits.unit),
    }


def _fusion(gate: GateSummary | None) -> str:
    """Say how the model mixed its two branches, if it has two."""
    if gate is None:
        return _("This model has one branch, so there is no fusion.")
    return _("Share of the mid-level branch in the fusion: mean {mean}, from {low} to {high}").format(
        mean=number(gate.mean, ".2f"), low=number(gate.low, ".2f"), high=number(gate.high, ".2f")
    )
