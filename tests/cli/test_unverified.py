"""A model that was not released: refused, or used and marked wherever its results go."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from skinlens.cli import predict as predict_module
from skinlens.cli import score as score_module
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime import released
from skinlens.runtime.card import ModelFileError, read_card, write_card
from skinlens.runtime.choice import quickest_predictor
from skinlens.runtime.ood import OodStatistics
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor
from skinlens.runtime.released import trusted_card
from skinlens.runtime.weights import shipped_folder
from skinlens.studies.ood_rejection import _release
from skinlens.triage.wording import UNVERIFIED
from tests.cli.conftest import Caller

MARKED = f"{DEFAULT_MODEL} (unverified)"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode_png(draw_pixels(0, height=96, width=128, malignant_look=False)))
    (folder / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def own(tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The released model with another threshold, in a folder that the commands take models from."""
    folder = tmp_path / "weights"
    folder.mkdir()
    card = predictor.card
    for file in card.every_file.values():
        (folder / file.file).symlink_to(shipped_folder() / file.file)
    points = tuple(point.model_copy(update={"threshold": 0.9, "band": None}) for point in card.operating_points)
    write_card(card.model_copy(update={"operating_points": points}), folder / f"{card.name}.json")
    for module in (predict_module, score_module):
        monkeypatch.setattr(
            module, "quickest_predictor", lambda name, **given: quickest_predictor(name, folder, **given)
        )
    # For processes of their own.
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(folder))
    return folder


@pytest.mark.usefixtures("own")
class TestUse:
    def test_predict_refuses_it_in_a_sentence(self, call: Caller, images: Path) -> None:
        done = call("predict", images)
        assert (done.status, done.out) == (1, "")
        assert "is not the one released with this version of SkinLens" in done.err
        assert "--unverified" in done.err

    def test_predict_marks_every_row(self, call: Caller, images: Path) -> None:
        done = call("predict", images, "--no-views", "--unverified")
        rows = list(csv.DictReader(done.out.splitlines()))
        assert (done.status, [row["model"] for row in rows]) == (0, [MARKED, MARKED])
        assert UNVERIFIED in rows[0]["reasons"]

    def test_json_is_marked_too_and_the_environment_will_do(
        self, call: Caller, images: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SKINLENS_UNVERIFIED", "1")
        rows = json.loads(call("predict", images, "--no-views", "--json").out)
        assert [row["model"] for row in rows] == [MARKED, MARKED]

    @pytest.mark.slow
    def test_score_does_the_same_in_processes_of_its_own(self, call: Caller, images: Path, tmp_path: Path) -> None:
        words = ("score", images, "--out", tmp_path / "out", "--no-views", "--workers", "1")
        assert call(*words).status == 1
        assert call(*words, "--unverified").status == 0
        rows = parquet.read_table(str(tmp_path / "out")).to_pylist()
        assert [row["model"] for row in rows] == [MARKED, MARKED]


def test_a_released_model_is_not_marked_whatever_is_allowed(loaded: Predictor, call: Caller, images: Path) -> None:
    done = call("predict", images, "--no-views", "--unverified")
    rows = list(csv.DictReader(done.out.splitlines()))
    assert [row["model"] for row in rows] == [loaded.card.name] * 2
    assert UNVERIFIED not in done.out


class TestReleasing:
    """The commands that write a released card keep its digest in step, so that no hand has to."""

    @pytest.fixture
    def weights(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "weights"
        (folder / "evaluation").mkdir(parents=True)
        shutil.copy(shipped_folder() / f"{DEFAULT_MODEL}.json", folder)
        for path in (shipped_folder() / "evaluation").glob("*.*"):
            if path.name.startswith(f"{DEFAULT_MODEL}.") or path.name == "scorings.csv":
                shutil.copy(path, folder / "evaluation")
        shutil.copy(released.DIGESTS, tmp_path / "released.json")
        monkeypatch.setattr(released, "DIGESTS", tmp_path / "released.json")
        monkeypatch.setattr(released, "shipped_folder", lambda: folder)
        return folder

    def spoil(self, weights: Path) -> Path:
        path = weights / f"{DEFAULT_MODEL}.json"
        write_card(read_card(path).model_copy(update={"title": "another"}), path)
        return path

    def test_card(self, call: Caller, weights: Path) -> None:
        path = weights / f"{DEFAULT_MODEL}.json"
        log = weights / "evaluation" / "scorings.csv"
        before = path.read_bytes()
        last = log.read_text("utf-8").splitlines()
        log.write_text("\n".join([*last, next(line for line in last if f",{DEFAULT_MODEL}," in line)]) + "\n", "utf-8")
        assert call("card", DEFAULT_MODEL, "--weights", weights).status == 0
        assert path.read_bytes() != before
        assert trusted_card(path).test is not None

    def test_card_does_not_bless_what_somebody_changed(self, call: Caller, weights: Path) -> None:
        path = self.spoil(weights)
        before = path.read_bytes(), released.DIGESTS.read_bytes()
        done = call("card", DEFAULT_MODEL, "--weights", weights)
        assert (done.status, "is not the one released" in done.err) == (1, True)
        assert (path.read_bytes(), released.DIGESTS.read_bytes()) == before
        assert call("card", DEFAULT_MODEL, "--weights", weights, "--unverified").status == 0
        assert trusted_card(path).title == "another"

    def test_refusal(self, weights: Path, predictor: Predictor) -> None:
        statistics = OodStatistics(np.ones((2, 4)), np.zeros(2), np.ones(2))
        _release(predictor, statistics, -2.5, {"split": "made up."}, weights)
        card = trusted_card(weights / f"{DEFAULT_MODEL}.json")
        assert card.ood is not None
        assert card.ood.threshold == -2.5
        with pytest.raises(ModelFileError, match="not the one released"):
            trusted_card(self.spoil(weights))

    def test_export_lists_a_new_model_only_beside_the_package(self, call: Caller, tmp_path: Path) -> None:
        done = call("export", "--checkpoint", "x", "--name", "mine", "--weights", tmp_path, "--release")
        assert (done.status, "leave out --release or --weights" in done.err) == (2, True)
