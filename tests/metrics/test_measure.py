"""Figures with their interval: against `evaluate_views` and numpy, and what they say where there is nothing to say."""

import numpy as np
import pandas as pd
import pytest

from skinlens.metrics.measure import measure, measure_mean, measure_roc_auc
from skinlens.metrics.measurement import Measurement, undefined
from skinlens.metrics.report import evaluate_views
from skinlens.metrics.rows import evenly_spread
from tests.drawn_at_random import LabelsAndProbabilities


class TestMetrics:
    def test_the_same_as_in_the_views(self, predictions: LabelsAndProbabilities) -> None:
        labels, chances = predictions
        groups = np.arange(len(labels)) // 2
        rows = pd.DataFrame({"label": np.where(labels == 1, "malignant", "benign"), "group_id": groups})
        expected = evaluate_views(rows, chances, 0.4, resamples=50)["all"].metrics
        figures = measure(labels, chances, 0.4, groups, "accuracy", "roc_auc", resamples=50)
        assert list(figures) == ["accuracy", "roc_auc"]
        for name, figure in figures.items():
            assert (figure.value, figure.low, figure.high, figure.n, figure.reason) == (
                expected[name].value, expected[name].low, expected[name].high, 300, None,
            )  # fmt: skip
        assert measure_roc_auc(labels, chances, groups, resamples=50) == figures["roc_auc"]

    @pytest.mark.parametrize(("label", "reason"), [(0, "every image is benign"), (1, "every image is malignant")])
    def test_one_class_has_an_accuracy_and_no_auc(self, label: int, reason: str) -> None:
        figures = measure([label] * 4, [0.1, 0.6, 0.7, 0.8], 0.5, range(4), "accuracy", "roc_auc", resamples=20)
        assert figures["accuracy"].value == (0.75 if label else 0.25)
        assert figures["roc_auc"] == undefined(reason, 4)

    def test_no_image_has_no_figure(self) -> None:
        assert measure_roc_auc([], [], []) == Measurement(None, None, None, 0, "there is no image")

    def test_one_group_has_no_interval(self) -> None:
        assert measure_roc_auc([0, 1], [0.2, 0.7], ["a", "a"]) == Measurement(1.0, None, None, 2)


class TestMean:
    def test_images_that_are_their_own_group_give_the_normal_interval(self) -> None:
        values = np.random.default_rng(1).normal(3, 2, 400)
        figure = measure_mean(values, range(400), absent="")
        assert (figure.value, figure.n) == (pytest.approx(values.mean()), 400)
        margin = 1.96 * values.std() / 20
        assert (figure.low, figure.high) == pytest.approx((values.mean() - margin, values.mean() + margin), abs=0.03)

    def test_copies_in_one_group_do_not_narrow_it(self) -> None:
        values = np.random.default_rng(2).normal(0, 1, 100)
        once = measure_mean(values, range(100), absent="")
        twice = measure_mean(np.tile(values, 2), np.tile(np.arange(100), 2), absent="")
        assert (twice.value, twice.low, twice.high) == pytest.approx((once.value, once.low, once.high))
        assert twice.n == 200

    def test_a_share_of_all_has_an_interval_without_width(self) -> None:
        assert measure_mean([1, 1, 1], ["a", "b", "c"], absent="") == Measurement(1.0, 1.0, 1.0, 3)

    def test_one_group_has_no_interval(self) -> None:
        assert measure_mean([1, 3], ["a", "a"], absent="") == Measurement(2.0, None, None, 2)

    def test_the_mean_of_nothing_is_undefined(self) -> None:
        assert measure_mean([], [], absent="nothing there") == undefined("nothing there", 0)

    def test_groups_of_another_length_are_refused(self) -> None:
        with pytest.raises(ValueError, match="groups must have the shape"):
            measure_mean([1, 2, 3], ["a", "b"], absent="")


class TestSpread:
    @pytest.mark.parametrize("most", [12, 13, 200])
    def test_all_where_they_are_not_too_many(self, most: int) -> None:
        np.testing.assert_array_equal(evenly_spread(np.tile([0, 1], 6), most), np.arange(12))

    def test_each_label_in_its_share_evenly_over_its_rows(self) -> None:
        labels = np.repeat([0, 1], [360, 300])
        chosen = evenly_spread(labels, 200)
        benign, malignant = chosen[chosen < 360], chosen[chosen >= 360] - 360
        assert (len(benign), len(malignant)) == (109, 91)
        for members, count in ((benign, 360), (malignant, 300)):
            assert (members[0], members[-1]) == (0, count - 1)
            assert np.ptp(np.diff(members)) <= 1

    @pytest.mark.parametrize("most", [1, 7, 50, 99])
    def test_no_row_twice_and_no_label_left_out(self, most: int) -> None:
        labels = np.random.default_rng(0).permutation(np.repeat([0, 1], [97, 3]))
        chosen = evenly_spread(labels, most)
        assert (np.diff(chosen) > 0).all()
        assert set(labels[chosen]) == {0, 1}
        assert abs(len(chosen) - most) <= 1

    def test_none_at_all_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 1, not 0"):
            evenly_spread(np.array([0, 1]), 0)
