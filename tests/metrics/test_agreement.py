"""Agreement of two raters against a second implementation and identities."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from skinlens.metrics.agreement import agreement


def test_kappa_is_that_of_a_second_implementation() -> None:
    random = np.random.default_rng(3)
    first = random.random(80) < 0.4
    second = np.where(random.random(80) < 0.8, first, ~first)
    found = agreement(list(first), list(second))
    assert found.kappa.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.kappa.low is not None
    assert found.kappa.high is not None
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert found.share.value == pytest.approx(np.mean(first == second))


def test_the_four_cells_add_up_and_swap_with_the_raters() -> None:
    first, second = [True, True, False, False, True], [True, False, True, False, True]
    found, swapped = agreement(first, second), agreement(second, first)
    assert (found.both_malignant, found.both_benign, found.first_alone, found.second_alone) == (2, 1, 1, 1)
    assert found.n == 5
    assert (swapped.first_alone, swapped.second_alone) == (found.second_alone, found.first_alone)
    assert swapped.kappa == found.kappa


def test_whoever_agrees_with_himself_agrees_wholly() -> None:
    found = agreement([True, False, True], [True, False, True])
    assert (found.share.value, found.kappa.value) == (1.0, 1.0)


@pytest.mark.parametrize("calls", [[], [True], [False, False]])
def test_kappa_is_undefined_where_nothing_varies(calls: list[bool]) -> None:
    found = agreement(calls, calls)
    assert found.kappa.value is None
    assert found.kappa.reason
    assert found.n == len(calls)


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 calls of the first rater, 1 of the second"):
        agreement([True, False], [True])
