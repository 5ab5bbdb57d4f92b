"""A command that needs an extra says which to install, and nothing else of SkinLens needs one."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skinlens.cli.extras import EXTRA_OF, install_hint
from skinlens.imaging.synthetic import draw_pixels, encode_png

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
# Python as it is where the core alone is installed: none of the extras' libraries can be imported.
WITHOUT_EXTRAS = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(EXTRA_OF)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from skinlens.cli.main import run
run()
"""


def call(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Call `skinlens` where no extra is installed."""
    command = [sys.executable, "-c", WITHOUT_EXTRAS, *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(cwd)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_every_library_belongs_to_the_extra_that_brings_it() -> None:
    distributions = packages_distributions()
    for library, extra in EXTRA_OF.items():
        named = {canonicalize_name(Requirement(each).name) for each in EXTRAS[extra]}
        assert named & set(map(canonicalize_name, distributions[library])), library
    brought = {canonicalize_name(Requirement(each).name) for extra in set(EXTRA_OF.values()) for each in EXTRAS[extra]}
    known = {canonicalize_name(name) for library in EXTRA_OF for name in distributions[library]}
    assert brought <= known


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ModuleNotFoundError("", name="torch.nn"), "pip install 'skinlens[train]'"),
        (ModuleNotFoundError("", name="ray"), "pip install 'skinlens[ray]'"),
        (ModuleNotFoundError("", name="torchless"), None),
        (ModuleNotFoundError("", name="skinlens.torch"), None),
        (ModuleNotFoundError(""), None),
        (ImportError("", name="torch"), None),
        (KeyError("torch"), None),
    ],
)
def test_only_the_absence_of_such_a_library_is_hinted_at(error: Exception, hint: str | None) -> None:
    said = install_hint(error)
    assert (said or "").endswith(hint or "")
    assert (said is None) == (hint is None)


@pytest.mark.parametrize(
    "words",
    [
        ("train", "recipe.toml", "--data", "rows.csv", "--out", "run"),
        ("bench",),
        ("export", "--checkpoint", "model.safetensors", "--name", "mine"),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.slow
def test_a_command_without_its_extra_says_which(words: tuple[str, ...], tmp_path: Path) -> None:
    done = call(*words, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("skinlens: This command needs ")
    assert line.endswith("which is not installed: pip install 'skinlens[train]'")


def test_predict_needs_no_extra(tmp_path: Path) -> None:
    (tmp_path / "lesion.png").write_bytes(encode_png(draw_pixels(1, height=90, width=120)))
    done = call("predict", "lesion.png", "--pdf", "pdf", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert list((tmp_path / "pdf").iterdir())
