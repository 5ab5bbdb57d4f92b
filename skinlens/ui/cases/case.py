"""One saved case: images, result, readers' verdicts, the lesion's other photographs, the PDF, and deletion."""

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.records import assessment_of, card_of, facts_of, lesion_title, second_of
from skinlens.cases.reopen import PixelsNotKeptError, reopen
from skinlens.cases.schema import Assessment
from skinlens.cases.store import CaseStore, current_user
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError
from skinlens.report.pdf import case_pdf
from skinlens.translation import current_language, error_in_language, in_language
from skinlens.translation import gettext as _
from skinlens.triage.case import CaseRecord
from skinlens.triage.diameter import diameter_from
from skinlens.triage.risk import meaning
from skinlens.triage.sites import site_in_language
from skinlens.ui.cases.deletion import offer_deletion
from skinlens.ui.cases.images import show_result_pair
from skinlens.ui.cases.lesion import show_lesion
from skinlens.ui.entered import restore
from skinlens.ui.pdf_button import pdf_button
from skinlens.ui.triage.reader import READER
from skinlens.ui.verdicts import VERDICTS
from skinlens.ui.viewer import say_comparison


def show_case(store: CaseStore, case_id: str) -> None:
    """Lay out one case.

    Raises:
        CaseStoreError: If the case is gone or cannot be read.
    """
    row = store.assessment(case_id)
    lesion = row.image.lesion
    st.subheader(_("Case"), anchor=False)
    st.text(f"{lesion.patient.pseudonym}: {lesion_title(lesion.label, lesion.site)}")
    images, reading = st.columns([2.05, 1])
    with images:
        record = _record(store, row)
        if record is not None:
            show_result_pair(record, card_of(row), row.id)
        show_lesion(store, row)
    with reading:
        _show_result(row)
        _ask_for_verdict(store, row)
        if record is not None:
            # Of the visitor: the button's thread draws no page.
            code = current_language()
            pdf_button(lambda: case_pdf(record, card_of(row), code=code).content, row.image.sha256)
        offer_deletion(store, row)


def _record(store: CaseStore, row: Assessment) -> CaseRecord | None:
    """Return the case with its image; if that was not saved, ask for the file, and return None until it is there."""
    try:
        return reopen(store, row)
    except PixelsNotKeptError:
        upload = st.file_uploader(
            _("The image was not saved. Drop its file here to see it and to make the PDF again."),
            key=f"original-{row.id}",
        )
    if upload is None:
        return None
    try:
        return reopen(store, row, original=decode(upload.getvalue(), name=upload.name, frame=row.image.number))
    except (ImageRejectedError, CaseStoreError) as error:
        st.error(_("This file cannot be used."), icon=":material/block:")
        st.text(error_in_language(error))
        return None


def _show_result(row: Assessment) -> None:
    """Show the decision with its reasons, the risk at the prevalence of the day, and what was entered."""
    assessment = assessment_of(row)
    with st.container(border=True):
        st.markdown(f"##### {in_language(assessment.headline)}")
        risk = None if row.prevalence is None else meaning(assessment, card_of(row), row.prevalence)
        for sentence in (*(risk.sentences() if risk is not None else ()), *row.reasons):
            st.text(in_language(sentence))
        comparison = second_of(row)
        if comparison is not None:
            say_comparison(comparison)
        facts = facts_of(row)
        shown = (
            (_("Photographed on"), facts.photographed or _("not known")),
            (_("Body site"), site_in_language(facts.site)),
            (_("Age"), facts.age),
            (_("Sex"), facts.sex and _(facts.sex)),
            (_("Note"), facts.note),
        )
        for name, value in shown:
            if value:
                st.text(f"{name}: {value}")
        diameter = diameter_from(row.diameter)
        if diameter is not None:
            st.text(f"{in_language(diameter.sentence)}.")
        for sentence in facts.checklists.sentences():
            st.text(in_language(sentence))
        card = card_of(row)
        st.caption(
            _("{image}. {model} {version}, saved {moment} by {actor}.").format(
                image=row.image.shown_name.replace("`", ""),
                model=card.shown_name,
                version=card.version,
                moment=f"{row.created.astimezone():%Y-%m-%d %H:%M}",
                actor=row.actor,
            )
        )


def _ask_for_verdict(store: CaseStore, row: Assessment) -> None:
    """List readers' verdicts so far, with a form for one more."""
    restore(READER)
    with st.form(f"review-{row.id}", clear_on_submit=True, border=True):
        st.markdown(_("**Readers' verdicts**"))
        for review in row.reviews:
            when, verdict = f"{review.created.astimezone():%Y-%m-%d %H:%M}", _(VERDICTS[review.verdict])
            st.text(f"{when} {review.reader or review.actor}: {verdict}. {review.note}")
        chosen = st.radio(
            _("Your verdict"),
            list(VERDICTS),
            index=None,
            horizontal=True,
            format_func=lambda verdict: _(VERDICTS[verdict]),
        )
        note = st.text_input(_("Remark"), max_chars=1000)
        name = st.text_input(
            _("Your name"), st.session_state.get(READER, ""), max_chars=120, placeholder=current_user()
        )
        if st.form_submit_button(_("Save verdict"), width="stretch"):
            if chosen is None:
                st.warning(_("Choose a verdict first."), icon=":material/edit:")
            else:
                store.review(row.id, chosen, note=note, blind=False, actor=current_user(), reader=name)
                st.rerun()
