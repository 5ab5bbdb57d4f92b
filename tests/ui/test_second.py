"""The other model's results: made once, kept for the session, and compared when a PDF is made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from skinlens.imaging.synthetic import draw_lesion
from skinlens.runtime.predictor import Predictor, load_predictor
from skinlens.triage.pipeline import Assessed, Pipeline
from skinlens.triage.second import compare
from skinlens.triage.turns import Turns
from skinlens.ui.model import MODEL, LoadedModel
from skinlens.ui.second import assessed_by, comparison_maker, other_model, second_of_case
from tests.quick_app import remembering

# The first of the others, in the order in which the sidebar offers them.
OTHER = "asff_resnet50"


@pytest.fixture(scope="module")
def models(predictor: Predictor) -> dict[str, LoadedModel]:

    both = (predictor, load_predictor(OTHER))
    return {each.card.name: LoadedModel(each, Turns()) for each in both}


@pytest.fixture
def asked(models: dict[str, LoadedModel], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models that assessed something."""
    names: list[str] = []
    quick = remembering()

    def predict(predictor: Predictor, images: Any) -> Any:
        names.append(predictor.card.name)
        return quick(predictor, images)

    monkeypatch.setattr("skinlens.triage.pipeline.predict_orientations", predict)
    monkeypatch.setattr("skinlens.ui.second.loaded_model", models.__getitem__)
    return names


@pytest.fixture
def result(models: dict[str, LoadedModel]) -> Assessed:
    return Pipeline(next(iter(models.values())).predictor, orientations=False)(draw_lesion(5, malignant_look=True))


def other_of(result: Assessed) -> Callable[[], Assessed]:
    other = other_model(result)
    assert other is not None
    return other


@pytest.mark.usefixtures("state")
def test_a_result_of_the_model_itself_is_that_result(
    result: Assessed, models: dict[str, LoadedModel], asked: list[str]
) -> None:
    assert assessed_by(result, models[result.card.name]) is result
    assert asked == []


@pytest.mark.usefixtures("state")
def test_the_other_model_is_asked_once(result: Assessed, asked: list[str]) -> None:
    other = other_of(result)
    assert asked == []
    first = other()
    assert (first.card.name, first.image) == (OTHER, result.image)
    assert other() is first
    assert asked == [OTHER]


def test_the_other_model_is_the_one_that_is_not_in_use(
    result: Assessed, state: dict[str, Any], asked: list[str]
) -> None:
    state[MODEL] = OTHER
    assert other_of(result)() is result
    assert asked == []


@pytest.mark.usefixtures("state")
def test_where_there_is_one_model_there_is_no_other(result: Assessed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skinlens.ui.second.released_names", lambda: (result.card.name,))
    assert other_model(result) is None


@pytest.mark.usefixtures("state", "asked")
def test_a_comparison_is_made_once_the_other_was_asked(result: Assessed) -> None:
    compared = comparison_maker(result, result.assessment)
    assert compared() is None
    other = other_of(result)()
    known = compared()
    assert known is not None
    assert (known.first.model, known.second.model) == (result.card.name, OTHER)
    assert known.second.decision == other.assessment.decision


@pytest.mark.usefixtures("state", "asked")
def test_another_images_comparison_is_not_used(result: Assessed) -> None:
    other_of(result)()
    another = replace(result, image=replace(result.image, sha256="0" * 64))
    assert comparison_maker(another, another.assessment)() is None


@pytest.mark.usefixtures("asked")
def test_few_results_are_kept(result: Assessed, state: dict[str, Any]) -> None:
    for number in range(12):
        other_of(replace(result, image=replace(result.image, sha256=f"{number:064}")))()
    (kept,) = state.values()
    assert len(kept) == 8


@pytest.mark.usefixtures("state")
def test_the_second_model_of_a_case_is_asked_again_only_with_the_weights_that_it_had(
    result: Assessed, asked: list[str]
) -> None:
    comparison = compare(result.assessment, other_of(result)().assessment)
    assert second_of_case(result, None) is None
    again = second_of_case(result, comparison)
    assert again is not None
    assert again().prediction.model.sha256 == comparison.second.weights_sha256
    assert asked
    changed = replace(comparison, second=replace(comparison.second, weights_sha256="0" * 64))
    assert second_of_case(result, changed) is None
    unknown = replace(comparison, second=replace(comparison.second, model="of another release"))
    assert second_of_case(result, unknown) is None
