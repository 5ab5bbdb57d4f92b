"""Similar cases: the training images that the model takes for most like the image in view."""

from pathlib import Path

import pandas as pd
import streamlit as st

from skinlens.explain.similar import (
    SimilarImage,
    SimilarIndex,
    by_diagnosis,
    data_folder,
    load_similar_index,
    similar_sentence,
)
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.preprocess import fitted
from skinlens.leaderboard.datasets import dataset_title
from skinlens.leaderboard.subgroup_tables import DIAGNOSES
from skinlens.runtime.card import ModelFileError
from skinlens.runtime.weights import weights_folder
from skinlens.translation import error_in_language, in_language, marked, number
from skinlens.translation import gettext as _
from skinlens.triage.pipeline import Assessed
from skinlens.ui.model import LoadedModel

# In one row; the table below lists all.
_SHOWN = 5
_SIDE = 220
_NOT_RECORDED = marked("not recorded")


def show_similar(result: Assessed, model: LoadedModel) -> None:
    """Show the similar training images, folded; nothing for a model without an index or an image without a result."""
    if model.card.similar is None or result.assessment.decision == "rejected":
        return
    with st.expander(_("Similar cases: what the model has seen that looks most like this")):
        try:
            index = _index(model.predictor.model.sha256, model)
        except ModelFileError as error:
            st.error(_("Similar cases cannot be shown."), icon=":material/error:")
            st.text(error_in_language(error))
            return
        nearest = index.nearest(result.prediction.features)
        st.text(in_language(similar_sentence(nearest)))
        st.caption(
            _(
                "Similarity is the model's own and is no second opinion: images that it confuses are near each other "
                "too. This list does not change the result."
            )
        )
        if nearest[0].same:
            st.warning(
                _("This image seems to be one that the model was trained on: {name}.").format(name=nearest[0].image_id),
                icon=":material/content_copy:",
            )
        _show_pixels(nearest)
        st.dataframe(similar_table(nearest), hide_index=True, width="stretch", key="similar-cases")


def similar_table(nearest: tuple[SimilarImage, ...]) -> pd.DataFrame:
    """Tabulate similar images, one row each, the nearest first."""
    return pd.DataFrame(
        [
            {
                _("Image"): image.image_id,
                _("Diagnosis"): diagnosis_title(image.diagnosis),
                _("Malignant"): _("yes") if image.malignant else _("no"),
                _("Dataset"): _(dataset_title(image.dataset)),
                _("Similarity"): number(image.similarity, ".2f"),
            }
            for image in nearest
        ]
    )


def diagnosis_title(code: str) -> str:
    """Return a diagnosis in words; a code that is not known stays as it is."""
    return _(DIAGNOSES.get(code, code)) if code else _(_NOT_RECORDED)


def _show_pixels(nearest: tuple[SimilarImage, ...]) -> None:
    """Show the first similar images where the data folder has them; else say which diagnoses they have."""
    folder = data_folder()
    files = [(image, file) for image in nearest if (file := image.file_in(folder)) is not None][:_SHOWN]
    if not files:
        counts = ", ".join(f"{diagnosis_title(code)} {count}" for code, count in by_diagnosis(nearest))
        st.text(_("Diagnoses: {counts}.").format(counts=counts))
        st.caption(_("The images themselves are shown where SKINLENS_DATA names the folder of the training images."))
        return
    for column, (image, file) in zip(st.columns(_SHOWN), files, strict=False):
        pixels = _small(str(file))
        words = f"{image.image_id}, {diagnosis_title(image.diagnosis)}"
        if pixels is None:
            column.text(words)
        else:
            column.image(pixels, caption=words, width="stretch", alt=words)


@st.cache_data(show_spinner=False, max_entries=64)
def _small(file: str) -> Pixels | None:
    """Return a training image for a row of small ones; None if it cannot be used."""
    try:
        return fitted(decode(Path(file)).pixels, _SIDE)
    except (ImageRejectedError, OSError):
        return None


@st.cache_resource(show_spinner=False, max_entries=2)
def _index(weights_sha256: str, _model: LoadedModel) -> SimilarIndex:  # noqa: ARG001 - the cache's key
    index = load_similar_index(_model.card, weights_folder())
    if index is None:
        raise ModelFileError(f"The card of {_model.card.name} names no index of similar images.")
    return index
