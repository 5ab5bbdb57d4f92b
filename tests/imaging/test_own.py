"""What SkinLens makes is recognised when it is given back as an image."""

from pathlib import Path

import numpy as np
import pytest

from skinlens.cli.predict import Outputs, predict
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.own import is_own_heatmap, mark_heatmap
from skinlens.imaging.synthetic import draw_pixels, encode_png
from tests.drawn import familiar_pixels


def rejected(data: bytes, name: str) -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as caught:
        decode(data, name=name)
    return caught.value


def test_a_marked_png_keeps_its_pixels_and_is_recognised() -> None:
    png = encode_png(draw_pixels(1, height=70, width=90))
    assert not is_own_heatmap(png)
    marked = mark_heatmap(png)
    assert is_own_heatmap(marked)
    assert is_own_heatmap(marked[:200])
    assert rejected(marked, "arm.png").reason == "own_output"
    np.testing.assert_array_equal(decode(png).pixels, draw_pixels(1, height=70, width=90))


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG", b"\x89PNG\r\n\x1a\n" + b"\xff" * 90, b"tEXtSource\0SkinLens heatmap"]
)
def test_damaged_files_are_not_taken_for_ours(data: bytes) -> None:
    assert not is_own_heatmap(data)


def test_everything_that_predict_writes_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "lesion.png").write_bytes(encode_png(familiar_pixels(0)))
    out = tmp_path / "out"
    outputs = Outputs(tmp_path / "a.csv", as_json=False, heatmaps=out, pdfs=out, orientations=False, dicom=out)
    predict([tmp_path / "lesion.png"], outputs, model=None, point=None, threshold=None)
    made = sorted(out.iterdir())
    assert len(made) == 4
    for path in made:
        error = rejected(path.read_bytes(), path.name)
        assert error.reason == "own_output", path.name
        assert "was made by SkinLens" in str(error)


def test_another_pdf_is_no_image() -> None:
    error = rejected(b"%PDF-1.7 a letter", "letter.pdf")
    assert error.reason == "not_an_image"
    assert "is a PDF" in str(error)
