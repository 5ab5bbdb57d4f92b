"""One road from bytes to an assessment: the same row by every way in, memory that stays flat, files that fail alone."""

import ast
import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from streamlit.testing.v1 import AppTest

from skinlens.batch.export import table_csv
from skinlens.batch.runner import go_through
from skinlens.batch.store import Plan, create_run
from skinlens.batch.table import entries
from skinlens.cli import predict as predict_module
from skinlens.cli.predict import Outputs, predict
from skinlens.imaging.image import ImageRejectedError, LesionImage
from skinlens.imaging.preprocess import resize
from skinlens.imaging.sources import InMemory
from skinlens.imaging.synthetic import draw_lesion, encode_png
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor
from skinlens.scoring import on_ray
from skinlens.scoring.items import list_items
from skinlens.scoring.shards import Job, prepare, score_shard, shards_of
from skinlens.triage import pipeline as pipeline_module
from skinlens.triage.pipeline import BATCH, Assessed, Pipeline, Unreadable
from skinlens.triage.row import Row, columns
from skinlens.triage.wording import NOT_DERMOSCOPY
from tests.app.conftest import app as app
from tests.drawn import familiar_pixels

ROOT = Path(__file__).parents[2]


def png(seed: int, side: int = 64) -> bytes:
    return encode_png(draw_lesion(seed, height=side, width=side, malignant_look=seed % 2 == 1).pixels)


@pytest.fixture(scope="module")
def pipeline(predictor: Predictor) -> Pipeline:
    return Pipeline(predictor)


