"""Search the saved cases and list them."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from skinlens.cases.records import lesion_title
from skinlens.cases.store import CaseLine, CaseStore
from skinlens.translation import gettext as _
from skinlens.translation import ngettext
from skinlens.triage.wording import HEADLINES
from skinlens.ui.verdicts import VERDICTS

# In the session's state: the id of the open case, and what to say once at the top of the page.
OPEN = "open-case"
TOLD = "cases-told"
_DECISIONS: tuple[str | None, ...] = (None, *HEADLINES)
_WORDS = {str(verdict): words for verdict, words in VERDICTS.items()}
_MOST_SHOWN = 200


def show_cases(store: CaseStore) -> None:
    """Show the search and the list; selecting a row opens its case."""
    if TOLD in st.session_state:
        st.success(st.session_state.pop(TOLD), icon=":material/check:")
    words, decision = st.columns([2, 1.4])
    searched = words.text_input(_("Search patient, lesion, body site, day, image or note"), key="case-words")
    wanted = decision.selectbox(
        _("The model's decision"),
        _DECISIONS,
        format_func=lambda name: _("all") if name is None else _(HEADLINES[name]).lower(),
        key="case-decision",
    )
    result = store.search(searched, decision=wanted, limit=_MOST_SHOWN)
    if not result.total:
        st.info(
            _("No case matches.") if searched or wanted else _("No cases yet. Save one on the Triage page."),
            icon=":material/folder_open:",
        )
        return
    chosen = st.dataframe(
        case_table(result.lines),
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="case-list",
    )
    st.caption(
        ngettext(
            "{shown} of {n} case. To open it, select the box on its left.",
            "{shown} of {n} cases, the latest saved first. To open one, select the box on its left.",
            result.total,
        ).format(shown=len(result.lines), n=result.total)
    )
    rows = chosen["selection"]["rows"]
    if rows and rows[0] < len(result.lines):
        _open_selected(result.lines[rows[0]].id)


def _open_selected(case_id: str) -> None:
    """Open the case of a newly selected row; a row that stays selected must not close what was opened elsewhere."""
    if st.session_state.get("case-selected") != case_id:
        st.session_state["case-selected"] = case_id
        st.session_state[OPEN] = case_id


def case_table(lines: Sequence[CaseLine]) -> pd.DataFrame:
    """Tabulate cases, one row each, in the order given.

    Returns:
        Columns Patient, Lesion, Photographed (a day, or "not known"), Decision, Reader's verdict ("" without one),
        Image and Saved (local time), their titles in the reader's language.
    """
    return pd.DataFrame(
        {
            _("Patient"): line.patient,
            _("Lesion"): lesion_title(line.lesion, line.site),
            _("Photographed"): line.photographed or _("not known"),
            _("Decision"): _(HEADLINES[line.decision]),
            _("Reader's verdict"): _(_WORDS[line.last_verdict]) if line.last_verdict else "",
            _("Image"): line.image_name,
            _("Saved"): f"{line.created.astimezone():%Y-%m-%d %H:%M}",
        }
        for line in lines
    )
