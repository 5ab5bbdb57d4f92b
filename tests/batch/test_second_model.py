"""A run with a second model: both results of each image are kept together, and an interruption loses neither."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from skinlens.batch.errors import BatchError
from skinlens.batch.reopen import assessment_again
from skinlens.batch.runner import go_through
from skinlens.batch.store import BatchStore, Plan, create_run
from skinlens.batch.summary import disagreement_sentence, summarise
from skinlens.batch.table import entries, second_point
from skinlens.runtime.predictor import Predictor, load_predictor
from skinlens.triage.pipeline import Pipeline


@pytest.fixture(scope="module")
def second() -> Predictor:
    return load_predictor("asff_resnet50_paper")


@pytest.fixture
def both(tmp_path: Path, folder: Path, predictor: Predictor, second: Predictor) -> Iterator[BatchStore]:
    """A run that is to be assessed by two models; nothing is assessed yet."""
    plan = Plan("ward", "path", (str(folder),), predictor.card, orientations=False, actor="me", second=second.card)
    store = create_run(tmp_path / "runs", plan)
    yield store
    store.engine.dispose()


def run(store: BatchStore, predictor: Predictor, second: Predictor) -> None:
    go_through(store, predictor, threading.Lock(), second=(second, threading.Lock()))


@pytest.mark.slow
def test_it_gets_the_same_images_as_a_pipeline_of_its_own_gives(
    both: BatchStore, folder: Path, predictor: Predictor, second: Predictor
) -> None:
    run(both, predictor, second)
    alone = Pipeline(second, orientations=False)
    lines = [line for line in both.lines() if line.is_assessed]
    assert len(lines) == 5
    for line in lines:
        expected = alone((folder / line.relative).read_bytes())
        assert line.second_score == pytest.approx(expected.prediction.score, abs=1e-6)
        row = both.second_result(line.number)
        assert row is not None
        again = assessment_again(row, second.card, second.card.point())
        assert again.decision == expected.assessment.decision
        assert again.prediction.signed_map == pytest.approx(expected.prediction.signed_map, abs=1e-5)
    (broken,) = [line for line in both.lines() if not line.is_assessed]
    assert broken.second_score is None
    assert both.second_result(broken.number) is None


def test_an_interrupted_run_resumes_with_both(both: BatchStore, predictor: Predictor, second: Predictor) -> None:
    def stop(_seconds: float) -> None:
        both.want("pause")

    go_through(both, predictor, threading.Lock(), second=(second, threading.Lock()), pause=stop)
    some = both.progress().done
    assert 0 < some < both.progress().total
    both.want("run")
    run(both, predictor, second)
    assert both.progress().complete
    assert all(line.second_score is not None for line in both.lines() if line.is_assessed)


def test_without_the_second_model_nothing_is_assessed(
    both: BatchStore, predictor: Predictor, second: Predictor
) -> None:
    with pytest.raises(BatchError, match=f"begun with {second.card.name} .* not the model in use"):
        go_through(both, predictor, threading.Lock())
    with pytest.raises(BatchError, match="not the model in use"):
        run(both, predictor, predictor)
    assert both.progress().done == 0


def test_a_number_that_cannot_be_decided_on_is_no_result(
    both: BatchStore, predictor: Predictor, second: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = second._session

    class Spoilt:
        def run(self, names: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
            answers = [np.array(each) for each in session.run(names, given)]
            answers[names.index("probability")][...] = np.nan
            return answers

    monkeypatch.setattr(second, "_session", Spoilt())
    run(both, predictor, second)
    assert sum(line.is_assessed for line in both.lines()) == 5
    assert all(line.second_score is None for line in both.lines())


def test_the_summary_names_it_and_counts_where_they_disagree(
    both: BatchStore, predictor: Predictor, second: Predictor
) -> None:
    run(both, predictor, second)
    card = both.card()
    table = entries(
        both.lines(), card.point(), facts={}, reviews=(), second_point=second_point(second.card, card.point())
    )
    found = summarise(both, table, card, card.point())
    assert found.second == (second.card.name, second.card.version, second.card.files["weights"].sha256)
    disagree = sum(bool(entry.models_disagree) for entry in table)
    assert disagreement_sentence(table) == f"The two models disagree on {disagree} of 5 images."
    assert disagreement_sentence(table) in found.remarks
    assert all(any(second.card.name in reason for reason in block.reasons) for block in found.blocks)
