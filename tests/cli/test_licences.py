"""Every requirement is listed with a licence that is known, and the copyleft ones are marked."""

import json
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from skinlens.cli import licences as module
from skinlens.cli.licences import NOT_INSTALLED, UNKNOWN, installed_licences
from tests.cli.conftest import Caller

ROOT = Path(__file__).parents[2]


def requirements(file: str) -> list[str]:
    lines = (ROOT / file).read_text("utf-8").splitlines()
    return [Requirement(line).name for line in lines if line.strip() and line[0] not in "#-"]


def test_every_requirement_has_a_licence_that_is_known() -> None:
    found = {each.name: each for each in installed_licences()}
    for name in requirements("requirements.txt"):
        assert found[name].licence not in {UNKNOWN, NOT_INSTALLED, ""}, name
        assert found[name].version, name
        assert found[name].direct, name


def test_what_requirements_need_is_listed_too() -> None:
    found = {each.name: each for each in installed_licences()}
    for name in ("uvicorn", "psycopg-binary", "protobuf"):
        assert not found[name].direct
    for name in requirements("requirements-dev.txt"):
        assert name not in found or not found[name].direct, f"{name} is a tool of developers"


def test_copyleft_is_marked() -> None:
    copyleft = {each.name: each.licence for each in installed_licences() if each.copyleft}
    assert copyleft["fpdf2"] == copyleft["psycopg"] == "LGPL-3.0-only"
    assert {"torch", "numpy", "streamlit", "pillow"}.isdisjoint(copyleft)
    for name in copyleft.keys() & set(requirements("requirements.txt")):
        assert name in (ROOT / "SECURITY.md").read_text("utf-8"), name


def test_the_command_says_so(call: Caller) -> None:
    done = call("licences")
    assert done.status == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert lines["fpdf2"].endswith("copyleft: LGPL-3.0-only")
    assert "copyleft" not in lines["numpy"]
    assert "fpdf2 (LGPL-3.0-only)" in done.err


def test_the_command_as_json(call: Caller) -> None:
    listed = json.loads(call("licences", "--json").out)
    assert [each["name"] for each in listed] == [each.name for each in installed_licences()]
    assert set(listed[0]) == {"name", "version", "licence", "copyleft", "direct"}


class Package:
    """A package that says what it is stated to say of itself."""

    def __init__(self, requires: tuple[str, ...] = (), **stated: str) -> None:
        self.version, self.requires = "1", list(requires)
        self.metadata = Message()
        for name, value in stated.items():
            self.metadata[name.replace("_", "-")] = value


@pytest.mark.parametrize(
    ("stated", "licence", "copyleft"),
    [
        ({"License_Expression": "MIT", "License": "GPL"}, "MIT", False),
        ({"License_Expression": "MIT OR GPL-2.0-only"}, "MIT OR GPL-2.0-only", False),
        ({"License_Expression": "MIT AND MPL-2.0"}, "MIT AND MPL-2.0", True),
        ({"License_Expression": "LGPL-2.1-or-later OR AGPL-3.0-only"}, "LGPL-2.1-or-later OR AGPL-3.0-only", True),
        ({"License": "GNU GPL v3"}, "GNU GPL v3", True),
        ({"License": "UNKNOWN"}, UNKNOWN, False),
        ({"License": "all of\nit", "Classifier": "License :: OSI Approved :: BSD License"}, "BSD License", False),
        (
            {"Classifier": "License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"},
            "GNU Lesser General Public License v3 (LGPLv3)",
            True,
        ),
        ({}, UNKNOWN, False),
    ],
)  # fmt: skip
def test_what_a_package_may_say(monkeypatch: pytest.MonkeyPatch, stated: Any, licence: str, *, copyleft: bool) -> None:
    monkeypatch.setattr(module, "distribution", lambda _: Package(**stated))
    monkeypatch.setattr(module, "direct_requirements", lambda: [Requirement("x")])
    (only,) = installed_licences()
    assert (only.licence, only.copyleft) == (licence, copyleft)


def test_extras_are_followed_and_circles_end(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = {
        "a": Package(("b[more]", "c; python_version < '3'")),
        "b": Package(("a", "d; extra == 'more'", "e; extra == 'else'")),
        "d": Package(("B[more]",)),
    }
    monkeypatch.setattr(module, "distribution", packages.__getitem__)
    monkeypatch.setattr(module, "direct_requirements", lambda: [Requirement("a")])
    assert [each.name for each in installed_licences()] == ["a", "b", "d"]


def test_what_is_needed_and_absent_is_said(monkeypatch: pytest.MonkeyPatch, call: Caller) -> None:
    monkeypatch.setattr(module, "direct_requirements", lambda: [Requirement("no-such-package-of-ours")])
    done = call("licences")
    assert NOT_INSTALLED in done.out
    assert "no licence known: no-such-package-of-ours" in done.err


def test_an_installed_skinlens_reads_its_own_metadata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module.skinlens, "__file__", str(tmp_path / "skinlens" / "__init__.py"))
    named = ["numpy==2", 'torch==2; extra == "train"', 'ray[data]==2; extra == "ray"', 'pytest==9; extra == "dev"']
    monkeypatch.setattr(module, "requires", lambda _: named)
    monkeypatch.setattr(module, "_is_installed", lambda name: name != "ray")
    assert [each.name for each in module.direct_requirements()] == ["numpy", "torch"]
    monkeypatch.setattr(module, "_is_installed", lambda _: True)
    assert [each.name for each in module.direct_requirements()] == ["numpy", "torch", "ray"]
