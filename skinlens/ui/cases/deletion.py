"""Deleting one case, a lesion or a patient: asked twice, and with what is not deleted."""

from collections.abc import Collection

import streamlit as st

from skinlens.batch.holding import runs_holding
from skinlens.cases.records import lesion_title
from skinlens.cases.schema import Assessment
from skinlens.cases.store import CaseStore, current_user
from skinlens.translation import gettext as _
from skinlens.translation import ngettext
from skinlens.ui.batch.runs import runs_folder
from skinlens.ui.cases.lesion import day_in_words
from skinlens.ui.cases.listing import OPEN, TOLD

_ASKED = "deletion-asked"


def offer_deletion(store: CaseStore, row: Assessment) -> None:
    """Offer to delete a case, its lesion or its patient; nothing is deleted before that was confirmed."""
    if st.session_state.get(_ASKED) != row.id:
        st.button(
            _("Delete…"), icon=":material/delete:", width="stretch", key="delete-ask", on_click=_ask, args=(row.id,)
        )
        return
    lesion = row.image.lesion
    patient = lesion.patient.pseudonym
    of_lesion, of_patient = store.of_lesion(lesion.id), store.of_patient(patient)
    scopes = {
        "case": ([row], _("this case only, photograph of {day}").format(day=day_in_words(row))),
        "lesion": (
            of_lesion,
            _("the lesion {lesion} with {cases}").format(
                lesion=lesion_title(lesion.label, lesion.site), cases=_cases(len(of_lesion))
            ),
        ),
        "patient": (
            of_patient,
            _("the patient {patient} with {cases}").format(patient=patient, cases=_cases(len(of_patient))),
        ),
    }
    with st.container(border=True):
        st.markdown(_("**Delete** permanently. This cannot be undone."))
        scope = st.radio(
            _("What to delete"), list(scopes), format_func=lambda each: scopes[each][1], key="delete-scope"
        )
        rows = scopes[scope][0]
        for sentence in what_stays(_digests_gone(rows, of_patient), patient if scope == "patient" else ""):
            st.text(sentence)
        st.button(_("Keep it"), width="stretch", key="delete-cancel", on_click=_ask, args=("",))
        if st.button(_("Delete permanently"), icon=":material/delete_forever:", width="stretch", key="delete-confirm"):
            _delete(store, row, scope)
            st.rerun()


def what_stays(digests: Collection[str], pseudonym: str = "") -> list[str]:
    """Return what is not deleted with saved cases, a sentence each.

    Args:
        digests: SHA-256 of the images that are deleted.
        pseudonym: Of the patient, if everything about that patient is deleted.
    """
    holding, unread = runs_holding(runs_folder(), digests, pseudonym=pseudonym)
    sentences = []
    for run in holding:
        when = f"{run.created.astimezone():%Y-%m-%d %H:%M}"
        if run.images:
            sentences.append(
                ngettext(
                    "The batch run {run} of {when} still holds the result of {n} of these images.",
                    "The batch run {run} of {when} still holds the results of {n} of these images.",
                    run.images,
                ).format(run=run.title, when=when, n=run.images)
            )
        if run.named:
            sentences.append(
                _("The case facts of the batch run {run} of {when} name this patient.").format(run=run.title, when=when)
            )
    if holding:
        sentences.append(_("To delete that too, discard these runs on the Batch page."))
    if unread:
        sentences.append(
            ngettext("{n} batch run could not be read.", "{n} batch runs could not be read.", unread).format(n=unread)
        )
    return [*sentences, _("Original files, PDFs and backups that were made before are not deleted.")]


def _digests_gone(rows: Collection[Assessment], of_patient: Collection[Assessment]) -> set[str]:
    """Images of which no case of the patient is left once rows are deleted."""
    gone = {row.id for row in rows}
    return {row.image.received_sha256 for row in rows} - {
        row.image.received_sha256 for row in of_patient if row.id not in gone
    }


def _delete(store: CaseStore, row: Assessment, scope: str) -> None:
    lesion = row.image.lesion
    if scope == "patient":
        erased = store.erase(lesion.patient.pseudonym, actor=current_user())
    elif scope == "lesion":
        erased = store.erase_lesion(lesion.id, actor=current_user())
    else:
        erased = store.erase_case(row.id, actor=current_user())
    st.session_state.pop(OPEN, None)
    st.session_state.pop(_ASKED, None)
    st.session_state[TOLD] = deleted_in_words(erased)


def deleted_in_words(erased: int) -> str:
    """Return what was deleted, for a message."""
    return ngettext(
        "Deleted {n} record. The log states only that it was deleted.",
        "Deleted {n} records. The log states only that they were deleted.",
        erased,
    ).format(n=erased)


def _ask(case_id: str) -> None:
    st.session_state[_ASKED] = case_id


def _cases(number: int) -> str:
    return ngettext("{n} case", "{n} cases", number).format(n=number)
