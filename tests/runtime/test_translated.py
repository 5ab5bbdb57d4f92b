"""What is wrong with a model's files reads the same to programs as before, and in the reader's language on a page."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skinlens.runtime.card import ModelFileError, read_card, verified_path
from skinlens.runtime.predictor import card_of
from skinlens.runtime.released import trusted_card
from skinlens.runtime.weights import shipped_folder
from skinlens.translation import error_in_language, language

RELEASED = "asff_resnet50"


def _copied_card(folder: Path, name: str) -> Path:
    path = folder / f"{name}.json"
    path.write_bytes((shipped_folder() / f"{RELEASED}.json").read_bytes())
    return path


@pytest.mark.parametrize(
    ("ask", "english", "german"),
    [
        (
            lambda folder: read_card(folder / "none.json"),
            "There is no model card at {folder}/none.json.",
            "Es gibt keine Modellkarte unter {folder}/none.json.",
        ),
        (
            lambda folder: card_of("none", folder),
            "There is no model 'none' in {folder}, nor any other.",
            "In {folder} gibt es weder ein Modell 'none' noch ein anderes.",
        ),
        (
            lambda folder: trusted_card(_copied_card(folder, "mine")),
            "mine is not among the models released with this version of SkinLens. To use it as your own, add "
            "--unverified, or set SKINLENS_UNVERIFIED=1 for the app.",
            "mine gehört nicht zu den mit dieser Version von SkinLens veröffentlichten Modellen. Um es als Ihr eigenes "
            "zu verwenden, geben Sie --unverified an oder setzen Sie SKINLENS_UNVERIFIED=1 für die App.",
        ),
        (
            lambda folder: verified_path(read_card(_copied_card(folder, RELEASED)), "graph", folder),
            "Model asff_resnet50 is incomplete: asff_resnet50.onnx is missing from {folder}.",
            "Das Modell asff_resnet50 ist unvollständig: asff_resnet50.onnx fehlt in {folder}.",
        ),
    ],
)
def test_an_error_of_a_model_is_translated(
    ask: Callable[[Path], object], english: str, german: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError) as caught:
        ask(tmp_path)
    assert str(caught.value) == english.format(folder=tmp_path)
    with language("de"):
        assert error_in_language(caught.value) == german.format(folder=tmp_path)
