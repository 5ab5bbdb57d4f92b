"""What the user types about one image, and what becomes of it: the PDF and the saved case."""

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.store import current_user
from skinlens.explain.heatmap import record_overlay
from skinlens.report.fonts import missing_characters
from skinlens.report.pdf import case_pdf
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment
from skinlens.triage.pipeline import Assessed
from skinlens.triage.risk import Meaning
from skinlens.ui import session
from skinlens.ui.case_store import case_store
from skinlens.ui.model import LoadedModel
from skinlens.ui.pdf_button import pdf_button
from skinlens.ui.second import comparison_maker

SEXES = ("female", "male", "other")


def ask_for_facts(result: Assessed) -> CaseFacts:
    """Return what the user typed about this image; the widgets belong to the image, so facts never move to another."""
    key = result.image.sha256
    with st.container(border=True):
        st.markdown("**Case** (optional). Do not enter names or dates of birth.")
        case_id, age, sex, site = st.columns([1.3, 0.8, 0.9, 1.4])
        years = age.number_input("Age", 0, 120, None, key=f"age-{key}")
        return CaseFacts(
            case_id=case_id.text_input("Pseudonymous id", key=f"id-{key}", max_chars=60),
            age="" if years is None else str(years),
            sex=sex.selectbox("Sex", SEXES, None, placeholder="", key=f"sex-{key}") or "",
            site=site.text_input("Body site", key=f"site-{key}", max_chars=80),
            note=st.text_input("Note", key=f"note-{key}", max_chars=4000),
        )


def offer_pdf_and_case(
    result: Assessed, assessment: Assessment, facts: CaseFacts, risk: Meaning | None, model: LoadedModel
) -> None:
    """Offer the PDF, made on request, and the saved case; name the characters that the PDF cannot print.

    Args:
        result: The image and its prediction.
        assessment: Of that prediction.
        facts: From `ask_for_facts`.
        risk: At the prevalence that the user chose; None for a rejected image.
        model: That made the prediction.
    """
    lacking = missing_characters("\n".join((facts.case_id, facts.site, facts.note)))
    if lacking:
        st.warning("The PDF cannot print these characters. A mark replaces each:", icon=":material/font_download_off:")
        st.text(" ".join(lacking))

    compared = comparison_maker(result, assessment)

    def made_record() -> CaseRecord:
        drawn = record_overlay(result.image.pixels, result.heatmap)
        created = datetime.now().astimezone()
        return CaseRecord(result.image, drawn, assessment, facts, created, risk, compared())

    pdf_button(lambda: case_pdf(made_record(), model.card).content, result.image.sha256)
    _offer_saving(made_record, model, None if risk is None else risk.prevalence)
    st.button("Remove image", icon=":material/close:", on_click=session.clear, width="stretch")


def _offer_saving(made_record: Callable[[], CaseRecord], model: LoadedModel, prevalence: float | None) -> None:
    """Save the case, with or without the image."""
    with st.popover("Save case", icon=":material/save:", width="stretch"):
        st.caption(
            "Saves the result, your entries and the image's SHA-256 under the pseudonymous id, in a database on this "
            "computer. The Cases page lists them."
        )
        pixels = st.checkbox("Save the image too")
        if not st.button("Save", type="primary"):
            return
        try:
            case_store().save(
                made_record(), model.card, actor=current_user(), keep_pixels=pixels, prevalence=prevalence
            )
        except CaseStoreError as error:
            st.error("The case was not saved.", icon=":material/error:")
            st.text(str(error))
        else:
            st.success("Saved.", icon=":material/check:")
