"""The model card on the page: what for, what not, how good, from what, which files."""

import pandas as pd
import streamlit as st

from skinlens import __version__
from skinlens.leaderboard.card_sections import measured_sections, read_measured
from skinlens.leaderboard.datasets import dataset_title
from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.held_out import HeldOutModel
from skinlens.report.tables import CURVE_SENTENCE, curve_table, point_table, rejection_sentence, view_table
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.weights import weights_folder
from skinlens.translation import gettext as _
from skinlens.triage.hazards import HAZARDS
from skinlens.triage.risk import percent


def show_summary(card: ModelCard, held_out: HeldOutModel | None) -> None:
    """Say in a few sentences what the program does, how well, and where it fails.

    Args:
        card: Of the model in use.
        held_out: Its results on datasets that it had not seen; None where they cannot be read.
    """
    st.write(
        _(
            "SkinLens {version} estimates from a dermoscopic image how likely the lesion is to be "
            "malignant, and shows which parts of the image speak for it. It runs on this computer "
            "and sends nothing anywhere."
        ).format(version=__version__)
    )
    if held_out is not None:
        st.write(held_out_summary(held_out))
    st.write(point_summary(card.point()))
    st.write(
        _(
            "It knows nothing about the patient, has not been tested in a clinic, and can miss "
            "melanomas. It rebuilds the classifier of arXiv 2510.03876, a ResNet-50 with adaptive "
            "spatial feature fusion."
        )
    )


def held_out_summary(model: HeldOutModel) -> str:
    """Return how well a model tells malignant from benign on datasets that it had not seen."""
    areas = {dataset_title(name): each.roc_auc.value for name, each in model.datasets.items()}
    measured = {name: value for name, value in areas.items() if value is not None}
    if not measured:
        return "It was not measured on datasets that it had not seen."
    worst, best = min(measured, key=measured.__getitem__), max(measured, key=measured.__getitem__)
    mean = sum(measured.values()) / len(measured)
    return (
        f"On {len(measured)} datasets that it had not seen, its ROC AUC was {mean:.2f} on average: from "
        f"{measured[worst]:.2f} ({worst}) to {measured[best]:.2f} ({best}). 1 is perfect, 0.5 is chance."
    )


def point_summary(point: OperatingPoint) -> str:
    """Return what the default operating point detected and missed where it was measured first."""
    rates = point.measured[0] if point.measured else None
    detected, cleared = (None, None) if rates is None else (rates.sensitivity.value, rates.specificity.value)
    if detected is None or cleared is None:
        return f"What its operating point {point.name} finds and misses was not measured."
    return (
        f"At its operating point {point.name}, it would have referred {100 * detected:.0f} of 100 malignant lesions, and "
        f"{100 * (1 - cleared):.0f} of 100 benign ones, on those datasets."
    )


def show_card(card: ModelCard) -> None:
    """Show a model card in the order in which a reader asks, each part folded."""
    with st.expander(_("Intended use and limits")):
        st.write(card.intended_use)
        for limit in card.limits:
            st.markdown(f"- {limit}")
    with st.expander(_("Results on test images")):
        if card.test is None:
            st.write(_("The card holds no test results."))
        else:
            st.dataframe(view_table(card.test), hide_index=True)
            for name, view in card.test.views.items():
                st.caption(f"{name}: {view.explanation}")
            st.caption(
                _("Intervals: {interval}. Times the test images were scored: {times_scored}.").format(
                    interval=card.test.interval, times_scored=card.test.times_scored
                )
            )
    _show_studies(card)
    with st.expander(_("Operating points") if len(card.operating_points) > 1 else _("Operating point")):
        _show_operating_points(card)
    with st.expander(_("Images it rejects")):
        st.write(rejection_sentence(card.ood))
    with st.expander(_("How it was trained")):
        _show_training(card)
    with st.expander(_("Files")):
        for role, file in card.every_file.items():
            st.text(
                _("{role}: {file}, {value:.1f} MB, SHA-256 {sha256}").format(
                    role=role, file=file.file, value=file.bytes / 1e6, sha256=file.sha256
                )
            )


