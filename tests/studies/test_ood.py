"""Halves, thresholds and refused shares of a refusal, against counts made by hand."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from skinlens.studies.ood import choose_threshold, first_halves, rejected_shares, wrongly_rejected


class TestHalves:
    def test_each_kind_is_cut_in_its_middle(self) -> None:
        kinds = ["a", "b", "a", "b", "a", "a", "b"]
        assert first_halves(kinds).tolist() == [True, True, True, False, False, False, False]

    def test_neighbours_stay_together_but_for_one_seam_a_kind(self) -> None:
        kinds = ["a"] * 50 + ["b"] * 33
        first = first_halves(kinds)
        assert first[:50].sum() == 25
        assert first[50:].sum() == 16
        assert int(np.abs(np.diff(first[:50].astype(int))).sum()) == 1

    def test_nothing_gives_nothing(self) -> None:
        assert first_halves([]).size == 0


class TestThreshold:
    @pytest.mark.parametrize("allowed", [0.02, 0.05, 0.3])
    def test_no_group_is_refused_more_than_allowed_and_one_step_higher_would(self, allowed: float) -> None:
        random = np.random.default_rng(0)
        groups = random.choice(["ham", "bcn", "msk"], 900, p=[0.6, 0.3, 0.1]).tolist()
        scores = random.normal(0, 1, 900) + np.array([{"ham": 1, "bcn": 0, "msk": -1}[group] for group in groups])
        threshold = choose_threshold(scores, groups, allowed=allowed)

        def worst(at: float) -> float:
            return max(float((scores[np.array(groups) == group] < at).mean()) for group in set(groups))

        assert worst(threshold) <= allowed < worst(float(np.nextafter(threshold, np.inf)))

    def test_a_small_group_counts_among_all_images_and_not_by_itself(self) -> None:
        scores = np.array([*np.linspace(0, 1, 100), -9.0, *np.linspace(-3, -1, 9)])
        groups = ["large"] * 100 + ["small"] * 10
        # Five of all 110; five of the large group would be 0.05.
        assert choose_threshold(scores, groups, allowed=0.05) == pytest.approx(-2.0)

    def test_nothing_allowed_is_the_lowest_of_all(self) -> None:
        assert choose_threshold(np.array([3.0, 1.0, 2.0]), ["a", "b", "a"], allowed=0.0) == 1.0

    @pytest.mark.parametrize(
        ("scores", "groups", "allowed", "message"),
        [
            ([], [], 0.1, "give no threshold"),
            ([1.0], ["a", "b"], 0.1, "1 familiarities and 2 groups"),
            ([1.0], ["a"], 1.0, "allowed share"),
            ([1.0], ["a"], -0.1, "allowed share"),
            ([np.nan], ["a"], 0.1, "not a number"),
        ],
    )
    def test_bad_input(self, scores: list[float], groups: list[str], allowed: float, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            choose_threshold(np.array(scores), groups, allowed=allowed)


class TestShares:
    REFUSED = np.array([True, True, False, True, False, False])
    GROUPS = ("x", "x", "x", "y", "y", "y")

    def test_wanted_refusals(self) -> None:
        shares = rejected_shares(self.REFUSED, self.GROUPS, at_least={"x": 0.5, "y": 0.5, "z": 0.5})
        assert (shares["x"].refused, shares["x"].share.n, shares["x"].met) == (2, 3, True)
        assert (shares["y"].refused, shares["y"].share.n, shares["y"].met) == (1, 3, False)
        assert (shares["z"].share.value, shares["z"].met) == (None, None)

    def test_intervals_are_wilsons(self) -> None:
        share = rejected_shares(self.REFUSED, self.GROUPS, at_least={"x": 0.5})["x"].share
        assert (share.low, share.high) == pytest.approx(proportion_confint(2, 3, method="wilson"))

    def test_unwanted_refusals_of_every_group(self) -> None:
        shares = wrongly_rejected(self.REFUSED, self.GROUPS, at_most=1 / 3)
        assert {group: share.met for group, share in shares.items()} == {"x": False, "y": True}

    def test_a_target_that_is_just_reached_is_met(self) -> None:
        assert rejected_shares(self.REFUSED, self.GROUPS, at_least={"y": 1 / 3})["y"].met
