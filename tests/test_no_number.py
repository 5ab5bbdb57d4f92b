"""No decision is made from what is not a number, whatever card or graph it came from, and whoever asks."""

import csv
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from skinlens.batch.export import table_csv
from skinlens.batch.runner import go_through
from skinlens.batch.store import BatchStore, Plan, create_run
from skinlens.batch.table import entries
from skinlens.cases.errors import CaseStoreError
from skinlens.cases.store import open_file
from skinlens.cli import predict as predict_module
from skinlens.explain.heatmap import heatmap_of, scaled_heatmap
from skinlens.imaging.image import LesionImage
from skinlens.imaging.synthetic import draw_lesion, encode_png
from skinlens.metrics.measurement import Measurement
from skinlens.runtime.card import ModelCard, ModelFileError, OperatingPoint, UncertainBand
from skinlens.runtime.orientations import Stability
from skinlens.runtime.predictor import Predictor, scaled
from skinlens.runtime.weights import weights_folder
from skinlens.scoring.items import list_items
from skinlens.scoring.shards import Job, prepare, score_shard, shards_of
from skinlens.studies.evaluate import _require_numbers
from skinlens.triage.admission import examine
from skinlens.triage.decision import NO_RESULT_CODE, assess, decide, decision_with_reasons
from skinlens.triage.risk import meaning
from skinlens.triage.wording import NO_RESULT
from skinlens.ui import model as desktop_model
from tests.app.conftest import app as app
from tests.cli.conftest import Caller
from tests.cli.conftest import call as call
from tests.made_up_cases import CARD, POINT, build_record, prediction

NAN, INFINITY = float("nan"), float("inf")
NO_PROBABILITIES = (NAN, INFINITY, -INFINITY, 17.0, -0.01)
RATE = Measurement(value=0.9, n=10)


def point(**changes: float) -> OperatingPoint:
    return POINT.model_copy(update=changes)


def band(**changes: float) -> OperatingPoint:
    made = UncertainBand(low=0.2, high=0.4, error=RATE, decided=RATE).model_copy(update=changes)
    return POINT.model_copy(update={"band": made})


@pytest.mark.parametrize("bad", NO_PROBABILITIES)
class TestDecision:
    def test_the_score(self, bad: float) -> None:
        assert decide(bad, POINT) == "rejected"

    def test_the_threshold(self, bad: float) -> None:
        assert decide(0.9, point(threshold=bad)) == "rejected"

    @pytest.mark.parametrize("end", ["low", "high"])
    def test_the_band(self, end: str, bad: float) -> None:
        assert decide(0.9, band(**{end: bad})) == "rejected"

    @pytest.mark.parametrize("place", [0, 7])
    def test_the_score_of_a_view(self, place: int, bad: float) -> None:
        scores = [0.9] * 8
        scores[place] = bad
        assert decide(0.9, POINT, stability=Stability(tuple(scores))) == "rejected"

    def test_the_sentence_comes_first_and_no_reason_overrides_it(self, bad: float) -> None:
        decision, reasons = decision_with_reasons(
            bad, CARD, POINT, rejections=("It is blurred.",), override="I want to know"
        )
        assert (decision, reasons[0]) == ("rejected", NO_RESULT)
        assert not any("below the threshold" in reason for reason in reasons)

    def test_it_means_nothing_at_any_prevalence_and_is_not_saved(self, bad: float, tmp_path: Path) -> None:
        assessment = assess(prediction(bad), CARD, POINT)
        assert not assessment.has_result
        assert meaning(assessment, CARD, 0.1) is None
        store = open_file(tmp_path / "cases.sqlite")
        with pytest.raises(CaseStoreError, match="there is no result"):
            store.save(build_record(assessment=assessment), CARD, actor="a")
        assert store.search().total == 0
        store.engine.dispose()


def test_what_is_a_number_is_decided_as_before() -> None:
    assert [decide(score, POINT) for score in (0.0, 0.3, 0.31, 1.0)] == ["low", "low", "refer", "refer"]


