"""Two checklists that a reader fills in: the seven-point checklist and the ABCD rule of dermoscopy.

They are the reader's alone: nothing here is computed from the image, and no score of the model enters. Sources:

- G. Argenziano et al., "Epiluminescence microscopy for the diagnosis of doubtful melanocytic skin lesions. Comparison
  of the ABCD rule of dermatoscopy and a new 7-point checklist based on pattern analysis", Archives of Dermatology 134
  (1998), 1563-1570.
- W. Stolz et al., "ABCD rule of dermatoscopy: a new practical method for early recognition of malignant melanoma",
  European Journal of Dermatology 4 (1994), 521-527; F. Nachbar et al., "The ABCD rule of dermatoscopy", Journal of the
  American Academy of Dermatology 30 (1994), 551-559.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from skinlens.translation import marked, sentence, together

# Two points each.
MAJOR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "atypical_network": marked("Atypical pigment network"),
        "blue_whitish_veil": marked("Blue-whitish veil"),
        "atypical_vessels": marked("Atypical vascular pattern"),
    }
)
# One point each.
MINOR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "irregular_streaks": marked("Irregular streaks"),
        "irregular_pigmentation": marked("Irregular pigmentation"),
        "irregular_dots": marked("Irregular dots or globules"),
        "regression": marked("Regression structures"),
    }
)
SUSPICIOUS_POINTS: Final = 3
MOST_POINTS: Final = 2 * len(MAJOR) + len(MINOR)

COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "white": marked("White"),
        "red": marked("Red"),
        "light_brown": marked("Light brown"),
        "dark_brown": marked("Dark brown"),
        "blue_grey": marked("Blue-grey"),
        "black": marked("Black"),
    }
)
STRUCTURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "network": marked("Pigment network"),
        "structureless": marked("Structureless areas"),
        "dots": marked("Dots"),
        "globules": marked("Globules"),
        "streaks": marked("Branched streaks"),
    }
)
AXES: Final = range(3)
SEGMENTS: Final = range(9)
# In hundredths, since the weights and bounds have decimals that floating point does not.
_SUSPICIOUS_TDS: Final = 475
_HIGHLY_SUSPICIOUS_TDS: Final = 545


@dataclass(frozen=True)
class SevenPoint:
    """The seven-point checklist as a reader filled it in.

    Attributes:
        present: Which criteria of `MAJOR` and `MINOR` the reader saw.

    Raises:
        ValueError: If there is no criterion of a name.

    >>> SevenPoint(frozenset({"blue_whitish_veil", "regression"})).points
    3
    """

    present: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Check the names."""
        _require("a criterion", self.present, {*MAJOR, *MINOR})

    @property
    def points(self) -> int:
        """The sum, from 0 to 10: two for each major criterion and one for each minor one."""
        return sum(2 if name in MAJOR else 1 for name in self.present)

    @property
    def suspicious(self) -> bool:
        """Whether there are three points or more."""
        return self.points >= SUSPICIOUS_POINTS

    def sentence(self) -> str:
        """Return the sum, what the checklist says of it, and what was seen, in words."""
        seen = [sentence(title) for name, title in (*MAJOR.items(), *MINOR.items()) if name in self.present]
        score = sentence(
            "Seven-point checklist: {points} of {most}, {meaning}.",
            points=self.points,
            most=MOST_POINTS,
            meaning=sentence("suspicious by this checklist (3 or more)")
            if self.suspicious
            else sentence("below its limit of 3, which excludes nothing"),
        )
        return together(score, sentence("Seen: {criteria}.", criteria=together(*seen, by=", "))) if seen else score


