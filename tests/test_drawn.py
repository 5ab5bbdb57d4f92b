"""The drawn lesions that other tests judge, and the examples of the triage page, are such as the model judges."""

import pytest

from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.predictor import Predictor, load_predictor, released_models
from skinlens.triage.admission import examine
from skinlens.ui.session import EXAMPLES
from tests.drawn import FAMILIAR, familiar_pixels


@pytest.mark.parametrize(("height", "width"), [(240, 320), (192, 192)])
@pytest.mark.parametrize("malignant_look", FAMILIAR)
@pytest.mark.slow
def test_the_default_model_takes_them_for_dermoscopy(
    predictor: Predictor, height: int, width: int, *, malignant_look: bool
) -> None:
    drawn = [
        decode(encode_png(familiar_pixels(number, height=height, width=width, malignant_look=malignant_look)))
        for number in range(len(FAMILIAR[malignant_look]))
    ]
    found = [examine(image, one, predictor) for image, one in zip(drawn, predictor.predict(drawn), strict=True)]
    assert [number for number, admission in enumerate(found) if admission.rejected] == []
    assert len({image.sha256 for image in drawn}) == len(drawn)


@pytest.mark.parametrize("name", released_models())
@pytest.mark.slow
def test_no_released_model_finds_an_example_strange(name: str) -> None:
    """It would pass as a marked example all the same, but with words that do not fit it above its result."""
    predictor = load_predictor(name)
    drawn = [
        decode(encode_png(draw_pixels(seed, height=480, width=640, malignant_look=look))) for seed, look in EXAMPLES
    ]
    found = [examine(image, one, predictor) for image, one in zip(drawn, predictor.predict(drawn), strict=True)]
    assert [example for example, admission in zip(EXAMPLES, found, strict=True) if admission.rejected] == []
