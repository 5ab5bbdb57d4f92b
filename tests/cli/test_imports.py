"""The path from an image to its PDF never loads torch, which costs seconds at every start."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from skinlens.imaging.synthetic import draw_pixels, encode_png

ROOT = Path(__file__).parents[2]
TRAINING_ONLY = {"torch", "torchvision", "lightning_fabric", "lightning", "pytorch_grad_cam"}
NEVER_ON_THE_COMMAND_LINE = TRAINING_ONLY | {"streamlit"}


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the repository's root; warnings are errors there too."""
    command = [sys.executable, "-W", "error", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def packages(import_times: str) -> set[str]:
    """Top-level packages in what `-X importtime` writes."""
    lines = [line for line in import_times.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.slow
def test_predict_with_heatmaps_and_pdf_imports_no_torch(tmp_path: Path) -> None:
    image = tmp_path / "lesion.png"
    image.write_bytes(encode_png(draw_pixels(1, height=90, width=120)))
    extras = ["--heatmaps", str(tmp_path / "maps"), "--pdf", str(tmp_path / "pdfs")]
    done = python("-X", "importtime", "-m", "skinlens", "predict", str(image), *extras)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 2
    assert len(list((tmp_path / "maps").iterdir())) == len(list((tmp_path / "pdfs").iterdir())) == 1
    imported = packages(done.stderr)
    assert {"skinlens", "onnxruntime", "fpdf", "cv2"} <= imported, "the reading of import times has to work"
    assert not imported & NEVER_ON_THE_COMMAND_LINE
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert len(said) == 1, said
    assert said[0].startswith("skinlens: 1 ")


def imported_by_pages() -> set[str]:
    """Modules of ours that app.py and the pages import anywhere in their text."""
    modules = set()
    for path in (ROOT / "app.py", *(ROOT / "pages").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("skinlens"):
                modules.add(node.module)
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names if alias.name.startswith("skinlens")}
    return modules


def of_package(name: str) -> set[str]:
    folder = ROOT / "skinlens" / name
    return {f"skinlens.{name}.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"}


@pytest.fixture
def upload_to_pdf() -> list[str]:
    """Every module between an upload and its PDF."""
    found = {"skinlens.triage.decision", "skinlens.explain.heatmap", "skinlens.cli.main", "skinlens.cli.predict"}
    for package in ("ui", "report", "runtime", "imaging"):
        found |= of_package(package)
    return sorted(found | imported_by_pages())


@pytest.mark.slow
def test_pages_and_what_they_rest_on_import_no_torch(upload_to_pdf: list[str]) -> None:
    assert len(upload_to_pdf) > 20
    code = (
        f"import importlib, sys\nfor name in {upload_to_pdf!r}: importlib.import_module(name)\n"
        f"print(*sorted(set(sys.modules) & {TRAINING_ONLY!r}))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == []


# Three seconds to import, which a first visit would wait for.
OF_A_RESULT = {"pandas", "pyarrow", "sqlalchemy", "alembic", "pydicom", "fpdf", "uharfbuzz", "scipy", "sklearn"}
FIRST_VISIT = """
import sys
from streamlit.testing.v1 import AppTest
before = set(sys.modules)
app = AppTest.from_file(sys.argv[1], default_timeout=120).run()
print(*[title.value for title in app.title], *sorted(set(sys.modules) - before))
"""


def test_the_first_visit_waits_for_nothing_that_only_a_result_needs() -> None:
    # Streamlit's driver has warnings of its own outside a server.
    command = [sys.executable, "-c", FIRST_VISIT, str(ROOT / "app.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    title, *imported = done.stdout.split()
    assert title == "Triage"
    imported_packages = {name.partition(".")[0] for name in imported}
    assert "skinlens" in imported_packages
    assert not imported_packages & (TRAINING_ONLY | OF_A_RESULT)
    assert not [name for name in imported if name.startswith("plotly.graph_objs._")]


@pytest.mark.parametrize("words", [["--help"], ["predict", "--help"]], ids=" ".join)
def test_help_is_quick_to_load(words: list[str]) -> None:
    """Heavy packages are imported only by the command that needs them."""
    done = python("-X", "importtime", "-m", "skinlens", *words)
    assert done.returncode == 0
    assert not packages(done.stderr) & (NEVER_ON_THE_COMMAND_LINE | {"numpy", "pandas", "onnxruntime", "cv2"})


def test_a_sentence_and_a_status_reach_the_shell(tmp_path: Path) -> None:
    done = python("-m", "skinlens", "predict", str(tmp_path / "x.png"), "--model", "nothing")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("skinlens: There is no model 'nothing'")
    assert len(done.stderr.splitlines()) == 1
