"""The drawn lesions that other tests judge are such as the default model judges."""

import pytest

from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import encode_png
from skinlens.refusal import examine
from skinlens.runtime.predictor import Predictor
from tests.drawn import FAMILIAR, familiar_pixels


@pytest.mark.parametrize(("height", "width"), [(240, 320), (192, 192)])
@pytest.mark.parametrize("malignant_look", FAMILIAR)
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
