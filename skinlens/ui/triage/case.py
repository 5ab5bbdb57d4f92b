"""What the user enters about one image, and what becomes of it: the PDF and the saved case."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import streamlit as st

from skinlens.cases.errors import AlreadySavedError, CaseStoreError
from skinlens.cases.store import current_user
from skinlens.explain.heatmap import record_overlay
from skinlens.report.fonts import missing_characters
from skinlens.report.pdf import case_pdf
from skinlens.translation import current_language, error_in_language
from skinlens.translation import gettext as _
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment
from skinlens.triage.diameter import Diameter
from skinlens.triage.pipeline import Assessed
from skinlens.triage.risk import Meaning
from skinlens.ui.case_store import case_store
from skinlens.ui.cases.listing import OPEN
from skinlens.ui.model import LoadedModel
from skinlens.ui.pdf_button import pdf_button
from skinlens.ui.second import comparison_maker
from skinlens.ui.triage.facts import ask_where, ask_who_and_when, is_undecided
from skinlens.ui.triage.reader import ask_for_checklists, ask_for_reading, reading_of


def ask_for_facts(result: Assessed) -> CaseFacts:
    """Return what the user entered about this image; the widgets belong to it, so facts never move to another."""
    with st.container(border=True):
        st.markdown(_("**Case** (optional). Do not enter names or dates of birth of patients."))
        facts = ask_where(result.image, ask_who_and_when(result.image))
        with st.expander(_("Your own assessment")):
            ask_for_reading(result.image)
        with st.expander(_("Your checklists: seven points, ABCD rule")):
            checklists = ask_for_checklists(result.image)
    return replace(facts, checklists=checklists)


def offer_pdf_and_case(
    result: Assessed,
    assessment: Assessment,
    facts: CaseFacts,
    risk: Meaning | None,
    model: LoadedModel,
    diameter: Diameter | None = None,
) -> None:
    """Offer the PDF, made on request, and the saved case; name the characters that the PDF cannot print.

    Args:
        result: The image and its prediction. A first result is neither printed nor saved: both buttons wait.
        assessment: Of that prediction.
        facts: From `ask_for_facts`.
        risk: At the prevalence that the user chose; None for a rejected image.
        model: That made the prediction.
        diameter: Of the lesion; None without a scale.
    """
    reading = reading_of(result.image, datetime.now().astimezone())
    typed = (facts.case_id, facts.site, facts.note, *(() if reading is None else (reading.note, reading.reader)))
    lacking = missing_characters("\n".join(typed))
    if lacking:
        st.warning(
            _("The PDF cannot print these characters. A mark replaces each:"), icon=":material/font_download_off:"
        )
        st.text(" ".join(lacking))

    compared = comparison_maker(result, assessment)

    def made_record() -> CaseRecord:
        # A PDF is made after the run of the page, at the moment of the click.
        created = datetime.now().astimezone()
        drawn = record_overlay(result.image.pixels, result.heatmap)
        return CaseRecord(
            image=result.image,
            overlay=drawn,
            assessment=assessment,
            facts=facts,
            created=created,
            meaning=risk,
            comparison=compared(),
            readings=() if reading is None else (replace(reading, moment=created),),
            diameter=diameter,
        )

    save, download = st.columns(2, gap="small")
    with save:
        _offer_saving(
            made_record,
            model,
            None if risk is None else risk.prevalence,
            undecided=is_undecided(result.image, facts),
            disabled=not result.is_complete,
        )
    with download:
        # Of the visitor: the button's thread draws no page.
        code = current_language()
        pdf_button(
            lambda: case_pdf(made_record(), model.card, code=code).content,
            result.image.identity,
            disabled=not result.is_complete,
        )


def _offer_saving(
    made_record: Callable[[], CaseRecord],
    model: LoadedModel,
    prevalence: float | None,
    *,
    undecided: bool,
    disabled: bool,
) -> None:
    """Save the case, with or without the image; say where it is now, or that it is there already."""
    with st.popover(_("Save case"), width="stretch", disabled=disabled):
        st.caption(
            _(
                "Saves the result, your entries and the image's SHA-256 under the pseudonymous id, in a database on "
                "this computer. The Cases page lists them."
            )
        )
        pixels = st.checkbox(_("Save the image too"))
        if not st.button(_("Save"), type="primary", disabled=disabled):
            return
        if undecided:
            st.warning(_("Choose the lesion first: a new one, or one of this patient's."), icon=":material/edit:")
            return
        try:
            store = case_store()
            case = store.save(
                made_record(), model.card, actor=current_user(), keep_pixels=pixels, prevalence=prevalence
            )
        except AlreadySavedError as error:
            st.info(_("This case is saved already, so nothing was saved again."), icon=":material/check:")
            _show_place(error.case_id)
        except CaseStoreError as error:
            st.error(_("The case was not saved."), icon=":material/error:")
            st.text(error_in_language(error))
        else:
            st.success(_("Saved."), icon=":material/check:")
            _show_place(case)


def _show_place(case: str) -> None:
    """Say where a case is, and let the Cases page open it."""
    lesion = case_store().assessment(case).image.lesion
    st.session_state[OPEN] = case
    st.text(_("It is {lesion} of {patient}.").format(lesion=lesion.label, patient=lesion.patient.pseudonym))
