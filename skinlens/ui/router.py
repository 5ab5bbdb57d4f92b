"""Keeps every page behind app.py, which alone draws the sidebar and the research sentence."""

import streamlit as st

_ROUTED = "routed"


def mark_routed() -> None:
    """Called by app.py: this session's pages come through the router."""
    st.session_state[_ROUTED] = True


def require_router() -> None:
    """Called first by every page: go to app.py if the page was opened without it.

    As long as no session has reached `st.navigation`, Streamlit serves the files of a pages/ folder on their own, so
    the first visit of a fresh server by a page's address would see the page alone.
    """
    if not st.session_state.get(_ROUTED):
        st.switch_page("app.py")
