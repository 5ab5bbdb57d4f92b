"""Parts of pages without a server: their state as a plain dictionary, their widgets under Streamlit's test driver."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from skinlens.cases.store import CaseStore, open_store
from tests.quick_app import _packages_are_read_once

__all__ = ["_packages_are_read_once"]


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The session's state."""
    kept: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", kept)
    return kept


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of its own, and no store that an earlier test opened."""
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))
    st.cache_resource.clear()
    yield tmp_path / "home"
    st.cache_resource.clear()


@pytest.fixture
def cases(home: Path) -> Iterator[CaseStore]:
    """An empty case store."""
    assert not home.exists()
    store = open_store()
    yield store
    store.engine.dispose()
