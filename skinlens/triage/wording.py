"""The sentences about a result that a person reads: on the pages, in PDFs and in tables.

Headlines and the sentences of `DECISION_WORDS` are translated where they are shown. The others are kept in English in
databases and tables, with each result. `NOT_DERMOSCOPY` never changes: batch runs recognise images by it.
"""

from collections.abc import Sequence

from skinlens.imaging.quality import Check, CheckName
from skinlens.metrics.measurement import as_percent
from skinlens.runtime.card import MeasuredRates, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.translation import marked, sentence, together

DISCLAIMER = marked("Research demonstrator, not a medical device: not for diagnosis or treatment decisions.")
LOW_SENTENCE = marked("A low score does not exclude melanoma.")
UNCERTAIN_SENTENCE = marked("Treat it as undecided; it does not exclude melanoma.")
UNCALIBRATED = marked("The score is not calibrated: it ranks images, it is not a probability of cancer.")
UNVERIFIED = marked(
    "Unverified model: its card is not that of a release, so its thresholds and risks are its maker's word alone."
)
NO_RESULT = marked(
    "The model gave no usable number for this image, so nothing was decided. Restore the model from the release, or "
    "use another one."
)
NOT_DERMOSCOPY = marked(
    "This does not look like the dermoscopic images that the model knows. Use a photograph through a dermatoscope."
)
HEADLINES: dict[str, str] = {
    "refer": marked("REFER"),
    "uncertain": marked("UNCERTAIN"),
    "low": marked("LOW"),
    "rejected": marked("NOT ASSESSED"),
}
# The headline of an image that was rejected and assessed for a reason that the user gave, whatever the decision.
AGAINST_ADVICE = marked("ASSESSED AGAINST ADVICE")
DECISION_WORDS: dict[str, str] = {
    "refer": marked("At this operating point the model refers this lesion."),
    "uncertain": marked("The model cannot decide at this operating point."),
    "low": marked("At this operating point the model does not refer this lesion."),
    "rejected": marked("No result is given for this image."),
}
NO_RATES = marked(
    "The image was rejected, so no risk is given: the risks were measured on images that can be assessed."
)
# In PDFs of earlier versions, with what they say now.
FORMER_HEADLINES = {
    "Above the referral threshold": HEADLINES["refer"],
    "Uncertain": HEADLINES["uncertain"],
    "Below the referral threshold": HEADLINES["low"],
    "Not assessed": HEADLINES["rejected"],
    "Not judged": HEADLINES["rejected"],
}

# Names of operating points, translated where they are shown.
POINTS = (marked("screening"), marked("balanced"), marked("specialist"), marked("custom"))
# How cards begin to say how a point was chosen.
_RULES: dict[str, str] = {
    "the highest threshold with a sensitivity of at least 95%": marked(
        "Set to find at least 95 of 100 cancers on images that the model had not seen."
    ),
    "the lowest threshold whose sensitivity and specificity are closest to one another": marked(
        "Set so that cancers are missed as often as benign lesions are referred, on images that the model had not seen."
    ),
    "the lowest threshold with a specificity of at least 95%": marked(
        "Set to refer at most 5 of 100 benign lesions, on images that the model had not seen."
    ),
}
_QUALITY: dict[CheckName, str] = {
    "blurred": marked("The image is blurred."),
    "too_dark": marked("The image is too dark."),
    "too_bright": marked("Parts of the image are burnt out."),
    "no_colour": marked("The image has hardly any colour."),
    "no_lesion": marked("No lesion stands out from the skin."),
    "cut_off": marked("The lesion seems to be cut off by the edge of the image."),
    "hair": marked("Much hair lies over the image."),
    "ink": marked("There seem to be pen marks in the image."),
    "ruler": marked("There seems to be a ruler or scale in the image."),
    "dark_corners": marked("Black corners or a black circle take up part of the image."),
}


def check_sentence(check: Check) -> str:
    """Return what is wrong with an image according to a failed check, and what to do about it."""
    return together(_QUALITY[check.name], check.advice)


def override_sentence(reason: str) -> str:
    """Return the sentence for an image that was rejected and assessed because a person gave a reason."""
    return sentence("Assessed against advice, because: {reason}", reason=reason)


