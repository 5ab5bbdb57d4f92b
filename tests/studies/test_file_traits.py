"""Traits of files, and how well each tells the label."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from skinlens.imaging.synthetic import draw_pixels
from skinlens.studies.file_traits import file_traits, kind_association, missing_associations, number_association


def encoded(kind: str = "JPEG", **options: bytes | int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(draw_pixels(0, height=64, width=80)).save(stream, kind, **options)
    return stream.getvalue()


def test_traits_of_a_jpeg() -> None:
    content = encoded(quality=80)
    traits = file_traits(content)
    assert (traits.format, traits.size, traits.bytes) == ("JPEG", "80 x 64", len(content))


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 81},
        {"quality": 80, "subsampling": 0},
        {"quality": 80, "progressive": True},
        {"quality": 80, "comment": b"x"},
    ],
    ids=str,
)
def test_the_signature_tells_how_a_jpeg_was_written(options: Any) -> None:
    plain = file_traits(encoded(quality=80)).signature
    assert file_traits(encoded(quality=80)).signature == plain
    assert file_traits(encoded(**options)).signature != plain


def test_other_formats_are_their_own_signature() -> None:
    assert file_traits(encoded("PNG")).signature == "PNG"
    assert file_traits(b"no image").format == "unknown"


def test_a_kind_that_gives_the_label_away_has_v_1_and_one_that_does_not_has_0() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    given_away = kind_association("t", list("aaaabbbb"), labels)
    assert given_away.value == pytest.approx(1.0)
    assert given_away.counts == {"a": (4, 0), "b": (0, 4)}
    silent = kind_association("t", list("abababab"), labels)
    assert silent.value == pytest.approx(0.0)
    assert silent.p == pytest.approx(1.0)


def test_cramers_v_of_a_table_worked_out_by_hand() -> None:
    """(10, 20; 30, 40): chi squared 100 (10 * 40 - 20 * 30)^2 / (30 * 70 * 40 * 60), V its root over n."""
    values = ["x"] * 30 + ["y"] * 70
    labels = np.array([0] * 10 + [1] * 20 + [0] * 30 + [1] * 40)
    expected = (100 * (10 * 40 - 20 * 30) ** 2 / (30 * 70 * 40 * 60) / 100) ** 0.5
    assert kind_association("t", values, labels).value == pytest.approx(expected)


@pytest.mark.parametrize("values", [["a"] * 4, list("abab")])
def test_no_measure_where_all_are_alike(values: list[str]) -> None:
    labels = np.array([0, 0, 0, 0]) if len(set(values)) > 1 else np.array([0, 0, 1, 1])
    assert kind_association("t", values, labels).value is None
    assert number_association("t", [1, 2, 3, 4], np.zeros(4, int)).value is None


def test_a_number_is_measured_by_its_roc_auc() -> None:
    labels, values = np.array([0, 1, 0, 1, 1]), [5.0, 6.0, 7.0, 7.0, 9.0]
    assert number_association("t", values, labels).value == roc_auc_score(labels, values)


def test_being_blank_is_measured_where_something_is_blank() -> None:
    manifest = pd.DataFrame({"age": [40, 50, None, None], "sex": ["f", "m", "f", ""], "path": list("abcd")})
    age, sex = missing_associations(manifest, np.array([0, 0, 1, 1]))
    assert (age.trait, age.value) == ("missing age", pytest.approx(1.0))
    assert age.counts == {"given": (2, 0), "missing": (0, 2)}
    assert sex.counts == {"given": (2, 1), "missing": (0, 1)}
