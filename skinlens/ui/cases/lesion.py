"""A lesion over time: its photographs, the oldest first, and two of them compared, in images and in words."""

import streamlit as st

from skinlens.cases.difference import difference
from skinlens.cases.schema import Assessment
from skinlens.cases.store import CaseStore
from skinlens.translation import gettext as _
from skinlens.translation import in_language
from skinlens.triage.wording import HEADLINES
from skinlens.ui.cases.images import show_two_days
from skinlens.ui.cases.listing import OPEN


def day_in_words(row: Assessment) -> str:
    """Return the day of a photograph; of one whose day is not known, that of saving it, which is said."""
    if row.photographed:
        return row.photographed
    return _("day not known, saved {day}").format(day=f"{row.created.astimezone():%Y-%m-%d}")


def show_lesion(store: CaseStore, row: Assessment) -> None:
    """List the photographs of a case's lesion, and compare two of them; nothing where there is only one."""
    every = store.of_lesion(row.image.lesion_id)
    if len(every) < 2:
        return
    st.markdown(_("**The lesion over time**, the oldest photograph first"))
    with st.container(horizontal=True):
        for number, each in enumerate(every, 1):
            st.button(
                f"{number}. {day_in_words(each)}: {_(HEADLINES[each.decision]).lower()}",
                key=f"open-{each.id}",
                disabled=each.id == row.id,
                on_click=_open,
                args=(each.id,),
            )
    ids = [each.id for each in every]
    by_id = dict(zip(ids, every, strict=True))
    at = ids.index(row.id)

    def title(case_id: str) -> str:
        return f"{ids.index(case_id) + 1}. {day_in_words(by_id[case_id])}"

    # The first photograph and the one in view, or the next where that is the first.
    left, right = st.columns(2)
    earlier = left.selectbox(_("Compare"), ids, 0, format_func=title, key=f"earlier-{row.id}")
    later = right.selectbox(_("with"), ids, at or 1, format_func=title, key=f"later-{row.id}")
    if earlier == later:
        st.info(_("Choose two different photographs."), icon=":material/compare:")
        return
    first, second = sorted((by_id[earlier], by_id[later]), key=every.index)
    before, after = ((title(each.id), store.pixels.read(each.image_id)) for each in (first, second))
    show_two_days(before, after, key=f"days-{first.id}-{second.id}")
    for sentence in difference(first, second):
        st.text(in_language(sentence))
    st.caption(_("The model saw each photograph alone. Light, focus and magnification differ between photographs."))


def _open(case_id: str) -> None:
    st.session_state[OPEN] = case_id