def score_sentence(score: float, point: OperatingPoint) -> str:
    """Return on which side of an operating point's threshold a score in [0, 1] lies."""
    shown, threshold = with_enough_decimals(score, point.threshold)
    if score >= point.threshold:
        return sentence("The score {score} is at or above the threshold {threshold}.", score=shown, threshold=threshold)
    return sentence("The score {score} is below the threshold {threshold}.", score=shown, threshold=threshold)


def decision_sentences(score: float, point: OperatingPoint, stability: Stability | None = None) -> list[str]:
    """Return why a score leads to its decision at an operating point, `score_sentence` first.

    Args:
        score: P(malignant) in [0, 1].
        point: Its threshold and band are compared with the score.
        stability: Scores in eight orientations, if they were computed.
    """
    reasons = [score_sentence(score, point)]
    doubts = []
    if point.band is not None and point.band.contains(score):
        doubts.append(
            sentence(
                "The score is too close to the threshold to call at this operating point. Further away, {share} of the "
                "decisions on held-out images were wrong.",
                share=point.band.error.text(as_percent, interval=False),
            )
        )
    if stability is not None and not stability.holds(point.threshold):
        other = len(stability.scores) - stability.unchanged(point.threshold)
        doubts.append(
            sentence(
                "Turned or mirrored, the image gets another decision in {other} of {every} orientations.",
                other=other,
                every=len(stability.scores),
            )
        )
    if doubts:
        return [*reasons, *doubts, UNCERTAIN_SENTENCE]
    return reasons if score >= point.threshold else [*reasons, LOW_SENTENCE]


def stability_sentence(stability: Stability, threshold: float) -> str:
    """Return in how many orientations the score is on the same side of a threshold."""
    return sentence(
        "Turned or mirrored: same result in {same} of {every}.",
        same=stability.unchanged(threshold),
        every=len(stability.scores),
    )


def point_sentence(point: OperatingPoint) -> str:
    """Return how an operating point was chosen; a rule that is not known in plain words as the card has it."""
    for rule, words in _RULES.items():
        if point.chosen_on.startswith(rule):
            return sentence(words)
    return point.chosen_on


def with_enough_decimals(score: float, threshold: float) -> tuple[str, str]:
    """Return both numbers with two decimals, or as many more as different numbers need to look different.

    >>> with_enough_decimals(0.249, 0.25)
    ('0.249', '0.250')
    """
    for decimals in range(2, 8):
        shown = f"{score:.{decimals}f}", f"{threshold:.{decimals}f}"
        if shown[0] != shown[1] or score == threshold:
            break
    return shown


def rates_sentence(point: OperatingPoint, *, shown: int | None = None) -> str:
    """Return sensitivity and specificity measured at an operating point, each with its number of images.

    Args:
        point: The operating point.
        shown: How many sets of images to name, the most trustworthy first; None names all.
    """
    if not point.measured:
        return sentence("Sensitivity and specificity at this threshold were not measured.")
    parts = [
        sentence(
            "{images}: sensitivity {sensitivity} (n = {malignant} malignant), specificity {specificity} (n = {benign} "
            "benign)",
            images=rates.measured_on,
            sensitivity=rates.sensitivity.text(as_percent, interval=False),
            malignant=rates.sensitivity.n,
            specificity=rates.specificity.text(as_percent, interval=False),
            benign=rates.specificity.n,
        )
        for rates in point.measured[:shown]
    ]
    by_dataset = [rates for rates in point.measured[shown:] if rates.origin is not None] if shown else []
    measured = sentence("Measured at this threshold: {rates}.", rates=together(*parts, by="; "))
    ranges = _ranges_sentence(by_dataset)
    return together(measured, ranges) if ranges else measured


def _ranges_sentence(datasets: Sequence[MeasuredRates]) -> str:
    """Return the lowest and highest rate over source datasets; nothing for fewer than two."""
    if len(datasets) < 2:
        return ""
    ends = {}
    for name in ("sensitivity", "specificity"):
        values = [getattr(rates, name).value for rates in datasets if getattr(rates, name).value is not None]
        if not values:
            return ""
        ends[name] = f"{min(values):.0%}", f"{max(values):.0%}"
    (lowest, highest), (least, most) = ends["sensitivity"], ends["specificity"]
    return sentence(
        "By source dataset ({n}): sensitivity {lowest} to {highest}, specificity {least} to {most}.",
        n=len(datasets),
        lowest=lowest,
        highest=highest,
        least=least,
        most=most,
    )
