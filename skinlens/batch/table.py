"""The table of a run at an operating point: decisions and counts follow the threshold without assessing again."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from skinlens.batch.facts import Facts
from skinlens.batch.schema import Review
from skinlens.batch.store import Line
from skinlens.imaging.frames import with_frame
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.storage.verdict import Verdict
from skinlens.translation import marked
from skinlens.triage.decision import Decision, decide
from skinlens.triage.wording import NOT_DERMOSCOPY

Outcome = Decision | Literal["unreadable", "waiting"]
OUTCOMES: tuple[Outcome, ...] = ("refer", "uncertain", "low", "rejected", "unreadable", "waiting")
OUTCOME_WORDS: dict[Outcome, str] = {
    "refer": marked("Above threshold"),
    "uncertain": marked("Uncertain"),
    "low": marked("Below threshold"),
    "rejected": marked("Not assessed"),
    "unreadable": marked("Not readable"),
    "waiting": marked("Waiting"),
}
# Characters of a name in a table.
NAME_LENGTH = 26
Order = Literal["worry", "run", "mistakes"]


@dataclass(frozen=True)
class Entry:
    """An image as the table shows it.

    Attributes:
        outcome: The decision at the point, or why there is none.
        unchanged: In how many of the eight orientations the decision is the same; None if that was not asked.
        reviews: Every verdict on it that counts, the earliest first.
        second: The decision of the second model; None without one, or if it gave no number.
        seen_by: Who has given a verdict on it, also one that was taken back: they know the model's result.
    """

    line: Line
    outcome: Outcome
    unchanged: int | None
    facts: Facts
    reviews: tuple[Review, ...] = ()
    second: Decision | None = None
    seen_by: frozenset[str] = frozenset()

    @property
    def number(self) -> int:
        """The image's place in the run."""
        return self.line.number

    @property
    def flags(self) -> tuple[str, ...]:
        """Names of the checks that the image failed."""
        ood = NOT_DERMOSCOPY in (*self.line.rejections, *self.line.warnings)
        return (*(("not dermoscopy",) if ood else ()), *(flag.replace("_", " ") for flag in self.line.flags))

    @property
    def orientations(self) -> str:
        """The orientations with the same decision, as in `7/8`; "" if that was not asked."""
        return "" if self.line.stability is None else f"{self.unchanged}/{len(self.line.stability)}"

    @property
    def last_review(self) -> Review | None:
        """The latest verdict, whoever gave it."""
        return self.reviews[-1] if self.reviews else None

    @property
    def called_malignant(self) -> bool | None:
        """Whether the score reaches the threshold, as far as there is a decision; None without one."""
        return {"refer": True, "low": False}.get(self.outcome)

    @property
    def models_disagree(self) -> bool | None:
        """Whether the second model decides otherwise; None where one of the two has no decision to compare."""
        if self.second is None or self.outcome in {"unreadable", "waiting"}:
            return None
        return self.second != self.outcome

    @property
    def is_malignant(self) -> bool:
        """Whether the lesion is malignant by the ground truth or, without one, by the latest verdict."""
        if self.facts.label:
            return self.facts.label == "malignant"
        return self.last_review is not None and self.last_review.verdict == "malignant"

    @property
    def is_missed(self) -> bool:
        """Whether it is a malignant lesion that the model neither refers nor calls uncertain."""
        return self.is_malignant and self.outcome in {"low", "rejected", "unreadable"}

    @property
    def is_mistake(self) -> bool:
        """Whether the decision contradicts the ground truth."""
        called = self.called_malignant
        return bool(self.facts.label) and called is not None and called != (self.facts.label == "malignant")


def entries(
    lines: Sequence[Line],
    point: OperatingPoint,
    *,
    facts: Mapping[int, Facts],
    reviews: Sequence[Review],
    second_point: OperatingPoint | None = None,
) -> list[Entry]:
    """Every image of a run at an operating point, in the order of the run.

    Args:
        lines: From `BatchStore.lines`.
        point: Decides.
        facts: By number, from `match_facts`.
        reviews: From `BatchStore.reviews`.
        second_point: Decides for the second model; None without one.
    """
    nothing = Facts()
    table = [
        Entry(
            line,
            outcome(line, point),
            None if line.stability is None else Stability(line.stability).unchanged(point.threshold),
            facts.get(line.number, nothing),
            second=None if second_point is None else _second(line, second_point),
        )
        for line in lines
    ]
    return with_reviews(table, reviews)


def with_reviews(table: Sequence[Entry], reviews: Iterable[Review]) -> list[Entry]:
    """Return the images of a run with their verdicts; nothing else of them is computed again.

    Args:
        table: From `entries`.
        reviews: From `BatchStore.reviews`, those that were taken back among them.
    """
    of_each: dict[int, list[Review]] = {}
    for review in reviews:
        of_each.setdefault(review.number, []).append(review)
    return [
        replace(
            entry,
            reviews=tuple(review for review in of_each[entry.number] if review.withdrawn is None),
            seen_by=frozenset(review.actor for review in of_each[entry.number]),
        )
        if entry.number in of_each
        else entry
        for entry in table
    ]


