"""Batch review: what exists today, and how to score a folder until this page can."""

import streamlit as st

from skinlens.desktop.router import require_router

require_router()

st.subheader("Batch", anchor=False)
st.write(
    "Reviewing a folder on this page is not possible yet. The command line scores folders and zip archives today, with "
    "one row a picture, and can leave heatmaps and PDF case summaries beside the table:"
)
st.code("python -m skinlens predict FOLDER --out results.csv --heatmaps HEATMAPS --pdf SUMMARIES", language="bash")
st.write("A file that cannot be read gets a row that says why, and never stops the run.")
