"""One type of a measurement and one way to write it: every style, what is missing, and what no document may hold."""

import json
import math

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from skinlens.metrics.measurement import (
    NOT_MEASURED,
    Measurement,
    StoredNumbers,
    as_percent,
    from_table,
    undefined,
    with_ends,
)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rate: StoredNumbers


class Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")
    rate: Measurement


@pytest.mark.parametrize(
    ("measurement", "decimal", "percent"),
    [
        (Measurement(0.96749, 0.9512, 0.98, 660), "0.967 (0.951 to 0.980)", "96.7% (95.1% to 98.0%)"),
        (Measurement(0.0, 0.0, 0.1, 9), "0.000 (0.000 to 0.100)", "0.0% (0.0% to 10.0%)"),
        (Measurement(1.0, n=9), "1.000", "100.0%"),
        (Measurement(0.5, 0.4), "0.500", "50.0%"),
        (Measurement(None, n=0), "undefined", "undefined"),
        (Measurement(None, 0.0, 1.0), "undefined", "undefined"),
        (undefined(NOT_MEASURED), "not measured", "not measured"),
        (undefined("every image is benign", 3), "undefined", "undefined"),
    ],
)
def test_it_is_written_as_a_decimal_or_in_per_cent(measurement: Measurement, decimal: str, percent: str) -> None:
    assert measurement.text() == decimal
    assert measurement.text(as_percent) == percent


def test_parts_can_be_left_out_and_added() -> None:
    auc = Measurement(0.9, 0.85, 0.95, 1234)
    assert auc.text(interval=False) == "0.900"
    assert auc.text(n=True) == "0.900 (0.850 to 0.950), n = 1,234"
    assert auc.text(lambda number: f"{number:.0%}", interval=False) == "90%"
    assert (auc.interval(), auc.interval(as_percent)) == ("0.850 to 0.950", "85.0% to 95.0%")
    assert Measurement(0.9, n=3).interval() == ""
    assert Measurement(0.9).text(n=True) == "0.900"
    assert undefined("every image is benign", 3).text(why=True, n=True) == "undefined (every image is benign), n = 3"
    assert undefined(NOT_MEASURED).text(why=True) == "not measured"


def test_a_table_holds_nan_where_a_number_is_missing() -> None:
    assert from_table(0.5, 0.4, math.nan) == Measurement(0.5, 0.4)
    assert from_table(math.nan, 0.1, 0.2).text() == "undefined"
    assert from_table(None) == Measurement(None)


def test_ends_that_are_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="lies above the upper one"):
        Measurement(0.5, 0.6, 0.4)
    assert with_ends(0.5, (0.4, 0.6), 7) == Measurement(0.5, 0.4, 0.6, 7)
    assert with_ends(0.5, None, 7) == Measurement(0.5, n=7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": "0.5", "n": 3},
        {"value": True, "n": 3},
        {"value": math.nan, "n": 3},
        {"value": 1e7, "n": 3},
        {"value": 0.5, "n": 3.5},
        {"value": 0.5, "n": -1},
        {"value": 0.5, "low": 0.6, "high": 0.4, "n": 3},
        {"n": 3},
    ],
)
def test_no_document_holds_anything_but_numbers(wrong: dict[str, object]) -> None:
    for document in (Strict, Lenient):
        with pytest.raises(ValidationError, match="rate"):
            document.model_validate({"rate": wrong})


def test_an_unknown_key_is_refused_where_the_document_refuses_it() -> None:
    stored = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 3, "colour": "red"}
    assert Lenient.model_validate({"rate": stored}).rate == Measurement(0.5, 0.4, 0.6, 3)
    with pytest.raises(ValidationError, match="colour"):
        Strict.model_validate({"rate": stored})


def test_a_card_stores_the_four_numbers_and_no_reason() -> None:
    document = Strict(rate=undefined("there is no image", 0))
    assert json.loads(document.model_dump_json()) == {"rate": {"value": None, "low": None, "high": None, "n": 0}}