@dataclass(frozen=True)
class Abcd:
    """The ABCD rule as a reader filled it in.

    Attributes:
        asymmetry: Axes across which the lesion is asymmetric in contour, colour or structure, 0 to 2.
        border: Eighths of the border at which the pigment ends abruptly, 0 to 8.
        colours: Which of `COLOURS` are there, at least one.
        structures: Which of `STRUCTURES` are there, at least one.

    Raises:
        ValueError: If a number or a name is outside of the rule.

    >>> Abcd(2, 3, frozenset({"white", "red", "black"}), frozenset({"dots", "network"})).tds
    5.4
    """

    asymmetry: int
    border: int
    colours: frozenset[str]
    structures: frozenset[str]

    def __post_init__(self) -> None:
        """Check numbers and names."""
        if self.asymmetry not in AXES:
            raise ValueError(f"asymmetry is 0, 1 or 2 axes, not {self.asymmetry}")
        if self.border not in SEGMENTS:
            raise ValueError(f"the border has 0 to 8 abrupt segments, not {self.border}")
        for what, given, known in (("a colour", self.colours, COLOURS), ("a structure", self.structures, STRUCTURES)):
            _require(what, given, known)
            if not given:
                raise ValueError(f"the rule needs {what}, since every lesion has one")

    @property
    def tds(self) -> float:
        """The total dermoscopy score, 1.3 A + 0.1 B + 0.5 C + 0.5 D, from 1.0 to 8.9."""
        return self._hundredths / 100

    @property
    def _hundredths(self) -> int:
        return 130 * self.asymmetry + 10 * self.border + 50 * len(self.colours) + 50 * len(self.structures)

    @property
    def level(self) -> str:
        """`low` below 4.75, `suspicious` from there to 5.45, `high` above."""
        if self._hundredths < _SUSPICIOUS_TDS:
            return "low"
        return "suspicious" if self._hundredths <= _HIGHLY_SUSPICIOUS_TDS else "high"

    def sentence(self) -> str:
        """Return the score, its parts, and what the rule says of it, in words."""
        meaning = {
            "low": sentence("below its limit of 4.75, which excludes nothing"),
            "suspicious": sentence("suspicious by this rule (4.75 to 5.45)"),
            "high": sentence("highly suspicious by this rule (above 5.45)"),
        }[self.level]
        total = f"{self.tds:.1f}"
        return sentence(
            "ABCD rule: total score {tds}, {meaning}. A {a}, B {b}, C {c}, D {d}.",
            tds=total,
            meaning=meaning,
            a=self.asymmetry,
            b=self.border,
            c=len(self.colours),
            d=len(self.structures),
        )


@dataclass(frozen=True)
class Checklists:
    """What a reader filled in; None for a checklist that was left alone."""

    seven_point: SevenPoint | None = None
    abcd: Abcd | None = None

    def sentences(self) -> tuple[str, ...]:
        """Return a sentence or two for each checklist that was filled in."""
        return tuple(each.sentence() for each in (self.seven_point, self.abcd) if each is not None)

    def __bool__(self) -> bool:
        """Whether anything was filled in."""
        return self.seven_point is not None or self.abcd is not None


def abcd_of(
    asymmetry: int | None, border: int | None, colours: Iterable[str], structures: Iterable[str]
) -> Abcd | None:
    """Return the ABCD rule from a form, or None while an answer is missing; arguments as for `Abcd`."""
    seen, built = frozenset(colours), frozenset(structures)
    if asymmetry is None or border is None or not seen or not built:
        return None
    return Abcd(asymmetry, border, seen, built)


def checklists_document(checklists: Checklists) -> dict[str, Any] | None:
    """Return the checklists as JSON holds them; None if nothing was filled in."""
    if not checklists:
        return None
    seven, abcd = checklists.seven_point, checklists.abcd
    return {
        "seven_point": None if seven is None else sorted(seven.present),
        "abcd": None
        if abcd is None
        else {
            "asymmetry": abcd.asymmetry,
            "border": abcd.border,
            "colours": sorted(abcd.colours),
            "structures": sorted(abcd.structures),
        },
    }


def checklists_of(document: dict[str, Any] | None) -> Checklists:
    """Return the inverse of `checklists_document`."""
    if document is None:
        return Checklists()
    seven, abcd = document["seven_point"], document["abcd"]
    return Checklists(
        seven_point=None if seven is None else SevenPoint(frozenset(seven)),
        abcd=None
        if abcd is None
        else Abcd(abcd["asymmetry"], abcd["border"], frozenset(abcd["colours"]), frozenset(abcd["structures"])),
    )


def _require(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not {what} of the checklist")
