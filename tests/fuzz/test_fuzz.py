"""2,000 damaged files, the same ones each time; `python -m tests.fuzz` tries as many as one likes."""

from pathlib import Path

import numpy as np
import pytest

from skinlens.imaging.workers import end_workers
from tests.fuzz.mutations import mutated
from tests.fuzz.samples import samples
from tests.fuzz.trial import Figures, _open, try_mutations

MUTATIONS = 2_000


# A busy machine takes minutes: gdcm starts a process of its own for each image.
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_damaged_files_are_opened_or_rejected_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    figures = try_mutations(MUTATIONS, seed=0)
    end_workers()
    assert figures.tried == MUTATIONS
    assert figures.crashed == 0, str(figures)
    assert figures.over_budget <= MUTATIONS // 100
    # Damage that always or never matters would try nothing.
    assert MUTATIONS // 10 < figures.accepted < MUTATIONS * 9 // 10
    # Not a word from a decoder reaches the terminal.
    assert capfd.readouterr() == ("", "")


def test_undamaged_files_open(tmp_path: Path) -> None:
    ends = {name: _open(name, data, tmp_path) for name, data in samples().items()}
    assert ends.pop("gif") == "animated"
    assert set(ends.values()) == {""}


def test_the_same_seed_damages_alike() -> None:
    data = bytes(range(256)) * 8
    made = [[mutated(data, data[::-1], np.random.default_rng([seed, n])) for n in range(50)] for seed in (0, 0, 1)]
    assert made[0] == made[1]
    assert made[0] != made[2]
    assert sum(each != data for each in made[0]) > 40


def test_figures_count_each_end_once() -> None:
    figures = Figures()
    for reason in ("", "truncated", "over_budget", "decoder_failed", "fault"):
        figures.add("jpeg", reason, 0.1)
    assert (figures.tried, figures.accepted, figures.rejected, figures.over_budget, figures.crashed) == (5, 1, 1, 1, 2)
