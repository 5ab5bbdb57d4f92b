"""A card whose numbers are no numbers, of another type or out of range is rejected at reading, file and entry named."""

import copy
import json
import math
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from skinlens.runtime import strict_json
from skinlens.runtime.card import ModelCard, ModelFileError, read_card
from skinlens.runtime.weights import shipped_folder

NAME = "asff_resnet50"
CARD: dict[str, Any] = json.loads((shipped_folder() / f"{NAME}.json").read_text("utf-8"))
Place = tuple[str | int, ...]
RATES: Place = ("operating_points", 0, "measured", 0)
NAN, INFINITY = float("nan"), float("inf")
MUTATIONS = 600
# Never a valid value of any number of a card. JSON has no NaN, but Python reads and writes it.
NO_NUMBERS = (NAN, INFINITY, -INFINITY, 1e300, -1e300, True, False, "0.5", "", [], {}, [0.5], 10**30)


def put(place: Place, value: object) -> dict[str, Any]:
    """The card with another value at a place."""
    changed = copy.deepcopy(CARD)
    inside: Any = changed
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    return changed


def numbers(value: Any, place: Place = ()) -> Iterator[Place]:
    """Places of all numbers that have a meaning to SkinLens: not those that a recipe or the folds tell a reader."""
    # An option of a network may be a text or a flag too.
    if place in {("training", "recipe"), ("folds",), ("architecture", "options")}:
        return
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(each, (*place, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place


NUMBERS = list(numbers(CARD))


def rejected(content: dict[str, Any] | str | bytes, path: Path) -> str:
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ModelFileError) as caught:
        read_card(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "entry"),
    [
        (("calibration", "offset"), NAN, "calibration.offset"),
        (("calibration", "offset"), -INFINITY, "calibration.offset"),
        (("calibration", "offset"), 1e6, "calibration.offset"),
        (("calibration", "temperature"), INFINITY, "calibration.temperature"),
        (("calibration", "temperature"), NAN, "calibration.temperature"),
        (("calibration", "temperature"), -1.2, "calibration.temperature"),
        (("calibration", "temperature"), True, "calibration.temperature"),
        (("calibration", "prevalence"), 1, "calibration.prevalence"),
        (("calibration", "error_after"), 2.0, "calibration.error_after"),
        (("heatmap", "scale"), INFINITY, "heatmap.scale"),
        (("heatmap", "scale"), NAN, "heatmap.scale"),
        (("familiarity", "threshold"), NAN, "familiarity.threshold"),
        (("familiarity", "threshold"), -INFINITY, "familiarity.threshold"),
        (("familiarity", "threshold"), "-3", "familiarity.threshold"),
        (("operating_points", 0, "threshold"), True, "operating_points.0.threshold"),
        (("operating_points", 0, "threshold"), NAN, "operating_points.0.threshold"),
        (("operating_points", 0, "threshold"), "0.1", "operating_points.0.threshold"),
        ((*RATES, "sensitivity", "value"), 17, "operating_points.0.measured.0.sensitivity"),
        ((*RATES, "specificity", "low"), -1, "operating_points.0.measured.0.specificity"),
        ((*RATES, "specificity", "n"), -1, "operating_points.0.measured.0.specificity.n"),
        ((*RATES, "specificity", "n"), 2.5, "operating_points.0.measured.0.specificity.n"),
        (("operating_points", 1, "band", "low"), NAN, "operating_points.1.band.low"),
        (("operating_points", 1, "name"), "screening", "two operating points have one name"),
        (("risk_curve", 0, "score"), 0.9, "risk curve"),
        (("risk_curve", 0, "rate", "value"), 1.5, "risk_curve.0.rate"),
        (("preprocessing", "size"), 224.0, "preprocessing.size"),
        (("preprocessing", "std", 0), 0.0, "preprocessing.std.0"),
        (("preprocessing", "mean", 0), NAN, "preprocessing.mean.0"),
        (("training", "recipe", "epochs"), NAN, "training.recipe.epochs"),
        (("calibrated",), 1, "calibrated"),
        (("card_version",), True, "card_version"),
        (("files",), {"graph": CARD["files"]["graph"]}, "files.weights is missing"),
    ],
)  # fmt: skip
def test_what_is_no_such_number_is_named(place: Place, value: object, entry: str, tmp_path: Path) -> None:
    assert entry in rejected(put(place, value), tmp_path / "made_up.json")


