"""Charts are made once for what they follow from, and anew when that or the language is another."""

from collections.abc import Iterator

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from skinlens.ui.compare.kept import kept
    from skinlens.ui.language import guess_language

    guess_language()
    made = st.session_state.setdefault("made", [])
    for name, key in st.session_state["asked"]:
        st.text(kept(name, key, lambda name=name: [made.append(name), f"{name} {len(made)}"][1]))


@pytest.fixture
def page() -> Iterator[AppTest]:
    st.cache_resource.clear()
    yield AppTest.from_function(_page, default_timeout=60)
    st.cache_resource.clear()


def shown(page: AppTest, *asked: tuple[str, tuple[object, ...]]) -> list[str]:
    page.session_state["asked"] = asked
    page.run()
    assert not page.exception
    return [text.value for text in page.text]


def test_it_is_made_once_for_a_name_and_a_key(page: AppTest) -> None:
    table = pd.DataFrame({"model": ["a"], "auc": [0.9]})
    assert shown(page, ("roc", ("d", table)), ("roc", ("d", table.copy())), ("pr", ("d", table))) == [
        *("roc 1", "roc 1", "pr 2")
    ]
    assert shown(page, ("roc", ("d", table))) == ["roc 1"]
    assert shown(page, ("roc", ("d", table.assign(auc=0.8)))) == ["roc 3"]


def test_another_language_gets_its_own(page: AppTest) -> None:
    page.session_state["language"] = "en"
    assert shown(page, ("roc", ("d",))) == ["roc 1"]
    page.session_state["language"] = "de"
    assert shown(page, ("roc", ("d",))) == ["roc 2"]


def test_without_a_key_nothing_is_kept(page: AppTest) -> None:
    assert shown(page, ("roc", ()), ("roc", ())) == ["roc 1", "roc 2"]
