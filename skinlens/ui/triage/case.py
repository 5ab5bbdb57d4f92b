"""What the user types about one image, and what becomes of it: the PDF and the saved case."""

from collections.abc import Callable, Hashable
from datetime import datetime

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.store import current_user
from skinlens.explain.heatmap import record_overlay
from skinlens.report.fonts import missing_characters
from skinlens.report.pdf import case_pdf
from skinlens.translation import gettext as _
from skinlens.translation import marked
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment
from skinlens.triage.pipeline import Assessed
from skinlens.triage.risk import Meaning
from skinlens.ui import session
from skinlens.ui.case_store import case_store
from skinlens.ui.model import LoadedModel
from skinlens.ui.pdf_button import pdf_button

SEXES = (marked("female"), marked("male"), marked("other"))


def ask_for_facts(result: Assessed) -> CaseFacts:
    """Return what the user typed about this image; the widgets belong to the image, so facts never move to another."""
    key = result.image.sha256
    keys = [f"{field}-{key}" for field in ("age", "id", "sex", "site", "note")]
    session.restore(*keys)
    with st.container(border=True):
        st.markdown(_("**Case** (optional). Do not enter names or dates of birth."))
        case_id, age, sex, site = st.columns([1.3, 0.8, 0.9, 1.4])
        years = age.number_input(_("Age"), 0, 120, None, key=f"age-{key}")
        facts = CaseFacts(
            case_id=case_id.text_input(_("Pseudonymous id"), key=f"id-{key}", max_chars=60),
            age="" if years is None else str(years),
            sex=sex.selectbox(_("Sex"), SEXES, None, placeholder="", format_func=_, key=f"sex-{key}") or "",
            site=site.text_input(_("Body site"), key=f"site-{key}", max_chars=80),
            note=st.text_input(_("Note"), key=f"note-{key}", max_chars=4000),
        )
    session.remember(*keys)
    return facts


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
        st.warning(
            _("The PDF cannot print these characters. A mark replaces each:"), icon=":material/font_download_off:"
        )
        st.text(" ".join(lacking))

    def made_record() -> CaseRecord:
        drawn = record_overlay(result.image.pixels, result.heatmap)
        return CaseRecord(result.image, drawn, assessment, facts, datetime.now().astimezone(), risk)

    save, download = st.columns(2)
    with save:
        _offer_saving(made_record, model, None if risk is None else risk.prevalence)
    with download:
        pdf_button(lambda: case_pdf(made_record(), model.card).content, result.image.sha256)


def _offer_saving(made_record: Callable[[], CaseRecord], model: LoadedModel, prevalence: float | None) -> None:
    """Save the case, with or without the image; what this session saved before is not saved twice."""
    with st.popover(_("Save to a case"), icon=":material/save:", width="stretch"):
        st.caption(
            _(
                "Saves the result, your entries and the image's SHA-256 under the pseudonymous id, in a database on "
                "this computer. The Cases page lists them."
            )
        )
        pixels = st.checkbox(_("Save the image too"))
        if not st.button(_("Save"), type="primary"):
            return
        record = made_record()
        content = _content(record, prevalence, pixels=pixels)
        before = session.saved_when(content)
        if before is not None:
            st.info(
                _("Already saved at {time}, so it was not saved again.").format(time=f"{before:%H:%M}"),
                icon=":material/check:",
            )
            return
        try:
            case_store().save(record, model.card, actor=current_user(), keep_pixels=pixels, prevalence=prevalence)
        except CaseStoreError as error:
            st.error(_("The case was not saved."), icon=":material/error:")
            st.text(str(error))
        else:
            session.note_saved(content)
            st.success(_("Saved."), icon=":material/check:")


def _content(record: CaseRecord, prevalence: float | None, *, pixels: bool) -> Hashable:
    """Return all that makes two saved cases differ, but for the moment of saving."""
    assessment = record.assessment
    model, point = assessment.prediction.model, assessment.point
    return (
        *(record.image.sha256, record.image.name, model.name, model.version, model.sha256),
        *(point.name, point.threshold, assessment.override, record.facts, prevalence, pixels),
    )
