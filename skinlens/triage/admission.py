"""May an image be judged at all? From its quality and its familiarity to a yes or no with reasons in plain words."""

from dataclasses import dataclass

from skinlens.imaging.image import LesionImage
from skinlens.imaging.quality import Check, CheckName, Quality, assess_quality
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor

STRANGE = (
    "This does not look like the dermoscopic images that the model knows. Use a photograph through a dermatoscope."
)

_FINDINGS: dict[CheckName, str] = {
    "blurred": "The image is blurred.",
    "too_dark": "The image is too dark.",
    "too_bright": "Parts of the image are burnt out.",
    "no_colour": "The image has hardly any colour.",
    "no_lesion": "No lesion stands out from the skin.",
    "cut_off": "The lesion seems to be cut off by the edge of the image.",
    "hair": "Much hair lies over the image.",
    "ink": "There seem to be pen marks in the image.",
    "ruler": "There seems to be a ruler or scale in the image.",
    "dark_corners": "Black corners or a black circle take up part of the image.",
}


@dataclass(frozen=True)
class Admission:
    """Whether an image may be judged.

    Attributes:
        rejected: True if it may not; a person can still override that, with a reason that is kept.
        reasons: Why it is rejected, the most important first; empty if it is not.
        warnings: What makes a score less sure without forbidding it; never a reason to reject.
        quality: Every check of the pixels.
        familiarity: How much the image is like dermoscopy to the model; None if it was not asked.
    """

    rejected: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    quality: Quality
    familiarity: float | None = None


def examine(image: LesionImage, prediction: Prediction, predictor: Predictor) -> Admission:
    """Decide whether an image may be judged, by its pixels and by what the model made of it.

    Args:
        image: The image as received.
        prediction: Of that image, by `predictor`.
        predictor: Its statistics of familiar images are asked, if it has any.
    """
    record, statistics = predictor.card.familiarity, predictor.familiarity
    quality = assess_quality(image.pixels)
    if record is None or statistics is None:
        return admit(quality, synthetic=image.synthetic)
    familiarity = statistics.score(prediction.appearance)
    return admit(quality, familiarity=familiarity, threshold=record.threshold, synthetic=image.synthetic)


def admit(
    quality: Quality, *, familiarity: float | None = None, threshold: float | None = None, synthetic: bool = False
) -> Admission:
    """Decide whether an image may be judged.

    Args:
        quality: From `imaging.quality.assess_quality`.
        familiarity: From `runtime.familiarity`; None for a model whose card has no statistics, of which nothing is
            then asked.
        threshold: From the card; below it an image is not taken for dermoscopy. Goes with `familiarity`.
        synthetic: Whether the image is a drawn example marked as such, which passes whatever is found.

    Raises:
        ValueError: If only one of familiarity and threshold is given.
    """
    if (familiarity is None) != (threshold is None):
        raise ValueError("give a familiarity together with its threshold, or neither")
    # Written so that a familiarity that is not a number is strange.
    strange = familiarity is not None and threshold is not None and not familiarity >= threshold
    findings = ((STRANGE,) if strange else ()) + tuple(_sentence(check) for check in quality.refusing)
    warnings = tuple(_sentence(check) for check in quality.failed if check not in quality.refusing)
    reasons, warnings = ((), findings + warnings) if synthetic else (findings, warnings)
    return Admission(bool(reasons), reasons, warnings, quality, familiarity)


def _sentence(check: Check) -> str:
    return f"{_FINDINGS[check.name]} {check.advice}"
