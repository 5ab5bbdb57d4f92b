"""What a reader chose on the Batch page; it outlives the steps and other pages, on which its widgets are not drawn."""

from collections.abc import Collection
from typing import Any

import streamlit as st

_KEPT = "batch-kept"


def setting(key: str, default: Any) -> Any:
    """Return the value of a widget, drawn or not.

    Args:
        key: Of the widget.
        default: Before anybody has chosen.
    """
    kept = st.session_state.setdefault(_KEPT, {})
    if key in st.session_state:
        kept[key] = st.session_state[key]
    return kept.get(key, default)


def restore(key: str, default: Any, allowed: Collection[Any] | None = None) -> str:
    """Give a widget the value that it had when it was last drawn, and return its key; call as it is drawn.

    Streamlit forgets the value of a widget as soon as it is not drawn.

    Args:
        key: Of the widget.
        default: Before anybody has chosen, and where the last choice is no longer among those allowed.
        allowed: All values, for a widget with one choice; None allows any.
    """
    value = setting(key, default)
    if allowed is not None and value not in allowed:
        value = default
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    return key


def forget(*keys: str) -> None:
    """Let widgets begin with their defaults again."""
    kept = st.session_state.get(_KEPT, {})
    for key in keys:
        kept.pop(key, None)
        st.session_state.pop(key, None)
