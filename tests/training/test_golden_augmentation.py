"""Recipes written as a flat table, as shipped and as recorded, still give the pixels that they gave.

The golden file was made by the augmentation that preceded `skinlens.training.transforms`. Run this file as a script to
write it again, which is right only if a recipe is meant to give other pixels from now on.
"""

import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from skinlens.imaging.synthetic import draw_pixels
from skinlens.training.dataset import DecodedRows, TrainingImages
from skinlens.training.recipe import Recipe, read_recipe
from skinlens.training.sampling import row_weights

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "augmentation.json"
SHIPPED = sorted(path for path in (ROOT / "recipes").rglob("*.toml") if not path.name.endswith(".about.toml"))
CARDS = ("asff_resnet50", "asff_resnet50_paper")
SEED = 7
ROWS = 8

# torchvision means to move its JPEG coder to another package; its versions are pinned.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")

# Each entry often enough to be seen in a few draws.
EVERYTHING = {
    "torchvision": {
        "flip": True,
        "flip_vertical": True,
        "quarter_turns": True,
        "shift": 0.1,
        "crop_area": 0.5,
        "aspect": 1.3,
        "vignette_share": 0.5,
        "brightness": 0.2,
        "contrast": 0.2,
        "saturation": 0.2,
        "hue": 0.03,
        "blur": 1.5,
        "blur_share": 0.5,
        "jpeg": 40,
        "jpeg_share": 0.5,
    },
    "opencv": {
        "engine": "opencv",
        "flip": True,
        "flip_vertical": True,
        "quarter_turns": True,
        "rotation": 90.0,
        "shift": 0.1,
        "crop_area": 0.5,
        "aspect": 1.3,
        "squash": 0.3,
        "crop_to_lesion_share": 0.4,
        "swap_share": 0.25,
        "background_blur_share": 0.15,
        "background_erase_share": 0.15,
        "withhold_share": 0.25,
        "withhold_flat": 0.5,
        "erase_share": 0.5,
        "shades_of_grey_share": 0.4,
        "cast": 0.1,
        "brightness": 0.2,
        "contrast": 0.2,
        "saturation": 0.2,
        "hue": 0.05,
        "vignette_share": 0.4,
        "circle_share": 0.4,
        "blur": 1.5,
        "blur_share": 0.4,
        "resolution": 0.3,
        "resolution_share": 0.4,
        "noise": 8.0,
        "noise_share": 0.4,
        "jpeg": 40,
        "jpeg_share": 0.5,
    },
    "opencv-resize-only": {"engine": "opencv"},
    "opencv-shift-only": {"engine": "opencv", "shift": 0.1},
}


def recipes() -> dict[str, Recipe]:
    """Name and recipe of every shipped file and card, and of tables that use every entry.

    Recipes recorded in `selected.json` are those of the files, which test_recipe.py holds them to.
    """
    found = {str(path.relative_to(ROOT / "recipes")): read_recipe(path) for path in SHIPPED}
    for name in CARDS:
        card = json.loads((ROOT / "weights" / f"{name}.json").read_text("utf-8"))
        found[f"card {name}"] = Recipe.model_validate(card["training"]["recipe"])
    base = found["asff_resnet50_paper.toml"].model_dump(mode="json", exclude={"augmentation"})
    for name, table in EVERYTHING.items():
        parts = {"segmentation": 0.3} if table.get("engine") == "opencv" else {}
        found[f"everything {name}"] = Recipe.model_validate(base | parts | {"augmentation": table})
    return found


def drawn_rows(folder: Path) -> pd.DataFrame:
    """Eight drawn lesions of several shapes; five have an outline, and both labels some of them."""
    listed = []
    for number in range(ROWS):
        height, width = ((96, 128), (80, 80), (120, 90))[number % 3]
        Image.fromarray(draw_pixels(number, height=height, width=width)).save(folder / f"{number}.png")
        y, x = np.ogrid[0:height, 0:width]
        outline = (y / height - 0.45) ** 2 + (x / width - 0.55) ** 2 <= (0.15 + 0.01 * number) ** 2
        Image.fromarray(outline).save(folder / f"{number}_mask.png")
        traced = number in {0, 1, 2, 4, 6}
        listed.append(
            (str(folder / f"{number}.png"), number % 2, str(folder / f"{number}_mask.png") if traced else None)
        )
    rows = pd.DataFrame(listed, columns=["file", "malignant", "outline_file"])
    return rows.assign(label=np.where(rows["malignant"], "malignant", "benign"), origin=["a"] * 5 + ["b"] * 3)


