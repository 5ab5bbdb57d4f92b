"""Both released models' results on one drawn lesion."""

import pytest

from skinlens.imaging.synthetic import draw_lesion
from skinlens.runtime.predictor import Predictor, load_predictor
from skinlens.triage.pipeline import Assessed, Pipeline


@pytest.fixture(scope="session")
def results(predictor: Predictor) -> tuple[Assessed, Assessed]:
    image = draw_lesion(5, malignant_look=True)
    both = (predictor, load_predictor("asff_resnet50_paper"))
    first, second = (Pipeline(each, orientations=False)(image) for each in both)
    return first, second
