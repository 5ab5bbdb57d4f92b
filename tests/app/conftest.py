"""The app under Streamlit's own test driver, with a fresh model cache for every test."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime import pages_manager
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


class _NoPagesFolder(type(Path())):
    def exists(self, **_: object) -> bool:
        return False


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch):
    """The app's entry point, run once."""
    monkeypatch.chdir(ROOT)
    # AppTest forgets between runs that st.navigation was reached, and would run pages/ files without app.py.
    monkeypatch.setattr(pages_manager, "Path", _NoPagesFolder)
    st.cache_resource.clear()
    yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    st.cache_resource.clear()


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder in place of the released models."""
    monkeypatch.setattr("skinlens.runtime.predictor.WEIGHTS_FOLDER", tmp_path)
    return tmp_path
