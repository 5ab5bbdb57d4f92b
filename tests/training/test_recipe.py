"""Recipes: the ones that are shipped, and how a bad entry is named."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skinlens.imaging.blanking import central_ellipse
from skinlens.imaging.synthetic import draw_pixels
from skinlens.models.registry import architectures
from skinlens.training.recipe import Recipe, RecipeError, Schedule, read_recipe
from skinlens.training.transforms.background import BackgroundTransform
from skinlens.training.transforms.intensity import GaussianBlur
from skinlens.training.transforms.sample import Donor, Sample
from skinlens.training.transforms.spatial import Crop, HorizontalFlip, Resize

RECIPES = Path(__file__).parents[2] / "recipes"
SHIPPED = sorted(path for path in RECIPES.rglob("*.toml") if not path.name.endswith(".about.toml"))

GOOD = """
name = "drawn"
about = "A recipe for a test"
batch_size = 8
precision = "32-true"
ema = 0.9

[network]
name = "asff_resnet50"
options = { gate = "sigmoid", stride_in_1x1 = true }

[preprocessing]
size = 96

[optimiser]
rate_pretrained = 1e-4
rate_new = 1e-3

[schedule]
epochs = 4
warm_up = 0.25

[augmentation]
flip = true
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    def write_and_read(text: Any) -> Any:
        path = tmp_path / "recipe.toml"
        path.write_text(text, "utf-8")
        return read_recipe(path)

    return write_and_read


def test_some_recipes_are_shipped() -> None:
    assert len(SHIPPED) >= 4


@pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_can_be_used(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name.endswith(path.stem)
    assert recipe.network.name in architectures()
    assert recipe.about
    sizes = {recipe.schedule.size(epoch, recipe.preprocessing.size) for epoch in range(recipe.schedule.epochs)}
    pixels = draw_pixels(0, height=64, width=80)
    sample = Sample(pixels, central_ellipse(64, 80), donor=Donor(pixels=lambda: pixels, skin=lambda: pixels))
    for size in sizes:
        assert recipe.compose(size)(sample, np.random.default_rng(0)).pixels.shape == (size, size, 3)
    assert recipe.keep_side is None or recipe.keep_side >= max(sizes)


def test_the_compared_gates_differ_in_nothing_else() -> None:
    recipes = [read_recipe(RECIPES / "compare" / f"{gate}.toml") for gate in ("softmax", "sigmoid", "spatial")]
    same = [
        recipe.model_dump(exclude={"name": True, "about": True, "network": {"options": {"gate"}}}) for recipe in recipes
    ]
    assert same[0] == same[1] == same[2]
    assert [recipe.network.options["gate"] for recipe in recipes] == ["softmax", "sigmoid", "spatial"]


def test_the_papers_schedule_is_the_papers() -> None:
    """arXiv 2510.03876 and its code: Adam 1e-5, batch 32, 500 epochs, horizontal flips and 10 % shifts."""
    recipe = read_recipe(RECIPES / "paper_schedule.toml")
    assert (recipe.optimiser.name, recipe.optimiser.rate_new, recipe.optimiser.rate_pretrained) == ("adam", 1e-5, 1e-5)
    assert recipe.optimiser.weight_decay == 0
    assert (recipe.batch_size, recipe.schedule.epochs, recipe.schedule.shape) == (32, 500, "constant")
    assert recipe.network.options == {"gate": "softmax", "stride_in_1x1": True}
    assert recipe.augmentation.model_dump(exclude_defaults=True) == {"flip": True, "shift": 0.1}
    assert recipe.ema is None
    assert recipe.label_smoothing == 0


def test_entries_are_read_and_the_rest_takes_defaults(read: Callable[..., Any]) -> None:
    recipe = read(GOOD)
    assert recipe.network.options == {"gate": "sigmoid", "stride_in_1x1": True}
    assert recipe.optimiser.rate_pretrained == 1e-4
    assert recipe.optimiser.name == "adamw"
    assert recipe.optimiser.clip_norm is None
    assert recipe.preprocessing.size == 96
    assert recipe.preprocessing.mean == (0.485, 0.456, 0.406)
    assert recipe.augmentation.model_dump(exclude_defaults=True) == {"flip": True}


def test_a_recipe_survives_its_record(read: Callable[..., Any]) -> None:
    recipe = read(GOOD)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    ("found", "put", "entry"),
    [
        ("batch_size = 8", "batchsize = 8", "batchsize: Extra inputs"),
        ("flip = true", "flipp = true", "augmentation.flipp: Extra inputs"),
        ('name = "drawn"\n', "", "name: Field required"),
        ("rate_new = 1e-3", "", "optimiser.rate_new: Field required"),
        ("epochs = 4", 'epochs = "four"', "schedule.epochs: Input should be a valid integer"),
        ("epochs = 4", "epochs = 4.5", "schedule.epochs: Input should be a valid integer"),
        ("flip = true", "flip = 2", "augmentation.flip: Input should be a valid boolean"),
        ("epochs = 4", "epochs = 0", "schedule.epochs: Input should be greater than or equal to 1"),
        ("warm_up = 0.25", "warm_up = 1.0", "schedule.warm_up: Input should be less than 1"),
        ("warm_up = 0.25", 'shape = "linear"', "schedule.shape: Input should be 'cosine' or 'constant'"),
        ("batch_size = 8", "batch_size = 1", "batch_size: Input should be greater than or equal to 2"),
        ("ema = 0.9", "ema = 1.0", "ema: Input should be less than 1"),
        ('"32-true"', '"64-true"', "precision: Input should be"),
        ("rate_new = 1e-3", "rate_new = 0.0", "optimiser.rate_new: Input should be greater than 0"),
        ("rate_new = 1e-3", "rate_new = nan", "optimiser.rate_new: Input should be greater than 0"),
        ("flip = true", "shift = 1.5", "augmentation.shift: Input should be less than or equal to 1"),
        ("flip = true", "crop_area = 0.0", "augmentation.crop_area: Input should be greater than 0"),
        ("flip = true", "aspect = 0.8", "augmentation.aspect: Input should be greater than or equal to 1"),
        ("flip = true", "hue = 0.6", "augmentation.hue: Input should be less than or equal to 0.5"),
        ("flip = true", "jpeg = 100", "augmentation.jpeg: Input should be less than or equal to 95"),
        ("size = 96", "size = 16", "preprocessing.size: Input should be greater than or equal to 32"),
        ("size = 96", 'geometry = "crop"', "preprocessing.geometry: Input should be 'squash'"),
        ("warm_up = 0.25", "sizes = [[0, 0]]", "schedule.sizes.0.1: Input should be greater than or equal to 32"),
        ("warm_up = 0.25", "sizes = [[-1, 64]]", "schedule.sizes.0.0: Input should be greater than or equal to 0"),
        ("warm_up = 0.25", "sizes = [[0, 64], [5]]", "schedule.sizes.1.1: Field required"),
        ("warm_up = 0.25", "sizes = [[3, 96], [0, 64]]", "schedule.sizes: Value error, must begin at epoch 0"),
        ("warm_up = 0.25", "sizes = [[0, 64], [0, 96]]", "schedule.sizes: Value error, must begin at epoch 0"),
        ("warm_up = 0.25", "sizes = [[1, 64]]", "schedule.sizes: Value error, must begin at epoch 0"),
        ("warm_up = 0.25", "restarts = [0]", "schedule.restarts.0: Input should be greater than or equal to 1"),
        ("warm_up = 0.25", "restarts = [4]", "schedule: Value error, restarts must be in order and before epoch 4"),
        ("warm_up = 0.25", "restarts = [2, 1]", "schedule: Value error, restarts must be in order"),
        ("warm_up = 0.25", "score_every = 0", "schedule.score_every: Input should be greater than or equal to 1"),
        ("flip = true", "cast = 0.1", 'augmentation: Value error, needs engine = "opencv" for cast'),
        ("flip = true", 'engine = "pil"', "augmentation.engine: Input should be 'torchvision' or 'opencv'"),
        (
            "flip = true",
            'engine = "opencv"\nswap_share = 0.7\nbackground_erase_share = 0.4',
            "withhold_share together exceed 1",
        ),
        ("flip = true", 'engine = "opencv"\nwithhold_flat = 0.5', "whose lesion withhold_share removes, which is 0"),
        ("batch_size = 8", "segmentation = 0.5", 'segmentation needs augmentation.engine = "opencv"'),
        ("batch_size = 8", "balance = 1.5", "balance: Input should be less than or equal to 1"),
        ("batch_size = 8", 'batch_norm = "thawed"', "batch_norm: Input should be 'trained' or 'frozen'"),
        ("batch_size = 8", 'intercepts = "dataset"', 'intercepts = "dataset" needs head = "probe"'),
        ("batch_size = 8", "interpolation = 0.5", 'interpolation below 1 needs head = "probe"'),
        ("batch_size = 8", "retain = 0.5", 'retain needs head = "probe"'),
        ("batch_size = 8", 'head = "zero"', "head: Input should be 'random' or 'probe'"),
        ("batch_size = 8", "probe_strength = 0.0", "probe_strength: Input should be greater than 0"),
        ("warm_up = 0.25", "images = 0", "schedule.images: Input should be greater than or equal to 1"),
        ("warm_up = 0.25", "images = 64", "schedule.images needs balance or even_labels"),
    ],
)
def test_a_bad_entry_is_named(read: Callable[..., Any], tmp_path: Path, found: str, put: str, entry: str) -> None:
    assert GOOD.count(found) == 1
    with pytest.raises(RecipeError) as caught:
        read(GOOD.replace(found, put))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'recipe.toml'}: ")
    assert entry in message
    assert "\n" not in message


