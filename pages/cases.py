"""Cases: what SkinLens keeps, which today is nothing."""

import streamlit as st

from skinlens.desktop.router import require_router

require_router()

st.subheader("Cases", anchor=False)
st.write(
    "SkinLens keeps no cases yet. Pictures, scores and what you type live in this browser session's memory alone, at "
    "most the last eight pictures, and are dropped when the session ends. The record of a case is the PDF that you "
    "download on the Triage page."
)