def show_hazards() -> None:
    """Show the hazards: what could go wrong, what is done about it, and where that is tested."""
    # A table that wraps its text, as a data frame does not; a space lets the name of a test wrap, too.
    columns = ["Harm", "Cause", "Control", "Tested by"]
    rows = [(one.harm, one.cause, one.control, one.tested.replace("::", ":: ")) for one in HAZARDS]
    with st.expander(_("Hazards")):
        st.table(pd.DataFrame(rows, columns=columns).set_index("Harm"))


def _show_studies(card: ModelCard) -> None:
    """Show train-test duplicates, shortcut tests, subgroups and failures, from the files beside the card."""
    folder = weights_folder() / "evaluation"
    digest, threshold = card.files["weights"].sha256, card.point().threshold
    try:
        measured = read_measured(folder, card.name, weights_sha256=digest, threshold=threshold)
    except ResultError as error:
        st.error(_("The results beside the model cannot be read."), icon=":material/error:")
        st.text(str(error))
        return
    if measured is None:
        st.write(_("Shortcut tests, subgroups and failures have not been measured for these weights."))
        return
    for title, blocks in measured_sections(measured):
        with st.expander(title):
            for block in blocks:
                if isinstance(block, str):
                    st.text(block)
                else:
                    st.dataframe(block, hide_index=True)


def _show_operating_points(card: ModelCard) -> None:
    """Show each threshold, how it was chosen and what it does, and whether the score is calibrated."""
    for point in card.operating_points:
        st.write(
            _("{name}: threshold {threshold:.4f}, {chosen_on}.").format(
                name=point.name, threshold=point.threshold, chosen_on=point.chosen_on
            )
        )
        st.dataframe(point_table(point), hide_index=True)
        if point.band is not None:
            st.caption(
                _(
                    "A score from {low:.3f} to {high:.3f} is uncertain. Of the held-out images with another "
                    "score, this share was decided wrongly: {value}."
                ).format(low=point.band.low, high=point.band.high, value=point.band.error.text(n=True))
            )
    calibration = card.calibration
    if calibration is None:
        st.write(_("The score is not calibrated."))
        return
    st.write(
        _(
            "The score is calibrated for images of which {prevalence} are malignant: logits are "
            "divided by {temperature:.3f}, then {offset:+.3f} is added ({chosen_on}). "
            "Cross-validated calibration error: {error_before:.3f} before, {error_after:.3f} after."
        ).format(
            prevalence=percent(calibration.prevalence),
            temperature=calibration.temperature,
            offset=calibration.offset,
            chosen_on=calibration.chosen_on,
            error_before=calibration.error_before,
            error_after=calibration.error_after,
        )
    )
    st.write(CURVE_SENTENCE)
    st.dataframe(curve_table(card.risk_curve), hide_index=True)


def _show_training(card: ModelCard) -> None:
    """Show data, network, recipe, pretrained weights and seed."""
    record = card.training
    counts = ", ".join(f"{number:,} {label}" for label, number in record.images.items())
    options = ", ".join(f"{key} {value}" for key, value in card.architecture.options.items())
    st.markdown(
        _(
            "- Data: {data} ({counts})\n- Network: {name}, {parameters:,} parameters, {options}\n- "
            "Pretrained weights: {start}\n- Seed {seed}, {epochs} epochs, {seconds:,.0f} seconds\n- "
            "Licence: {licence}"
        ).format(
            data=record.data,
            counts=counts,
            name=card.architecture.name,
            parameters=card.architecture.parameters,
            options=options,
            start=record.start,
            seed=record.seed,
            epochs=record.epochs,
            seconds=record.seconds,
            licence=card.licence,
        )
    )
    st.json({"recipe": record.recipe, "folds": card.folds, "software": record.software}, expanded=False)
