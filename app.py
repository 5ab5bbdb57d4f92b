"""The server, and the router: page configuration, navigation, and what every page shares."""

from pathlib import Path

import streamlit as st

import skinlens.ui
from skinlens.imaging.limits import UPLOAD_MEGABYTES
from skinlens.runtime.card import ModelCard, ModelFileError, OperatingPoint
from skinlens.translation import LANGUAGES, current_language, in_language, number
from skinlens.translation import gettext as _
from skinlens.triage.wording import DISCLAIMER, UNVERIFIED
from skinlens.ui import ahead
from skinlens.ui.case_store import tidy_at_start
from skinlens.ui.component import own_component
from skinlens.ui.language import choose_language, guess_language
from skinlens.ui.model import choose_model, loaded_model
from skinlens.ui.router import mark_routed
from skinlens.ui.server import protection
from skinlens.ui.triage.result import point_in_use

# In the package, wherever this file is: a wheel keeps it elsewhere.
DRAWINGS = Path(skinlens.ui.__file__).parent
MARK = DRAWINGS / "mark.svg"
# A file of ours: a browser fetches the drawing of a `:material/...:` page icon from the internet.
ICON = DRAWINGS / "icon.svg"
# Pixels: the names of the models fit, and more is left for images.
SIDEBAR = 224
# Pixels: in a window no wider than this the sidebar closes by itself, since images need its place more.
NARROW = 1280
# Streamlit's own margins push the score below the fold at 1280x800. Its captions, and white on the dark theme's accent
# colour, have a contrast below 4.5:1.
STYLE = """<style>
.stMainBlockContainer { padding: 3.2rem 2.2rem 1.5rem; }
/* What gets the focus is not hidden behind the header. */
.stMain { scroll-padding-top: 4rem; }
.stMainBlockContainer h1 { padding: 0; font-size: 2rem; }
/* The result is first in reading order; where there is room, it stands to the right of the images. */
@media (min-width: 60rem) {
  .st-key-verdict-row [data-testid="stHorizontalBlock"]:has(.st-key-verdict) > :first-child { order: 2; }
}
@media (max-width: 60rem) {
  .st-key-verdict-row > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] { flex-direction: column; }
}
.stMainBlockContainer h2 { padding: 0.9rem 0 0.2rem; font-size: 1.35rem; }
.stApp :focus-visible { outline: 3px solid #2f8fb3; outline-offset: 2px; }
.st-key-verdict h2 { padding: 0 0 0.4rem; font-size: 1.4rem; line-height: 1.7rem; }
.st-key-preliminary h2 { font-size: 1.1rem; }
.st-key-verdict [data-testid="stMetricLabel"] * { white-space: normal; }
.st-key-verdict [data-testid="stMetricValue"] { font-size: 1.7rem; white-space: normal; }
[data-testid="stCaptionContainer"], [data-testid="stImageCaption"] { opacity: 0.85; }
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"] {
  background: #0b5d7a; border-color: #0b5d7a; color: #ffffff;
}
/* Text from users may begin like a formula. The pages' own downloads make it harmless; these would not. */
[class*="st-key-batch-table"] button[aria-label^="Download as CSV"],
[class*="st-key-case-list"] button[aria-label^="Download as CSV"] { display: none; }
.st-key-sidebar-closer { display: none; }
/* What the closed sidebar holds, beside the arrows that open it; its component writes it in the page's language. */
[data-testid="stExpandSidebarButton"] { width: auto; padding: 0 0.4rem; }
[data-testid="stExpandSidebarButton"]::after {
  content: var(--skinlens-sidebar, ""); margin-left: 0.4rem; font-size: 0.875rem; white-space: nowrap;
  max-width: max(8rem, 100vw - 60rem); overflow: hidden; text-overflow: ellipsis;
}
/* Streamlit's own words are English in every language. */
[data-testid="stFileUploaderDropzone"] { min-height: 0; padding: 0.4rem 0.8rem; }
[data-testid="stFileUploaderDropzone"] > span button p,
[data-testid="stFileUploaderDropzoneInstructions"] span { display: none; }
[data-testid="stFileUploaderDropzone"] > span button [data-testid="stMarkdownContainer"]::after {
  content: var(--skinlens-browse, "Browse");
}
[data-testid="stFileUploaderDropzoneInstructions"] > div::after {
  content: var(--skinlens-limit, ""); font-size: 0.875rem;
}
/* Of a file that the browser did not send it says so only under the pointer. */
[data-testid="stFileUploader"]:has([data-testid="stFileChip"][aria-invalid="true"])::after {
  content: var(--skinlens-not-sent, ""); display: block; margin-top: 0.4rem; padding-left: 0.5rem;
  border-left: 4px solid #d32f2f; font-weight: 600;
}
/* Over the place where files are dropped, while one is dragged there; and in the camera. */
[data-testid="stFileUploaderDropzone"] > input + div:not(:last-child) > span:only-child,
[data-testid="stCameraInputButton"],
[data-testid="stCameraInputWebcamComponent"] > :first-child:not([data-testid]) > :last-child { font-size: 0; }
[data-testid="stFileUploaderDropzone"] > input + div:not(:last-child) > span:only-child::after {
  content: var(--skinlens-drop, "Drop here"); font-size: 0.875rem;
}
[data-testid="stCameraInputButton"]::after { content: var(--skinlens-take, "Take photo"); font-size: 0.875rem; }
[data-testid="stCameraInputWebcamComponent"] > :first-child:not([data-testid]) > :last-child::after {
  content: var(--skinlens-allow, ""); font-size: 0.875rem;
}
[data-testid="stMultiSelectTagsContainer"] [data-tag] { background: #0b5d7a; }
[data-testid="stMultiSelectTagsContainer"] [data-tag] * { color: #ffffff; }
</style>"""


