"""Linear probes: against scikit-learn on features standardised by hand, and what inner folds choose."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from skinlens.training import probe as module
from skinlens.training.held_out_probes import held_out_origins, probe_folds, probe_origin, probed_rows
from skinlens.training.manifest import ManifestError
from skinlens.training.probe import LinearProbe, balanced, choose_probe, fit_probe, fit_with_intercepts


@pytest.fixture(scope="module")
def features() -> npt.NDArray[np.float32]:
    """Columns of very different scales, the last of which never varies."""
    drawn = np.random.default_rng(0).normal(size=(240, 6)) * [1, 10, 0.01, 5, 1, 0] + [0, 3, 0.5, -20, 7, 0.1]
    return drawn.astype(np.float32)


@pytest.fixture(scope="module")
def malignant(features: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    evidence = features[:, 0] + (features[:, 1] - 3) / 5 + np.random.default_rng(1).normal(size=len(features))
    return (evidence > 0.8).astype(np.int64)


def test_weights_give_both_labels_the_same_total() -> None:
    weights = balanced([0, 0, 0, 1])
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2])
    assert weights.mean() == pytest.approx(1)


def test_the_probe_is_scikit_learns_on_standardised_features(
    features: npt.NDArray[np.float32], malignant: npt.NDArray[np.int64]
) -> None:
    """With weights that are whole numbers, so that rows can be repeated instead."""
    repeats = np.random.default_rng(2).integers(1, 4, len(malignant))
    probe = fit_probe(features, malignant, repeats / repeats.mean(), 0.05)
    rows = features.repeat(repeats, axis=0).astype(np.float64)
    varying = rows[:, :5]
    standardised = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    again = LogisticRegression(C=0.05 / repeats.mean(), tol=1e-8, max_iter=5000)
    again.fit(standardised, malignant.repeat(repeats))
    np.testing.assert_allclose(probe.logits(features).repeat(repeats), again.decision_function(standardised), atol=2e-3)
    assert probe.strength == 0.05


def test_with_intercepts_a_feature_that_tells_datasets_apart_earns_nothing() -> None:
    """Two datasets, of which one is mostly malignant; the first feature is the dataset, the second the lesion."""
    generator = np.random.default_rng(3)
    datasets = np.repeat([0, 1], 400)
    malignant = (generator.random(800) < np.where(datasets == 1, 0.8, 0.2)).astype(np.int64)
    features = np.stack([datasets + generator.normal(0, 0.1, 800), malignant + generator.normal(0, 1, 800)], axis=1)
    weights = np.ones(800)
    plain = fit_probe(features.astype(np.float32), malignant, weights, 1.0)
    apart, added = fit_with_intercepts(features.astype(np.float32), malignant, datasets, weights, 1.0)
    assert plain.coefficients[0] > 2
    assert abs(apart.coefficients[0]) < 1
    assert apart.coefficients[1] == pytest.approx(1.0, abs=0.25)
    # The log odds of 0.8 against those of 0.2 are 2.8 apart; the lesions' part of it is the feature's.
    assert added[1] - added[0] + apart.coefficients[0] == pytest.approx(2.77, abs=0.4)
    assert added.mean() == pytest.approx(0, abs=1e-6)


def test_scales_of_the_features_do_not_matter(
    features: npt.NDArray[np.float32], malignant: npt.NDArray[np.int64]
) -> None:
    weights, stretch = balanced(malignant), np.array([1, 100, 1000, 0.1, 3, 1], np.float32)
    plain, stretched = (fit_probe(part, malignant, weights, 0.01) for part in (features, features * stretch))
    np.testing.assert_allclose(plain.logits(features), stretched.logits(features * stretch), atol=1e-3)


def test_a_feature_that_never_varies_carries_nothing(
    features: npt.NDArray[np.float32], malignant: npt.NDArray[np.int64]
) -> None:
    probe = fit_probe(features, malignant, balanced(malignant), 0.01)
    other = features.copy()
    other[:, 5] += 1
    np.testing.assert_allclose(probe.logits(other), probe.logits(features), atol=1e-4)


def test_logits_and_probabilities_belong_together() -> None:
    probe = LinearProbe(np.array([2.0, -1.0]), 0.5, 1.0)
    values = np.array([[1, 0], [0, 3]], np.float32)
    np.testing.assert_allclose(probe.logits(values), [2.5, -2.5])
    np.testing.assert_allclose(probe.probability(values), [1 / (1 + np.exp(-2.5)), 1 / (1 + np.exp(2.5))])


def test_one_label_alone_cannot_be_fitted(features: npt.NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="class"):
        fit_probe(features, np.zeros(len(features), int), np.ones(len(features)), 1.0)


class TestChoice:
    def test_the_strength_is_the_best_over_inner_folds_worked_out_by_hand(self) -> None:
        """Some of these problems ask for little regularisation and some for much."""
        chosen = set()
        for seed in range(6):
            generator = np.random.default_rng(seed)
            noise = generator.normal(size=(150, 40)) * generator.uniform(0.1, 3, 40)
            malignant = (noise[:, 0] + 0.5 * noise[:, 1] + generator.normal(size=150) > 0).astype(np.int64)
            values, groups = noise.astype(np.float32), pd.Series(np.arange(150) // 2)
            weights, strengths = balanced(malignant), (1e-4, 1e-2, 1.0)
            areas = []
            for strength in strengths:
                splitter = StratifiedGroupKFold(3, shuffle=True, random_state=0)
                areas.append(
                    [
                        roc_auc_score(
                            malignant[scored],
                            fit_probe(values[fitted], malignant[fitted], weights[fitted], strength).logits(
                                values[scored]
                            ),
                        )
                        for fitted, scored in splitter.split(values, malignant, groups)
                    ]
                )
            best = strengths[int(np.mean(areas, axis=1).argmax())]
            assert choose_probe(values, malignant, groups, weights, strengths).strength == best
            chosen.add(best)
        assert len(chosen) > 1

    def test_the_chosen_probe_is_fitted_to_every_row(
        self, features: npt.NDArray[np.float32], malignant: npt.NDArray[np.int64]
    ) -> None:
        groups, weights = pd.Series(np.arange(len(malignant))), balanced(malignant)
        chosen = choose_probe(features, malignant, groups, weights, (0.02,))
        expected = fit_probe(features, malignant, weights, 0.02)
        np.testing.assert_array_equal(chosen.coefficients, expected.coefficients)
        assert (chosen.intercept, chosen.strength) == (expected.intercept, 0.02)

    def test_a_group_lies_in_one_inner_fold(
        self, features: npt.NDArray[np.float32], malignant: npt.NDArray[np.int64], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        groups = pd.Series(np.arange(len(malignant)) // 3)
        seen = []

        def recording(_features: Any, _malignant: Any, _weights: Any, fitted: Any, scored: Any, strengths: Any) -> Any:
            seen.append((set(groups[fitted]), set(groups[scored])))
            return [0.5] * len(strengths)

        monkeypatch.setattr(module, "_inner_areas", recording)
        assert choose_probe(features, malignant, groups, balanced(malignant), (0.1, 0.01)).strength == 0.01
        assert len(seen) == 3
        assert not any(fitted & scored for fitted, scored in seen)
        assert set.union(*(scored for _, scored in seen)) == set(groups)

    def test_too_few_groups(self, features: npt.NDArray[np.float32], malignant: npt.NDArray[np.int64]) -> None:
        with pytest.raises(ValueError, match="n_splits"):
            choose_probe(features, malignant, pd.Series(malignant), balanced(malignant))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Two large datasets and a small one, in five folds; every tenth lesion of the first is also in the second."""
    origins = np.repeat(["ham", "bcn", "hiba"], [120, 120, 24])
    numbers = np.arange(len(origins))
    groups = np.where((numbers % 10 == 0) & (numbers < 240), numbers % 120, numbers)
    return pd.DataFrame(
        {
            "path": [f"{number}.jpg" for number in numbers],
            "origin": origins,
            "label": np.where(numbers % 3 == 0, "malignant", "benign"),
            "malignant": (numbers % 3 == 0).astype(int),
            "split": "train",
            "group_id": [f"G{group}" for group in groups],
            "fold": groups % 5,
            "twin_in_test": 0,
        }
    )


