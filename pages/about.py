"""About: intended use, limits and the model card."""

import pandas as pd
import streamlit as st

from skinlens import __version__
from skinlens.leaderboard.card_sections import measured_sections, read_measured
from skinlens.leaderboard.records import ResultError
from skinlens.report.tables import bin_table, point_table, refusal_sentence, view_table
from skinlens.runtime import predictor as runtime
from skinlens.runtime.card import ModelCard, ModelFileError
from skinlens.triage.risk import percent
from skinlens.ui.hazards import HAZARDS
from skinlens.ui.model import loaded_model
from skinlens.ui.router import require_router


def about_model(card: ModelCard) -> None:
    """The card in the order a reader asks: what for, what not, how good, from what, which files."""
    st.markdown("#### Intended use")
    st.write(card.intended_use)
    st.markdown("#### Limits")
    for limit in card.limits:
        st.markdown(f"- {limit}")
    st.markdown("#### How good it is on test images")
    if card.test is None:
        st.write("The card holds no test scores.")
    else:
        st.dataframe(view_table(card.test), hide_index=True)
        for name, view in card.test.views.items():
            st.caption(f"{name}: {view.explanation}")
        st.caption(f"Intervals: {card.test.interval}. Test rows scored: {card.test.times_scored}.")
    measured(card)
    operating_points(card)
    st.markdown("#### What it refuses to judge")
    st.write(refusal_sentence(card.familiarity))
    training(card)
    files(card)


def measured(card: ModelCard) -> None:
    """Twins, shortcuts, parts and failures, from the files beside the card."""
    folder = runtime.WEIGHTS_FOLDER / "evaluation"
    digest, threshold = card.files["weights"].sha256, card.point().threshold
    try:
        found = read_measured(folder, card.name, weights_sha256=digest, threshold=threshold)
    except ResultError as error:
        st.error("The results beside the model cannot be read.", icon=":material/error:")
        st.text(str(error))
        return
    if found is None:
        st.write("Shortcuts, parts and failures: nothing was measured of these weights.")
        return
    for title, blocks in measured_sections(found):
        st.markdown(f"#### {title}")
        for block in blocks:
            if isinstance(block, str):
                st.text(block)
            else:
                st.dataframe(block, hide_index=True)


def operating_points(card: ModelCard) -> None:
    """Each threshold, how it was chosen and what it does."""
    st.markdown("#### Operating points" if len(card.operating_points) > 1 else "#### Operating point")
    for point in card.operating_points:
        st.write(f"{point.name}: threshold {point.threshold:.4f}, {point.chosen_on}.")
        st.dataframe(point_table(point), hide_index=True)
        if point.band is not None:
            st.caption(
                f"Uncertain from {point.band.low:.3f} to {point.band.high:.3f}; outside that band "
                f"the error of out-of-fold decisions was {point.band.error.text(n=True)}."
            )
    calibration(card)


def calibration(card: ModelCard) -> None:
    """Whether the score is an estimate, and what came true by its bins."""
    found = card.calibration
    if found is None:
        st.write("The score is not calibrated.")
        return
    st.write(
        f"The score is calibrated for a share of {percent(found.prevalence)} malignant images: logits divided by "
        f"{found.temperature:.3f}, and {found.offset:+.3f} added ({found.chosen_on}). Calibration error "
        f"{found.error_before:.3f} before, {found.error_after:.3f} after, scaled by what was fitted to the other parts."
    )
    st.dataframe(bin_table(card.score_bins), hide_index=True)


def hazards() -> None:
    """What could go wrong, what is done about it, and where that is tested."""
    st.markdown("#### Hazards")
    # A table that wraps its text, as a data frame does not.
    columns = ["Harm", "Cause", "Control", "Tested by"]
    rows = [(one.harm, one.cause, one.control, one.tested.replace("::", ":: ")) for one in HAZARDS]
    st.table(pd.DataFrame(rows, columns=columns).set_index("Harm"))


def training(card: ModelCard) -> None:
    """Data, recipe, start and seed."""
    st.markdown("#### How it was trained")
    record = card.training
    counts = ", ".join(f"{number:,} {label}" for label, number in record.images.items())
    st.markdown(
        f"- Data: {record.data} ({counts})\n"
        f"- Network: {card.architecture.name}, {card.architecture.parameters:,} parameters, "
        + ", ".join(f"{key} {value}" for key, value in card.architecture.options.items())
        + f"\n- Start: {record.start}\n"
        f"- Seed {record.seed}, {record.epochs} epochs, {record.seconds:,.0f} seconds\n"
        f"- Licence: {card.licence}"
    )
    with st.expander("Recipe and folds"):
        st.json({"recipe": record.recipe, "folds": card.folds, "software": record.software}, expanded=1)


def files(card: ModelCard) -> None:
    """Names and digests, by which a summary can be traced to its model."""
    st.markdown("#### Files")
    for role, file in card.every_file.items():
        st.text(f"{role}: {file.file}, {file.bytes / 1e6:.1f} MB, SHA-256 {file.sha256}")


require_router()
st.subheader("About SkinLens", anchor=False)
st.write(
    f"SkinLens {__version__} reads dermoscopic photographs on this computer and sends nothing anywhere. It rebuilds "
    "the classifier of arXiv 2510.03876 (a ResNet-50 with adaptive spatial feature fusion), measures it, and shows "
    "what it looked at."
)
try:
    about_model(loaded_model().card)
    hazards()
except ModelFileError as error:
    st.error("The model cannot be used.", icon=":material/error:")
    st.text(str(error))
