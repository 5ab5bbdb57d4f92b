"""The choice of the engine: the quickest that keeps the results, timed once a machine, and how one is forced."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from skinlens.errors import UsageError
from skinlens.imaging.image import LesionImage
from skinlens.runtime import choice
from skinlens.runtime.card import ModelCard, ModelFileError
from skinlens.runtime.choice import Choice, allowed_engines, predictor_for, quickest_predictor, self_test
from skinlens.runtime.engine_names import ENGINES, REFERENCE, VARIABLE, Engine
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor
from skinlens.runtime.reduced import Agreement
from skinlens.runtime.weights import weights_folder

OPENVINO, INT8 = Engine("openvino"), Engine("onnxruntime", "int8")
GPU = Engine("onnxruntime", "fp32", "cuda")
KEEPS = Agreement(images=500, probability=0.02, risk=0.005, map=0.1, decisions_kept=0.998, auc_change=-0.001)


@pytest.fixture(autouse=True)
def _nothing_is_forced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))


@pytest.fixture
def card(predictor: Predictor) -> ModelCard:
    return predictor.card


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> set[Engine]:
    """The engines of this machine, which a test may change."""
    found = {REFERENCE, OPENVINO}
    monkeypatch.setattr(choice, "why_absent", lambda engine: None if engine in found else "absent")
    return found


@pytest.fixture
def stands(monkeypatch: pytest.MonkeyPatch, predictor: Predictor, images: list[LesionImage]) -> dict[Engine, Any]:
    """What each engine answers with: its milliseconds, and how far its score is off; an error if it cannot start."""
    made: dict[Engine, Any] = {REFERENCE: (100.0, 0.0), OPENVINO: (60.0, 0.0)}
    template = predictor.predict(images[:1])[0]

    class Stand:
        def __init__(self, _card: ModelCard, _folder: Path, *, engine: Engine = REFERENCE, **_: object) -> None:
            self.engine = engine
            if isinstance(made[engine], Exception):
                raise made[engine]

        def predict(self, asked: Sequence[LesionImage]) -> list[Prediction]:
            return [dataclasses.replace(template, score=template.score + made[self.engine][1]) for _ in asked]

    def medians(calls: Sequence[Any], **_: object) -> list[float]:
        # Each call is about the engine whose turn it is.
        assert calls
        return [made[call.__defaults__[0].engine][0] for call in calls]

    monkeypatch.setattr(choice, "Predictor", Stand)
    monkeypatch.setattr(choice, "medians_in_turn", medians)
    return made


def test_fp32_engines_of_this_machine_may_be_chosen(card: ModelCard, here: set[Engine]) -> None:
    assert allowed_engines(card) == [REFERENCE, OPENVINO]
    here.remove(OPENVINO)
    assert allowed_engines(card) == [REFERENCE]


@pytest.mark.parametrize(
    ("measured", "may"),
    [
        (KEEPS, True),
        (None, False),
        (KEEPS.model_copy(update={"decisions_kept": 0.994}), False),
        (KEEPS.model_copy(update={"auc_change": 0.003}), False),
        (KEEPS.model_copy(update={"auc_change": None}), False),
        (KEEPS.model_copy(update={"risk": 0.011}), False),
        (KEEPS.model_copy(update={"risk": None}), False),
        (KEEPS.model_copy(update={"risk": None, "probability": 0.009}), True),
    ],
    ids=["keeps", "not measured", "decisions", "AUC", "no AUC", "risk", "no risk, score", "no risk"],
)
def test_lower_precision_needs_a_measurement_within_the_limits(
    card: ModelCard, here: set[Engine], monkeypatch: pytest.MonkeyPatch, measured: Agreement | None, *, may: bool
) -> None:
    here.add(INT8)
    monkeypatch.setattr(choice, "measured_agreement", lambda _card, _engine: measured)
    assert (INT8 in allowed_engines(card)) is may


@pytest.mark.parametrize(
    ("other", "chosen"),
    [
        ((60.0, 0.0), OPENVINO),
        # Less than noise, other scores, no number, and an engine that does not start.
        ((98.0, 0.0), REFERENCE),
        ((10.0, 0.002), REFERENCE),
        ((10.0, float("nan")), REFERENCE),
        (ModelFileError("no such library"), REFERENCE),
        (RuntimeError("unexpected"), REFERENCE),
    ],
)
def test_the_quickest_that_answers_the_same_is_chosen(
    card: ModelCard, stands: dict[Engine, Any], other: Any, chosen: Engine
) -> None:
    stands[OPENVINO] = other
    found = self_test(card, weights_folder(), [REFERENCE, OPENVINO])
    assert found.engine == str(chosen)
    assert found.milliseconds[str(REFERENCE)] == 100.0


@pytest.mark.usefixtures("here")
class TestWhatIsKept:
    def test_the_test_is_made_once(self, card: ModelCard, stands: dict[Engine, Any], tmp_path: Path) -> None:
        assert predictor_for(card, weights_folder()).engine == OPENVINO
        path = tmp_path / "home" / "engines" / f"{card.name}.choice.json"
        assert json.loads(path.read_text("utf-8"))["engine"] == "openvino-fp32"
        if os.name == "posix":
            assert path.parent.stat().st_mode & 0o077 == 0
        # Another test would choose the reference.
        stands[OPENVINO] = (1000.0, 0.0)
        assert predictor_for(card, weights_folder()).engine == OPENVINO

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("processor_name", lambda: "another"),
            ("runtime_versions", lambda: {"onnxruntime": "0"}),
            ("reduced_graph", lambda _card, _precision: (Path("a"), type("Built", (), {"sha256": "1"}))),
        ],
    )
    def test_it_is_made_again_on_another_machine(
        self, card: ModelCard, stands: dict[Engine, Any], monkeypatch: pytest.MonkeyPatch, name: str, value: Any
    ) -> None:
        predictor_for(card, weights_folder())
        stands[OPENVINO] = (1000.0, 0.0)
        monkeypatch.setattr(choice, name, value)
        assert predictor_for(card, weights_folder()).engine == REFERENCE

    def test_it_is_made_again_without_an_engine_that_went_away(
        self, card: ModelCard, stands: dict[Engine, Any], here: set[Engine]
    ) -> None:
        assert stands[OPENVINO] < stands[REFERENCE]
        assert predictor_for(card, weights_folder()).engine == OPENVINO
        here.remove(OPENVINO)
        assert predictor_for(card, weights_folder()).engine == REFERENCE

    def test_a_damaged_file_and_a_folder_that_cannot_be_written_stop_nothing(
        self, card: ModelCard, stands: dict[Engine, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert stands
        folder = tmp_path / "home" / "engines"
        folder.mkdir(parents=True)
        (folder / f"{card.name}.choice.json").write_text("{", "utf-8")
        assert predictor_for(card, weights_folder()).engine == OPENVINO
        (folder / f"{card.name}.choice.json").unlink()
        folder.rmdir()
        folder.write_text("a file", "utf-8")
        assert predictor_for(card, weights_folder()).engine == OPENVINO
        assert "made again at the next start" in caplog.text

    def test_an_engine_that_no_longer_starts_gives_way_to_the_reference(
        self, card: ModelCard, stands: dict[Engine, Any], here: set[Engine], caplog: pytest.LogCaptureFixture
    ) -> None:
        here.add(GPU)
        stands[GPU] = (5.0, 0.0)
        assert predictor_for(card, weights_folder()).engine == GPU
        stands[GPU] = ModelFileError("the driver is gone")
        assert predictor_for(card, weights_folder()).engine == REFERENCE
        assert "the driver is gone" in caplog.text


class TestForced:
    def test_by_name_and_by_the_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(choice, "self_test", lambda *_: pytest.fail("nothing is timed"))
        assert quickest_predictor(engine="onnxruntime").engine == REFERENCE
        monkeypatch.setenv(VARIABLE, "onnxruntime-fp32")
        assert quickest_predictor().engine == REFERENCE

    def test_the_reference_stays_on_the_processor_where_there_is_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("skinlens.runtime.predictor.available_providers", lambda: pytest.fail("a GPU is asked for"))
        assert quickest_predictor(engine="onnxruntime").provider == "CPUExecutionProvider"

    def test_an_unknown_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UsageError, match="there is no engine 'abacus'"):
            quickest_predictor(engine="abacus")
        monkeypatch.setenv(VARIABLE, "abacus")
        with pytest.raises(ModelFileError, match="SKINLENS_ENGINE cannot be used: there is no engine 'abacus'"):
            quickest_predictor()

    @pytest.mark.parametrize("engine", [each for each in ENGINES if each.device == "cuda"], ids=str)
    def test_one_that_is_not_here(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("skinlens.runtime.engines.cuda_devices", lambda: 0)
        monkeypatch.setattr("skinlens.runtime.predictor.reduced_graph", lambda *_: (Path("a.onnx"), None))
        with pytest.raises(ModelFileError, match="needs an NVIDIA GPU"):
            quickest_predictor(engine=str(engine))


@pytest.mark.slow
def test_the_real_self_test_ends_soon_and_names_an_engine_of_this_machine(card: ModelCard) -> None:
    found = self_test(card, weights_folder(), allowed_engines(card))
    assert isinstance(found, Choice)
    assert found.engine in found.milliseconds
    assert min(found.milliseconds.values()) > 0