@pytest.mark.parametrize("temperature", [NAN, INFINITY, 0.0, -1.0])
def test_a_temperature_that_divides_nothing_gives_no_number(temperature: float) -> None:
    assert np.isnan(scaled(0.4, np.array([0.1, 0.2], np.float32), temperature, 0.5))


@pytest.mark.parametrize("offset", [NAN, INFINITY, -INFINITY])
def test_an_offset_that_is_none_gives_no_number(offset: float) -> None:
    assert np.isnan(scaled(0.4, np.array([0.1, 0.2], np.float32), 1.5, offset))


@pytest.mark.parametrize("logits", [(NAN, 0.0), (0.0, INFINITY), (INFINITY, INFINITY)])
def test_logits_that_are_none_give_no_number(logits: tuple[float, float]) -> None:
    assert np.isnan(scaled(0.4, np.array(logits, np.float32), 1.5, 0.5))


@pytest.mark.parametrize("scale", [NAN, INFINITY, 0.0, -1.0])
def test_a_heatmap_without_a_scale_is_empty(scale: float) -> None:
    assert not scaled_heatmap(np.ones((14, 14), np.float32), scale=scale, size=32).any()


def test_a_heatmap_of_what_is_no_number_is_empty() -> None:
    signed = np.ones((14, 14), np.float32)
    signed[3, 3] = np.nan
    assert not scaled_heatmap(signed, scale=1.0, size=32).any()


def spoilt(card: Any, where: Any) -> ModelCard:
    """A card that no reading would let through, as if reading had a hole."""
    assert card.calibration is not None
    changes = {
        "offset": {"calibration": card.calibration.model_copy(update={"offset": NAN})},
        "temperature": {"calibration": card.calibration.model_copy(update={"temperature": INFINITY})},
        "heatmap": {"heatmap": card.heatmap.model_copy(update={"scale": NAN})},
        "thresholds": {
            "operating_points": tuple(each.model_copy(update={"threshold": NAN}) for each in card.operating_points)
        },
    }
    return card.model_copy(update=changes[where])


@pytest.fixture(scope="module")
def without_numbers(predictor: Predictor) -> Predictor:
    """The released network under a card whose offset is none."""
    return Predictor(spoilt(predictor.card, "offset"), weights_folder())


@pytest.mark.parametrize("where", ["offset", "temperature", "heatmap", "thresholds"])
def test_a_spoilt_card_ends_in_a_rejected_image(
    where: str, without_numbers: Predictor, monkeypatch: pytest.MonkeyPatch, predictor: Predictor
) -> None:
    card = spoilt(predictor.card, where)
    monkeypatch.setattr(without_numbers, "card", card)
    image = draw_lesion(0)
    (found,) = without_numbers.predict([image])
    assessment = assess(found, card, card.point(), admission=examine(image, found, without_numbers))
    assert (assessment.decision, assessment.reasons[0]) == ("rejected", NO_RESULT)