def second_point(card: ModelCard, point: OperatingPoint) -> OperatingPoint:
    """Return the second model's operating point beside that of the first.

    Args:
        card: Of the second model.
        point: Of the first model.

    Returns:
        The one of the same name; the second model's default where it has none, as for a threshold that was typed: the
        same number does not mean the same in two models.
    """
    return card.point(point.name if point.name in {each.name for each in card.operating_points} else None)


def outcome(line: Line, point: OperatingPoint) -> Outcome:
    """Return the outcome of an image at an operating point."""
    if line.score is None:
        return "waiting" if line.state == "waiting" else "unreadable"
    stability = None if line.stability is None else Stability(line.stability)
    return decide(line.score, point, stability=stability, rejected=bool(line.rejections))


def _second(line: Line, point: OperatingPoint) -> Decision | None:
    if line.second_score is None:
        return None
    stability = None if line.second_stability is None else Stability(line.second_stability)
    return decide(line.second_score, point, stability=stability, rejected=bool(line.second_rejections))


def short_names(lines: Sequence[Line], *, length: int = NAME_LENGTH) -> dict[int, str]:
    """Return a name for each image's row, by number: shortened at the front, since the end tells images apart.

    The folders that all images share are left out; then the beginning gives way to an ellipsis.

    Args:
        lines: Every image of the run.
        length: Most characters of a name.

    >>> from skinlens.batch.table import shortened_at_the_front
    >>> shortened_at_the_front("left/lesion_0001.jpg", 12)
    '…on_0001.jpg'
    """
    folders = [line.relative.split("/")[:-1] for line in lines]
    shared = 0
    while folders and all(len(parts) > shared and parts[shared] == folders[0][shared] for parts in folders):
        shared += 1
    names = {line.number: with_frame("/".join(line.relative.split("/")[shared:]), line.frame) for line in lines}
    return {number: shortened_at_the_front(name, length) for number, name in names.items()}


def shortened_at_the_front(name: str, length: int) -> str:
    """Return a name, or as much of its end as fits behind an ellipsis."""
    return name if len(name) <= length else f"…{name[1 - length :]}"


def counts(entries: Sequence[Entry]) -> dict[Outcome, int]:
    """How many images have each outcome, in the order of `OUTCOMES`."""
    counted = Counter(entry.outcome for entry in entries)
    return {name: counted[name] for name in OUTCOMES}


def ordered(entries: Sequence[Entry], order: Order) -> list[Entry]:
    """Entries in an order.

    Args:
        entries: Any.
        order: `worry`: assessed ones by falling score, then rejected, unreadable and waiting ones; `run`: as they were
            found; `mistakes`: those that contradict the ground truth first, the most contradictory at the top.
    """
    if order == "run":
        return sorted(entries, key=lambda entry: entry.line.place)
    if order == "mistakes":
        return sorted(entries, key=lambda entry: (not entry.is_mistake, -_contradiction(entry), entry.number))
    return sorted(entries, key=lambda entry: (_rank(entry.outcome), -(entry.line.score or 0.0), entry.number))


def _rank(name: Outcome) -> int:
    return {"rejected": 1, "unreadable": 2, "waiting": 3}.get(name, 0)


def _contradiction(entry: Entry) -> float:
    """How far the score is from the ground truth, in [0, 1]; 0 without either."""
    if entry.line.score is None or not entry.facts.label:
        return 0.0
    return abs(entry.line.score - float(entry.facts.label == "malignant"))


@dataclass(frozen=True)
class Filter:
    """What is shown; an empty part lets everything through.

    Attributes:
        outcomes: Any of these.
        flags: Any of these.
        verdicts: The latest verdict is any of these; "" stands for none yet.
        words: All of them, in the path or the case facts, whatever their capitals.
        disagreeing: Only images on which the two models disagree.
    """

    outcomes: tuple[Outcome, ...] = ()
    flags: tuple[str, ...] = ()
    verdicts: tuple[Verdict | Literal[""], ...] = ()
    words: str = ""
    disagreeing: bool = False

    def lets_through(self, entry: Entry) -> bool:
        """Whether an entry is shown."""
        verdict = entry.last_review.verdict if entry.last_review else ""
        text = "\n".join((entry.line.path, *vars(entry.facts).values())).casefold()
        return (
            (not self.outcomes or entry.outcome in self.outcomes)
            and (not self.flags or bool(set(self.flags) & set(entry.flags)))
            and (not self.verdicts or verdict in self.verdicts)
            and (not self.disagreeing or bool(entry.models_disagree))
            and all(word in text for word in self.words.casefold().split())
        )
