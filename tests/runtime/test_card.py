"""The card: what it accepts, what it rejects, and that no file passes for another."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from skinlens.metrics.measurement import Measurement
from skinlens.runtime import card as card_module
from skinlens.runtime.card import (
    MeasuredRates,
    ModelCard,
    ModelFileError,
    read_card,
    sha256_of,
    verified_path,
    write_card,
)

Content = dict[str, Any]
CALIBRATION = {"temperature": 1.5, "prevalence": 0.4, "chosen_on": "nothing", "error_before": 0.1, "error_after": 0.02}
BAND = {"low": 0.3, "high": 0.6, "error": {"value": 0.05, "n": 9}, "decided": {"value": 0.9, "n": 10}}
Change = Callable[[Content], object]


def test_a_written_card_reads_back_equal(content: Content, tmp_path: Path) -> None:
    card = ModelCard.model_validate(content)
    write_card(card, tmp_path / "made_up.json")
    assert read_card(tmp_path / "made_up.json") == card
    assert "Nævus — made up" in (tmp_path / "made_up.json").read_text("utf-8")


def test_a_card_written_by_hand_is_read(content: Content, tmp_path: Path) -> None:
    path = tmp_path / "made_up.json"
    path.write_text(json.dumps(content), "utf-8")
    card = read_card(path)
    assert card.preprocessing.size == 64
    assert card.architecture.classes == ("benign", "malignant")
    assert card.operating_points[1].measured[0].sensitivity.value is None
    assert card.test is None


REJECTED: dict[str, Change] = {
    "unknown key": lambda card: card.update(colour="red"),
    "unknown key inside": lambda card: card["heatmap"].update(minimum=0),
    "another version": lambda card: card.update(card_version=2),
    "no title": lambda card: card.pop("title"),
    "short digest": lambda card: card["files"]["graph"].update(sha256="0" * 63),
    "digest in capitals": lambda card: card["files"]["weights"].update(sha256="A" * 64),
    "digest that is no hex": lambda card: card["files"]["weights"].update(sha256="g" * 64),
    "file in another folder": lambda card: card["files"]["graph"].update(file="../made_up.onnx"),
    "default point missing": lambda card: card.update(default_point="strict"),
    "no operating points": lambda card: card.update(operating_points=[]),
    "threshold above 1": lambda card: card["operating_points"][0].update(threshold=1.01),
    "heatmap scale 0": lambda card: card["heatmap"].update(scale=0),
    "classes swapped": lambda card: card["architecture"].update(classes=["malignant", "benign"]),
    "calibrated without a calibration": lambda card: card.update(calibrated=True),
    "a calibration that is denied": lambda card: card.update(calibration=CALIBRATION),
    "temperature 0": lambda card: card.update(calibrated=True, calibration=CALIBRATION | {"temperature": 0}),
    "a band beside the threshold": lambda card: card["operating_points"][0].update(band=BAND | {"high": 0.4}),
    "unknown geometry": lambda card: card["preprocessing"].update(geometry="crop"),
}


@pytest.mark.parametrize("change", REJECTED.values(), ids=REJECTED.keys())
def test_what_is_not_a_valid_card_is_rejected(content: Content, change: Change, tmp_path: Path) -> None:
    change(content)
    with pytest.raises(ValidationError):
        ModelCard.model_validate(content)
    path = tmp_path / "made_up.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ModelFileError, match=r"made_up\.json cannot be used: .+\. Restore it"):
        read_card(path)


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null"], ids=repr)
def test_garbage_is_rejected_as_a_model_file(garbage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "made_up.json"
    path.write_bytes(garbage)
    with pytest.raises(ModelFileError, match=r"made_up\.json cannot be used: "):
        read_card(path)


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"no model card at .*absent\.json"):
        read_card(tmp_path / "absent.json")


@pytest.mark.timeout(20)
def test_a_named_pipe_is_neither_a_card_nor_one_of_its_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "card.json")
    with pytest.raises(ModelFileError, match="There is no model card"):
        read_card(tmp_path / "card.json")
    with pytest.raises(OSError, match="It is a named pipe"):
        sha256_of(tmp_path / "card.json")


def test_points_are_found_by_name_and_the_default_without_one(content: Content) -> None:
    card = ModelCard.model_validate(content)
    assert card.point().name == "careful"
    assert card.point("careful") == card.point()
    assert card.point("balanced").threshold == 0.5
    with pytest.raises(ValueError, match=r"no operating point 'strict'; it has: balanced, careful"):
        card.point("strict")


def test_a_card_may_hold_calibration_curve_and_bands(content: Content, tmp_path: Path) -> None:
    rate = {"value": 0.1, "low": 0.05, "high": 0.2, "n": 40}
    # Cards of earlier versions have bins.
    bins = [{"low": 0.0, "high": 0.25, "rate": rate}, {"low": 0.25, "high": 1.0, "rate": rate | {"value": 0.7}}]
    curve = [{"score": 0.2, "rate": rate}, {"score": 0.6, "rate": rate | {"value": 0.7, "high": 0.8}}]
    content.update(calibrated=True, calibration=CALIBRATION, score_bins=bins, risk_curve=curve)
    content["operating_points"][0]["band"] = BAND
    card = ModelCard.model_validate(content)
    write_card(card, tmp_path / "made_up.json")
    assert read_card(tmp_path / "made_up.json") == card
    assert card.scaling == (1.5, 0.0)
    assert [point.rate.value for point in card.risk_curve] == [0.1, 0.7]


@pytest.mark.parametrize(
    ("curve", "why"),
    [
        ([(0.2, 0.1, 0.05, 0.2), (0.6, 0.09, 0.06, 0.3)], "does not rise"),
        ([(0.2, 0.1, 0.05, 0.2), (0.6, 0.2, 0.04, 0.3)], "does not rise"),
        ([(0.2, 0.1, 0.05, 0.2), (0.6, 0.2, 0.06, 0.15)], "not inside its interval"),
        ([(0.6, 0.1, 0.05, 0.2), (0.2, 0.2, 0.1, 0.3)], "does not rise"),
        ([(0.2, 0.1, 0.05, 0.2), (0.2, 0.2, 0.1, 0.3)], "does not rise"),
        ([(0.2, 0.1, None, None)], "not inside its interval"),
        ([(1.0, 0.1, 0.05, 0.2)], "less than 1"),
    ],
)
def test_a_curve_that_contradicts_itself_is_rejected(content: Content, curve: list[Any], why: str) -> None:
    points = [
        {"score": score, "rate": {"value": value, "low": low, "high": high, "n": 9}}
        for score, value, low, high in curve
    ]
    content.update(calibrated=True, calibration=CALIBRATION, risk_curve=points)
    with pytest.raises(ValidationError, match=why):
        ModelCard.model_validate(content)


def test_a_curve_without_calibration_is_rejected(content: Content) -> None:
    rate = {"value": 0.1, "low": 0.05, "high": 0.2, "n": 40}
    content.update(risk_curve=[{"score": 0.2, "rate": rate}])
    with pytest.raises(ValidationError, match="needs a calibration"):
        ModelCard.model_validate(content)


def test_a_card_without_a_curve_is_written_without_one(content: Content) -> None:
    assert "risk_curve" not in ModelCard.model_validate(content).model_dump(mode="json")


def test_a_population_is_reported_in_words() -> None:
    rate = Measurement(value=0.9, low=0.8, high=0.95, n=40)
    told = {
        name: MeasuredRates(population=name, sensitivity=rate, specificity=rate).measured_on
        for name in ("out of origin", "out of origin bcn", "out of fold", "test, all")
    }
    assert told["out of origin bcn"] == "Barcelona (BCN20000)"
    assert told["out of origin"] == "held-out datasets, together"
    assert told["out of fold"] == "held-out lesions"
    assert told["test, all"] == "all test images"


def test_without_a_calibration_nothing_is_divided(content: Content) -> None:
    assert ModelCard.model_validate(content).scaling == (1.0, 0.0)


def test_a_card_cannot_be_changed(content: Content) -> None:
    card = ModelCard.model_validate(content)
    with pytest.raises(ValidationError, match="frozen"):
        card.calibrated = True


def test_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(256)) * 9000)
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def described(content: Content, tmp_path: Path) -> ModelCard:
    """A card whose two files lie in `tmp_path` and agree with it."""
    for file in content["files"].values():
        data = file["file"].encode() * 100
        (tmp_path / file["file"]).write_bytes(data)
        file["sha256"] = hashlib.sha256(data).hexdigest()
    return ModelCard.model_validate(content)


@pytest.mark.parametrize(("role", "name"), [("graph", "made_up.onnx"), ("weights", "made_up.safetensors")])
class TestVerifiedPath:
    def test_the_right_file_passes(self, described: ModelCard, role: Any, name: str, tmp_path: Path) -> None:
        assert verified_path(described, role, tmp_path) == tmp_path / name

    def test_a_missing_file_is_named(self, described: ModelCard, role: Any, name: str, tmp_path: Path) -> None:
        (tmp_path / name).unlink()
        with pytest.raises(ModelFileError, match=f"made_up is incomplete: {name} is missing"):
            verified_path(described, role, tmp_path)

    @pytest.mark.parametrize("place", [0, 57, -1])
    def test_one_flipped_bit_is_noticed(
        self, described: ModelCard, role: Any, name: str, place: int, tmp_path: Path
    ) -> None:
        data = bytearray((tmp_path / name).read_bytes())
        data[place] ^= 1
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelFileError, match=f"{name} is not the file that the card of made_up describes"):
            verified_path(described, role, tmp_path)

    def test_an_unreadable_file_is_an_error_for_people(
        self, described: ModelCard, role: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path) -> str:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(card_module, "sha256_of", refuse)
        with pytest.raises(ModelFileError, match=f"{name} cannot be read"):
            verified_path(described, role, tmp_path)
