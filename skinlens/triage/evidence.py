"""What is said of the place of the evidence, on pages and in PDFs."""

from skinlens.explain.outside import OutsideEvidence, outside_evidence
from skinlens.imaging.image import LesionImage
from skinlens.runtime.card import ModelCard
from skinlens.triage.decision import Assessment


def outside_of(image: LesionImage, assessment: Assessment, card: ModelCard) -> OutsideEvidence | None:
    """Measure how much of the evidence of an assessed image lies outside the lesion.

    Args:
        image: As it was assessed.
        assessment: Of that image.
        card: Of the model.

    Returns:
        None for a rejected image, and where no lesion stands out from the skin.
    """
    if assessment.decision == "rejected":
        return None
    return outside_evidence(image.pixels, assessment.prediction.signed_map, scale=card.heatmap.scale)


def outside_sentence(outside: OutsideEvidence | None, assessment: Assessment) -> str:
    """Return the share of the evidence outside the lesion in words; "" if it is small or not known."""
    return "" if outside is None else outside.in_words(low=assessment.decision == "low")


def is_misplaced(outside: OutsideEvidence | None, assessment: Assessment) -> bool:
    """Return whether the model may have looked at something else than the lesion, which is a warning."""
    return outside is not None and outside.is_warning(low=assessment.decision == "low")
