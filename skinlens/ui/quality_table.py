"""Every check of an image as a table, for those who ask why it was warned about or refused."""

import pandas as pd

from skinlens.imaging.quality import LIMITS, Check
from skinlens.runtime.card import OodRecord
from skinlens.triage.admission import Admission


def quality_table(admission: Admission | None, record: OodRecord | None) -> pd.DataFrame:
    """One row a check: what was looked for, what was measured, what would have passed, and what came of it.

    Args:
        admission: Of the image.
        record: From the model's card; None for a model without statistics of familiar images.
    """
    if admission is None:
        return pd.DataFrame()
    rows = [_row(check) for check in admission.quality.checks]
    if admission.ood_score is not None and record is not None:
        is_ood = not admission.ood_score >= record.threshold
        rows.insert(
            0,
            {
                "Looked for": "not dermoscopy",
                "Measured": round(admission.ood_score, 2),
                "Passes": f"from {record.threshold:.2f} on",
                "Result": "refuses" if is_ood else "passed",
                "Unit": "standard deviations from the dermoscopic images that the model knows",
            },
        )
    return pd.DataFrame(rows)


def _row(check: Check) -> dict[str, str | float]:
    limits = LIMITS[check.name]
    outcome = "passed" if check.passed else {"warn": "warns", "refuse": "refuses"}[check.severity]
    return {
        "Looked for": check.name.replace("_", " "),
        "Measured": round(check.value, 2),
        "Passes": f"{'from' if limits.low else 'up to'} {limits.warn:g}{' on' if limits.low else ''}",
        "Result": outcome,
        "Unit": limits.unit,
    }
