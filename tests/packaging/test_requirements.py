"""The package's ranges against the exact versions that are tested, and against what the code imports."""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {extra: [Requirement(each) for each in named] for extra, named in PROJECT["optional-dependencies"].items()}
CORE = [Requirement(each) for each in PROJECT["dependencies"]]
# The file that pins each list.
PINNED_IN = {
    "train": "requirements.txt",
    "ray": "requirements-ray.txt",
    "raw": "requirements-raw.txt",
    "cjk": "requirements-cjk.txt",
    "openvino": "requirements-openvino.txt",
}
# opencv-python is the same cv2 with windows, which SkinLens does not open.
NOT_OF_THE_PACKAGE = {"opencv-python"}


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(each.name) for each in requirements}


def pins(file: str) -> dict[str, str]:
    """Exact versions by name, those of files that it names left out."""
    found = {}
    for line in (ROOT / file).read_text("utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text and not text.startswith("-"):
            requirement = Requirement(text)
            (version,) = requirement.specifier
            assert version.operator == "==", line
            found[canonicalize_name(requirement.name)] = version.version
    return found  # type: ignore[return-value]


FILES = ("requirements.txt", "requirements-dev.txt", *sorted({*PINNED_IN.values()} - {"requirements.txt"}))
PINS = {name: version for file in FILES for name, version in pins(file).items()}


@pytest.mark.parametrize("requirement", [*CORE, *(each for extra in EXTRAS.values() for each in extra)], ids=str)
def test_every_range_holds_the_version_that_is_tested(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    # This one is for machines for which the tested onnxruntime-gpu is not made.
    if name == "onnxruntime":
        name = "onnxruntime-gpu"  # type: ignore[assignment]
    if name == "skinlens":
        assert requirement.extras == EXTRAS.keys() - {"dev"}
        return
    assert requirement.specifier, "a range, not any version"
    assert requirement.specifier.contains(PINS[name]), f"{name} {PINS[name]} is tested"


def test_nothing_that_is_pinned_is_missing_from_the_package() -> None:
    listed = names(CORE) | names(EXTRAS["train"])
    assert pins("requirements.txt").keys() - NOT_OF_THE_PACKAGE <= listed
    for extra in ("ray", "raw", "cjk", "openvino", "dev"):
        assert pins(PINNED_IN.get(extra, f"requirements-{extra}.txt")).keys() <= names(EXTRAS[extra]), extra


def test_the_core_has_no_torch() -> None:
    heavy = {"torch", "torchvision", "timm", "grad-cam", "lightning-fabric", "onnx", "ray", "openvino"}
    assert heavy.isdisjoint(names(CORE))
    assert heavy <= names([*EXTRAS["train"], *EXTRAS["ray"], *EXTRAS["openvino"]])


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", "onnxruntime-gpu"),
        ("win32", "AMD64", "onnxruntime-gpu"),
        ("linux", "aarch64", "onnxruntime"),
        ("win32", "ARM64", "onnxruntime"),
        ("darwin", "arm64", "onnxruntime"),
        ("darwin", "x86_64", "onnxruntime"),
    ],
)
def test_every_machine_gets_one_onnxruntime(system: str, machine: str, expected: str) -> None:
    """Two of them overwrite one another's files."""
    here = {"sys_platform": system, "platform_machine": machine}
    chosen = [
        each.name
        for each in CORE
        if each.name.startswith("onnxruntime") and each.marker is not None and each.marker.evaluate(here)
    ]
    assert chosen == [expected]


def test_no_python_is_too_new() -> None:
    assert PROJECT["requires-python"] == ">=3.11"


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions; `from a import b` yields `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    return next((each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file()), None)


def libraries(starts: Iterable[Path]) -> dict[str, Path]:
    """Libraries that files import, directly or through modules of ours, each with a file that imports it."""
    found: dict[str, Path] = {}
    seen: set[Path] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for module in imported(path):
            library = module.partition(".")[0]
            if library == "skinlens":
                waiting += filter(None, [file_of(module)])
            elif library not in sys.stdlib_module_names:
                found.setdefault(library, path)
    return found


def uncovered(found: dict[str, Path], requirements: Iterable[Requirement]) -> list[str]:
    distributions, listed = packages_distributions(), names(requirements)
    return [
        f"{library} ({path.relative_to(ROOT)})"
        for library, path in sorted(found.items())
        if listed.isdisjoint(map(canonicalize_name, distributions.get(library, [])))
    ]


CORE_STARTS = [
    ROOT / "app.py",
    *sorted((ROOT / "pages").glob("*.py")),
    *(ROOT / "skinlens" / "cli" / name for name in ("app.py", "cases.py", "licences.py", "predict.py")),
    *(
        path
        for room in ("imaging", "runtime", "triage", "metrics", "storage", "cases", "batch", "report", "ui")
        for path in sorted((ROOT / "skinlens" / room).rglob("*.py"))
    ),
]


def test_what_the_app_and_predict_import_is_in_the_core() -> None:
    found = libraries(CORE_STARTS)
    assert {"cv2", "onnxruntime", "sklearn", "streamlit", "fpdf", "sqlalchemy"} <= found.keys()
    # imaging.raw and runtime.engines ask for them, and say so where they are absent.
    assert not uncovered(found, [*CORE, *EXTRAS["raw"], *EXTRAS["openvino"]])


def test_everything_that_is_imported_is_in_the_package() -> None:
    found = libraries([ROOT / "app.py", *(ROOT / "skinlens").rglob("*.py")])
    assert {"torch", "ray"} <= found.keys()
    assert not uncovered(
        found, [*CORE, *(each for extra in ("train", "ray", "raw", "openvino") for each in EXTRAS[extra])]
    )
