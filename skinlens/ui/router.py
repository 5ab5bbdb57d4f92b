"""Keep every page behind app.py, which alone draws the sidebar and the disclaimer."""

import streamlit as st

_ROUTED = "routed"


def mark_routed() -> None:
    """Note that this session's pages come through app.py, which calls this."""
    st.session_state[_ROUTED] = True


def require_router() -> None:
    """Go to app.py if a page was opened without it; every page calls this first.

    Until a session has reached `st.navigation`, Streamlit serves the files of a pages/ folder on their own, so
    the first visit of a fresh server by a page's address would see the page alone.
    """
    if not st.session_state.get(_ROUTED):
        st.switch_page("app.py")
