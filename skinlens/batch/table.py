"""The table of a run at an operating point: decisions and counts follow the threshold without assessing again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skinlens.batch.facts import Facts
from skinlens.batch.schema import Review
from skinlens.batch.store import Line
from skinlens.runtime.card import OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.storage.verdict import Verdict
from skinlens.triage.decision import Decision, decide
from skinlens.triage.wording import NOT_DERMOSCOPY

Outcome = Decision | Literal["unreadable", "waiting"]
OUTCOMES: tuple[Outcome, ...] = ("refer", "uncertain", "low", "rejected", "unreadable", "waiting")
OUTCOME_WORDS: dict[Outcome, str] = {
    "refer": "Above threshold",
    "uncertain": "Uncertain",
    "low": "Below threshold",
    "rejected": "Not assessed",
    "unreadable": "Not readable",
    "waiting": "Waiting",
}
Order = Literal["worry", "run", "mistakes"]


@dataclass(frozen=True)
class Entry:
    """An image as the table shows it.

    Attributes:
        outcome: The decision at the point, or why there is none.
        unchanged: In how many of the eight orientations the decision is the same; None if that was not asked.
        reviews: Every verdict on it, the earliest first.
    """

    line: Line
    outcome: Outcome
    unchanged: int | None
    facts: Facts
    reviews: tuple[Review, ...] = ()

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
    def views(self) -> str:
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
    def is_mistake(self) -> bool:
        """Whether the decision contradicts the ground truth."""
        called = self.called_malignant
        return bool(self.facts.label) and called is not None and called != (self.facts.label == "malignant")


def entries(
    lines: Sequence[Line], point: OperatingPoint, *, facts: Mapping[int, Facts], reviews: Sequence[Review]
) -> list[Entry]:
    """Every image of a run at an operating point, in the order of the run.

    Args:
        lines: From `BatchStore.lines`.
        point: Decides.
        facts: By number, from `match_facts`.
        reviews: From `BatchStore.reviews`.
    """
    of_each: dict[int, list[Review]] = {}
    for review in reviews:
        of_each.setdefault(review.number, []).append(review)
    nothing = Facts()
    return [
        Entry(
            line,
            outcome(line, point),
            None if line.stability is None else Stability(line.stability).unchanged(point.threshold),
            facts.get(line.number, nothing),
            tuple(of_each.get(line.number, ())),
        )
        for line in lines
    ]


def outcome(line: Line, point: OperatingPoint) -> Outcome:
    """Return the outcome of an image at an operating point."""
    if line.score is None:
        return "waiting" if line.state == "waiting" else "unreadable"
    stability = None if line.stability is None else Stability(line.stability)
    return decide(line.score, point, stability=stability, rejected=bool(line.rejections))


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
        return sorted(entries, key=lambda entry: entry.number)
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
    """

    outcomes: tuple[Outcome, ...] = ()
    flags: tuple[str, ...] = ()
    verdicts: tuple[Verdict | Literal[""], ...] = ()
    words: str = ""

    def lets_through(self, entry: Entry) -> bool:
        """Whether an entry is shown."""
        verdict = entry.last_review.verdict if entry.last_review else ""
        text = "\n".join((entry.line.path, *vars(entry.facts).values())).casefold()
        return (
            (not self.outcomes or entry.outcome in self.outcomes)
            and (not self.flags or bool(set(self.flags) & set(entry.flags)))
            and (not self.verdicts or verdict in self.verdicts)
            and all(word in text for word in self.words.casefold().split())
        )
