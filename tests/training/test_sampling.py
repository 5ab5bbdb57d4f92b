"""Which rows an epoch shows: each at most once, or as often as its weight says."""

import numpy as np
import pandas as pd
import pytest
import torch

from skinlens.training.manifest import ManifestError
from skinlens.training.sampling import BalancedSampler, EpochSampler, row_weights


def epoch(sampler, number):
    sampler.epoch = number
    return list(sampler)


def test_every_row_comes_at_most_once_an_epoch():
    sampler = EpochSampler(50, seed=0, batch_size=8)
    draws = epoch(sampler, 3)
    assert len(draws) == len(sampler) == 48
    assert sampler.batches == 6
    assert {number for number, _ in draws} == {3}
    indices = [index for _, index in draws]
    assert len(set(indices)) == 48
    assert set(indices) <= set(range(50))


def test_the_rows_left_out_change_from_epoch_to_epoch():
    sampler = EpochSampler(10, seed=0, batch_size=4)
    seen = {index for number in range(20) for _, index in epoch(sampler, number)}
    assert seen == set(range(10))


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_an_epoch_without_overlap(world):
    samplers = [EpochSampler(50, seed=4, batch_size=8, rank=rank, world=world) for rank in range(world)]
    shares = [epoch(sampler, 1) for sampler in samplers]
    assert {len(share) for share in shares} == {8 * (50 // (8 * world))}
    together = [draw for share in shares for draw in share]
    assert len(set(together)) == len(together)
    alone = epoch(EpochSampler(50, seed=4, batch_size=8), 1)
    assert set(together) <= set(epoch(EpochSampler(50, seed=4, batch_size=1), 1))
    assert shares[0][0] == alone[0]


def test_the_order_depends_on_seed_and_epoch_alone():
    first = epoch(EpochSampler(40, seed=1, batch_size=4), 5)
    torch.rand(3)
    later = EpochSampler(40, seed=1, batch_size=4)
    epoch(later, 4)
    assert epoch(later, 5) == first
    order = [index for _, index in first]
    assert [index for _, index in epoch(later, 6)] != order
    assert [index for _, index in epoch(EpochSampler(40, seed=2, batch_size=4), 5)] != order
    assert order != sorted(order)


def test_too_few_rows_make_no_batch():
    assert EpochSampler(7, seed=0, batch_size=8).batches == 0
    assert EpochSampler(15, seed=0, batch_size=8, world=2).batches == 0
    assert list(EpochSampler(7, seed=0, batch_size=8)) == []
