"""The reader's own assessment of an image: verdict, remark and name, the seven-point checklist and the ABCD rule.

It stands beside the model's decision, in case and PDF too, and never changes it.
"""

from datetime import datetime

import streamlit as st

from skinlens.cases.store import current_user
from skinlens.imaging.image import LesionImage
from skinlens.translation import gettext as _
from skinlens.triage.case import Reading
from skinlens.triage.checklists import (
    AXES,
    COLOURS,
    MAJOR,
    MINOR,
    SEGMENTS,
    STRUCTURES,
    Checklists,
    SevenPoint,
    abcd_of,
)
from skinlens.ui.entered import restore
from skinlens.ui.triage.facts import Keys
from skinlens.ui.verdicts import VERDICTS

# The reader's name stays from image to image.
READER = "reader-name"


def ask_for_reading(image: LesionImage) -> None:
    """Ask for the reader's verdict; `reading_of` returns it."""
    key = Keys(image.identity)
    fields = (key("verdict"), key("remark"), READER)
    for field in fields:
        restore(field)
    st.radio(
        _("Your verdict"),
        list(VERDICTS),
        None,
        format_func=lambda verdict: _(VERDICTS[verdict]),
        horizontal=True,
        key=key("verdict"),
    )
    remark, name = st.columns([2, 1])
    remark.text_input(_("Your remark"), key=key("remark"), max_chars=1000)
    name.text_input(_("Your name"), key=READER, max_chars=120, placeholder=current_user())


def reading_of(image: LesionImage, moment: datetime) -> Reading | None:
    """Return the reader's assessment of an image; None without a verdict."""
    key = Keys(image.identity)
    verdict = st.session_state.get(key("verdict"))
    if verdict is None:
        return None
    remark, name = (" ".join(str(st.session_state.get(each, "")).split()) for each in (key("remark"), READER))
    return Reading(verdict, remark, name or current_user(), moment)


def ask_for_checklists(image: LesionImage) -> Checklists:
    """Ask for both checklists, side by side, and return what was filled in with its score shown below."""
    key = Keys(image.identity)
    criteria = [key(f"seven-{name}") for name in (*MAJOR, *MINOR)]
    fields = [*criteria, *(key(f"abcd-{part}") for part in "abcd"), key("seven-none")]
    for field in fields:
        restore(field)
    st.caption(
        _(
            "Filled in by you, from the image. The model's decision does not depend on it. Sources: Argenziano et al. "
            "1998; Stolz et al. 1994; Nachbar et al. 1994."
        )
    )
    seven, abcd = st.columns([1, 1.5])
    with seven:
        checked = _ask_seven_point(key)
    with abcd:
        rule = abcd_of(*_ask_abcd(key))
        if rule is not None:
            st.text(rule.sentence())
    return Checklists(checked, rule)


def _ask_seven_point(key: Keys) -> SevenPoint | None:
    st.markdown(_("**Seven-point checklist**"))
    st.caption(_("Major criteria, two points each"))
    present = [name for name, title in MAJOR.items() if st.checkbox(_(title), key=key(f"seven-{name}"))]
    st.caption(_("Minor criteria, one point each"))
    present += [name for name, title in MINOR.items() if st.checkbox(_(title), key=key(f"seven-{name}"))]
    # Nothing ticked is either not filled in or no criterion seen; only the reader knows which.
    none = st.checkbox(_("None of these"), key=key("seven-none"), disabled=bool(present))
    if not present and not none:
        return None
    checked = SevenPoint(frozenset(present))
    st.text(checked.sentence())
    return checked


def _ask_abcd(key: Keys) -> tuple[int | None, int | None, list[str], list[str]]:
    st.markdown(_("**ABCD rule of dermoscopy**"))
    asymmetry = st.segmented_control(
        _("Asymmetry: axes across which contour, colour or structure differ"), list(AXES), key=key("abcd-a")
    )
    border = st.segmented_control(
        _("Border: eighths where the pigment ends abruptly"), list(SEGMENTS), key=key("abcd-b")
    )
    colours = st.pills(
        _("Colours"), list(COLOURS), selection_mode="multi", format_func=lambda one: _(COLOURS[one]), key=key("abcd-c")
    )
    structures = st.pills(
        _("Structures"),
        list(STRUCTURES),
        selection_mode="multi",
        format_func=lambda one: _(STRUCTURES[one]),
        key=key("abcd-d"),
    )
    return asymmetry, border, colours, structures
