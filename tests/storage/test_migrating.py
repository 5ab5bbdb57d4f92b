"""Alembic has one way in, so that two threads cannot meet in the circle of its imports."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2] / "skinlens"
WAY_IN = ROOT / "storage" / "migrating.py"


def imported(path: Path) -> set[str]:
    """Top-level names of the packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def test_alembic_is_imported_in_one_place() -> None:
    # Migrations are loaded by alembic itself, when it is complete.
    others = [path for path in ROOT.rglob("*.py") if path != WAY_IN and "migrations" not in path.parts]
    assert "alembic" in imported(WAY_IN)
    assert [path.name for path in others if "alembic" in imported(path)] == []
