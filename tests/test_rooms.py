"""Who may import whom, what is never called, and how the server is locked down: DESIGN's rules, read from the code."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skinlens"
SOURCES = sorted(PACKAGE.rglob("*.py"))
EVERYTHING = [*SOURCES, ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]

# What a room may import from other rooms; a module with an entry of its own follows that one.
MAY_IMPORT: dict[str, set[str]] = {
    "skinlens": {"skinlens.telemetry"},
    "skinlens.imaging": set(),
    "skinlens.metrics": set(),
    "skinlens.models": set(),
    "skinlens.storage": set(),
    # Of the statistics, the run time takes names of datasets, the type of a measurement and the one scaling of logits.
    "skinlens.runtime": {
        "skinlens.imaging",
        "skinlens.metrics.datasets",
        "skinlens.metrics.measurement",
        "skinlens.metrics.scaling",
        # The data folder keeps the choice of the engine and graphs of lower precision.
        "skinlens.storage.location",
        "skinlens.storage.replaced",
    },
    "skinlens.explain": {"skinlens.imaging", "skinlens.runtime"},
    "skinlens.explain.oracle": {"skinlens.imaging", "skinlens.runtime", "skinlens.models"},
    "skinlens.triage": {"skinlens.imaging", "skinlens.runtime", "skinlens.explain", "skinlens.metrics"},
    "skinlens.export": {
        "skinlens.models",
        "skinlens.runtime",
        "skinlens.explain",
        "skinlens.imaging.preprocess",
        "skinlens.imaging.image",
        "skinlens.metrics.scaling",
    },
    # The choice among training runs, and what is released with its measured results.
    "skinlens.export.choose": {
        "skinlens.metrics",
        "skinlens.runtime.card",
        "skinlens.storage",
        "skinlens.training.runs",
    },
    "skinlens.export.floor": {"skinlens.leaderboard", "skinlens.metrics"},
    # What an engine's answers mean for the risk is compared before its graph is kept.
    "skinlens.export.reduced": {
        "skinlens.imaging",
        "skinlens.runtime",
        "skinlens.storage.location",
        "skinlens.triage.risk",
    },
    "skinlens.export.publish": {
        "skinlens.imaging",
        "skinlens.leaderboard.card_sections",
        "skinlens.leaderboard.documents",
        "skinlens.metrics.report",
        "skinlens.report.card_markdown",
        "skinlens.runtime",
    },
    "skinlens.training": {"skinlens.models", "skinlens.imaging", "skinlens.metrics", "skinlens.storage"},
    "skinlens.studies": {
        "skinlens.imaging",
        "skinlens.metrics",
        "skinlens.runtime",
        "skinlens.explain",
        "skinlens.triage",
        "skinlens.models",
        "skinlens.training",
        "skinlens.export",
        "skinlens.leaderboard",
        "skinlens.storage",
    },
    "skinlens.leaderboard": {"skinlens.metrics", "skinlens.storage"},
    "skinlens.report": {
        "skinlens.triage",
        "skinlens.runtime.card",
        "skinlens.runtime.provider_words",
        "skinlens.imaging.image",
        "skinlens.imaging.own",
        "skinlens.metrics.measurement",
        "skinlens.metrics.registry",
        # The program's own version.
        "skinlens",
    },
    "skinlens.scoring": {"skinlens.triage", "skinlens.runtime", "skinlens.imaging", "skinlens.storage"},
    # Not cases: a page puts an image of a run into the case store.
    "skinlens.batch": {
        "skinlens.metrics",
        "skinlens.triage",
        "skinlens.explain",
        "skinlens.report",
        "skinlens.runtime",
        "skinlens.imaging",
        "skinlens.storage",
    },
    "skinlens.cases": {
        "skinlens.storage",
        "skinlens.triage",
        "skinlens.explain",
        "skinlens.report",
        "skinlens.runtime",
        "skinlens.imaging",
        # The program's own version.
        "skinlens",
    },
}
# These import nothing of ours, and any room may import them.
FOR_EVERY_ROOM = {"skinlens.errors", "skinlens.progress", "skinlens.translation"}
MAY_IMPORT_ANYTHING = ("skinlens.cli", "skinlens.ui", "skinlens.__main__")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def imports(path: Path) -> Iterator[str]:
    """Every imported module, also inside functions; `from a import b` counts as `a.b` where that is a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                longer = f"{node.module}.{alias.name}"
                place = ROOT / Path(*longer.split("."))
                yield longer if place.is_dir() or place.with_suffix(".py").is_file() else str(node.module)


