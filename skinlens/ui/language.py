"""The visitor's language: asked in the sidebar, first guessed from the browser."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from skinlens import translation
from skinlens.translation import DEFAULT, LANGUAGES

LANGUAGE = "language"


def guess_language() -> None:
    """Take the browser's language until the visitor chooses another."""
    st.session_state.setdefault(LANGUAGE, browser_language(st.context.locale))


def choose_language() -> None:
    """Let the visitor choose; this page and every page after it is in that language. Call `guess_language` before."""
    # In both languages, so that nobody has to read the other one to find it.
    st.selectbox("Language / Sprache", LANGUAGES, format_func=LANGUAGES.__getitem__, key=LANGUAGE)


def browser_language(locale: str | None) -> str:
    """Return the language of ours that a browser's locale asks for, as in `de-AT`; English for any other.

    >>> browser_language("de-AT"), browser_language("fr"), browser_language(None)
    ('de', 'en', 'en')
    """
    code = (locale or DEFAULT).replace("_", "-").partition("-")[0].lower()
    return code if code in LANGUAGES else DEFAULT


def _visitor_language() -> str | None:
    """Return the language of the visitor whose page this thread draws; None outside a page."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    return st.session_state.get(LANGUAGE)


translation.ask(_visitor_language)
