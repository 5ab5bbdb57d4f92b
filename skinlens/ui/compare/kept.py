"""Charts and tables that were made before: a page that is drawn again for another reason takes them as they are."""

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from skinlens.translation import current_language

Made = TypeVar("Made")


def kept(name: str, key: tuple[object, ...], make: Callable[[], Made]) -> Made:
    """Return what `make` returns, made once in a browser session for each name, key and language.

    Args:
        name: Of the chart or table.
        key: Everything that it follows from, as Streamlit can digest it; empty makes it anew each time.
        make: Called without arguments. Nobody may change what it returns.
    """
    if not key:
        return make()
    made: Made = _kept(name, (*key, current_language()), make)
    return made


@st.cache_resource(max_entries=48, scope="session", show_spinner=False)
def _kept(name: str, key: tuple[object, ...], _make: Callable[[], Any]) -> Any:
    del name, key
    return _make()
