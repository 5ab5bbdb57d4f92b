"""The server, and the router: page configuration, navigation, and what every page shares."""

from pathlib import Path

import streamlit as st

import skinlens.ui
from skinlens.imaging.workers import start_ahead
from skinlens.runtime.card import ModelCard, ModelFileError, OperatingPoint
from skinlens.triage.wording import DISCLAIMER, UNVERIFIED
from skinlens.ui.batch.results import point_for_sidebar
from skinlens.ui.case_store import tidy_at_start
from skinlens.ui.model import choose_model, loaded_model
from skinlens.ui.router import mark_routed
from skinlens.ui.server import protection
from skinlens.ui.session import POINT

# In the package, wherever this file is: a wheel keeps it elsewhere.
DRAWINGS = Path(skinlens.ui.__file__).parent
MARK = DRAWINGS / "mark.svg"
# A file of ours: a browser fetches the drawing of a `:material/...:` page icon from the internet.
ICON = DRAWINGS / "icon.svg"
# Streamlit's own margins push the score below the fold at 1280x800. Its captions, and white on the dark theme's accent
# colour, have a contrast below 4.5:1.
STYLE = """<style>
.stMainBlockContainer { padding: 3.6rem 2.2rem 1.5rem; }
[data-testid="stCaptionContainer"], [data-testid="stImageCaption"] { opacity: 0.85; }
[data-testid="stDownloadButton"] [data-testid="stBaseButton-primary"] {
  background: #0b5d7a; border-color: #0b5d7a; color: #ffffff;
}
/* Text from users may begin like a formula. The pages' own downloads make it harmless; these would not. */
[class*="st-key-batch-table"] button[aria-label^="Download as CSV"],
[class*="st-key-case-list"] button[aria-label^="Download as CSV"] { display: none; }
[data-testid="stMultiSelectTagsContainer"] [data-tag] { background: #0b5d7a; }
[data-testid="stMultiSelectTagsContainer"] [data-tag] * { color: #ffffff; }
</style>"""


def point_in_use(card: ModelCard) -> OperatingPoint:
    """Return the operating point of the Triage page."""
    chosen = st.session_state.get(POINT)
    if chosen not in {point.name for point in card.operating_points}:
        # Of another model.
        st.session_state.pop(POINT, None)
        return card.point()
    return card.point(chosen)


def model_in_use(*, on_batch: bool) -> ModelCard | None:
    """Show model, operating point and where it runs in the sidebar; return the card, or None without a usable model.

    Args:
        on_batch: Whether the Batch page is in view, which has an operating point of its own once a run is open.
    """
    choose_model()
    try:
        model = loaded_model()
    except ModelFileError:
        st.error("No usable model. See the Triage page.", icon=":material/error:")
        return None
    point = point_for_sidebar() if on_batch else point_in_use(model.card)
    named = "" if point is None else f"Operating point **{point.name}**, threshold {point.threshold:.2f}  \n"
    st.caption(f"Model **{model.card.shown_name}** {model.card.version}  \n{named}Runs on **{model.runs_on}**")
    return model.card


def show() -> None:
    """Draw the page in view."""
    st.set_page_config(page_title="SkinLens", page_icon=ICON, layout="wide")
    page = st.navigation(
        [
            st.Page("pages/triage.py", title="Triage", icon=":material/dermatology:", default=True),
            st.Page("pages/batch.py", title="Batch", icon=":material/photo_library:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/monitoring:"),
            st.Page("pages/cases.py", title="Cases", icon=":material/folder_open:"),
            st.Page("pages/about.py", title="About", icon=":material/info:"),
        ]
    )
    mark_routed()
    tidy_at_start()
    st.html(STYLE)
    st.logo(MARK, size="large")
    with st.sidebar:
        card = model_in_use(on_batch=page.title == "Batch")
    if card is not None and card.unverified:
        st.warning(UNVERIFIED, icon=":material/gpp_maybe:")
    page.run()
    st.caption(DISCLAIMER)


if __name__ == "__main__":
    # For every visitor and every click Streamlit runs this file as a script.
    show()
else:
    # Once, when it starts, `streamlit run app.py` imports this file and serves what it finds here.
    app = st.App(__file__, middleware=protection())
    start_ahead()
