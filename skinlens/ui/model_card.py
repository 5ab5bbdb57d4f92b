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
from skinlens.translation import error_in_language, in_language, number, numbers_in
from skinlens.translation import gettext as _
from skinlens.triage.hazards import HAZARDS
from skinlens.triage.risk import percent
from skinlens.ui.shown_table import shown_table


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
            "melanomas. The model, {title}, follows arXiv 2510.03876: a convolutional network with adaptive "
            "spatial feature fusion (ASFF)."
        ).format(title=card.title)
    )


def held_out_summary(model: HeldOutModel) -> str:
    """Return how well a model tells malignant from benign on datasets that it had not seen."""
    areas = {_(dataset_title(name)): each.roc_auc.value for name, each in model.datasets.items()}
    measured = {name: value for name, value in areas.items() if value is not None}
    if not measured:
        return _("It was not measured on datasets that it had not seen.")
    worst, best = min(measured, key=measured.__getitem__), max(measured, key=measured.__getitem__)
    mean = sum(measured.values()) / len(measured)
    return _(
        "On {n} datasets that it had not seen, its ROC AUC was {mean} on average: from {lowest} ({worst}) to {highest} "
        "({best}). 1 is perfect, 0.5 is chance."
    ).format(
        n=len(measured),
        mean=number(mean, ".2f"),
        lowest=number(measured[worst], ".2f"),
        worst=worst,
        highest=number(measured[best], ".2f"),
        best=best,
    )


def point_summary(point: OperatingPoint) -> str:
    """Return what the default operating point detected and missed where it was measured first."""
    rates = point.measured[0] if point.measured else None
    detected, cleared = (None, None) if rates is None else (rates.sensitivity.value, rates.specificity.value)
    if detected is None or cleared is None:
        return _("What its operating point {point} finds and misses was not measured.").format(point=_(point.name))
    return _(
        "At its operating point {point}, it would have referred {found} of 100 malignant lesions, and {alarms} of 100 "
        "benign ones, on those datasets."
    ).format(point=_(point.name), found=round(100 * detected), alarms=round(100 * (1 - cleared)))


def show_card(card: ModelCard) -> None:
    """Show a model card in the order in which a reader asks, each part folded."""
    with st.expander(_("Intended use and limits")):
        st.write(in_language(card.intended_use))
        for limit in card.limits:
            st.markdown(f"- {in_language(limit)}")
    with st.expander(_("Results on test images")):
        if card.test is None:
            st.write(_("The card holds no test results."))
        else:
            st.dataframe(shown_table(view_table(card.test)), hide_index=True)
            for name, view in card.test.views.items():
                st.caption(f"{name}: {in_language(view.explanation)}")
            st.caption(
                _("Intervals: {interval}. Times the test images were scored: {times_scored}.").format(
                    interval=in_language(card.test.interval),
                    times_scored=in_language(card.test.times_scored or _("not recorded")),
                )
            )
    _show_studies(card)
    with st.expander(_("Operating points") if len(card.operating_points) > 1 else _("Operating point")):
        _show_operating_points(card)
    with st.expander(_("Images it rejects")):
        st.write(in_language(rejection_sentence(card.ood)))
    with st.expander(_("How it was trained")):
        _show_training(card)
    with st.expander(_("Files")):
        for role, file in card.every_file.items():
            st.text(
                _("{role}: {file}, {value} MB, SHA-256 {sha256}").format(
                    role=_(role), file=file.file, value=number(file.bytes / 1e6, ".1f"), sha256=file.sha256
                )
            )


def show_hazards() -> None:
    """Show the hazards: what could go wrong, what is done about it, and where that is tested."""
    # A table that wraps its text, as a data frame does not; a space lets the name of a test wrap, too.
    columns = [_("Harm"), _("Cause"), _("Control"), _("Tested by")]
    rows = [(_(one.harm), _(one.cause), _(one.control), one.tested.replace("::", ":: ")) for one in HAZARDS]
    with st.expander(_("Hazards")):
        st.table(pd.DataFrame(rows, columns=columns).set_index(columns[0]))


def _show_studies(card: ModelCard) -> None:
    """Show train-test duplicates, shortcut tests, subgroups and failures, from the files beside the card."""
    folder = weights_folder() / "evaluation"
    digest, threshold = card.files["weights"].sha256, card.point().threshold
    try:
        measured = read_measured(folder, card.name, weights_sha256=digest, threshold=threshold)
    except ResultError as error:
        st.error(_("The results beside the model cannot be read."), icon=":material/error:")
        st.text(error_in_language(error))
        return
    if measured is None:
        st.write(_("Shortcut tests, subgroups and failures have not been measured for these weights."))
        return
    for title, blocks in measured_sections(measured):
        with st.expander(_(title)):
            for block in blocks:
                if isinstance(block, str):
                    st.text(in_language(block))
                else:
                    st.dataframe(shown_table(block), hide_index=True)


def _show_operating_points(card: ModelCard) -> None:
    """Show each threshold, how it was chosen and what it does, and whether the score is calibrated."""
    for point in card.operating_points:
        st.write(
            _("{name}: threshold {threshold}, {chosen_on}.").format(
                name=_(point.name), threshold=number(point.threshold, ".4f"), chosen_on=in_language(point.chosen_on)
            )
        )
        st.dataframe(shown_table(point_table(point)), hide_index=True)
        if point.band is not None:
            st.caption(
                _(
                    "A score from {low} to {high} is uncertain. Of the held-out images with another "
                    "score, this share was decided wrongly: {value}."
                ).format(
                    low=number(point.band.low, ".3f"),
                    high=number(point.band.high, ".3f"),
                    value=in_language(point.band.error.text(n=True)),
                )
            )
    calibration = card.calibration
    if calibration is None:
        st.write(_("The score is not calibrated."))
        return
    st.write(
        _(
            "The score is calibrated for images of which {prevalence} are malignant: logits are "
            "divided by {temperature}, then {offset} is added ({chosen_on}). "
            "Cross-validated calibration error: {error_before} before, {error_after} after."
        ).format(
            prevalence=numbers_in(percent(calibration.prevalence)),
            temperature=number(calibration.temperature, ".3f"),
            offset=number(calibration.offset, "+.3f"),
            chosen_on=in_language(calibration.chosen_on),
            error_before=number(calibration.error_before, ".3f"),
            error_after=number(calibration.error_after, ".3f"),
        )
    )
    st.write(_(CURVE_SENTENCE))
    st.dataframe(shown_table(curve_table(card.risk_curve)), hide_index=True)


def _show_training(card: ModelCard) -> None:
    """Show data, network, recipe, pretrained weights and seed."""
    record = card.training
    counts = ", ".join(f"{number(count)} {_(label)}" for label, count in record.images.items())
    options = ", ".join(f"{key} {value}" for key, value in card.architecture.options.items())
    st.markdown(
        _(
            "- Data: {data} ({counts})\n- Network: {name}, {parameters} parameters, {options}\n- "
            "Pretrained weights: {start}\n- Seed {seed}, {epochs} epochs, {seconds} seconds\n- "
            "Licence: {licence}"
        ).format(
            data=in_language(record.data),
            counts=counts,
            name=card.architecture.name,
            parameters=number(card.architecture.parameters),
            options=options,
            start=in_language(record.start),
            seed=record.seed,
            epochs=record.epochs,
            seconds=number(record.seconds, ",.0f"),
            licence=in_language(card.licence),
        )
    )
    st.json({"recipe": record.recipe, "folds": card.folds, "software": record.software}, expanded=False)