@pytest.mark.parametrize("output", ["logits", "probability", "evidence", "features"])
def test_a_graph_that_gives_no_number_ends_in_a_rejected_image(
    output: str, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves the other images of the batch as they are."""
    session, images = predictor._session, [draw_lesion(0), draw_lesion(1)]

    class Spoilt:
        def run(self, names: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
            answers = [np.array(each) for each in session.run(names, given)]
            answers[names.index(output)][0, ...] = np.nan
            return answers

    plain = predictor.predict(images)
    monkeypatch.setattr(predictor, "_session", Spoilt())
    found = predictor.predict(images)
    assert decide(found[0].score, predictor.card.point()) == "rejected"
    assert not heatmap_of(found[0], predictor.card).any() or output != "evidence"
    assert found[1].score == pytest.approx(plain[1].score, abs=1e-6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    made.mkdir()
    image: LesionImage = draw_lesion(0, height=96, width=128)
    (made / "a.png").write_bytes(encode_png(image.pixels))
    return made


class TestEveryWayIn:
    def test_the_command_line(
        self, folder: Path, without_numbers: Predictor, call: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(predict_module, "quickest_predictor", lambda _name, **_: without_numbers)
        pdfs = tmp_path / "pdfs"
        done = call("predict", folder, "--no-views", "--pdf", pdfs, "--heatmaps", tmp_path / "maps")
        (row,) = csv.DictReader(done.out.splitlines())
        assert (done.status, row["decision"], row["error"]) == (0, "rejected", NO_RESULT_CODE)
        assert (row["probability"], row["reasons"].startswith(NO_RESULT)) == ("", True)
        assert len(list(pdfs.glob("*.pdf"))) == 1
        (entry,) = json.loads(call("predict", folder, "--json").out)
        assert (entry["decision"], entry["probability"], entry["stability"]) == ("rejected", None, None)

    def test_score(self, folder: Path, without_numbers: Predictor, tmp_path: Path) -> None:
        chosen = without_numbers.card.point().model_dump(mode="json")
        weights, out = without_numbers.model.sha256, str(tmp_path / "out")
        job = Job("asff_resnet50", weights, chosen, orientations=False, destination=out)
        (shard,) = prepare(job, shards_of(list_items(str(folder))))
        assert score_shard(shard, job, without_numbers) == {"rejected": 1}
        (row,) = parquet.read_table(job.destination).to_pylist()
        assert (row["decision"], row["probability"], row["error"]) == ("rejected", None, NO_RESULT_CODE)
        assert row["reasons"].startswith(NO_RESULT)

    def test_batch(self, folder: Path, without_numbers: Predictor, predictor: Predictor, tmp_path: Path) -> None:
        plan = Plan("title", "path", (str(folder),), predictor.card, orientations=True, actor="a")
        store = create_run(tmp_path / "batches", plan)
        go_through(store, without_numbers, threading.Lock())
        self.rejected(store, predictor)
        store.engine.dispose()

    def test_a_batch_that_an_earlier_version_filled(self, folder: Path, predictor: Predictor, tmp_path: Path) -> None:
        plan = Plan("title", "path", (str(folder),), predictor.card, orientations=False, actor="a")
        store = create_run(tmp_path / "batches", plan)
        go_through(store, predictor, threading.Lock())
        for number in ("9e999", "17.0", "NULL"):
            with store.engine.begin() as connection:
                connection.execute(text(f"UPDATE picture SET score = {number}"))
            self.rejected(store, predictor)
        store.engine.dispose()

    def rejected(self, store: BatchStore, predictor: Predictor) -> None:
        chosen = predictor.card.point()
        (entry,) = entries(store.lines(), chosen, facts={}, reviews=[])
        assert (entry.outcome, entry.line.score, entry.line.sentence) == ("unreadable", None, NO_RESULT)
        (row,) = csv.DictReader(table_csv([entry], predictor.card, chosen).splitlines())
        assert (row["decision"], row["probability"], row["reasons"]) == ("rejected", "", NO_RESULT)
        assert row["error"] == NO_RESULT_CODE

    def test_the_app(self, app: AppTest, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
        card = spoilt(predictor.card, "offset")
        monkeypatch.setattr(desktop_model, "trusted_card", lambda _path, **_: card)
        app.run()
        next(button for button in app.button if button.label == "Try a synthetic example").click()
        app.run()
        assert not app.exception
        assert NO_RESULT in [element.value for element in app.text]
        assert not app.metric
        # No reason makes a number of it.
        assert not any("reason" in each.label for each in app.text_input)

    def test_evaluate(self) -> None:
        rows = pd.DataFrame({"path": ["a.png", "b.png"]})
        _require_numbers([0.5, 1.0], rows)
        with pytest.raises(ModelFileError, match=r"no usable number for b\.png"):
            _require_numbers([0.5, NAN], rows)