def allowed(module: str, imported: str) -> bool:
    room = max((name for name in MAY_IMPORT if is_in(module, name)), key=len)
    own = ".".join(module.split(".")[:2])
    if imported in FOR_EVERY_ROOM and module not in FOR_EVERY_ROOM:
        return True
    if own != "skinlens" and is_in(imported, own):
        return True
    # Only the package itself is meant by its bare name, not everything in it.
    return any(imported == other or (other != "skinlens" and is_in(imported, other)) for other in MAY_IMPORT[room])


@pytest.mark.parametrize(
    ("module", "imported", "may"),
    [
        ("skinlens.imaging.decode", "skinlens.imaging.dicom", True),
        ("skinlens.imaging.decode", "skinlens.runtime.card", False),
        ("skinlens.explain.oracle", "skinlens.models.asff", True),
        ("skinlens.explain.heatmap", "skinlens.models.asff", False),
        ("skinlens.export.release", "skinlens.imaging.preprocess", True),
        ("skinlens.export.release", "skinlens.imaging.decode", False),
        ("skinlens.export.release", "skinlens.training.loop", False),
        ("skinlens.report.pdf", "skinlens", True),
        ("skinlens.report.pdf", "skinlens.runtime.predictor", False),
        ("skinlens.triage.decision", "skinlens.report.pdf", False),
        ("skinlens.batch.store", "skinlens.storage.database", True),
        ("skinlens.batch.store", "skinlens.cases.schema", False),
        ("skinlens.storage.database", "skinlens.cases.schema", False),
        ("skinlens.new_room.part", "skinlens.imaging.image", False),
        ("skinlens.imaging.image", "skinlens.errors", True),
        ("skinlens.errors", "skinlens.imaging.image", False),
    ],
)
def test_the_rule_itself(module: str, imported: str, *, may: bool) -> None:
    assert allowed(module, imported) == may


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_rooms_import_only_what_they_may(path: Path) -> None:
    module = module_name(path)
    if module.startswith(MAY_IMPORT_ANYTHING):
        return
    wrong = [name for name in imports(path) if is_in(name, "skinlens") and not allowed(module, name)]
    assert not wrong, f"{module} may not import {', '.join(wrong)}"


@pytest.mark.parametrize("path", EVERYTHING, ids=module_name)
def test_nothing_imports_the_command_line_or_the_ui(path: Path) -> None:
    """But themselves, `python -m skinlens`, and the pages."""
    module, found = module_name(path), set(imports(path))
    is_page = not is_in(module, "skinlens")
    if not is_in(module, "skinlens.cli") and module != "skinlens.__main__":
        assert not any(is_in(name, "skinlens.cli") for name in found)
    if not is_in(module, "skinlens.ui") and not is_page:
        assert not any(is_in(name, "skinlens.ui") for name in found)


@pytest.mark.parametrize(
    "room", ["imaging", "runtime", "triage", "explain.heatmap", "report", "ui", "cases", "batch", "scoring", "storage"]
)
def test_from_upload_to_pdf_no_torch_is_imported(room: str) -> None:
    heavy = {"torch", "torchvision", "lightning_fabric", "pytorch_grad_cam"}
    for path in SOURCES:
        if is_in(module_name(path), f"skinlens.{room}"):
            assert not heavy & {name.partition(".")[0] for name in imports(path)}, path


ARITHMETIC = {"numpy", "pandas", "scipy", "sklearn", "statsmodels", "cv2", "torch", "torchvision", "onnxruntime"}


