"""Shortcut figures: models whose shortcut is known get the numbers that follow from it."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from skinlens.metrics.measurement import Measurement, undefined
from skinlens.studies.shortcuts import BACKGROUND_MEASUREMENTS, measure_backgrounds, partners, shape_probabilities

LABELS = np.repeat([0, 1], [30, 20])
GROUPS = np.arange(50) // 2


def figures(
    plain: npt.NDArray[np.float64],
    same_class: npt.NDArray[np.float64],
    swapped: npt.NDArray[np.float64],
    threshold: float = 0.5,
) -> dict[str, Measurement]:
    return measure_backgrounds(
        LABELS, GROUPS, threshold, plain=plain, same_class=same_class, swapped=swapped, resamples=50
    )


@pytest.fixture
def informative() -> np.ndarray:
    """Probabilities without ties that are right more often than not."""
    evidence = np.random.default_rng(3).normal(2.0 * LABELS - 1, 1.2)
    return 1 / (1 + np.exp(-evidence))


class TestShape:
    def test_what_tells_the_classes_apart_is_learned(self) -> None:
        generator = np.random.default_rng(0)
        labels = np.tile([0, 1], 100)
        features = generator.normal(size=(200, 4))
        features[:, 2] += 4 * labels
        unseen = generator.normal(size=(200, 4))
        unseen[:, 2] += 4 * labels
        assert roc_auc_score(labels, shape_probabilities(features, labels, unseen)) > 0.97

    def test_what_tells_nothing_stays_near_chance(self) -> None:
        generator = np.random.default_rng(0)
        labels = np.tile([0, 1], 200)
        features, unseen = generator.normal(size=(2, 400, 4))
        chances = shape_probabilities(features, labels, unseen)
        assert roc_auc_score(labels, chances) == pytest.approx(0.5, abs=0.08)
        assert ((chances >= 0) & (chances <= 1)).all()

    def test_the_same_every_time(self) -> None:
        features = np.random.default_rng(0).normal(size=(60, 3))
        first, again = (shape_probabilities(features[:40], np.tile([0, 1], 20), features[40:]) for _ in range(2))
        np.testing.assert_array_equal(first, again)

    @pytest.mark.parametrize("count", [0, 5])
    def test_there_must_be_both_classes(self, count: int) -> None:
        with pytest.raises(ValueError, match="no outlines of both classes"):
            shape_probabilities(np.zeros((count, 3)), np.zeros(count, int), np.zeros((2, 3)))


class TestPartners:
    @pytest.mark.parametrize("other_class", [False, True])
    def test_the_class_asked_for_and_another_group(self, other_class: bool) -> None:
        chosen = partners(LABELS, GROUPS, other_class=other_class, seed=0)
        np.testing.assert_array_equal(LABELS[chosen] == LABELS, not other_class)
        assert (GROUPS[chosen] != GROUPS).all()

    def test_backgrounds_are_used_equally_often(self) -> None:
        alone = np.arange(50)
        own = np.bincount(partners(LABELS, alone, other_class=False, seed=0), minlength=50)
        assert (own == 1).all()
        other = np.bincount(partners(LABELS, alone, other_class=True, seed=0), minlength=50)
        assert set(other[LABELS == 1]) <= {1, 2}
        assert set(other[LABELS == 0]) <= {0, 1}

    def test_the_seed_decides(self) -> None:
        first, again, other = (partners(LABELS, GROUPS, other_class=True, seed=seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()

    def test_groups_may_have_names(self) -> None:
        names = np.array([f"lesion {group}" for group in GROUPS], dtype=object)
        np.testing.assert_array_equal(
            partners(LABELS, names, other_class=False, seed=0), partners(LABELS, GROUPS, other_class=False, seed=0)
        )

    @pytest.mark.parametrize(
        ("labels", "groups", "other_class"),
        [([0, 0, 1], "abc", False), ([0, 0, 1, 1], "aabc", False), ([0, 0], "ab", True), ([0, 1], "aa", True)],
    )
    def test_an_image_without_a_partner(self, labels: list[int], groups: str, other_class: bool) -> None:
        with pytest.raises(ValueError, match="no other image"):
            partners(np.array(labels), list(groups), other_class=other_class, seed=0)


class TestBackgrounds:
    def test_who_sees_the_lesion_alone_is_not_moved(self, informative: npt.NDArray[np.float64]) -> None:
        seen = figures(informative, informative, informative)
        auc = roc_auc_score(LABELS, informative)
        for name in ("plain_auc", "same_class_auc", "swapped_auc", "crossed_auc_by_lesion"):
            assert seen[name].value == pytest.approx(auc), name
        for name in ("crossed_auc_by_background",):
            assert seen[name].value == pytest.approx(0.5), name
        for name in [name for name in seen if "change" in name] + ["logit_towards_background"]:
            assert seen[name].value == 0, name
        assert (seen["flipped_by_background"].value, seen["flipped_by_moving"].value) == (0, 0)
        wrong = ((informative >= 0.5) != (LABELS == 1)).mean()
        assert seen["verdict_is_backgrounds"].value == pytest.approx(wrong)
        assert 0 < wrong < 0.4

    def test_who_sees_the_background_alone_follows_it(self) -> None:
        of_background = np.where(LABELS == 1, 0.75, 0.25)
        seen = figures(of_background, of_background, 1 - of_background)
        assert (seen["plain_auc"].value, seen["same_class_auc"].value, seen["swapped_auc"].value) == (1, 1, 0)
        assert seen["crossed_auc_by_lesion"].value == pytest.approx(0.5)
        assert seen["crossed_auc_by_background"].value == 1
        assert seen["verdict_is_backgrounds"].value == 1
        assert (seen["flipped_by_background"].value, seen["flipped_by_moving"].value) == (1, 0)
        assert seen["score_change_plain_to_same_class"].value == 0
        assert seen["score_change_plain_to_swapped"].value == 0.5
        assert seen["logit_change_same_class_to_swapped"].value == pytest.approx(2 * np.log(3))
        assert seen["logit_towards_background"].value == pytest.approx(2 * np.log(3))

    def test_who_is_thrown_by_moving_itself(self, informative: npt.NDArray[np.float64]) -> None:
        """Everything that was moved looks malignant, on whatever background: no background is followed."""
        seen = figures(informative, np.full(50, 0.9), np.full(50, 0.9))
        right = (informative >= 0.5) == (LABELS == 1)
        assert seen["flipped_by_background"].value == 0
        assert seen["flipped_by_background"].n == 20
        assert seen["flipped_by_moving"].value == pytest.approx((right & (LABELS == 0)).sum() / right.sum())
        assert seen["flipped_by_moving"].n == right.sum()
        assert seen["logit_towards_background"].value == 0

    def test_the_direction_away_from_the_background_is_negative(self, informative: npt.NDArray[np.float64]) -> None:
        away = 1 / (1 + np.exp(-(np.log(informative / (1 - informative)) + np.where(LABELS == 1, 0.5, -0.5))))
        seen = figures(informative, informative, away)
        assert seen["logit_towards_background"].value == pytest.approx(-0.5)
        assert seen["logit_change_same_class_to_swapped"].value == pytest.approx(0.5)

    def test_each_lesion_counts_once_and_has_an_interval(self, informative: npt.NDArray[np.float64]) -> None:
        swapped = np.random.default_rng(5).permutation(informative)
        measured = figures(informative, informative**2, swapped)
        assert list(measured) == list(BACKGROUND_MEASUREMENTS)
        for name, figure in measured.items():
            assert figure.reason is None
            assert figure.low <= figure.value <= figure.high, name
            if name.startswith("crossed"):
                assert figure.n == 100
            elif not name.startswith("flipped"):
                assert figure.n == 50

    def test_certainty_has_a_finite_logit(self) -> None:
        certain = LABELS.astype(float)
        seen = figures(certain, certain, 1 - certain)
        assert seen["logit_towards_background"].value == pytest.approx(2 * np.log(1e6), rel=1e-3)

    def test_the_threshold_decides_what_a_verdict_is(self, informative: npt.NDArray[np.float64]) -> None:
        seen = figures(informative, informative, informative, threshold=0)
        assert seen["verdict_is_backgrounds"].value == pytest.approx(30 / 50)

    def test_without_a_right_verdict_before_there_is_none_to_turn(self) -> None:
        wrong = np.where(LABELS == 1, 0.1, 0.9)
        seen = figures(wrong, wrong, wrong)
        assert seen["flipped_by_background"] == undefined("no lesion was classified correctly before", 0)
