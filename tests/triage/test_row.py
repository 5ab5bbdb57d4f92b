"""The columns of results: the contract's, in their order, with types."""

from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.quality import assess_quality
from skinlens.runtime.orientations import Stability
from skinlens.triage.admission import admit
from skinlens.triage.decision import NO_RESULT_CODE, assess
from skinlens.triage.diameter import diameter_of
from skinlens.triage.pipeline import Assessed, Unreadable
from skinlens.triage.row import Row, columns, stability_cell
from tests.made_up_assessments import prediction
from tests.made_up_cases import CARD, POINT, lesion_image


def test_the_columns_of_the_contract_in_order_with_types() -> None:
    assert columns() == {
        "path": str, "sha256": str, "probability": float, "decision": str, "threshold": float, "point": str,
        "reasons": str, "quality_failed": str, "stability": str, "width": int, "height": int, "model": str,
        "error": str, "prevalence": float, "risk": float, "risk_low": float, "risk_high": float,
        "diameter_mm": float, "diameter_by": str,
    }  # fmt: skip


def test_an_unreadable_file_has_its_code_and_nothing_of_an_image() -> None:
    row = Row.of("a.png", Unreadable("", ImageRejectedError("empty", "It is empty.")), CARD, POINT)
    assert row.cells() == {
        "path": "a.png", "sha256": "", "probability": None, "decision": "rejected", "threshold": 0.31,
        "point": "high_sensitivity", "reasons": "It is empty.", "quality_failed": "", "stability": "", "width": None,
        "height": None, "model": "asff_resnet50", "error": "empty", "prevalence": None, "risk": None, "risk_low": None,
        "risk_high": None, "diameter_mm": None, "diameter_by": "",
    }  # fmt: skip


def test_an_image_without_a_number_says_so() -> None:
    image = lesion_image(40, 30)
    assessed = Assessed(image, assess(prediction(float("nan")), CARD, POINT, stability=Stability((0.5,) * 8)), CARD)
    row = Row.of("a.png", assessed, CARD, POINT)
    assert (row.probability, row.error, row.stability) == (None, NO_RESULT_CODE, "")
    assert (row.decision, row.width, row.height) == ("rejected", 40, 30)


def test_a_diameter_is_that_of_the_image_and_none_of_a_rejected_one() -> None:
    image = lesion_image(millimetres=0.02)
    measured = diameter_of(image)
    assert measured is not None
    row = Row.of("a.dcm", Assessed(image, assess(prediction(0.5), CARD, POINT), CARD), CARD, POINT)
    assert (row.diameter_mm, row.diameter_by) == (round(measured.millimetres, 2), "pixel spacing")
    rejected = assess(
        prediction(0.5),
        CARD,
        POINT,
        admission=admit(assess_quality(lesion_image(60, 60).pixels), ood_score=-9.0, threshold=-1.0),
    )
    assert rejected.decision == "rejected"
    row = Row.of("a.dcm", Assessed(image, rejected, CARD), CARD, POINT)
    assert (row.diameter_mm, row.diameter_by) == (None, "")


def test_stability_counts_orientations_with_the_same_decision() -> None:
    assert stability_cell(Stability((0.5, *(0.4,) * 3, *(0.2,) * 4)), POINT) == "4/8"
    assert stability_cell(None, POINT) == ""
