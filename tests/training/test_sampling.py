"""Which rows an epoch shows: each at most once, or as often as its weight says."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from skinlens.training.manifest import ManifestError
from skinlens.training.sampling import BalancedSampler, EpochSampler, row_weights


def epoch(sampler: BalancedSampler | EpochSampler, number: int) -> list[Any]:
    sampler.epoch = number
    return list(sampler)


def test_every_row_comes_at_most_once_an_epoch() -> None:
    sampler = EpochSampler(50, seed=0, batch_size=8)
    draws = epoch(sampler, 3)
    assert len(draws) == len(sampler) == 48
    assert sampler.batches == 6
    assert {number for number, _ in draws} == {3}
    indices = [index for _, index in draws]
    assert len(set(indices)) == 48
    assert set(indices) <= set(range(50))


def test_the_rows_left_out_change_from_epoch_to_epoch() -> None:
    sampler = EpochSampler(10, seed=0, batch_size=4)
    seen = {index for number in range(20) for _, index in epoch(sampler, number)}
    assert seen == set(range(10))


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_an_epoch_without_overlap(world: int) -> None:
    samplers = [EpochSampler(50, seed=4, batch_size=8, rank=rank, world=world) for rank in range(world)]
    shares = [epoch(sampler, 1) for sampler in samplers]
    assert {len(share) for share in shares} == {8 * (50 // (8 * world))}
    together = [draw for share in shares for draw in share]
    assert len(set(together)) == len(together)
    alone = epoch(EpochSampler(50, seed=4, batch_size=8), 1)
    assert set(together) <= set(epoch(EpochSampler(50, seed=4, batch_size=1), 1))
    assert shares[0][0] == alone[0]


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    first = epoch(EpochSampler(40, seed=1, batch_size=4), 5)
    torch.rand(3)
    later = EpochSampler(40, seed=1, batch_size=4)
    epoch(later, 4)
    assert epoch(later, 5) == first
    order = [index for _, index in first]
    assert [index for _, index in epoch(later, 6)] != order
    assert [index for _, index in epoch(EpochSampler(40, seed=2, batch_size=4), 5)] != order
    assert order != sorted(order)


def test_too_few_rows_make_no_batch() -> None:
    assert EpochSampler(7, seed=0, batch_size=8).batches == 0
    assert EpochSampler(15, seed=0, batch_size=8, world=2).batches == 0
    assert list(EpochSampler(7, seed=0, batch_size=8)) == []


def unbalanced() -> pd.DataFrame:
    """Four cells of 40, 10, 2 and 8 rows."""
    sizes = {("ham", "benign"): 40, ("ham", "malignant"): 10, ("bcn", "benign"): 2, ("bcn", "malignant"): 8}
    cells = [cell for cell, size in sizes.items() for _ in range(size)]
    return pd.DataFrame(cells, columns=["origin", "label"])


@pytest.mark.parametrize("balance", [0.3, 0.5, 1.0])
def test_a_cell_weighs_as_its_tempered_size(balance: float) -> None:
    rows = unbalanced()
    weights = row_weights(rows, balance)
    assert weights.sum() == pytest.approx(1)
    by_cell = pd.Series(weights).groupby([rows["origin"], rows["label"]])
    assert (by_cell.nunique() == 1).all()
    sizes = by_cell.size().to_numpy() ** (1 - balance)
    np.testing.assert_allclose(by_cell.sum(), sizes / sizes.sum())


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_with_even_labels_an_origin_says_nothing_about_the_label(balance: float) -> None:
    rows = pd.concat([unbalanced(), pd.DataFrame({"origin": ["far"] * 5, "label": ["malignant"] * 5})])
    weights = row_weights(rows, balance, even_labels=True)
    assert weights.sum() == pytest.approx(1)
    by_cell = pd.Series(weights).groupby([rows["origin"].to_numpy(), rows["label"].to_numpy()])
    assert (by_cell.nunique() == 1).all()
    share = by_cell.sum()
    for origin in ("ham", "bcn"):
        assert share[origin, "benign"] == pytest.approx(share[origin, "malignant"])
    origins = share.groupby(level=0).sum()
    sizes = pd.Series({"ham": 50, "bcn": 10, "far": 5}) ** (1 - balance)
    np.testing.assert_allclose(origins[sizes.index], sizes / sizes.sum())


def test_without_balance_rows_weigh_alike_and_need_no_origin() -> None:
    np.testing.assert_array_equal(row_weights(pd.DataFrame({"label": ["benign"] * 4}), 0), [0.25] * 4)


def test_balance_without_an_origin_is_an_error() -> None:
    with pytest.raises(ManifestError, match="no manifest has the column origin"):
        row_weights(pd.DataFrame({"label": ["benign"]}), 0.5)


@pytest.mark.parametrize("balance", [0.5, 1.0])
def test_every_row_comes_as_often_as_it_weighs(balance: float) -> None:
    weights = row_weights(unbalanced(), balance)
    sampler = BalancedSampler(weights, seed=3, batch_size=8)
    assert len(sampler) == len(EpochSampler(60, seed=3, batch_size=8)) == 56
    for number in range(6):
        draws = epoch(sampler, number)
        assert len(draws) == len(set(draws)) == 56
        assert {draw[0] for draw in draws} == {number}
        counts = np.bincount([row for _, row, _ in draws], minlength=60)
        assert (np.abs(counts - 56 * weights) < 1).all()
        assert [sorted(c for _, row, c in draws if row == n) for n in range(60)] == [list(range(k)) for k in counts]


def test_balanced_cells_are_equal_over_epochs() -> None:
    rows = unbalanced()
    sampler = BalancedSampler(row_weights(rows, 1.0), seed=0, batch_size=4)
    for number in range(5):
        drawn = rows.iloc[[row for _, row, _ in epoch(sampler, number)]]
        assert (drawn.value_counts() - 15).abs().max() <= 1


def test_a_balanced_order_depends_on_seed_and_epoch_alone() -> None:
    weights = row_weights(unbalanced(), 0.5)
    first = epoch(BalancedSampler(weights, seed=1, batch_size=4), 5)
    torch.rand(3)
    later = BalancedSampler(weights, seed=1, batch_size=4)
    epoch(later, 4)
    assert epoch(later, 5) == first
    assert epoch(later, 6) != first
    assert epoch(BalancedSampler(weights, seed=2, batch_size=4), 5) != first


def test_processes_share_a_balanced_epoch() -> None:
    weights = row_weights(unbalanced(), 0.5)
    alone = epoch(BalancedSampler(weights, seed=1, batch_size=8), 2)
    shares = [epoch(BalancedSampler(weights, seed=1, batch_size=4, rank=rank, world=2), 2) for rank in range(2)]
    assert [draw for pair in zip(*shares, strict=True) for draw in pair] == alone


@pytest.mark.parametrize("images", [24, 200])
def test_an_epoch_shows_as_many_images_as_it_is_told(images: int) -> None:
    weights = row_weights(unbalanced(), 0.5)
    sampler = BalancedSampler(weights, seed=1, batch_size=8, images=images)
    draws = epoch(sampler, 2)
    assert len(sampler) == len(draws) == len(set(draws)) == images
    counts = np.bincount([row for _, row, _ in draws], minlength=60)
    assert (np.abs(counts - images * weights) < 1).all()


def test_images_that_do_not_fill_a_batch_are_left_out() -> None:
    weights = row_weights(unbalanced(), 0.5)
    assert len(BalancedSampler(weights, seed=1, batch_size=8, images=30)) == 24
    assert len(BalancedSampler(weights, seed=1, batch_size=8, images=30, world=3)) == 8
    assert BalancedSampler(weights, seed=1, batch_size=8, images=7).batches == 0


def test_processes_share_an_epoch_of_a_given_number_of_images() -> None:
    weights = row_weights(unbalanced(), 0.5)
    alone = epoch(BalancedSampler(weights, seed=1, batch_size=8, images=96), 2)
    shares = [
        epoch(BalancedSampler(weights, seed=1, batch_size=4, rank=rank, world=2, images=96), 2) for rank in range(2)
    ]
    assert [draw for pair in zip(*shares, strict=True) for draw in pair] == alone
