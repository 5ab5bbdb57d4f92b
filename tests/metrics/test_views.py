"""Which rows each test view holds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from skinlens.metrics.views import View, views_of


@pytest.fixture
def manifest() -> pd.DataFrame:
    return pd.DataFrame({"leaky": [0, 1, 0, 1, 0], "foreign_jpeg": [0, 0, 1, 1, 0]}, index=[9, 9, 3, 2, 1])


def rows(views: dict[str, View]) -> dict[str, list[int]]:
    return {name: np.flatnonzero(view.mask).tolist() for name, view in views.items()}


def test_the_four_views(manifest: pd.DataFrame) -> None:
    assert rows(views_of(manifest)) == {
        "all": [0, 1, 2, 3, 4],
        "no-twins": [0, 2, 4],
        "native": [0, 1, 4],
        "clean-native": [0, 4],
    }


def test_every_view_is_explained_in_a_sentence_of_its_own(manifest: pd.DataFrame) -> None:
    explanations = [view.explanation for view in views_of(manifest).values()]
    assert len(set(explanations)) == 4
    assert all(text[0].isupper() and text.endswith(".") for text in explanations)


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        (["leaky"], ["all", "native"]),
        (["foreign_jpeg"], ["all", "no-twins"]),
        (["leaky", "foreign_jpeg"], ["all"]),
    ],
)
def test_a_view_without_its_columns_does_not_exist(manifest: pd.DataFrame, missing: list[str], left: list[str]) -> None:
    assert list(views_of(manifest.drop(columns=missing))) == left


def test_an_empty_view_does_not_exist(manifest: pd.DataFrame) -> None:
    assert list(views_of(manifest.assign(leaky=1))) == ["all", "native"]


@pytest.mark.parametrize("flags", [[0, None, 0, 1, 0], ["0", "", "0", "1", "0"], [False, None, False, True, False]])
def test_a_blank_flag_keeps_a_row_out_and_the_type_does_not_matter(manifest: pd.DataFrame, flags: list[Any]) -> None:
    assert rows(views_of(manifest.assign(leaky=flags)))["no-twins"] == [0, 2, 4]


@pytest.mark.parametrize("bad", [2, "no", -1, 0.5])
def test_another_flag_is_named_by_its_row(manifest: pd.DataFrame, bad: float | str) -> None:
    with pytest.raises(ValueError, match="leaky must be 0, 1 or blank; broken in row 3 "):
        views_of(manifest.assign(leaky=[0, 1, 0, bad, 0]))