@pytest.mark.parametrize("path", [each for each in SOURCES if "cli" in each.parts], ids=module_name)
def test_the_command_line_calculates_nothing(path: Path) -> None:
    """A command is a signature, a call and an exit status; what is measured belongs in another room."""
    assert not ARITHMETIC & {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_streamlit_stays_in_the_ui(path: Path) -> None:
    """But for the command that starts it."""
    if not is_in(module_name(path), "skinlens.ui") and module_name(path) != "skinlens.cli.app":
        assert "streamlit" not in {name.partition(".")[0] for name in imports(path)}


SHOWS_ADDRESSES = {"image", "logo", "html", "markdown", "iframe", "video", "audio", "set_page_config"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
NETWORK_MODULES = {"requests", "urllib", "urllib3", "httpx", "aiohttp", "http", "ftplib", "smtplib", "socket"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
UNSAFE_ATTRIBUTES = {"torch.load", "torch.save", "pandas.read_pickle", "os.system", "os.popen", "yaml.load"}


def full_names(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for: `pd` for pandas, `load` for torch.load."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """`a.b.c` of an attribute or name, with imported names in full; empty for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return ""


@pytest.mark.parametrize(
    "code", ["import torch\ntorch.load", "import torch as t\nt.load", "from torch import load\nload", "torch.load"]
)
def test_names_are_seen_through(code: str) -> None:
    tree = ast.parse(code)
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    assert dotted(last.value, full_names(tree)) == "torch.load"


def loads_tensors(call: ast.Call, names: dict[str, str]) -> bool:
    """Whether a call is `torch.load(..., weights_only=True)`, the True written out."""
    only = {keyword.arg: keyword.value for keyword in call.keywords}.get("weights_only")
    return dotted(call.func, names) == "torch.load" and isinstance(only, ast.Constant) and only.value is True


@pytest.mark.parametrize(
    ("code", "safe"),
    [
        ("torch.load(f, weights_only=True)", True),
        ("torch.load(f)", False),
        ("torch.load(f, weights_only=False)", False),
        ("torch.load(f, weights_only=flag)", False),
        ("joblib.load(f, weights_only=True)", False),
    ],
)
def test_only_a_load_of_tensors_alone_is_taken_for_one(code: str, safe: bool) -> None:
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert loads_tensors(call, {}) is safe


@pytest.mark.parametrize("path", EVERYTHING, ids=module_name)
def test_nothing_that_runs_code_from_data_or_calls_out(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not (UNSAFE_MODULES | NETWORK_MODULES) & {name.partition(".")[0] for name in imports(path)}
    names = full_names(tree)
    # A published file of weights may be read as tensors alone, which runs no code from it.
    tensors_alone = {
        id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and loads_tensors(node, names)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in tensors_alone:
            assert dotted(node, names) not in UNSAFE_ATTRIBUTES, f"{path}:{node.lineno}"
        if isinstance(node, ast.Call):
            assert dotted(node.func, names).removeprefix("builtins.") not in UNSAFE_CALLS, f"{path}:{node.lineno}"
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            for name in ("unsafe_allow_html", "unsafe_allow_javascript", "allow_pickle", "shell"):
                assert name not in given, f"{path}:{node.lineno} passes {name}"


def test_html_is_a_constant_of_ours() -> None:
    """What `st.html` draws never holds anything that was typed or uploaded."""
    for path in EVERYTHING:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "html":
                given = node.args[0]
                assert isinstance(given, ast.Constant) or dotted(given, {}).isupper(), path


@pytest.mark.parametrize("path", [each for each in EVERYTHING if "ui" in each.parts or each.parent != PACKAGE])
def test_pages_name_nothing_that_a_browser_would_fetch(path: Path) -> None:
    """No address on the internet, and no page icon that stands for one."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "page_icon":
            assert not isinstance(node.value, ast.Constant), f"{path}:{node.value.lineno} is no file of ours"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SHOWS_ADDRESSES:
            for given in ast.walk(node):
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    assert "://" not in given.value, f"{path}:{given.lineno}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.svg")), ids=lambda path: path.name)
def test_drawings_stand_alone(path: Path) -> None:
    drawn = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "://" not in drawn
    assert "href" not in drawn


class TestServer:
    CONFIG: dict[str, Any] = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))

    @pytest.mark.parametrize(
        ("section", "option", "value"),
        [
            ("server", "address", "localhost"),
            ("server", "headless", True),
            ("server", "allowedHosts", ["localhost", "127.0.0.1", "::1"]),
            ("server", "enableCORS", True),
            ("server", "enableXsrfProtection", True),
            ("server", "xsrfCookieSameSite", "strict"),
            ("server", "enableAgentApi", False),
            ("server", "maxUploadSize", 200),
            ("browser", "gatherUsageStats", False),
            ("client", "toolbarMode", "viewer"),
            ("client", "showErrorDetails", "none"),
        ],
    )
    def test_it_is_local_private_and_tight_lipped(self, section: str, option: str, value: object) -> None:
        assert self.CONFIG[section][option] == value

    def test_nothing_opens_it_again(self) -> None:
        assert self.CONFIG["server"].get("corsAllowedOrigins", []) == []
        assert self.CONFIG["server"].get("enableStaticServing", False) is False
