"""Whether an image may be assessed: by the quality of its pixels and by how far it is from dermoscopy to the model."""

from dataclasses import dataclass

from skinlens.imaging.image import LesionImage
from skinlens.imaging.quality import Quality, assess_quality
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor
from skinlens.translation import sentence
from skinlens.triage.wording import NOT_DERMOSCOPY, check_sentence


@dataclass(frozen=True)
class Admission:
    """Whether an image may be assessed.

    Attributes:
        rejected: True if it may not; a person can override that by giving a reason, which is saved.
        reasons: Why it is rejected, the most important first; empty if it is not.
        warnings: What makes a score less certain but is no reason to reject.
        quality: Every check of the pixels.
        ood_score: The out-of-distribution score, in standard deviations: the further below 0, the less the image
            looks like dermoscopy to the model. None for a model without statistics.
    """

    rejected: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    quality: Quality
    ood_score: float | None = None

    @property
    def quality_sentences(self) -> tuple[str, ...]:
        """The warnings, or that there are none; empty if the image is rejected for reasons alone."""
        if self.reasons and not self.warnings:
            return ()
        return self.warnings or (sentence("Image quality: nothing found against it."),)


def examine(
    image: LesionImage, prediction: Prediction, predictor: Predictor, *, quality: Quality | None = None
) -> Admission:
    """Check whether an image may be assessed, by its pixels and by its features.

    Args:
        image: The image as received.
        prediction: Of that image, by `predictor`.
        predictor: Its out-of-distribution statistics are used, if it has any.
        quality: Of the image's pixels, where they were checked before.
    """
    record, statistics = predictor.card.ood, predictor.ood_statistics
    quality = assess_quality(image.pixels) if quality is None else quality
    if record is None or statistics is None:
        return admit(quality, synthetic=image.synthetic)
    score = statistics.score(prediction.appearance)
    return admit(quality, ood_score=score, threshold=record.threshold, synthetic=image.synthetic)


def admit(
    quality: Quality, *, ood_score: float | None = None, threshold: float | None = None, synthetic: bool = False
) -> Admission:
    """Decide whether an image may be assessed.

    Args:
        quality: From `imaging.quality.assess_quality`.
        ood_score: From `runtime.ood.OodStatistics`; None for a model without statistics.
        threshold: From the card; an image with a lower score is rejected. Goes with `ood_score`.
        synthetic: True for a drawn example marked as one: its faults are warnings, never reasons.

    Raises:
        ValueError: If only one of score and threshold is given.
    """
    if (ood_score is None) != (threshold is None):
        raise ValueError("give an out-of-distribution score together with its threshold, or neither")
    # Written so that a score that is not a number is out of distribution.
    is_ood = ood_score is not None and threshold is not None and not ood_score >= threshold
    reasons = ((NOT_DERMOSCOPY,) if is_ood else ()) + tuple(check_sentence(check) for check in quality.rejecting)
    warnings = tuple(check_sentence(check) for check in quality.failed if check not in quality.rejecting)
    if synthetic:
        reasons, warnings = (), reasons + warnings
    return Admission(bool(reasons), reasons, warnings, quality, ood_score)
