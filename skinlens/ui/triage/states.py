"""The Triage page when there is no result yet: the first visit, an image being assessed, a file of no use."""

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skinlens.imaging.limits import UPLOAD_MEGABYTES
from skinlens.translation import gettext as _
from skinlens.translation import in_language
from skinlens.ui import session
from skinlens.ui.stability_check import StabilityCheck

# Seconds between two looks whether the check of a first result has ended.
_LOOK_EVERY = 0.3
# Seconds that each look waits.
PATIENCE = 0.0
# The first examples of `session.EXAMPLES`, which took a third of a first visit while they were drawn there;
# `.ci/examples.py` draws them anew.
TILES = tuple(Path(__file__).parents[1] / "examples" / f"{number}.jpg" for number in (1, 2))
FORMATS = "JPEG, PNG, TIFF, BMP, WebP, HEIC, AVIF, JPEG 2000, JPEG XL, DICOM"
# The words and the button of a stopped page are drawn before the work begins, since nothing can be drawn afterwards;
# they are seen once the page has come to rest. While a file is on its way, the last result is out of sight.
STYLE = """<style>
.st-key-stopped { display: none; }
.stApp[data-test-script-state="notRunning"] .st-key-stopped { display: flex; }
.stApp[data-test-script-state="notRunning"] .st-key-at-work { display: none; }
.stApp:has(.st-key-working) .st-key-result { display: none; }
.stApp:has(.st-key-drop [data-testid="stFileChip"]) .st-key-result { display: none; }
.st-key-announcement { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
</style>"""


def live_region() -> DeltaGenerator:
    """Return the place, out of sight, of what is read out to those who cannot see the page change."""
    return st.container(key="announcement").empty()


def announce(place: DeltaGenerator, sentence: str) -> None:
    """Have a sentence read out.

    Args:
        place: From `live_region`.
        sentence: Without anything that a user typed.
    """
    # Streamlit gives this the role of a status: a live region, read out politely when its text changes.
    place.info(sentence)


def show_working(waiting: session.Pending) -> None:
    """Say which image is being assessed, with a way on for those who stop the page meanwhile."""
    with st.container(key="at-work", border=True):
        st.markdown("#### " + _("Assessing"))
        st.text(waiting.name or _("a drawn example"))
        st.caption(_("A first result comes at once. Then the image is checked in eight orientations."))
    with st.container(key="stopped", border=True):
        st.markdown("#### " + _("Stopped"))
        st.text(waiting.name or _("a drawn example"))
        st.caption(_("The page was stopped before the result was shown."))
        go_on, discard = st.columns(2)
        go_on.button(_("Continue"), type="primary", width="stretch", key="continue")
        discard.button(_("Discard it"), width="stretch", on_click=session.clear)


@st.fragment(run_every=_LOOK_EVERY)
def await_check(check: StabilityCheck) -> None:
    """Begin the check of a first result, which is on the page by now, and draw the page again once it has ended."""
    check.start()
    if check.wait(PATIENCE):
        st.rerun()


def show_problem(problem: session.Problem) -> None:
    """Say why a file cannot be used."""
    st.error(_("This file cannot be used."), icon=":material/block:")
    st.text(in_language(problem.sentence))
    if problem.before is not None:
        st.button(_("Back to the image before"), icon=":material/undo:", on_click=session.go_back, key="frame-back")


def show_first_visit() -> None:
    """Show what the page is for, three steps, two drawn examples, formats and the way to Batch."""
    if session.is_reloaded():
        _say_what_is_left()
    words, tiles = st.columns([1.25, 1], gap="large")
    with words:
        st.markdown(
            _(
                "SkinLens estimates how likely a dermoscopic image shows a malignant lesion where you work, and shows "
                "which parts of the image count as evidence."
            )
        )
        st.markdown(
            "\n".join(
                f"{number}. {step}"
                for number, step in enumerate(
                    (
                        _("Drop one photograph of one lesion, taken through a dermatoscope."),
                        _("Say how many lesions are malignant where you work, and read the risk."),
                        _("Look at the heatmap, then save the case or download the PDF."),
                    ),
                    1,
                )
            )
        )
        size = UPLOAD_MEGABYTES
        st.caption(
            _("Formats: {formats}, up to {n} MB. Larger files: give their path on Batch.").format(
                formats=FORMATS, n=size
            )
        )
        st.page_link("pages/batch.py", label=_("Many images? Use Batch."), icon=":material/photo_library:")
        st.info(
            _("No image yet. Images stay on this computer; they are forgotten when the browser session ends."),
            icon=":material/lock:",
        )
    with tiles:
        st.caption(_("Two drawn examples, not patients:"))
        labels = (_("Try a synthetic example"), _("Try another example"))
        for number, (place, label, tile) in enumerate(zip(st.columns(len(TILES)), labels, TILES, strict=True)):
            place.image(
                str(tile),
                width="stretch",
                alt=_("A drawn example of a pigmented lesion, number {number}.").format(number=number + 1),
            )
            place.button(label, key=f"example-{number}", width="stretch", on_click=session.take_example, args=(number,))


def _say_what_is_left() -> None:
    """Offer the result that was shown before the page was loaded again, or say that it is gone."""
    result = session.offered()
    if result is None:
        st.info(
            _(
                "The page was loaded again, so the last result is gone: images and results are kept only while the "
                "page stays open. Drop the image again to see its result."
            ),
            icon=":material/history:",
        )
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(":material/history:", width="content")
        st.text(
            _("The page was loaded again. The last result is still there for a few seconds; your entries are gone."),
            width="stretch",
        )
        st.button(_("Show the last result"), type="primary", key="take-over", on_click=session.take_over)