def test_the_released_cards_are_read_and_have_numbers(tmp_path: Path) -> None:
    (tmp_path / "as_it_is.json").write_text(json.dumps(CARD), "utf-8")
    assert read_card(tmp_path / "as_it_is.json").name == NAME
    assert len(NUMBERS) > 200


def test_a_number_that_is_none_is_rejected_wherever_it_stands(tmp_path: Path) -> None:
    """Seeded mutations of every number of a released card."""
    choices = random.Random(20)  # noqa: S311 - no secret
    for _ in range(MUTATIONS):
        place, value = choices.choice(NUMBERS), choices.choice(NO_NUMBERS)
        said = rejected(put(place, value), tmp_path / "made_up.json")
        assert str(place[0]) in said, (place, value, said)


def test_whatever_else_is_accepted_has_only_finite_numbers_in_range(tmp_path: Path) -> None:
    """Seeded mutations towards what is still a number."""
    choices = random.Random(21)  # noqa: S311 - no secret
    accepted = 0
    for _ in range(MUTATIONS):
        place = choices.choice(NUMBERS)
        value = choices.choice((0, 1, -1, 0.5, 17, 1e-12, 99.5, choices.uniform(-5, 5), choices.random()))
        path = tmp_path / "made_up.json"
        path.write_text(json.dumps(put(place, value)), "utf-8")
        with suppress(ModelFileError):
            sound(read_card(path))
            accepted += 1
    assert 0 < accepted < MUTATIONS


def sound(card: ModelCard) -> None:
    temperature, offset = card.scaling
    assert 0 < temperature < math.inf
    assert math.isfinite(offset)
    assert 0 < card.heatmap.scale < math.inf
    assert card.ood is None or math.isfinite(card.ood.threshold)
    for point in card.operating_points:
        assert 0 <= point.threshold <= 1
        for rates in point.measured:
            for rate in (rates.sensitivity, rates.specificity):
                assert all(end is None or 0 <= end <= 1 for end in (rate.value, rate.low, rate.high))


ABSURD = {
    "nested lists": "[" * 100_000 + "]" * 100_000,
    "nested objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "not quite so deep": "[" * 200 + "]" * 200,
    "a number of many digits": "9" * 100_000,
    "a negative one": "-" + "9" * 5_000,
    "a number past 64 bits": str(2**64),
    "a fraction of many digits": "1" + "0" * 5_000 + ".5",
    "a large exponent": "1e999999",
    "NaN": "NaN",
    "infinity": "-Infinity",
    "a key twice": '{"a": 1, "a": 1}',
}


@pytest.mark.parametrize("value", ABSURD.values(), ids=ABSURD.keys())
@pytest.mark.parametrize("key", ["recipe", "seed", "epochs"])
def test_absurd_nesting_and_numbers_end_in_a_sentence(key: str, value: str, tmp_path: Path) -> None:
    content = json.dumps(put(("training", key), "HERE")).replace('"HERE"', value)
    said = rejected(content, tmp_path / "made_up.json")
    assert len(said) < 500 + len(str(tmp_path))


@pytest.mark.parametrize("value", list(ABSURD.values())[:5])
def test_a_card_that_is_nothing_else_is_rejected_too(value: str, tmp_path: Path) -> None:
    rejected(value, tmp_path / "made_up.json")


def test_a_card_of_absurd_length_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "made_up.json"
    with path.open("wb") as stream:
        stream.truncate(8_000_000_000_000)
    with pytest.raises(ModelFileError, match="more than 4,000,000 bytes"):
        read_card(path)


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "made_up.json").mkdir()
    with pytest.raises(ModelFileError, match="no model card"):
        read_card(tmp_path / "made_up.json")
    with pytest.raises(ModelFileError, match="no model card"):
        read_card(Path("/dev/zero"))


def test_plain_json_is_read_as_it_is() -> None:
    document = {"a": [1, -2.5, True, None, "x"], "b": {"c": 2**63 - 1, "d": -(2**63)}}
    assert strict_json.parse(json.dumps(document).encode()) == document


def test_a_card_without_the_entries_of_later_versions_is_read(tmp_path: Path) -> None:
    later = {"familiarity", "test", "score_bins", "risk_curve"}
    older = {key: value for key, value in CARD.items() if key not in later}
    path = tmp_path / "made_up.json"
    path.write_text(json.dumps(older), "utf-8")
    assert read_card(path).ood is None
