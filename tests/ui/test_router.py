"""Every page goes through app.py."""

from typing import Any

import pytest
import streamlit as st

from skinlens.ui.router import mark_routed, require_router


@pytest.fixture
def switched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    pages: list[str] = []
    monkeypatch.setattr(st, "switch_page", pages.append)
    return pages


def test_a_page_without_the_router_leads_to_it(state: dict[str, Any], switched: list[str]) -> None:
    require_router()
    assert switched == ["app.py"]
    assert state == {}


@pytest.mark.usefixtures("state")
def test_a_routed_page_stays(switched: list[str]) -> None:
    mark_routed()
    require_router()
    assert switched == []
