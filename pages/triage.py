"""Triage of one image: drop it, read the result, see what the model looked at, take the PDF."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skinlens.translation import gettext as _
from skinlens.translation import in_language
from skinlens.triage.diameter import assessed_diameter
from skinlens.triage.pipeline import Assessed
from skinlens.triage.risk import meaning
from skinlens.ui import session
from skinlens.ui.model import LoadedModel, model_or_sentence
from skinlens.ui.router import require_router
from skinlens.ui.second import other_model
from skinlens.ui.stability_check import StabilityCheck
from skinlens.ui.triage.result import choose_point, choose_prevalence, is_admitted, show_name, show_notes, show_verdict
from skinlens.ui.triage.states import (
    STYLE,
    announce,
    await_check,
    live_region,
    show_first_visit,
    show_problem,
    show_working,
)
from skinlens.ui.viewer import alone, pair


def choose_image() -> None:
    """Receive a file or a photograph; a callback puts it in line to be assessed."""
    with st.container(key="drop"):
        key = session.uploader_key()
        st.file_uploader(
            _("Drop a dermoscopic image here, or browse"), key=key, on_change=session.take_upload, args=(key,)
        )


def choose_photograph() -> None:
    """Take a photograph with the camera of this computer, where it has one."""
    # With a new key it closes once there is a photograph.
    place = session.uploader_key("camera-place")
    with st.popover(_("Use the camera"), icon=":material/photo_camera:", width="stretch", key=place):
        key = session.uploader_key("camera")
        st.camera_input(_("Photograph through a dermatoscope"), key=key, on_change=session.take_upload, args=(key,))


def show_image(result: Assessed, model: LoadedModel, check: StabilityCheck | None) -> str:
    """Lay out the result with its buttons beside both images, the case facts and details below.

    Args:
        result: By the model in use.
        model: In use.
        check: Of a first result; None for a complete one.

    Returns:
        The result in a sentence.
    """
    # With the database and the PDF, which the first visit does without.
    from skinlens.ui.triage.case import ask_for_facts, offer_pdf_and_case
    from skinlens.ui.triage.details import show_details
    from skinlens.ui.triage.ruler import ask_for_ruler, measuring, scale_of

    reason = session.override(result)
    with st.container(key="verdict-row"):
        # The result comes first in reading order, and beside the images where there is room.
        reading, images = st.columns([1, 2.55])
    # Close together, so that the buttons are in view at 1280x800.
    stack = reading.container(gap="xsmall")
    question, verdict, switch, buttons = (stack.container() for _place in range(4))
    admitted = is_admitted(result)
    with question:
        prevalence = choose_prevalence() if admitted else None
    with switch:
        point = choose_point(model.card, prevalence) if admitted or reason else model.card.point()
    assessment = result.at(point, override=reason)
    risk = None if prevalence is None else meaning(assessment, model.card, prevalence)
    with verdict:
        show_verdict(result, assessment, risk, check)
    diameter = assessed_diameter(result.image, assessment.decision, scale_of(result.image))
    with images:
        show_name(result)
        if assessment.decision == "rejected":
            # Its notes stand among the reasons.
            alone(result.image)
        else:
            show_notes(result.image)
            pair(result, assessment=assessment, other=other_model(result), measuring=measuring(result.image))
            ask_for_ruler(result.image, diameter)
    facts = ask_for_facts(result)
    with buttons:
        offer_pdf_and_case(result, assessment, facts, risk, model, diameter)
    show_details(result, assessment, model, diameter)
    return f"{in_language(assessment.headline)}. {'' if risk is None else in_language(risk.headline)}"


def show_state(model: LoadedModel, spoken: DeltaGenerator) -> None:
    """Show the result, or why there is none, and have it read out."""
    result, problem = session.current_by(model), session.problem()
    if result is not None:
        session.mark_shown()
        check = session.check_of(result, model)
        sentence = show_image(result, model, check)
        if check is None:
            announce(spoken, sentence)
        elif check.failed:
            announce(spoken, _("The check of the result failed."))
        else:
            # Read out once, when it is certain.
            announce(spoken, _("The image is being assessed."))
            await_check(check)
    elif problem is not None:
        announce(spoken, _("This file cannot be used."))
        show_problem(problem)
        show_first_visit()
    else:
        show_first_visit()


def page() -> None:
    """The page in its states: no model, no image yet, at work, unusable file, result."""
    st.html(STYLE)
    title, entry, camera = st.columns([0.8, 3, 0.9], vertical_alignment="bottom")
    title.title(_("Triage"), anchor=False)
    model = model_or_sentence()
    if model is None:
        return
    with entry:
        choose_image()
    with camera:
        choose_photograph()
    spoken = live_region()
    working = st.empty()
    waiting = session.pending()
    if waiting is not None:
        # As long as this is there, whatever stands below it is out of sight.
        with working.container(key="working"):
            announce(spoken, _("The image is being assessed."))
            show_working(waiting)
        session.assess_pending(model)
    with st.container(key="result"):
        show_state(model, spoken)
    working.empty()


require_router()
page()
