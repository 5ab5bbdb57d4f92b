"""Two models of a folder: aligned by image whatever the order, in words, with seeds where there are several."""

from dataclasses import replace
from pathlib import Path

import pytest

from skinlens.leaderboard.model_comparison import (
    NOT_SHOWN,
    SHOWN,
    compare_models,
    disagreeing,
    p_in_words,
    pair_table,
    scored,
    sentences,
)
from skinlens.leaderboard.records import EvaluatedModel, read_results
from skinlens.metrics.paired import ScoredModel, compare, disagreements
from skinlens.metrics.registry import METRICS

Families = dict[str, tuple[EvaluatedModel, ...]]


@pytest.fixture(scope="module")
def families(made_up_evaluations: Path) -> Families:
    return read_results(made_up_evaluations).by_family()


def test_it_is_the_comparison_of_both_files_row_by_row(families: Families) -> None:
    (one,), (other,) = families["mobilenet_v2"], families["lenet5"]
    first = ScoredModel(one.label, one.rows["probability"], one.threshold)
    second = ScoredModel(other.label, other.rows["probability"], other.threshold)
    expected = compare(one.rows, first, second, view="native", resamples=30)
    assert compare_models([one], [other], "native", resamples=30).first_seed == expected
    assert disagreeing(one, other, "native").equals(disagreements(one.rows, first, second, view="native"))


def test_the_order_of_the_rows_does_not_matter(families: Families) -> None:
    (one,), (other,) = families["mobilenet_v2"], families["lenet5"]
    shuffled = replace(other, rows=other.rows.sample(frac=1, random_state=1).reset_index(drop=True))
    assert scored(one, shuffled)[2].probabilities.tolist() == scored(one, other)[2].probabilities.tolist()


def test_images_that_one_has_not_scored_are_left_out(families: Families) -> None:
    (one,), (other,) = families["mobilenet_v2"], families["lenet5"]
    fewer = replace(other, rows=other.rows[20:].reset_index(drop=True))
    assert compare_models([one], [fewer], "all", resamples=5).first_seed.n == 100
    assert set(disagreeing(one, fewer, "all")["path"]) <= set(fewer.rows["path"])


def test_seeds_are_averaged_where_both_have_several(families: Families) -> None:
    several = compare_models(families["resnet50"], families["asff_resnet50_softmax"], "all", resamples=30)
    assert several.over_seeds is not None
    values = [model.record.views["all"].metrics["roc_auc"].value for model in families["resnet50"] if model.record]
    assert several.over_seeds["roc_auc"].first == pytest.approx(sum(values) / 3)  # type: ignore[arg-type]
    assert sentences(several)[-1].startswith("Over all seeds, training chance included: ")
    alone = compare_models(families["resnet50"], families["lenet5"], "all", resamples=30)
    assert alone.over_seeds is None
    assert not any("seeds" in sentence for sentence in sentences(alone))


def test_a_model_against_itself_differs_in_nothing_and_says_so(families: Families) -> None:
    pair = compare_models(families["lenet5"], families["lenet5"], "all", resamples=20)
    assert set(pair_table(pair.first_seed)["Verdict"]) == {NOT_SHOWN}
    said = sentences(pair)
    assert said[0].startswith("No difference was shown: ")
    assert "DeLong's test: p = 1.000." in said[0]
    assert "lenet5 alone decides 0 correctly and lenet5 alone 0." in said[2]
    assert disagreeing(families["lenet5"][0], families["lenet5"][0], "all").empty


def test_table_and_sentences_agree_and_carry_the_marks(families: Families) -> None:
    pair = compare_models(families["asff_resnet50_paper"], families["mobilenet_v2"], "all", resamples=100)
    table = pair_table(pair.first_seed).set_index("Figure")
    assert len(table) == len(METRICS)
    assert table.loc["ROC AUC", "Verdict"] == SHOWN
    assert sentences(pair)[0].startswith("ASFF ResNet-50, sigmoid gate is better than MobileNetV2 (no ImageNet start) ")
    assert {"Brier score (lower is better)", "Calibration error (lower is better)"} <= set(table.index)
    counts = pair.first_seed.decisions
    said = sentences(pair)[2]
    assert f"Of 120 images both decide {counts.both_right} correctly and {counts.both_wrong} wrongly" in said
    assert counts.both_right + counts.both_wrong + counts.only_first + counts.only_second == 120


@pytest.mark.parametrize(("p", "said"), [(0.0004, "p < 0.001"), (0.001, "p = 0.001"), (0.0567, "p = 0.057")])
def test_p_in_words(p: float, said: str) -> None:
    assert p_in_words(p) == said


def test_a_view_that_the_images_do_not_allow_is_an_error(families: Families) -> None:
    with pytest.raises(ValueError, match="elsewhere"):
        compare_models(families["lenet5"], families["mobilenet_v2"], "elsewhere", resamples=5)
