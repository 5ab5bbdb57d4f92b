"""Triage of one image: drop it, read the result, see what the model looked at, take the PDF."""

import streamlit as st

from skinlens.imaging.image import ImageRejectedError
from skinlens.triage.pipeline import Assessed
from skinlens.ui import session
from skinlens.ui.model import LoadedModel, model_or_sentence
from skinlens.ui.router import require_router
from skinlens.ui.second import assessed_by, other_model
from skinlens.ui.triage.case import ask_for_facts, offer_pdf_and_case
from skinlens.ui.triage.details import show_details
from skinlens.ui.triage.result import choose_point, show_rejected, show_result
from skinlens.ui.viewer import alone, pair


def choose_image(model: LoadedModel) -> bool:
    """Receive an upload or draw an example; return whether the file could be used, and say why not."""
    drop, example = st.columns([3, 1], vertical_alignment="bottom")
    upload = drop.file_uploader("Drop a dermoscopic image here, or browse", key=session.uploader_key())
    if example.button("Try a synthetic example", icon=":material/draw:", width="stretch", on_click=session.clear):
        session.receive_synthetic(session.next_synthetic_number(), model)
    elif upload is not None:
        try:
            session.receive(upload.getvalue(), upload.name, model)
        except ImageRejectedError as error:
            session.drop_result()
            st.error("This file cannot be used.", icon=":material/block:")
            st.text(str(error))
            return False
    return True


def show_image(result: Assessed, model: LoadedModel) -> None:
    """Lay out both images and the case facts on the left, the result, PDF and case on the right."""
    assessment = result.at(choose_point(model.card), override=session.override(result))
    if result.image.synthetic:
        st.warning("Synthetic example: a drawn image, not a patient.", icon=":material/draw:")
    images, reading = st.columns([2.6, 1])
    rejected = assessment.decision == "rejected"
    with images:
        if rejected:
            alone(result.image)
        else:
            pair(result, assessment=assessment, other=other_model(result))
        facts = ask_for_facts(result)
    with reading:
        if rejected:
            show_rejected(result, assessment)
            risk = None
        else:
            risk = show_result(result, assessment, model)
        offer_pdf_and_case(result, assessment, facts, risk, model)
    show_details(result, assessment, model)


def page() -> None:
    """The page in its states: no model, no image yet, unusable file, result."""
    model = model_or_sentence()
    if model is None:
        return
    usable = choose_image(model)
    result = session.current()
    if result is not None:
        # Another model may have been chosen since.
        show_image(assessed_by(result, model), model)
    elif usable:
        st.info(
            "No image yet. Images stay on this computer; they are forgotten when the browser session ends.",
            icon=":material/lock:",
        )


require_router()
page()