def _in_use(card: ModelCard) -> str:
    """Say which model and language are in use, where the closed sidebar does not show it."""
    return f"{in_language(card.title)} · {LANGUAGES[current_language()]}"


def model_in_use(page: str) -> ModelCard | None:
    """Show model, operating point and where it runs in the sidebar; return the card, or None without a usable model.

    Args:
        page: Name of the page in view: Triage has an operating point, and so has Batch once a run is open.
    """
    choose_model()
    try:
        model = loaded_model()
    except ModelFileError:
        st.error(_("No usable model. See the Triage page."), icon=":material/error:")
        return None
    point = point_in_use(model.card) if page == "triage" else _point_of_batch() if page == "batch" else None
    used = []
    if point is not None:
        # Batch compares scores with the threshold, which its user can also type.
        typed = _("Operating point **{name}**, threshold {threshold}")
        words = typed if page == "batch" else _("Operating point **{name}**")
        used = [words.format(name=_(point.name), threshold=number(point.threshold, ".2f"))]
    lines = [
        _("Model **{name}** {version}").format(name=model.card.shown_name, version=model.card.version),
        *used,
        _("Runs on **{place}**").format(place=_(model.runs_on)),
    ]
    st.caption("  \n".join(lines))
    return model.card


def _point_of_batch() -> OperatingPoint | None:
    # With what the page rests on, which the first page does without.
    from skinlens.ui.batch.results import point_for_sidebar

    return point_for_sidebar()


def show() -> None:
    """Draw the page in view."""
    # Before the navigation: a browser would fetch the drawing of a page's own icon from the internet.
    st.set_page_config(page_title="SkinLens", page_icon=ICON, layout="wide", initial_sidebar_state=SIDEBAR)
    # The language before the names of the pages. The choice itself is drawn in the sidebar, below.
    guess_language()
    pages = {
        "triage": st.Page("pages/triage.py", title=_("Triage"), icon=":material/dermatology:", default=True),
        "batch": st.Page("pages/batch.py", title=_("Batch"), icon=":material/photo_library:"),
        "compare": st.Page("pages/compare.py", title=_("Compare"), icon=":material/monitoring:"),
        "cases": st.Page("pages/cases.py", title=_("Cases"), icon=":material/folder_open:"),
        "about": st.Page("pages/about.py", title=_("About"), icon=":material/info:"),
    }
    page = st.navigation(list(pages.values()), position="top")
    st.set_page_config(page_title=f"{page.title} · SkinLens")
    mark_routed()
    tidy_at_start()
    st.html(STYLE)
    st.logo(MARK, size="large")
    with st.sidebar:
        card = model_in_use(next(name for name, each in pages.items() if each == page))
        choose_language()
    if card is not None and card.unverified:
        st.warning(in_language(UNVERIFIED), icon=":material/gpp_maybe:")
    with st.container(key="sidebar-closer"):
        # Each by itself: to look into a nested dictionary, Streamlit imports pandas.
        words = {
            "sidebar": _("Model and language") if card is None else _in_use(card),
            "browse": _("Browse"),
            "drop": _("Drop here"),
            "take": _("Take photo"),
            "not-sent": _("Not received: larger than {n} MB, or the connection broke.").format(n=UPLOAD_MEGABYTES),
            "allow": _("Allow this page to use the camera."),
            "limit": _("up to {n} MB per file").format(n=UPLOAD_MEGABYTES),
        }
        own_component("sidebar")(key="sidebar", data={"width": NARROW, "page": page.url_path, **words})
    body = st.container()
    # Before the page, so that it is there if the visitor stops the page at work.
    st.caption(in_language(DISCLAIMER))
    with body:
        page.run()
    ahead.page_is_drawn()


if __name__ == "__main__":
    # For every visitor and every click Streamlit runs this file as a script.
    show()
else:
    # Once, when it starts, `streamlit run app.py` imports this file and serves what it finds here.
    app = st.App(__file__, middleware=protection())
    ahead.begin()
