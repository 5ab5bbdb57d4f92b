"""OodStatistics: against the same quantities computed another way, through a file, and what bad files get."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from skinlens.runtime.card import (
    ModelCard,
    ModelFile,
    ModelFileError,
    OodRecord,
    read_card,
    sha256_of,
    write_card,
)
from skinlens.runtime.ood import OodStatistics, load_ood_statistics, save_ood_statistics

CHANNELS, LINES = 12, 2


@pytest.fixture
def statistics() -> OodStatistics:
    return OodStatistics(
        directions=np.random.default_rng(0).normal(0, 1, (LINES, CHANNELS)),
        centres=np.array([-1.0, 0.5]),
        spreads=np.array([0.5, 2.0]),
    )


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 2, (9, CHANNELS)).astype(np.float32)


def test_the_score_is_the_least_along_any_line_in_standard_deviations(
    statistics: OodStatistics, features: np.ndarray
) -> None:
    for image, score in zip(features, statistics.scores(features), strict=True):
        first, second = (float(image @ direction) for direction in statistics.directions)
        assert score == pytest.approx(min((first + 1) / 0.5, (second - 0.5) / 2))
        assert statistics.score(image) == pytest.approx(score)


def test_going_along_both_lines_raises_the_score(statistics: OodStatistics) -> None:
    towards = np.linalg.pinv(statistics.directions) @ np.ones(LINES)
    scores = statistics.scores(np.linspace(-2, 2, 5)[:, None] * towards)
    assert (np.diff(scores) > 0).all()


def test_features_that_are_no_numbers_have_no_score(statistics: OodStatistics) -> None:
    assert np.isnan(statistics.score(np.full(CHANNELS, np.nan)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"directions": np.full((LINES, CHANNELS), np.nan)}, "directions must be finite and of shape"),
        ({"directions": np.zeros((0, CHANNELS))}, "directions must be"),
        ({"directions": np.zeros((3, CHANNELS))}, "centres must be finite and of shape"),
        ({"centres": np.array([np.nan, 0.0])}, "centres must be finite"),
        ({"spreads": np.array([1.0, 0.0])}, "spreads must be above 0"),
    ],
)
def test_statistics_that_do_not_fit_together(statistics: OodStatistics, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(statistics, **changed)


def described(content: dict[str, Any], path: Path) -> ModelCard:
    """The made-up card, naming the statistics at `path`."""
    file = ModelFile(file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size)
    record = OodRecord(statistics=file, threshold=-2.5, chosen_on="nothing")
    return ModelCard.model_validate(content).model_copy(update={"ood": record})


class TestFile:
    @pytest.fixture
    def path(self, statistics: OodStatistics, tmp_path: Path) -> Path:
        path = tmp_path / "made_up.familiarity.safetensors"
        save_ood_statistics(statistics, path)
        return path

    def test_scores_survive_the_file(
        self, statistics: OodStatistics, features: np.ndarray, content: dict[str, Any], path: Path
    ) -> None:
        loaded = load_ood_statistics(described(content, path), path.parent)
        assert loaded is not None
        assert loaded.scores(features) == pytest.approx(statistics.scores(features), abs=0.02)
        assert list(path.parent.iterdir()) == [path]

    def test_the_card_keeps_where_they_are(self, content: dict[str, Any], path: Path, tmp_path: Path) -> None:
        card = described(content, path)
        write_card(card, tmp_path / "made_up.json")
        assert read_card(tmp_path / "made_up.json") == card

    def test_an_old_card_has_none(self, content: dict[str, Any], tmp_path: Path) -> None:
        assert "familiarity" not in content
        assert load_ood_statistics(ModelCard.model_validate(content), tmp_path) is None

    def test_an_altered_file_is_noticed(self, content: dict[str, Any], path: Path) -> None:
        card = described(content, path)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match="is not the file that the card of made_up describes"):
            load_ood_statistics(card, path.parent)

    def test_a_missing_file_is_named(self, content: dict[str, Any], path: Path) -> None:
        card = described(content, path)
        path.unlink()
        with pytest.raises(ModelFileError, match=f"{path.name} is missing"):
            load_ood_statistics(card, path.parent)

    @pytest.mark.parametrize("spoil", ["garbage", "a tensor less", "another shape"])
    def test_a_file_of_something_else_is_rejected(self, spoil: str, content: dict[str, Any], path: Path) -> None:
        tensors = load_file(path)
        if spoil == "garbage":
            path.write_bytes(b"no tensors")
        elif spoil == "a tensor less":
            save_file({name: value for name, value in tensors.items() if name != "centres"}, path)
        else:
            save_file(tensors | {"directions": np.zeros(3, np.float32)}, path)
        with pytest.raises(ModelFileError, match=r"holds no out-of-distribution statistics"):
            load_ood_statistics(described(content, path), path.parent)
