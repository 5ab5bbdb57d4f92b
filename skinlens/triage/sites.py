"""Body sites of skin lesions, with their SNOMED CT codes and sides.

Codes and names are those of DICOM's list of dermatology anatomic sites (PS3.16, CID 4029); a test compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from skinlens.translation import gettext as _
from skinlens.translation import marked


@dataclass(frozen=True)
class BodySite:
    """A place on the skin.

    Attributes:
        code: Of SNOMED CT.
        concept: The name that goes with the code.
        title: The same in fewer words, in English; it is what records and the PDF hold.
        paired: Whether the body has it on both sides; else it may lie on the midline.
    """

    code: str
    concept: str
    title: str
    paired: bool = True


SIDES: Final[Mapping[str, str]] = MappingProxyType(
    {"left": marked("left"), "right": marked("right"), "midline": marked("midline")}
)

# From head to foot.
_SITES: Final = (
    BodySite("43067004", "Skin of scalp", marked("Scalp"), paired=False),
    BodySite("68698007", "Skin of forehead", marked("Forehead"), paired=False),
    BodySite("16621002", "Skin of temporal region", marked("Temple")),
    BodySite("367577003", "Skin of eyebrow", marked("Eyebrow")),
    BodySite("41310005", "Skin of upper eyelid", marked("Upper eyelid")),
    BodySite("40069000", "Skin of lower eyelid", marked("Lower eyelid")),
    BodySite("113179006", "Skin of nose", marked("Nose"), paired=False),
    BodySite("36141000", "Skin of cheek", marked("Cheek")),
    BodySite("1902009", "Skin of ear", marked("Ear")),
    BodySite("24483006", "Skin of postauricular region", marked("Behind the ear")),
    BodySite("16251004", "Skin of upper lip", marked("Upper lip"), paired=False),
    BodySite("66934001", "Skin of lower lip", marked("Lower lip"), paired=False),
    BodySite("23747009", "Skin of chin", marked("Chin"), paired=False),
    BodySite("244097004", "Skin of jawline", marked("Jawline")),
    BodySite("11584001", "Skin of anterior portion of neck", marked("Front of the neck"), paired=False),
    BodySite("5272005", "Skin of lateral portion of neck", marked("Side of the neck")),
    BodySite("4658004", "Skin of nuchal region", marked("Nape of the neck"), paired=False),
    BodySite("244106003", "Skin of anterior surface of thorax", marked("Chest"), paired=False),
    BodySite("75093004", "Skin of abdomen", marked("Abdomen"), paired=False),
    BodySite("699893008", "Skin of back of upper thoracic region", marked("Upper back"), paired=False),
    BodySite("113182001", "Skin of lower back", marked("Lower back"), paired=False),
    BodySite("66643007", "Skin of back", marked("Back, not specified further"), paired=False),
    BodySite("76261009", "Skin of axilla", marked("Armpit")),
    BodySite("39687006", "Skin of inguinal region", marked("Groin")),
    BodySite("22180002", "Skin of buttock", marked("Buttock")),
    BodySite("60944009", "Skin of external genitalia", marked("External genitalia"), paired=False),
    BodySite("45981001", "Skin of anterior surface of upper arm", marked("Upper arm, front")),
    BodySite("72939005", "Skin of posterior surface of upper arm", marked("Upper arm, back")),
    BodySite("181536004", "Skin of posterior surface of elbow", marked("Elbow")),
    BodySite("17957002", "Skin of antecubital fossa", marked("Bend of the elbow")),
    BodySite("70559009", "Skin of anterior surface of forearm", marked("Forearm, front")),
    BodySite("41550009", "Skin of posterior surface of forearm", marked("Forearm, back")),
    BodySite("281642007", "Skin of part of dorsal surface of hand", marked("Back of the hand")),
    BodySite("70887009", "Skin of palm of hand", marked("Palm")),
    BodySite("244169007", "Skin of digit of hand", marked("Finger")),
    BodySite("770809003", "Nail unit of finger", marked("Fingernail")),
    BodySite("61248009", "Skin of anterior surface of thigh", marked("Thigh, front")),
    BodySite("4578000", "Skin of posterior surface of thigh", marked("Thigh, back")),
    BodySite("73958006", "Skin of medial surface of thigh", marked("Thigh, inner side")),
    BodySite("181553006", "Skin of anterior surface of knee", marked("Knee")),
    BodySite("84507004", "Skin of popliteal fossa", marked("Back of the knee")),
    BodySite("25763004", "Skin of anterior surface of lower leg", marked("Shin")),
    BodySite("47224004", "Skin of posterior surface of lower leg", marked("Calf")),
    BodySite("60496002", "Skin of foot", marked("Foot")),
    BodySite("84607009", "Skin of heel", marked("Heel")),
    BodySite("52034004", "Skin of toe", marked("Toe")),
    BodySite("770805009", "Nail unit of toe", marked("Toenail")),
)
SITES: Final[Mapping[str, BodySite]] = MappingProxyType({site.code: site for site in _SITES})


def site_text(code: str, side: str, more: str = "") -> str:
    """Return a body site as records hold it, in English.

    Args:
        code: Of `SITES`, or "".
        side: Of `SIDES`, or "".
        more: What a person typed beside it.

    Raises:
        ValueError: If there is no such site or side.

    >>> site_text("699893008", "left", "below the scapula")
    'Upper back, left: below the scapula'
    >>> site_text("", "", "birthmark on the arm")
    'birthmark on the arm'
    """
    if code and code not in SITES:
        raise ValueError(f"no body site has the code {code!r}")
    if side and side not in SIDES:
        raise ValueError(f"a side is one of {', '.join(SIDES)}, not {side!r}")
    place = ", ".join(part for part in (SITES[code].title if code else "", side) if part)
    typed = " ".join(more.split())
    return f"{place}: {typed}" if place and typed else place or typed


def sides_of(code: str) -> tuple[str, ...]:
    """Return the sides that a body site can have: left and right, and the midline where it crosses that.

    >>> sides_of("36141000"), sides_of("43067004")
    (('left', 'right'), ('left', 'right', 'midline'))
    """
    return tuple(SIDES)[: 2 if code in SITES and SITES[code].paired else 3]


def site_in_words(code: str) -> str:
    """Return the title of a body site in the reader's language."""
    return _(SITES[code].title)


def site_in_language(site: str) -> str:
    """Return a body site as records hold it in the reader's language; what a person typed stays as it is.

    >>> from skinlens.translation import language
    >>> with language("de"):
    ...     site_in_language("Upper back, left: below the scapula"), site_in_language("birthmark, left")
    ('Oberer Rücken, links: below the scapula', 'birthmark, left')
    """
    place, colon, typed = site.partition(": ")
    known = _PLACES.get(place)
    return site if known is None else f"{', '.join(map(_, known))}{colon}{typed}"


# Each place as `site_text` writes it, with the title and perhaps the side that it is made of.
_PLACES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        ", ".join(parts): parts
        for site in _SITES
        for parts in ((site.title,), *((site.title, side) for side in sides_of(site.code)))
    }
)
