"""The state of the Compare page: the submitted model, what is picked at first, images from inside the folder only."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.synthetic import draw_pixels
from skinlens.ui.compare import state as page_state
from skinlens.ui.compare.state import image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "test").mkdir(parents=True)
    drawn = Image.fromarray(draw_pixels(3, height=96, width=96))
    drawn.save(tmp_path / "data" / "test" / "a.png")
    drawn.save(tmp_path / "outside.png")
    (tmp_path / "data" / "text.png").write_text("no image")
    return tmp_path / "data"


def test_an_image_is_found_by_its_path(folder: Path) -> None:
    found = image(str(folder), "test/a.png")
    assert found is not None
    assert np.array_equal(found.pixels, draw_pixels(3, height=96, width=96))
    assert image(str(folder), "test/b.png") is None
    assert image(str(folder / "nowhere"), "test/a.png") is None


@pytest.mark.parametrize("path", ["../outside.png", "test/../../outside.png", "link.png"])
def test_nothing_outside_the_folder_is_shown(folder: Path, path: str) -> None:
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    assert (folder / path).is_file()
    assert image(str(folder), path) is None
    assert image(str(folder), str(folder.parent / "outside.png")) is None


@pytest.mark.parametrize("path", ["text.png", "a\0b"])
def test_what_is_no_image_is_refused_in_words(folder: Path, path: str) -> None:
    with pytest.raises(ImageRejectedError):
        image(str(folder), path)


class Uploaded:
    """A file as Streamlit's uploader hands it over."""

    name = "mine.csv"

    @staticmethod
    def getvalue() -> bytes:
        return b"path,label,probability\n"


def test_an_upload_is_kept_and_picked_once_and_can_be_removed(state: dict[str, Any]) -> None:
    state.update({page_state.UPLOADER: Uploaded(), page_state.PICKED: ["ResNet-50", "Yours: old.csv"]})
    page_state.receive()
    assert page_state.submission() == page_state.Submission("mine.csv", Uploaded.getvalue())
    assert state[page_state.PICKED] == ["ResNet-50", "Yours: mine.csv"]
    page_state.receive()
    assert state[page_state.PICKED] == ["ResNet-50", "Yours: mine.csv"]
    page_state.remove()
    assert page_state.submission() is None
    assert state[page_state.PICKED] == ["ResNet-50"]


def test_an_emptied_uploader_forgets_the_model(state: dict[str, Any]) -> None:
    state[page_state.UPLOADER] = Uploaded()
    page_state.receive()
    state[page_state.UPLOADER] = None
    page_state.receive()
    assert page_state.submission() is None


def test_the_threshold_outlives_its_widget(state: dict[str, Any]) -> None:
    assert page_state.threshold() == page_state.DEFAULT_THRESHOLD
    state[page_state.THRESHOLD] = 0.7
    page_state.keep_threshold()
    del state[page_state.THRESHOLD]
    assert page_state.threshold() == 0.7


@pytest.mark.usefixtures("state")
def test_a_comparison_stays_asked_for() -> None:
    assert not page_state.was_asked(("a", "b"))
    page_state.ask(("a", "b"))
    assert page_state.was_asked(("a", "b"))
    assert not page_state.was_asked(("b", "a"))


class TestCompared:
    @pytest.fixture
    def compared(
        self, state: dict[str, Any], made_up_evaluations: Path, monkeypatch: pytest.MonkeyPatch
    ) -> page_state.Compared:
        assert state == {}
        monkeypatch.setenv("SKINLENS_WEIGHTS", str(made_up_evaluations.parent))
        return page_state.load()

    def test_everything_can_be_picked_and_a_few_are_at_first(self, compared: page_state.Compared) -> None:
        assert compared.labels == [model.label for model in compared.models] + compared.published["label"].tolist()
        first = compared.picked_first()
        assert set(first) <= set(compared.labels)
        assert len(first) <= page_state.MOST_PICKED + 1
        assert first[-1] == "ASFF ResNet-50 (paper)"
        assert not any(model.tta for model in compared.models if model.label in first)

    def test_all_seeds_of_a_model_are_found_by_its_label(self, compared: page_state.Compared) -> None:
        for model in compared.models:
            seeds = compared.seeds(model.label)
            assert seeds[0] is model
            assert {seed.family for seed in seeds} == {model.family}

    def test_models_are_found_by_label_in_their_own_order(self, compared: page_state.Compared) -> None:
        labels = compared.labels[:3]
        found = page_state.by_label(compared.models, [*reversed(labels), "no such model"])
        assert [model.label for model in found] == labels

    def test_only_test_views_that_a_model_allows_are_offered(self, compared: page_state.Compared) -> None:
        assert compared.views == list(page_state.VIEWS)
        nothing = dataclasses.replace(compared, results=dataclasses.replace(compared.results, models=()))
        assert nothing.views == ["all"]

    def test_a_comparison_depends_on_both_models_and_the_view(self, compared: page_state.Compared) -> None:
        first, second = (compared.seeds(label) for label in compared.labels[:2])
        keys = {
            page_state.pair_key(first, second, "all"),
            page_state.pair_key(second, first, "all"),
            page_state.pair_key(first, second, "native"),
        }
        assert len(keys) == 3
