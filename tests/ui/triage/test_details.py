"""The table of quality checks: limits in words, and what came of each."""

import numpy as np
import pytest

from skinlens.imaging.quality import LIMITS, assess_quality
from skinlens.imaging.synthetic import draw_pixels
from skinlens.runtime.predictor import Predictor
from skinlens.triage.admission import admit
from skinlens.ui.triage.details import quality_table
from tests.drawn import familiar_pixels


def test_every_check_has_a_row_with_its_limit_and_unit() -> None:
    quality = assess_quality(familiar_pixels(0))
    table = quality_table(admit(quality), None).set_index("Check")
    assert set(table.index) == {name.replace("_", " ") for name in LIMITS}
    for name, limit in LIMITS.items():
        row = table.loc[name.replace("_", " ")]
        assert row["Passes"] == f"{'at least' if limit.low else 'at most'} {limit.warn:g}"
        assert row["Unit"] == limit.unit
    assert table["Measured"].tolist() == [f"{check.value:.2f}" for check in quality.checks]


def test_a_grey_image_is_rejected_by_its_colour_alone() -> None:
    grey = np.repeat(draw_pixels(9, height=240, width=320).mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    admission = admit(assess_quality(grey))
    table = quality_table(admission, None).set_index("Check")
    assert admission.rejected
    assert table.loc["no colour", "Result"] == "rejected"


@pytest.mark.parametrize(("above", "outcome"), [(0.1, "passed"), (-0.1, "rejected"), (float("nan"), "rejected")])
def test_what_does_not_look_like_dermoscopy_comes_first(predictor: Predictor, above: float, outcome: str) -> None:
    record = predictor.card.ood
    assert record is not None
    score = record.threshold + above
    quality = assess_quality(familiar_pixels(0))
    table = quality_table(admit(quality, ood_score=score, threshold=record.threshold), record)
    assert table["Check"].iloc[0] == "not dermoscopy"
    assert table["Result"].iloc[0] == outcome
    assert table["Passes"].iloc[0] == f"at least {record.threshold:.2f}"
