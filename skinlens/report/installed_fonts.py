"""Fonts that do not come with SkinLens, for the scripts that those lack: Chinese, Japanese, Korean and others."""

import functools
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import uharfbuzz

FOLDER_VARIABLE = "SKINLENS_FONTS"
# Of the extra `cjk`: Noto Sans of Japan, Korea and China under the SIL Open Font License.
_PACKAGE = "justmytype_intl_cjk"
_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_BOLD, _REGULAR = 700, 400
_OTHER_STYLE = re.compile(
    r"(thin|extralight|light|demilight|medium|semibold|bold|extrabold|black|heavy|italic|oblique|mono|condensed)"
    r"[^/\\]*$",
    re.IGNORECASE,
)
_REGION = re.compile(r"(?:sans|cjk|gothic)[ _-]?(?:cjk)?[ _-]?(jp|kr|sc|tc|hk)\b", re.IGNORECASE)
_LINUX = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_LINUX_NAMES = r"Noto ?Sans(?!Symbols|Math|Mono)|SourceHanSans|wqy-(microhei|zenhei)|NanumGothic\.|ipaexg"
# File, its bold partner, and where its shapes are from.
_WINDOWS = (
    ("YuGothM.ttc", "YuGothB.ttc", "jp"),
    ("meiryo.ttc", "meiryob.ttc", "jp"),
    ("msgothic.ttc", "", "jp"),
    ("msyh.ttc", "msyhbd.ttc", "sc"),
    ("simsun.ttc", "", "sc"),
    ("msjh.ttc", "msjhbd.ttc", "tc"),
    ("malgun.ttf", "malgunbd.ttf", "kr"),
)
_MAC = (
    ("ヒラギノ角ゴシック W3.ttc", "ヒラギノ角ゴシック W6.ttc", "jp"),
    ("Hiragino Sans GB.ttc", "", "sc"),
    ("PingFang.ttc", "", "sc"),
    ("STHeiti Light.ttc", "STHeiti Medium.ttc", "sc"),
    ("AppleSDGothicNeo.ttc", "", "kr"),
)
# Bits of fsType in the table OS/2: the font may not be embedded, or only as a whole.
_NOT_EMBEDDABLE, _KINDS, _NOT_IN_PART = 0x0002, 0x000F, 0x0100


@dataclass(frozen=True)
class FontFile:
    """A font in a file.

    Attributes:
        path: TrueType or OpenType, or a collection of them.
        number: Of the font in a collection.
        weight: Of a variable font, as on its axis `wght`; others have the weight that they have.
    """

    path: Path
    number: int = 0
    weight: int = _REGULAR


@dataclass(frozen=True)
class Typeface:
    """A design with its two weights, which have the same characters.

    Attributes:
        name: As in the PDF.
        regular: For sentences.
        bold: For headings; the regular one where there is no other.
        region: Where the shapes of its Han characters are from: jp, kr, sc, tc or hk; "" if that is unknown.
    """

    name: str
    regular: FontFile
    bold: FontFile
    region: str = ""


@functools.cache
def covered(file: FontFile) -> frozenset[int]:
    """The code points that a font has a glyph for, from its character map."""
    return frozenset(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(file.path), file.number).unicodes)


def installed() -> tuple[Typeface, ...]:
    """Every typeface here that SkinLens may embed, those in the folder `SKINLENS_FONTS` first.

    Then those of the extra `cjk`, then those of the system, of which a short list is known. Each folder is searched
    once in the life of the process.
    """
    return _installed(os.environ.get(FOLDER_VARIABLE, ""))


@functools.cache
def _installed(folder: str) -> tuple[Typeface, ...]:
    package = find_spec(_PACKAGE)
    packaged = [] if package is None else list(package.submodule_search_locations or [])
    places = [*([folder] if folder else []), *packaged]
    here = [face for place in places for face in _in_folder(Path(place).expanduser())]
    return (*here, *_of_system())


def _in_folder(folder: Path, names: str = "") -> Iterator[Typeface]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    for path in files:
        if _OTHER_STYLE.search(path.stem) or not re.match(names, path.name):
            continue
        bold = path.with_name(re.sub("regular", "Bold", path.name, flags=re.IGNORECASE))
        yield from _in_file(path, bold if bold.is_file() else path)


def _in_file(path: Path, bold: Path, region: str = "") -> Iterator[Typeface]:
    """Every font of a file, which is one unless it is a collection; none of a damaged file."""
    try:
        fonts = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(path)).count
    except (uharfbuzz.HarfBuzzError, OSError):
        return
    for number in range(fonts):
        regular = FontFile(path, number)
        if not _may_be_embedded(regular) or not covered(regular):
            continue
        name = _name(regular) or path.stem
        of_name = _REGION.search(name) or _REGION.search(path.stem)
        yield Typeface(
            name=re.sub("[^A-Za-z0-9-]", "", name),
            regular=regular,
            bold=FontFile(bold, number, weight=_BOLD),
            region=region or (of_name[1].lower() if of_name else ""),
        )


def _of_system() -> Iterator[Typeface]:
    if sys.platform == "win32":
        yield from _listed(Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts", _WINDOWS)
    elif sys.platform == "darwin":
        yield from _listed(Path("/System/Library/Fonts"), _MAC)
    else:
        for folder in _LINUX:
            yield from _in_folder(Path(folder).expanduser(), _LINUX_NAMES)


def _listed(folder: Path, files: tuple[tuple[str, str, str], ...]) -> Iterator[Typeface]:
    for regular, bold, region in files:
        path = folder / regular
        if path.is_file():
            other = folder / bold
            yield from _in_file(path, other if bold and other.is_file() else path, region)


def _may_be_embedded(file: FontFile) -> bool:
    """Whether the font's own table allows a part of it in a document; an old font without the table does."""
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(file.path), file.number)
    table = bytes(face.reference_table("OS/2").data)
    rights = int.from_bytes(table[8:10], "big")
    return rights & _KINDS != _NOT_EMBEDDABLE and not rights & _NOT_IN_PART


def _name(file: FontFile) -> str:
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(file.path), file.number)
    return (
        face.get_name(uharfbuzz.OTNameIdPredefined.TYPOGRAPHIC_FAMILY)
        or face.get_name(uharfbuzz.OTNameIdPredefined.FONT_FAMILY)
        or ""
    )
