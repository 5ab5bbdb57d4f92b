"""The other model on the image in view: asked only when somebody wants to know, and once."""

from collections import OrderedDict
from collections.abc import Callable

import streamlit as st

from skinlens.imaging.image import LesionImage
from skinlens.runtime.card import ModelFileError, read_card
from skinlens.runtime.weights import weights_folder
from skinlens.triage.decision import Assessment
from skinlens.triage.pipeline import Assessed, Pipeline
from skinlens.triage.second import Comparison, compare
from skinlens.ui.model import LoadedModel, chosen_name, loaded_model, released_names

# Results are kept by image and by the digest of the model's weights.
_KEPT = "other-models-results"
_MOST_KEPT = 8
_Kept = OrderedDict[tuple[str, str], Assessed]


def assessed_by(result: Assessed, model: LoadedModel) -> Assessed:
    """Return the result of a model on an image that was assessed before, by this or by another model.

    The decision is at the model's default operating point.
    """
    if result.prediction.model == model.predictor.model and result.card == model.card:
        return result
    kept, key = _kept(), (result.image.identity, model.predictor.model.sha256)
    if known_result(result.image, model) is None:
        kept[key] = Pipeline(model.predictor, lock=model.lock)(result.image)
    kept.move_to_end(key)
    while len(kept) > _MOST_KEPT:
        kept.popitem(last=False)
    return kept[key]


def known_result(image: LesionImage, model: LoadedModel) -> Assessed | None:
    """Return the result of a model that was asked about an image as the other one; None if it was not asked."""
    known = _kept().get((image.identity, model.predictor.model.sha256))
    return known if known is not None and known.card == model.card else None


def other_model(result: Assessed) -> Callable[[], Assessed] | None:
    """Return what asks the other model about an image; None where there is no other.

    Of more than two released models it is the first that is not in use. It is loaded when it is asked.

    Raises:
        ModelFileError: When it is asked and cannot be loaded.
    """
    others = [name for name in released_names() if name != chosen_name()]
    return (lambda: assessed_by(result, loaded_model(others[0]))) if others else None


def second_of_case(result: Assessed, comparison: Comparison | None) -> Callable[[], Assessed] | None:
    """Return what asks the second model of a saved case about its image again, for the heatmap that is not saved.

    Args:
        result: Of the case.
        comparison: As it was saved; None where no second model had been asked.

    Returns:
        None without a second model, and where it is no longer released with the weights that it had.
    """
    second = None if comparison is None else comparison.second
    if second is None or second.model not in released_names():
        return None
    try:
        card = read_card(weights_folder() / f"{second.model}.json")
    except ModelFileError:
        return None
    if card.files["weights"].sha256 != second.weights_sha256:
        return None
    return lambda: assessed_by(result, loaded_model(second.model))


def comparison_maker(result: Assessed, assessment: Assessment) -> Callable[[], Comparison | None]:
    """Return what compares the model in use with the other, if that was asked about the image by then.

    A PDF is made outside a run of the page, where the state of the browser session cannot be looked up.

    Args:
        result: By the model in use.
        assessment: Of `result`, at the operating point in use.
    """
    kept, own = _kept(), result.prediction.model

    def compared() -> Comparison | None:
        for (image, _model), other in reversed(list(kept.items())):
            if image == result.image.identity and other.prediction.model != own:
                return compare(assessment, other.assessment)
        return None

    return compared


def _kept() -> _Kept:
    kept: _Kept = st.session_state.setdefault(_KEPT, OrderedDict())
    return kept