@pytest.fixture(scope="module")
def drawn(rows: pd.DataFrame) -> npt.NDArray[np.float32]:
    noise = np.random.default_rng(4).normal(size=(len(rows), 8))
    noise[:, 0] += 1.5 * rows["malignant"]
    return noise.astype(np.float32)


class TestHeldOut:
    def test_which_rows_take_part(self, rows: pd.DataFrame) -> None:
        alone = rows.assign(origin=rows["origin"].mask(rows.index < 5, "alone"), label=rows["label"])
        alone.loc[alone.index < 5, "label"] = "benign"
        marked = alone.assign(twin_in_test=(rows.index == 7).astype(int), split=["test", *["train"] * 263])
        kept, columns = probed_rows(marked)
        assert columns == ("twin_in_test",)
        assert list(kept["path"]) == [f"{number}.jpg" for number in range(5, 264) if number != 7]
        assert probed_rows(rows.drop(columns="twin_in_test"))[1] == ()

    def test_only_large_datasets_are_held_out(self, rows: pd.DataFrame) -> None:
        assert held_out_origins(rows) == ["bcn", "ham"]
        assert held_out_origins(rows, 20) == ["bcn", "ham", "hiba"]

    def test_nothing_to_hold_out_is_told(self, rows: pd.DataFrame) -> None:
        with pytest.raises(ManifestError, match="at least 500 training rows"):
            held_out_origins(rows, 500)
        with pytest.raises(ManifestError, match="all training rows are of ham"):
            held_out_origins(rows[rows["origin"] == "ham"])

    def test_a_dataset_is_scored_by_what_knows_none_of_its_lesions(
        self, rows: pd.DataFrame, drawn: npt.NDArray[np.float32]
    ) -> None:
        part = probe_origin(rows, drawn, "bcn")
        assert list(part.rows["path"]) == [f"{number}.jpg" for number in range(120, 240)]
        # 12 lesions of ham occur in bcn too.
        assert part.fitted_to == 120 - 12 + 24
        apart = (rows["origin"] != "bcn") & ~rows["group_id"].isin(part.rows["group_id"])
        malignant = rows.loc[apart, "malignant"].to_numpy()
        expected = fit_probe(drawn[apart], malignant, balanced(malignant), part.strength)
        np.testing.assert_allclose(part.rows["probability"], expected.probability(drawn[120:240]), rtol=1e-5)

    def test_with_intercepts_the_others_have_one_each(self, rows: pd.DataFrame, drawn: npt.NDArray[np.float32]) -> None:
        part = probe_origin(rows, drawn, "bcn", intercepts=True)
        apart = (rows["origin"] != "bcn") & ~rows["group_id"].isin(part.rows["group_id"])
        malignant = rows.loc[apart, "malignant"].to_numpy()
        numbers = (rows.loc[apart, "origin"] == "hiba").to_numpy().astype(np.int64)
        expected, _ = fit_with_intercepts(drawn[apart], malignant, numbers, balanced(malignant), part.strength)
        np.testing.assert_allclose(part.rows["probability"], expected.probability(drawn[120:240]), rtol=1e-5)

    def test_features_follow_their_rows(self, rows: pd.DataFrame, drawn: npt.NDArray[np.float32]) -> None:
        order = np.random.default_rng(5).permutation(len(rows))
        shuffled = probe_origin(rows.iloc[order].reset_index(drop=True), drawn[order], "bcn")
        plain = probe_origin(rows, drawn, "bcn").rows.set_index("path")["probability"]
        # Inner folds depend on the order, so that the strength may be another; the ranking hardly is.
        assert shuffled.rows.set_index("path")["probability"].corr(plain, method="spearman") > 0.99

    def test_every_row_is_in_one_fold(self, rows: pd.DataFrame, drawn: npt.NDArray[np.float32]) -> None:
        parts = dict(probe_folds(rows, drawn))
        assert list(parts) == [0, 1, 2, 3, 4]
        assert sum(len(part.rows) for part in parts.values()) == len(rows)
        assert all((part.rows["fold"] == fold).all() for fold, part in parts.items())
        assert all(part.fitted_to + len(part.rows) == len(rows) for part in parts.values())

    def test_what_is_left_has_one_label(self, rows: pd.DataFrame, drawn: npt.NDArray[np.float32]) -> None:
        benign = rows[(rows["origin"] == "bcn") | (rows["label"] == "benign")].reset_index(drop=True)
        with pytest.raises(ManifestError, match="origin bcn held out: the other rows do not have both labels"):
            probe_origin(benign, drawn[: len(benign)], "bcn")

    def test_what_is_left_is_too_little_for_inner_folds(
        self, rows: pd.DataFrame, drawn: npt.NDArray[np.float32]
    ) -> None:
        few = rows[(rows["origin"] == "bcn") | rows.index.isin([1, 2, 3, 6])].reset_index(drop=True)
        with pytest.raises(ManifestError, match="no probe can be fitted with origin bcn held out"):
            probe_origin(few, drawn[: len(few)], "bcn")
