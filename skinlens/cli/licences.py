"""`skinlens licences`: everything that is installed for SkinLens, with its version and licence."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import skinlens
from skinlens.cli.say import json_text, print_text, say

UNKNOWN = "unknown"
NOT_INSTALLED = "not installed"
_COPYLEFT = re.compile(r"GPL|\bMPL|\bEPL|\bCDDL|\bEUPL|General Public Licen[cs]e|Mozilla Public", re.IGNORECASE)
# Extras of SkinLens that a user may have installed; those for its developers are no part of it.
_EXTRAS = ("train", "ray", "raw", "cjk", "openvino")
# A longer text is the licence itself rather than its name.
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Licence:
    """What a package says of its licence.

    Attributes:
        name: Of the package.
        version: As installed; "" if it is not.
        licence: SPDX expression where the package has one, else in its own words; `UNKNOWN` if it says nothing.
        copyleft: Whether changes to the package, or more, must be passed on under the same licence (GPL, LGPL, MPL and
            the like); a choice that has another licence too is none.
        direct: Whether SkinLens itself names the package, rather than another package.
    """

    name: str
    version: str
    licence: str
    copyleft: bool
    direct: bool


def licences(*, as_json: bool) -> None:
    """Print every package that SkinLens needs.

    Args:
        as_json: As a JSON array instead of one a line.
    """
    installed = installed_licences()
    if as_json:
        print_text(json_text([asdict(each) for each in installed], indent=1))
        return
    width = max(len(each.name) for each in installed)
    versions = max(len(each.version) for each in installed)
    for each in installed:
        mark = "copyleft: " if each.copyleft else ""
        print_text(f"{each.name:{width}}  {each.version:{versions}}  {mark}{each.licence}")
    copyleft = ", ".join(f"{each.name} ({each.licence})" for each in installed if each.copyleft)
    say(f"{len(installed)} packages; copyleft: {copyleft or 'none'}")
    if unknown := [each.name for each in installed if each.licence in {UNKNOWN, NOT_INSTALLED}]:
        say(f"no licence known: {', '.join(unknown)}")


def installed_licences() -> list[Licence]:
    """List every package that SkinLens needs directly or through others, by name.

    An optional package of ours counts where it is installed.

    Returns:
        One entry a package, also of one that should be there and is not.
    """
    installed: dict[str, Licence] = {}
    visited: set[tuple[str, str]] = set()
    waiting = [(requirement, True) for requirement in direct_requirements()]
    while waiting:
        requirement, direct = waiting.pop(0)
        name = canonicalize_name(requirement.name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            installed.setdefault(name, Licence(name, "", NOT_INSTALLED, copyleft=False, direct=direct))
            continue
        stated = _stated(package)
        # A package under one of two licences may be taken under the freer one.
        choices = re.split(r"\s+OR\s+", stated)
        installed.setdefault(name, Licence(name, package.version, stated, all(map(_COPYLEFT.search, choices)), direct))
        # Each extra of a package once: requirements run in circles.
        for extra in {"", *requirement.extras} - {extra for known, extra in visited if known == name}:
            visited.add((name, extra))
            waiting += [(further, False) for further in _needed(package.requires or [], extra)]
    return [installed[name] for name in sorted(installed)]


def direct_requirements() -> list[Requirement]:
    """List what SkinLens itself names: in its files of requirements, or where it is installed, in its metadata.

    Returns:
        The needed ones, then the optional ones that are installed.

    Raises:
        packaging.requirements.InvalidRequirement: If a line of a file is none.
    """
    here = Path(skinlens.__file__).parents[1]
    if (here / "requirements.txt").is_file():
        needed = list(_listed(here / "requirements.txt"))
        optional = [
            each
            for extra in _EXTRAS
            if (here / f"requirements-{extra}.txt").is_file()
            for each in _listed(here / f"requirements-{extra}.txt")
        ]
    else:
        named = requires("skinlens") or []
        needed = list(_needed(named, ""))
        optional = [each for extra in _EXTRAS for each in _needed(named, extra) if each not in needed]
    return [*needed, *(each for each in optional if _is_installed(each.name))]


def _listed(path: Path) -> Iterator[Requirement]:
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return (Requirement(line) for line in lines if line and not line.startswith("-"))


def _needed(named: list[str], extra: str) -> Iterator[Requirement]:
    """The requirements that hold on this computer, with one extra or without any."""
    requirements = (Requirement(each) for each in named)
    return (each for each in requirements if each.marker is None or each.marker.evaluate({"extra": extra}))


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _stated(package: Distribution) -> str:
    """An SPDX expression, else the words of the field, else of the classifiers."""
    if expression := _field(package, "License-Expression"):
        return expression[0]
    words = "".join(_field(package, "License")).strip()
    if words and "\n" not in words and len(words) <= _LONGEST_NAME and words.upper() != "UNKNOWN":
        return words
    classifiers = [each for each in _field(package, "Classifier") if each.startswith("License ::")]
    return " AND ".join(each.rpartition(" :: ")[2] for each in classifiers) or UNKNOWN


def _field(package: Distribution, name: str) -> list[str]:
    return package.metadata.get_all(name) or []
