"""Search the saved cases and list them."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from skinlens.cases.store import CaseLine, CaseStore
from skinlens.triage.wording import HEADLINES
from skinlens.ui.verdicts import VERDICTS

# The id of the open case, in the session's state.
OPEN = "open-case"
_DECISIONS: dict[str | None, str] = {None: "all", **{name: words.lower() for name, words in HEADLINES.items()}}
_WORDS = {str(verdict): words for verdict, words in VERDICTS.items()}
_MOST_SHOWN = 200


def show_cases(store: CaseStore) -> None:
    """Show the search and the list; selecting a row opens its case."""
    words, decision = st.columns([2, 1.4])
    searched = words.text_input("Search patient, lesion, image or note", key="case-words")
    wanted = decision.selectbox("Decision", list(_DECISIONS), format_func=_DECISIONS.__getitem__, key="case-decision")
    result = store.search(searched, decision=wanted, limit=_MOST_SHOWN)
    if not result.total:
        st.info(
            "No case matches." if searched or wanted else "No cases yet. Save one on the Triage page.",
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
    st.caption(f"{len(result.lines)} of {result.total} cases, newest first. To open one, select the box on its left.")
    rows = chosen["selection"]["rows"]
    if rows:
        st.session_state[OPEN] = result.lines[rows[0]].id


def case_table(lines: Sequence[CaseLine]) -> pd.DataFrame:
    """Tabulate cases, one row each, in the order given.

    Returns:
        Columns Saved (local time), Patient, Lesion, Image, Decision, Score and Reader's verdict ("" without one).
    """
    return pd.DataFrame(
        {
            "Saved": f"{line.created.astimezone():%Y-%m-%d %H:%M}",
            "Patient": line.patient,
            "Lesion": line.lesion,
            "Image": line.image_name,
            "Decision": HEADLINES[line.decision],
            "Score": round(line.score, 2),
            "Reader's verdict": _WORDS.get(line.last_verdict, ""),
        }
        for line in lines
    )
