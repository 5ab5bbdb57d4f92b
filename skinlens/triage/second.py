"""A second model on the same image: whether its decision is the same, and what to make of it where it is not."""

from dataclasses import asdict, dataclass
from typing import Any

from skinlens.runtime.prediction import ModelId
from skinlens.translation import sentence, together
from skinlens.triage.decision import Assessment, Decision


@dataclass(frozen=True)
class Opinion:
    """One model's decision on an image.

    Attributes:
        model: Name of its card.
        version: Of its card.
        weights_sha256: Digest of its weights.
        decision: At the operating point.
        point: Name of the operating point.
        score: P(malignant) in [0, 1]; None for a rejected image.
    """

    model: str
    version: str
    weights_sha256: str
    decision: Decision
    point: str
    score: float | None

    @classmethod
    def of(cls, assessment: Assessment) -> "Opinion":
        """Return a model's decision from its assessment."""
        model: ModelId = assessment.prediction.model
        score = None if assessment.decision == "rejected" else assessment.prediction.score
        return cls(model.name, model.version, model.sha256, assessment.decision, assessment.point.name, score)


@dataclass(frozen=True)
class Comparison:
    """Two models' decisions on one image, each at an operating point of its own.

    Attributes:
        first: The model in use.
        second: The other model, at its own default operating point.
    """

    first: Opinion
    second: Opinion

    @property
    def agree(self) -> bool:
        """Whether both models come to the same decision; an uncertain one agrees only with an uncertain one."""
        return self.first.decision == self.second.decision

    @property
    def sentence(self) -> str:
        """Whether they agree, and which model decided what."""
        if self.agree:
            return sentence("Both models decide the same: {decision}.", decision=_decided(self.first))
        decisions = sentence(
            "{first} says {decision}, {second} says {other_decision}.",
            first=self.first.model,
            decision=_decided(self.first),
            second=self.second.model,
            other_decision=_decided(self.second),
        )
        if "rejected" in (self.first.decision, self.second.decision):
            return together(sentence("Only one of the two models assessed this image."), decisions)
        if "uncertain" in (self.first.decision, self.second.decision):
            return together(sentence("One of the two models is uncertain."), decisions)
        return together(sentence("The two models disagree."), decisions, sentence("Treat the result as undecided."))


def compare(first: Assessment, second: Assessment) -> Comparison:
    """Compare the decisions of two models on the same image.

    Args:
        first: By the model in use, at the operating point in use.
        second: By the other model, at its own default operating point.

    Raises:
        ValueError: If both are by the same model.
    """
    if first.prediction.model == second.prediction.model:
        raise ValueError(f"both assessments are by {first.prediction.model}")
    return Comparison(Opinion.of(first), Opinion.of(second))


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON holds it."""
    return asdict(comparison)


def comparison_of(document: dict[str, Any]) -> Comparison:
    """Return the inverse of `comparison_document`; keys of later versions are ignored."""
    known = Opinion.__dataclass_fields__
    first, second = (
        Opinion(**{name: value for name, value in document[side].items() if name in known})
        for side in ("first", "second")
    )
    return Comparison(first, second)


def _decided(opinion: Opinion) -> str:
    return {
        "refer": sentence("above the referral threshold"),
        "uncertain": sentence("uncertain"),
        "low": sentence("below the referral threshold"),
        "rejected": sentence("not assessed"),
    }[opinion.decision]