def draws(recipe: Recipe, rows: pd.DataFrame, *, each: int, repeats: range | list[Any]) -> Iterator[Any]:
    """Items of training: the first rows in the first and in the last epoch."""
    weights = row_weights(rows, recipe.balance, even_labels=recipe.even_labels)
    decoded = DecodedRows(rows, side=recipe.keep_side, outlines=recipe.needs_outlines)
    for epoch in (0, recipe.schedule.epochs - 1):
        size = recipe.schedule.size(epoch, recipe.preprocessing.size)
        images = TrainingImages(decoded, weights, recipe.compose(size), seed=SEED, outlines=recipe.segmentation > 0)
        for row, repeat in itertools.product(range(each), repeats):
            yield images[(epoch, row) if repeat is None else (epoch, row, repeat)]


def described(item: tuple[Any, ...]) -> tuple[str, str]:
    """The digest of an item, and a thumbnail of its image as 4 x 4 mean colours in hexadecimal."""
    image, label, *outline = item
    digest = sha256(image.numpy().tobytes())
    digest.update(np.float64(label).tobytes())
    for one in outline:
        digest.update(one.numpy().tobytes())
    size = image.shape[0]
    edges = np.linspace(0, size, 5).astype(int)
    pixels = image.numpy().astype(np.float64)
    thumbnail = [
        pixels[edges[i] : edges[i + 1], edges[j] : edges[j + 1]].mean(axis=(0, 1)) for i in range(4) for j in range(4)
    ]
    return digest.hexdigest()[:16], np.round(thumbnail).astype(np.uint8).tobytes().hex()


def machine() -> Any:
    """What the last bit of a pixel may depend on."""
    names = ("numpy", "opencv-python-headless", "torch", "torchvision")
    return {name: version(name) for name in names} | {"cpu": torch.backends.cpu.get_cpu_capability()}


def all_described(folder: Path) -> dict[str, list[tuple[str, str]]]:
    rows, items = drawn_rows(folder), {}
    for name, recipe in recipes().items():
        everything = name.startswith("everything")
        # A row that may come several times in an epoch has the repeat as a third number in its draw.
        repeats = range(3) if everything else [1 if recipe.draws_unevenly else None]
        found = draws(recipe, rows, each=ROWS if everything else 4, repeats=repeats)
        items[name] = [described(item) for item in found]
    return items


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text("utf-8"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    return all_described(tmp_path_factory.mktemp("golden"))


def test_no_recipe_is_missing_and_no_draw_is_like_another(
    golden: dict[str, Any], found: dict[str, list[tuple[str, str]]]
) -> None:
    assert set(golden["draws"]) <= set(found)
    for name, items in golden["draws"].items():
        if name != "everything opencv-resize-only":
            assert len({digest for digest, _ in items}) == len(items), name


def test_the_pixels_look_the_same_on_every_machine(
    golden: dict[str, Any], found: dict[str, list[tuple[str, str]]]
) -> None:
    """Another draw of a transform changes some mean colour of a sixteenth of the image by far more than rounding."""
    for name, items in golden["draws"].items():
        for (_, expected), (_, given) in zip(items, found[name], strict=True):
            colours = (np.frombuffer(bytes.fromhex(text), np.uint8).astype(int) for text in (expected, given))
            np.testing.assert_allclose(*colours, atol=1, err_msg=name)  # type: ignore[call-overload]


# Nothing may be skipped, and elsewhere this says nothing about the code: the test above holds there.
if json.loads(GOLDEN.read_text("utf-8"))["machine"] == machine():

    def test_the_pixels_are_the_same_to_the_bit_where_the_libraries_are(
        golden: dict[str, Any], found: dict[str, list[tuple[str, str]]]
    ) -> None:
        for name, items in golden["draws"].items():
            assert [digest for digest, _ in found[name]] == [digest for digest, _ in items], name


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        content = {"machine": machine(), "draws": all_described(Path(scratch))}
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(content, indent=0) + "\n", "utf-8")
    sys.stdout.write(f"wrote {GOLDEN}\n")
