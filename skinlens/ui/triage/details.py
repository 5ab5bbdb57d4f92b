"""Details of one image for those who want them: every quality check, the model, the fusion."""

import pandas as pd
import streamlit as st

from skinlens.imaging.image import LesionImage
from skinlens.imaging.quality import LIMITS, Check, lesion_diameter
from skinlens.runtime.card import OodRecord
from skinlens.runtime.prediction import GateSummary
from skinlens.runtime.providers import provider_in_words
from skinlens.translation import gettext as _
from skinlens.translation import in_language
from skinlens.triage.admission import Admission
from skinlens.triage.decision import Assessment
from skinlens.triage.pipeline import Assessed
from skinlens.triage.wording import point_sentence, rates_sentence
from skinlens.ui.model import LoadedModel


def show_details(result: Assessed, assessment: Assessment, model: LoadedModel) -> None:
    """Show checks and provenance, folded."""
    image, prediction = result.image, result.prediction
    orientations = () if result.stability is None else result.stability.scores
    point = assessment.point
    # Rates were measured on images that may be assessed.
    rates = [] if assessment.override else [in_language(point_sentence(point)), in_language(rates_sentence(point))]
    scores = [
        _("The score is the model's own output. It orders images; the risk above follows from it."),
        _("Score, unrounded: {score!r}").format(score=prediction.score),
        _("Scores of the eight orientations: {scores}").format(
            scores=", ".join(f"{score:.3f}" for score in orientations)
        ),
    ]
    with st.expander(_("Details: reasons, image quality, score, model")):
        if assessment.decision != "rejected":
            for reason in assessment.reasons:
                st.text(in_language(reason))
        st.dataframe(quality_table(result.admission, model.card.ood), hide_index=True, width="stretch")
        lines = [
            _("Image: {name}, {width} x {height} px").format(name=image.name, width=image.width, height=image.height),
            _("SHA-256 of the file: {digest}").format(digest=image.sha256),
            _("Model: {name} {version}, weights SHA-256 {digest}").format(
                name=prediction.model.name, version=prediction.model.version, digest=prediction.model.sha256
            ),
            _("Ran on: {place}, {milliseconds:.1f} ms").format(
                place=_(provider_in_words(prediction.provider)), milliseconds=prediction.milliseconds
            ),
            *_diameter(image),
            *([] if assessment.decision == "rejected" else scores),
            _("Operating point: {name}, threshold {threshold:.4f}").format(
                name=_(point.name), threshold=point.threshold
            ),
            *rates,
            _fusion(prediction.gate),
            _("Heatmap: full evidence is {scale:g}, {chosen_on}").format(
                scale=model.card.heatmap.scale, chosen_on=model.card.heatmap.chosen_on
            ),
        ]
        st.text("\n".join(lines))


def _diameter(image: LesionImage) -> list[str]:
    """Return the lesion's diameter in a sentence, where the file states the size of a pixel."""
    measured = None if image.millimetres is None else lesion_diameter(image.pixels, image.millimetres)
    if measured is None:
        return []
    words = _("Largest diameter of the lesion: about {n} mm, by the pixel spacing of the file and an estimated outline")
    return [words.format(n=f"{measured:.1f}")]


def quality_table(admission: Admission | None, record: OodRecord | None) -> pd.DataFrame:
    """Tabulate every check of an image, one row each.

    Args:
        admission: Of the image; None gives an empty table.
        record: From the model's card; None for a model without out-of-distribution statistics.

    Returns:
        Columns Check, Measured, Passes (the limit), Result (`passed`, `warning` or `rejected`) and Unit.
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
                "Check": "not dermoscopy",
                "Measured": round(admission.ood_score, 2),
                "Passes": f"at least {record.threshold:.2f}",
                "Result": "rejected" if rejected else "passed",
                "Unit": "standard deviations from the dermoscopic training images",
            },
        )
    return pd.DataFrame(rows)


def _row(check: Check) -> dict[str, str | float]:
    limits = LIMITS[check.name]
    return {
        "Check": check.name.replace("_", " "),
        "Measured": round(check.value, 2),
        "Passes": f"{'at least' if limits.low else 'at most'} {limits.warn:g}",
        "Result": "passed" if check.passed else {"warn": "warning", "refuse": "rejected"}[check.severity],
        "Unit": limits.unit,
    }


def _fusion(gate: GateSummary | None) -> str:
    """Say how the model mixed its two branches, if it has two."""
    if gate is None:
        return _("This model has one branch, so there is no fusion.")
    return _("Share of the mid-level branch in the fusion: mean {mean:.2f}, from {low:.2f} to {high:.2f}").format(
        mean=gate.mean, low=gate.low, high=gate.high
    )
