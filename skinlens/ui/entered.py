"""What a visitor entered or chose; it outlives pages, steps and parts of a page on which its widgets are not drawn."""

from collections.abc import Collection
from typing import Any

import streamlit as st

_ENTERED = "entered"
_NOTHING = object()


def entered(key: str, default: Any) -> Any:
    """Return the value of a widget, drawn or not.

    Args:
        key: Of the widget.
        default: Before anybody has entered one.
    """
    kept = st.session_state.setdefault(_ENTERED, {})
    if key in st.session_state:
        kept[key] = st.session_state[key]
    return kept.get(key, default)


def restore(key: str, default: Any = _NOTHING, allowed: Collection[Any] | None = None) -> str:
    """Give a widget the value that it had when it was last drawn, and return its key; call before it is drawn.

    Streamlit forgets the value of a widget as soon as it is not drawn.

    Args:
        key: Of the widget.
        default: Before anybody has entered a value, and where the last one is no longer among those allowed; without
            one, the widget begins with its own.
        allowed: All values, for a widget with one choice; None allows any.
    """
    value = entered(key, default)
    if allowed is not None and value not in allowed:
        value = default
    if value is not _NOTHING and (key not in st.session_state or st.session_state[key] != value):
        st.session_state[key] = value
    return key


def forget(*keys: str) -> None:
    """Let widgets begin with their defaults again."""
    kept = st.session_state.get(_ENTERED, {})
    for key in keys:
        kept.pop(key, None)
        st.session_state.pop(key, None)
