"""Rates by part, against counting by hand."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import recall_score

from skinlens.leaderboard.documents import Subgroups
from skinlens.metrics.intervals import wilson
from skinlens.studies.subgroups import COLUMNS, FEWEST, format_subgroups, subgroup_record, subgroups, with_skin_tones

THRESHOLD = 0.4
MALIGNANT = {"mel", "melanoma", "bcc", "scc", "akiec", ""}


@pytest.fixture
def rows() -> pd.DataFrame:
    """400 images of every diagnosis, with blanks in each column and one site that is rare."""
    generator = np.random.default_rng(4)
    dx = generator.choice(
        ["mel", "melanoma", "bcc", "scc", "akiec", "nv", "nevus", "bkl", "sk", "df", "vasc", ""],
        400,
        p=[0.15, 0.1, 0.1, 0.1, 0.02, 0.15, 0.1, 0.08, 0.05, 0.02, 0.08, 0.05],
    )
    return pd.DataFrame(
        {
            "path": [f"{row}.png" for row in range(400)],
            "isic_id": [f"ISIC_{row}" if row % 3 else "" for row in range(400)],
            "label": ["malignant" if name in MALIGNANT else "benign" for name in dx],
            "dx": dx,
            "age": generator.choice([0, 29, 30, 59, 60, 80, np.nan], 400),
            "sex": generator.choice(["male", "female", None], 400),  # type: ignore[arg-type]
            "site": generator.choice(["back", "acral", ""], 400, p=[0.8, 0.02, 0.18]),
            "origin": generator.choice(["here", "abroad"], 400),
            "skin_tone": generator.choice(["very light", "tan", ""], 400),
            "recorded_skin_tone": generator.choice(["0 (very dark)", "3", ""], 400),
        }
    )


@pytest.fixture
def chances() -> npt.NDArray[np.float64]:
    return np.random.default_rng(5).uniform(0, 1, 400)


@pytest.fixture
def record(rows: pd.DataFrame, chances: npt.NDArray[np.float64]) -> dict[str, Any]:
    return subgroup_record(rows, chances, THRESHOLD).model_dump(mode="json")


def by_part(record: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(cell["column"], cell["value"], cell["metric"]): cell for cell in record["cells"]}


def test_every_image_lies_in_one_part_of_each_column() -> None:
    rows = pd.DataFrame(
        {
            "label": ["benign", "benign", "malignant", "malignant", "benign"],
            "age": [29, 30, np.nan, 80, 31],
            "sex": ["male", None, "female", "female", "male"],
        }
    )
    wrong = np.array([True, False, True, False, False])
    found = {(part.column, part.value, part.label): part for part in subgroups(rows, wrong, ("age", "sex", "site"))}
    assert {key: (part.count, part.n) for key, part in found.items()} == {
        ("age", "0 to 29", "benign"): (1, 1),
        ("age", "30 to 44", "benign"): (0, 2),
        ("age", "75 or more", "malignant"): (0, 1),
        ("age", "not recorded", "malignant"): (1, 1),
        ("sex", "female", "malignant"): (1, 2),
        ("sex", "male", "benign"): (1, 2),
        ("sex", "not recorded", "benign"): (0, 1),
    }
    interval, rate = wilson(1, 2), found["sex", "male", "benign"].rate
    assert interval is not None
    assert (rate.value, rate.low, rate.high) == (0.5, interval.low, interval.high)


def test_diagnoses_have_one_name_and_the_rate_of_their_label(
    record: dict[str, Any], rows: pd.DataFrame, chances: npt.NDArray[np.float64]
) -> None:
    cells = {key[1:]: cell for key, cell in by_part(record).items() if key[0] == "dx"}
    names = {"mel": ["mel", "melanoma"], "bcc": ["bcc"], "scc": ["scc"], "akiec": ["akiec"], "not recorded": [""]}
    benign = {"nv": ["nv", "nevus"], "bkl": ["bkl", "sk"], "df": ["df"], "vasc": ["vasc"]}
    assert set(cells) == {(name, "sensitivity") for name in names} | {(name, "specificity") for name in benign}
    for (name, metric), cell in cells.items():
        of_it = rows["dx"].isin({**names, **benign}[name]).to_numpy()
        called = chances[of_it] >= THRESHOLD
        assert cell["n"] == of_it.sum()
        if of_it.sum() >= FEWEST:
            expected = called.sum() if metric == "sensitivity" else (~called).sum()
            assert cell["right"] == expected
            assert cell["rate"]["value"] == pytest.approx(expected / of_it.sum())


@pytest.mark.parametrize("column", ["sex", "site", "origin", "skin_tone"])
def test_both_rates_of_every_part_are_those_of_a_library(
    record: dict[str, Any], rows: pd.DataFrame, chances: npt.NDArray[np.float64], column: str
) -> None:
    cells = by_part(record)
    values = rows[column].fillna("").replace("", "not recorded")
    seen = 0
    for value in values.unique():
        truth = (rows["label"] == "malignant").to_numpy()[values == value]
        called = (chances >= THRESHOLD)[values == value]
        for metric, label in (("sensitivity", True), ("specificity", False)):
            cell = cells[column, value, metric]
            assert cell["n"] == (truth == label).sum()
            if cell["n"] < FEWEST:
                continue
            assert cell["rate"]["value"] == pytest.approx(recall_score(truth, called, pos_label=label))
            interval = wilson(cell["right"], cell["n"])
            assert interval is not None
            assert (cell["rate"]["low"], cell["rate"]["high"]) == (interval.low, interval.high)
            seen += 1
    assert seen >= 4


def test_every_column_counts_every_image_once(record: dict[str, Any]) -> None:
    for column in COLUMNS:
        assert sum(cell["n"] for cell in record["cells"] if cell["column"] == column) == 400


def test_small_parts_are_withheld_with_their_counts(record: dict[str, Any]) -> None:
    small = [cell for cell in record["cells"] if cell["n"] < FEWEST]
    assert {(cell["column"], cell["value"]) for cell in small} >= {("site", "acral"), ("dx", "df")}
    for cell in small:
        assert cell["right"] is None
        assert cell["rate"] == {
            "value": None, "low": None, "high": None, "n": cell["n"], "reason": "fewer than 20"
        }  # fmt: skip
    assert all(cell["rate"]["reason"] is None for cell in record["cells"] if cell["n"] >= FEWEST)


@pytest.mark.parametrize(("n", "shown"), [(FEWEST - 1, False), (FEWEST, True)])
def test_twenty_are_enough(n: int, shown: bool) -> None:
    rows = pd.DataFrame({"label": ["malignant"] * n, "sex": ["male"] * n})
    (cell,) = subgroup_record(rows, np.ones(n), 0.5).model_dump(mode="json")["cells"]
    assert (cell["rate"]["value"] == 1) is shown


def test_missed_melanomas_are_listed_by_id_or_else_by_path(
    record: dict[str, Any], rows: pd.DataFrame, chances: npt.NDArray[np.float64]
) -> None:
    melanoma = rows["dx"].isin(["mel", "melanoma"])
    missed = rows[melanoma & (chances < THRESHOLD)]
    assert record["missed_melanomas"]["n"] == melanoma.sum()
    expected = [row.isic_id or row.path for row in missed.itertuples()]
    assert record["missed_melanomas"]["ids"] == expected
    assert any(name.endswith(".png") for name in expected)  # type: ignore[arg-type]
    assert any(name.startswith("ISIC_") for name in expected)  # type: ignore[arg-type]


def test_a_lesion_labelled_benign_is_no_missed_melanoma() -> None:
    rows = pd.DataFrame({"label": ["benign", "malignant"], "dx": ["mel", "mel"], "path": ["a", "b"]})
    found = subgroup_record(rows, [0.1, 0.1], 0.5).model_dump(mode="json")
    assert found["missed_melanomas"] == {"n": 1, "ids": ["b"]}


def test_a_score_at_the_threshold_is_malignant() -> None:
    rows = pd.DataFrame({"label": ["malignant"], "dx": ["mel"]})
    assert subgroup_record(rows, [0.5], 0.5).model_dump(mode="json")["missed_melanomas"]["ids"] == []
    assert subgroup_record(rows, [0.4999], 0.5).model_dump(mode="json")["missed_melanomas"]["ids"] == ["row 0"]


def test_columns_that_a_manifest_lacks_are_named(rows: pd.DataFrame, chances: npt.NDArray[np.float64]) -> None:
    found = subgroup_record(rows[["path", "label", "sex"]], chances, THRESHOLD).model_dump(mode="json")
    assert found["not_in_manifest"] == ["dx", "age", "site", "origin", "skin_tone", "recorded_skin_tone"]
    assert {cell["column"] for cell in found["cells"]} == {"sex"}
    assert found["missed_melanomas"] == {"n": 0, "ids": []}


def test_the_record_is_plain_json(record: dict[str, Any]) -> None:
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_the_short_form_says_what_was_measured_withheld_and_missed(record: dict[str, Any]) -> None:
    lines = format_subgroups(Subgroups.model_validate(record)).splitlines()
    cell = by_part(record)["skin_tone", "tan", "specificity"]
    rate = cell["rate"]
    assert (
        f"skin tone tan: specificity {rate['value']:.3f} ({rate['low']:.3f} to {rate['high']:.3f}) "
        f"({cell['right']} of {cell['n']})"
    ) in lines
    left_out = sum(cell["n"] < FEWEST for cell in record["cells"])
    assert f"{left_out} parts with fewer than 20 images are not shown." in lines
    assert not any("acral" in line for line in lines)
    missed = record["missed_melanomas"]
    assert lines[-1] == f"Melanomas missed: {len(missed['ids'])} of {missed['n']}: {', '.join(missed['ids'])}"


def test_values_out_of_range_are_errors(rows: pd.DataFrame, chances: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="threshold"):
        subgroup_record(rows, chances, 1.5)
    with pytest.raises(ValueError, match="probabilities"):
        subgroup_record(rows, chances * 3, 0.5)
    with pytest.raises(ValueError, match="benign or malignant"):
        subgroup_record(rows.assign(label="unsure"), chances, 0.5)


def test_a_recorded_skin_tone_stands_beside_the_estimated_one() -> None:
    rows = pd.DataFrame({"label": ["benign"] * 3, "skin_tone": ["0", 5.0, None]})
    both = with_skin_tones(rows, ["tan", "", "light"])
    assert both["skin_tone"].tolist() == ["tan", "", "light"]
    assert both["recorded_skin_tone"].tolist() == ["0 (very dark)", "5 (very light)", ""]
    assert "recorded_skin_tone" not in with_skin_tones(rows[["label"]], ["tan", "", "light"])