@pytest.fixture
def quick(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """A predictor that answers at once."""
    (template,) = predictor.predict([draw_lesion(1)])
    monkeypatch.setattr(predictor, "predict", lambda images: [replace(template) for _ in images])
    return predictor


class TestEveryWayIn:
    """The same drawn image, alone in its batch, gets the same row to the last digit."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "images" / "lesion.png"
        path.parent.mkdir()
        path.write_bytes(encode_png(draw_lesion(5, malignant_look=True).pixels))
        return path

    @pytest.fixture
    def expected(self, path: Path, pipeline: Pipeline) -> Row:
        """By Python."""
        row = Row.of(str(path), pipeline(path.read_bytes(), name=path.name), pipeline.card, pipeline.point)
        assert row.probability is not None
        assert row.stability.endswith("/8")
        return row

    def test_predict(self, path: Path, expected: Row, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(predict_module, "quickest_predictor", lambda _name, **_: predictor)
        out = path.parent / "rows"
        for as_json in (False, True):
            predict(
                [path], Outputs(out, as_json=as_json, heatmaps=None, pdfs=None), model=None, point=None, threshold=None
            )
            text = out.read_text("utf-8")
            (row,) = json.loads(text) if as_json else csv.DictReader(text.splitlines())
            assert list(row) == list(columns())
            wanted = expected.cells()
            assert row == ({key: None if value == "" else value for key, value in wanted.items()} if as_json else
                           {key: "" if value is None else str(value) for key, value in wanted.items()})  # fmt: skip

    @pytest.mark.parametrize("engine", ["local", "ray"])
    def test_score(
        self,
        path: Path,
        expected: Row,
        predictor: Predictor,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        engine: str,
    ) -> None:
        point = predictor.card.point().model_dump(mode="json")
        job = Job(
            predictor.card.name, predictor.model.sha256, point, orientations=True, destination=str(tmp_path / "out")
        )
        (shard,) = prepare(job, shards_of(list_items(str(path))))
        if engine == "local":
            score_shard(shard, job, predictor)
        else:
            # The work of a reader and of an actor, without a cluster.
            monkeypatch.setattr(on_ray, "quickest_predictor", lambda _name, **_: predictor)
            read = on_ray._read({"number": shard.number, "items": on_ray._packed(shard)})
            batch = {name: np.asarray([value], object) for name, value in read.items() if name != "contents"}
            on_ray._Scorer(asdict(job))({**batch, "contents": [read["contents"]]})
        (row,) = parquet.read_table(job.destination).to_pylist()
        assert row == expected.cells()

    def test_batch(self, path: Path, expected: Row, predictor: Predictor, tmp_path: Path) -> None:
        plan = Plan("title", "path", (str(path),), predictor.card, orientations=True, actor="a")
        store = create_run(tmp_path / "runs", plan)
        go_through(store, predictor, threading.Lock())
        point = predictor.card.point()
        exported = table_csv(entries(store.lines(), point, facts={}, reviews=[]), predictor.card, point)
        store.engine.dispose()
        (row,) = csv.DictReader(exported.splitlines())
        assert list(row)[: len(columns())] == list(columns())
        assert {name: row[name] for name in columns()} == {
            name: "" if value is None else str(value) for name, value in expected.cells().items()
        }

    def test_the_page(self, path: Path, expected: Row, app: AppTest) -> None:
        app.run()
        app.file_uploader[0].upload(path.name, path.read_bytes(), "image/png").run()
        assert not app.exception
        (result,) = app.session_state["results"].values()
        assert isinstance(result, Assessed)
        row = Row.of(str(path), result, result.card, result.assessment.point)
        assert row == expected


def calls(path: Path) -> set[str]:
    """Names of functions and methods that a module calls."""
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }


def test_only_the_pipeline_both_runs_a_model_and_decides() -> None:
    running, deciding = {"predict", "predict_orientations"}, {"assess", "decide", "decision_with_reasons", "examine"}
    modules = [*(ROOT / "skinlens").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]
    both = [path for path in modules if calls(path) & running and calls(path) & deciding]
    assert [path.relative_to(ROOT).as_posix() for path in both] == ["skinlens/triage/pipeline.py"]
    # Pages and the command line run no model of a user's image by themselves.
    orientations = [path for path in modules if "predict_orientations" in calls(path)]
    assert [path.relative_to(ROOT).as_posix() for path in orientations] == ["skinlens/triage/pipeline.py"]


class TestOneImage:
    def test_bytes_and_the_decoded_image_are_assessed_alike(self, pipeline: Pipeline) -> None:
        content = png(5, side=224)
        by_bytes = pipeline(content, name="a.png")
        again = pipeline(by_bytes.image)
        assert again.assessment.reasons == by_bytes.assessment.reasons
        assert again.prediction.score == by_bytes.prediction.score
        assert by_bytes.image.name == "a.png"

    def test_a_file_that_is_no_image_is_an_error(self, pipeline: Pipeline) -> None:
        with pytest.raises(ImageRejectedError) as error:
            pipeline(b"no image", name="notes.txt")
        assert error.value.reason == "not_an_image"
        assert "notes.txt" in str(error.value)

    def test_another_point_needs_no_model(self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        assessed = pipeline(png(5, side=224))
        monkeypatch.setattr(pipeline.predictor, "predict", None)
        point = pipeline.point.model_copy(update={"threshold": 1.0, "band": None})
        assert assessed.at(point).decision in {"low", "rejected"}
        assert assessed.at(pipeline.point).reasons == assessed.assessment.reasons

    def test_a_rejected_image_can_be_assessed_for_a_reason(self, pipeline: Pipeline) -> None:
        grey = np.full((96, 96, 3), 128, np.uint8)
        assessed = pipeline(LesionImage(grey, "0" * 64, "grey.png"))
        assert assessed.assessment.decision == "rejected"
        overridden = assessed.at(pipeline.point, override="seen by two of us")
        assert overridden.decision != "rejected"
        assert "Assessed against advice, because: seen by two of us" in overridden.reasons

    def test_without_quality_every_image_is_assessed(self, predictor: Predictor) -> None:
        grey = LesionImage(np.full((96, 96, 3), 128, np.uint8), "0" * 64, "grey.png")
        assessed = Pipeline(predictor, quality=False, orientations=False)(grey)
        assert assessed.assessment.decision != "rejected"
        assert (assessed.admission, assessed.stability) == (None, None)
        row = Row.of("grey.png", assessed, assessed.card, assessed.assessment.point)
        assert (row.quality_failed, row.stability) == ("", "")
        assert NOT_DERMOSCOPY not in row.reasons

    def test_a_point_by_name_and_an_unknown_one(self, predictor: Predictor) -> None:
        name = predictor.card.operating_points[-1].name
        assert Pipeline(predictor, name).point.name == name
        with pytest.raises(ValueError, match="no operating point 'none'"):
            Pipeline(predictor, "none")

    def test_the_heatmap_is_on_the_cards_scale(self, pipeline: Pipeline) -> None:
        heatmap = pipeline(png(5, side=224)).heatmap
        size = pipeline.card.preprocessing.size
        assert heatmap.shape == (size, size)
        assert 0 <= heatmap.min() <= heatmap.max() <= 1


class TestFirst:
    def test_completed_it_is_what_a_call_returns(self, pipeline: Pipeline) -> None:
        content = png(5, side=224)
        whole, early = pipeline(content, name="a.png"), pipeline.first(content, name="a.png")
        assert (early.stability, early.is_complete, whole.is_complete) == (None, False, True)
        complete = pipeline.complete(early)
        rows = [Row.of("a.png", each, each.card, each.assessment.point) for each in (whole, complete)]
        assert rows[0] == rows[1]
        assert complete.stability == whole.stability
        assert complete.admission == whole.admission
        assert complete.image is early.image
        assert np.array_equal(complete.heatmap, whole.heatmap)
        assert early.prediction.score == pytest.approx(whole.prediction.score, abs=1e-6)

    def test_the_pixels_are_checked_once(self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        early = pipeline.first(png(5, side=224))
        monkeypatch.setattr("skinlens.triage.admission.assess_quality", None)
        assert pipeline.complete(early).admission == early.admission

    def test_the_middle_of_a_round_field_stays_the_image(
        self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        middle = pipeline.first(png(5, side=224)).image
        monkeypatch.setattr(pipeline_module, "without_black", lambda _: middle)
        monkeypatch.setattr(pipeline_module, "_is_ood", lambda assessed, _: assessed.image is not middle)
        early = pipeline.first(LesionImage(middle.pixels[::-1].copy(), "1" * 64, "round.png"))
        assert early.image is middle
        assert pipeline.complete(early).image is middle

    def test_without_orientations_it_is_complete(self, predictor: Predictor) -> None:
        early = Pipeline(predictor, orientations=False).first(png(5, side=224))
        assert early.is_complete
        assert Pipeline(predictor).complete(early) is early

    @pytest.mark.parametrize("threshold", [0.0, 1.0])
    def test_only_refer_and_low_may_change(self, pipeline: Pipeline, threshold: float) -> None:
        early = pipeline.first(draw_lesion(5, malignant_look=True))
        point = pipeline.point.model_copy(update={"threshold": threshold, "band": None})
        assert early.may_change(early.at(point))
        assert not early.may_change(replace(early.at(point), decision="uncertain"))
        assert not pipeline.complete(early).may_change(early.at(point))


class Watched:
    """Sources that count how many were read."""

    def __init__(self, number: int, content: bytes) -> None:
        self.number, self.content, self.read = number, content, 0

    def __iter__(self) -> Iterator[InMemory]:
        for index in range(self.number):
            self.read += 1
            yield InMemory(f"{index}.png", self.content if index % 4 else b"no image")


class TestStream:
    def test_order_is_kept_and_what_cannot_be_read_fails_alone(self, quick: Predictor) -> None:
        sources = Watched(11, png(1))
        results = list(Pipeline(quick, orientations=False).stream(sources, batch=3))
        assert [source.name for source, _ in results] == [f"{index}.png" for index in range(11)]
        assert [isinstance(outcome, Unreadable) for _, outcome in results] == [index % 4 == 0 for index in range(11)]
        unreadable = results[0][1]
        assert isinstance(unreadable, Unreadable)
        assert unreadable.error.reason == "not_an_image"
        assert len(unreadable.sha256) == 64

    def test_bytes_that_cannot_be_had_have_no_digest(self, quick: Predictor) -> None:
        class Lost(InMemory):
            def read(self) -> bytes:
                raise ImageRejectedError("unreadable", "Gone.")

        ((_, outcome),) = Pipeline(quick).stream([Lost("a.png", b"")])
        assert isinstance(outcome, Unreadable)
        assert (outcome.sha256, str(outcome.error)) == ("", "Gone.")

    def test_no_more_than_a_batch_is_in_memory(self, quick: Predictor) -> None:
        sources = Watched(100, png(1))
        stream = Pipeline(quick, orientations=False).stream(sources, batch=4)
        assert sources.read == 0
        for index, _ in enumerate(stream):
            assert sources.read <= index // 4 * 4 + 4

    def test_large_images_make_small_batches(self, quick: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pipeline_module, "MOST_BYTES", 2 * 64 * 64 * 3)
        sources = [InMemory(f"{index}.png", png(1)) for index in range(5)]
        batches = list(Pipeline(quick, orientations=False).batches(sources))
        assert [len(batch) for batch in batches] == [2, 2, 1]
        assert BATCH > 2

    @pytest.mark.parametrize("readers", [0, 1, 3])
    def test_it_stops_before_the_model_runs_again(self, quick: Predictor, readers: int) -> None:
        answers = iter([True, True, False])
        pipeline = Pipeline(quick, orientations=False)
        sources = Watched(20, png(1))
        batches = list(pipeline.batches(sources, batch=4, readers=readers, keep_going=lambda: next(answers)))
        assert [len(batch) for batch in batches] == [4, 4]
        # What was decoded for the batch that was stopped, and with readers for one more.
        assert 12 <= sources.read <= (12 if not readers else 16 + readers)

    def test_reading_ahead_changes_nothing_but_when_it_reads(self, quick: Predictor) -> None:
        sources, pipeline = Watched(10, png(1)), Pipeline(quick, orientations=False)
        batches = pipeline.batches(sources, batch=4, readers=3)
        first = next(batches)
        names = [source.name for batch in (first, *batches) for source, _ in batch]
        assert names == [f"{index}.png" for index in range(10)]

    def test_the_lock_is_held_while_the_model_runs_and_only_then(
        self, quick: Predictor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock, held = threading.Lock(), []
        answer = quick.predict
        monkeypatch.setattr(quick, "predict", lambda images: [held.append(lock.locked()), answer(images)][1])
        for _, outcome in Pipeline(quick, orientations=False, lock=lock).stream(
            [InMemory("a.png", png(1))] * 3, batch=1
        ):
            assert isinstance(outcome, Assessed)
            assert not lock.locked()
        assert held == [True] * 3

    def test_batches_grow_from_a_first_image_to_as_many_as_there_is_time_for(self, quick: Predictor) -> None:
        sources = [InMemory(f"{index}.png", png(1)) for index in range(40)]

        def sizes(within: float | None) -> list[int]:
            batches = Pipeline(quick, orientations=False).batches(sources, readers=1, within=within)
            return [len(batch) for batch in batches]

        assert sizes(60) == [1, 2, 4, 8, 16, 9]
        assert sizes(None) == [16, 16, 8]
        assert sizes(1e-9) == [1] * 40

    def test_the_lock_is_given_up_between_passes(self, quick: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
        passes: list[int] = []
        lock, answer = threading.Lock(), quick.predict

        def slow(images: list[LesionImage]) -> list[Prediction]:
            assert lock.locked()
            passes.append(len(images))
            time.sleep(0.004 * len(images))
            return answer(images)

        monkeypatch.setattr(quick, "predict", slow)
        images = [InMemory(f"{index}.png", png(1)) for index in range(16)]
        for hold in (lambda: 0.03, lambda: 60.0, None):
            list(Pipeline(quick, orientations=False, lock=lock, hold=hold).stream(images))
        # One image shows how long they take; then as many as fit, or eight.
        short, long = passes[:-4], passes[-4:]
        assert short[0] == 1
        assert max(short) <= 7
        assert sum(short) == 16
        assert long == [1, 8, 7, 16]


@pytest.fixture(scope="module")
def large() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(resize(familiar_pixels(1), height=1800, width=2400)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


class TestReducedImages:
    """A large image of which all pixels are not wanted: the same row but for the last digits of its numbers."""

    def test_the_row_is_that_of_the_whole(self, large: bytes, predictor: Predictor) -> None:
        rows = {}
        for all_pixels in (True, False):
            pipeline = Pipeline(predictor, orientations=False, all_pixels=all_pixels)
            assessed = pipeline(large, name="a.jpg")
            assert (assessed.image.full_size is None) == all_pixels
            assert assessed.image.pixels.shape[0] == (1800 if all_pixels else 900)
            rows[all_pixels] = Row.of("a.jpg", assessed, pipeline.card, pipeline.point).cells()
        whole, reduced = (
            {name: value for name, value in rows[each].items() if not isinstance(value, float) and name != "reasons"}
            for each in (True, False)
        )
        assert reduced == whole
        assert (whole["width"], whole["height"]) == (2400, 1800)
        assert rows[False]["probability"] == pytest.approx(rows[True]["probability"], abs=0.01)

    def test_a_stream_has_the_same_results(self, large: bytes, predictor: Predictor) -> None:
        pipeline = Pipeline(predictor, orientations=False, all_pixels=False)
        alone = pipeline(large)
        ((_, streamed),) = pipeline.stream([InMemory("a.jpg", large)], readers=2)
        assert isinstance(streamed, Assessed)
        assert streamed.prediction.score == alone.prediction.score
        assert streamed.admission == alone.admission

    def test_many_of_them_make_small_batches(
        self, large: bytes, quick: Predictor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What is held is the reduced copy and the file, not all pixels.
        monkeypatch.setattr(pipeline_module, "MOST_BYTES", 2 * (900 * 1200 * 3 + len(large)))
        sources = [InMemory(f"{index}.jpg", large) for index in range(5)]
        batches = list(Pipeline(quick, orientations=False, all_pixels=False).batches(sources, readers=1))
        assert [len(batch) for batch in batches] == [2, 2, 1]

    def test_another_model_assesses_the_same_pixels(self, large: bytes, quick: Predictor) -> None:
        pipeline = Pipeline(quick, orientations=False, all_pixels=False)
        first = pipeline(large)
        (again,) = pipeline.assess_again([first])
        assert again.image is first.image
        assert again.admission is not None
        assert first.admission is not None
        assert again.admission.quality is first.admission.quality