def test_all_bad_entries_are_named_at_once(read: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match=r"schedule\.epochs: .*; ema: ") as caught:
        read(GOOD.replace("epochs = 4", "epochs = 0").replace("ema = 0.9", "ema = 2"))
    assert str(caught.value).count("; ") == 1


def test_what_is_no_toml_is_told_so(read: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.toml is not valid TOML: .*line 3"):
        read("name = 1\nabout = 2\nepochs 5\n")


def test_what_is_no_text_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RecipeError, match=r"model\.toml is not valid TOML"):
        read_recipe(tmp_path / "model.toml")


def test_a_missing_file_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*nowhere\.toml: No such file or directory"):
        read_recipe(tmp_path / "nowhere.toml")


def test_a_recipe_cannot_be_changed(read: Callable[..., Any]) -> None:
    recipe = read(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        recipe.batch_size = 4


def test_images_grow_as_the_schedule_says() -> None:
    schedule = Schedule(epochs=6, sizes=((0, 128), (2, 160), (5, 224)))
    assert [schedule.size(epoch, 999) for epoch in range(6)] == [128, 128, 160, 160, 160, 224]
    assert Schedule(epochs=6).size(3, 96) == 96


PROTOCOL = ("asff_resnet50_softmax", "resnet50", "mobilenet_v2", "lenet5", "squeezenet1_1", "resnet34")


@pytest.mark.parametrize("name", PROTOCOL)
def test_the_papers_networks_share_one_protocol(name: str) -> None:
    """But for the network, a recipe that is compared with the released one is the released one."""
    released = read_recipe(RECIPES / "asff_resnet50_paper.toml")
    compared = read_recipe(RECIPES / f"{name}.toml")
    assert compared.network != released.network
    different = {"name", "about", "network"}
    assert compared.model_dump(exclude=different) == released.model_dump(exclude=different)


def test_a_recipe_holds_only_what_differs_from_the_one_it_extends(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "base.toml").write_text(GOOD, "utf-8")
    own = """
extends = "base.toml"
name = "other"

[network]
name = "resnet50"

[schedule]
epochs = 9
"""
    base, other = read_recipe(tmp_path / "base.toml"), read(own)
    assert other.name == "other"
    assert other.network.options == {}
    assert (other.schedule.epochs, other.schedule.warm_up) == (9, base.schedule.warm_up)
    assert other.augmentation == base.augmentation
    assert other.about == base.about


def test_a_chain_of_recipes_is_followed_from_folder_to_folder(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "base.toml").write_text(GOOD, "utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "middle.toml").write_text('extends = "../base.toml"\nbatch_size = 16\n', "utf-8")
    assert read('extends = "sub/middle.toml"\nema = 0.5\n').model_dump(include={"batch_size", "ema", "name"}) == {
        "batch_size": 16,
        "ema": 0.5,
        "name": "drawn",
    }


def test_recipes_that_extend_one_another_are_refused(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "other.toml").write_text('extends = "recipe.toml"\n', "utf-8")
    with pytest.raises(RecipeError, match=r"recipe\.toml extends itself"):
        read('extends = "other.toml"\n')


def test_a_recipe_that_extends_a_missing_one_names_it(read: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*nowhere\.toml: No such file"):
        read('extends = "nowhere.toml"\n')


def test_a_recipe_that_was_committed_still_makes_the_same_record() -> None:
    """Entries that came later stay out of the record, by which a run is compared with what the folds chose."""
    committed = json.loads((RECIPES.parent / "weights" / "evaluation" / "selected.json").read_text("utf-8"))
    for entry in committed.values():
        path = RECIPES / f"{entry['recipe']['name']}.toml"
        assert read_recipe(path).model_dump(mode="json") == entry["recipe"]


LATER = """
leave_out = ["twin_in_test"]
balance = 0.5
segmentation = 0.3
keep_side = 96
"""


def test_an_entry_that_came_later_is_recorded_where_it_is_given(read: Callable[..., Any]) -> None:
    text = LATER + GOOD.replace("flip = true", 'engine = "opencv"\ncast = 0.1').replace(
        "warm_up", "score_every = 2\nwarm_up"
    )
    recipe = read(text)
    record = recipe.model_dump(mode="json")
    new = {name: record[name] for name in ("leave_out", "balance", "segmentation", "keep_side")}
    assert new == {"leave_out": ["twin_in_test"], "balance": 0.5, "segmentation": 0.3, "keep_side": 96}
    assert (record["augmentation"]["engine"], record["augmentation"]["cast"]) == ("opencv", 0.1)
    assert "noise" not in record["augmentation"]
    assert record["schedule"]["score_every"] == 2
    assert Recipe.model_validate(record) == recipe


def test_held_out_rows_are_looked_at_now_and_then_and_at_the_end() -> None:
    assert [Schedule(epochs=7, score_every=3).scores_after(epoch) for epoch in range(7)] == [
        *(False, False, True, False, False, True),
        True,
    ]
    assert all(Schedule(epochs=3).scores_after(epoch) for epoch in range(3))


ABLATIONS = {
    "balanced": ("plain", {"balance", "augmentation", "transforms"}),
    "swapped": ("balanced", {"transforms"}),
    "outlined": ("swapped", {"segmentation"}),
}


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_differs_from_the_one_before_in_its_step_alone(name: str) -> None:
    before, step = ABLATIONS[name]
    one, other = (read_recipe(RECIPES / "ablate" / f"{stem}.toml") for stem in (name, before))
    excluded = {"name", "about", *step}
    assert one.model_dump(exclude=excluded) == other.model_dump(exclude=excluded)
    for part in step:
        assert getattr(one, part) != getattr(other, part)


def test_the_users_model_trains_on_no_twin_of_a_test_image() -> None:
    recipe = read_recipe(RECIPES / "asff_resnet50.toml")
    assert recipe.leave_out == ("twin_in_test",)
    sides = [side for _, side in recipe.schedule.sizes]
    assert sides == sorted(sides)
    # Lesions look larger in random crops than at run time: training somewhat smaller evens that out.
    assert sides[-1] < recipe.preprocessing.size == 224
    assert recipe.paired_origins
    assert recipe.draws_unevenly


@pytest.mark.timeout(20)
def test_a_recipe_that_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(RecipeError, match="It is a named pipe"):
        read_recipe(tmp_path / "pipe.toml")


@pytest.mark.parametrize("evened", ["balance = 0.5", "even_labels = true"])
def test_an_epoch_of_a_given_number_of_images_needs_rows_that_come_several_times(
    read: Callable[..., Any], evened: str
) -> None:
    recipe = read(GOOD.replace("epochs = 4", "epochs = 4\nimages = 640").replace("ema = 0.9", evened))
    assert recipe.schedule.images == 640
    assert recipe.draws_unevenly


def test_entries_that_came_later_stay_out_of_old_records(read: Callable[..., Any]) -> None:
    record = read(GOOD).model_dump(mode="json")
    assert not {"batch_norm", "head", "probe_strength", "balance", "even_labels"} & set(record)
    assert "images" not in record["schedule"]
    later = read(GOOD.replace("ema = 0.9", 'head = "probe"\nbatch_norm = "frozen"\nprobe_strength = 0.01'))
    assert later.model_dump(include={"head", "batch_norm", "probe_strength"}) == {
        "head": "probe",
        "batch_norm": "frozen",
        "probe_strength": 0.01,
    }
    assert Recipe.model_validate(later.model_dump(mode="json")) == later


def test_the_recipe_of_three_levels_begins_as_a_probe() -> None:
    recipe = read_recipe(RECIPES / "asff_resnet50.toml")
    assert (recipe.head, recipe.batch_norm, recipe.frozen) == ("probe", "frozen", ("conv1", "bn1", "layer1"))
    assert recipe.network.options == {"gate": "sigmoid", "stride_in_1x1": True, "levels": 3}


LISTED = """
transforms = [
  { name = "replace_background", share = 0.2 },
  { name = "horizontal_flip" },
  { name = "crop", area = 0.6 },
  { name = "resize" },
  { name = "gaussian_blur", sigma = 1.5, share = 0.2 },
]
""" + GOOD.replace("[augmentation]\nflip = true\n", "")


def test_a_recipe_lists_transforms_in_their_order(read: Callable[..., Any]) -> None:
    recipe = read(LISTED)
    assert [one.name for one in recipe.compose(64).transforms] == [
        "replace_background",
        "horizontal_flip",
        "crop",
        "resize",
        "gaussian_blur",
    ]
    assert recipe.compose(64).transforms[1:] == (
        HorizontalFlip(),
        Crop(area=0.6),
        Resize(side=64),
        GaussianBlur(sigma=1.5, share=0.2),
    )
    assert recipe.needs_outlines
    assert recipe.needs_skins


def test_listed_tables_are_the_same_as_a_list(read: Callable[..., Any]) -> None:
    """TOML's two ways to write it."""
    tables = "".join(f"[[transforms]]\nname = {name}\n\n" for name in ('"vertical_flip"', '"resize"'))
    inline = 'transforms = [{ name = "vertical_flip" }, { name = "resize" }]\n'
    rest = GOOD.replace("[augmentation]\nflip = true\n", "")
    assert read(rest + tables) == read(inline + rest)


def test_the_record_of_listed_transforms_has_no_older_table(read: Callable[..., Any]) -> None:
    recipe = read(LISTED)
    record = recipe.model_dump(mode="json")
    assert "augmentation" not in record
    assert record["transforms"][2] == {"name": "crop", "area": 0.6, "aspect": 1.0, "squash": 0.0, "lesion_share": 0.0}
    assert Recipe.model_validate(json.loads(json.dumps(record))) == recipe


@pytest.mark.parametrize(
    ("found", "put", "entry"),
    [
        ('"crop"', '"zoom"', "transforms.2: Input tag 'zoom' found using 'name' does not match"),
        ("area = 0.6", "areas = 0.6", "transforms.2.crop.areas: Extra inputs"),
        ("area = 0.6", "area = 0", "transforms.2.crop.area: Input should be greater than 0"),
        ("sigma = 1.5, ", "", "transforms.4.gaussian_blur.sigma: Field required"),
        ('  { name = "resize" },\n', "", 'transforms needs { name = "resize" } exactly once'),
        ('{ name = "horizontal_flip" }', '{ name = "resize" }', 'transforms needs { name = "resize" } exactly once'),
        ('"horizontal_flip"', '"blur_background", share = 0.9', "the shares of the background transforms"),
        ("warm_up = 0.25", "warm_up = 0.25\n[augmentation]\nflip = true", "either transforms or the older table"),
    ],
)
def test_a_bad_transform_is_named(read: Callable[..., Any], found: str, put: str, entry: str) -> None:
    assert LISTED.count(found) == 1
    with pytest.raises(RecipeError) as caught:
        read(LISTED.replace(found, put))
    assert entry in str(caught.value)


def test_transforms_replace_the_table_of_the_recipe_they_extend_and_the_other_way_round(
    tmp_path: Path, read: Callable[..., Any]
) -> None:
    (tmp_path / "old.toml").write_text(GOOD, "utf-8")
    (tmp_path / "new.toml").write_text(LISTED, "utf-8")
    listed = read('extends = "old.toml"\ntransforms = [{ name = "resize" }]\n')
    assert listed.applied_transforms == (Resize(),)
    table = read('extends = "new.toml"\n[augmentation]\nengine = "opencv"\nflip = true\n')
    assert table.applied_transforms == (HorizontalFlip(), Crop(), Resize())


@pytest.mark.parametrize("name", ["balanced", "swapped", "frozen"])
def test_the_background_transforms_of_an_ablation_come_first(name: str) -> None:
    """They need the outline where it was traced, on the whole image."""
    transforms = read_recipe(RECIPES / "ablate" / f"{name}.toml").applied_transforms
    background = [isinstance(one, BackgroundTransform) for one in transforms]
    assert background == sorted(background, reverse=True)
