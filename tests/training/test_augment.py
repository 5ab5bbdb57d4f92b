"""Augmentation: each step does what its entry says, alone, and the same seed always does the same."""

import pytest
import torch
from torchvision.transforms import v2

from skinlens.training.augment import QuarterTurn, Vignette, build_augmentation, seeded
from skinlens.training.recipe import Augmentation

# torchvision means to move its JPEG coder to another package; its versions are pinned.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")

ALL = Augmentation(
    flip=True,
    flip_vertical=True,
    quarter_turns=True,
    shift=0.1,
    crop_area=0.6,
    aspect=1.25,
    brightness=0.15,
    contrast=0.15,
    saturation=0.15,
    hue=0.02,
    jpeg=50,
    jpeg_share=1.0,
    blur=1.2,
    blur_share=1.0,
    vignette_share=1.0,
)


@pytest.fixture
def image():
    """A square of noise, so that every position can be told from every other."""
    return torch.randint(0, 256, (3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def draws(image, count=24, size=None, **entries):
    augmentation = build_augmentation(Augmentation(**entries), size or image.shape[-1])
    return [seeded(augmentation, image, seed) for seed in range(count)]


def kinds(images):
    """The different images among these."""
    found = []
    for one in images:
        if not any(torch.equal(one, other) for other in found):
            found.append(one)
    return found


def among(image, candidates):
    return any(torch.equal(image, candidate) for candidate in candidates)


def test_nothing_happens_unless_it_is_asked_for(image):
    assert [type(step) for step in build_augmentation(Augmentation(), 48).transforms] == [v2.Resize]
    assert all(torch.equal(draw, image) for draw in draws(image))


@pytest.mark.parametrize(
    "entries",
    [{"jpeg": 30}, {"blur": 2.0}, {"blur_share": 1.0}, {"jpeg": 30, "blur": 2.0}],
    ids=lambda entries: "+".join(entries),
)
def test_a_strength_without_its_share_changes_nothing(image, entries):
    assert all(torch.equal(draw, image) for draw in draws(image, 4, **entries))


def test_flips(image):
    mirrored, upended = image.flip(2), image.flip(1)
    across, down = kinds(draws(image, flip=True)), kinds(draws(image, flip_vertical=True))
    both = kinds(draws(image, flip=True, flip_vertical=True))
    assert len(across) == len(down) == 2
    assert len(both) == 4
    assert all(among(draw, [image, mirrored]) for draw in across)
    assert all(among(draw, [image, upended]) for draw in down)
    assert all(among(draw, [image, mirrored, upended, image.flip(1, 2)]) for draw in both)


def test_quarter_turns_only_permute(image):
    turned = kinds(draws(image, quarter_turns=True))
    assert len(turned) == 4
    assert all(among(draw, [torch.rot90(image, k, dims=(1, 2)) for k in range(4)]) for draw in turned)
    for draw in turned:
        assert torch.equal(draw.flatten().sort().values, image.flatten().sort().values)


def test_a_quarter_turn_of_an_oblong_swaps_its_sides():
    oblong = torch.arange(24, dtype=torch.uint8).reshape(1, 4, 6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shapes = {tuple(QuarterTurn()(oblong).shape) for _ in range(20)}
    assert shapes == {(1, 4, 6), (1, 6, 4)}


def test_shifts_stay_within_their_share_of_the_side(image):
    offsets = []
    for draw in draws(image, 40, shift=0.1):
        found = [
            (dy, dx)
            for dy in range(-6, 7)
            for dx in range(-6, 7)
            if torch.equal(window(draw, dy, dx), window(image, 0, 0))
        ]
        assert len(found) == 1
        offsets += found
    assert max(abs(step) for offset in offsets for step in offset) <= 5
    assert max(abs(step) for offset in offsets for step in offset) >= 4
    assert len(set(offsets)) > 20


def window(image, dy, dx):
    return image[:, 10 + dy : 38 + dy, 10 + dx : 38 + dx]


def test_a_crop_keeps_at_least_its_area_and_its_aspect():
    """The crop of an image whose red and green are its coordinates shows what was cropped."""
    side = 200
    ramp = torch.arange(side, dtype=torch.uint8)
    image = torch.stack([ramp[:, None].expand(side, side), ramp[None, :].expand(side, side), torch.zeros(side, side)])
    areas, aspects = [], []
    for draw in draws(image.to(torch.uint8), 60, crop_area=0.5, aspect=1.25):
        height, width = (span(draw[channel], side) for channel in (0, 1))
        areas.append(height * width / side**2)
        aspects.append(width / height)
    assert 0.5 - 0.02 < min(areas) < 0.65
    assert 0.85 < max(areas) <= 1
    assert 1 / 1.25 - 0.03 < min(aspects) < 0.9
    assert 1.1 < max(aspects) < 1.25 + 0.03


def span(channel, side):
    """Length that a ramp of one a pixel covers, from its range (pixel centres at both ends, one of them each side)."""
    reach = float(channel.max()) - float(channel.min())
    return min(side, reach * side / (side - 1))


def test_an_aspect_alone_also_crops():
    steps = build_augmentation(Augmentation(aspect=1.25), 32).transforms
    assert [type(step) for step in steps] == [v2.RandomResizedCrop]


def test_brightness_scales_every_value_alike(image):
    dim = (image // 4 + 40).to(torch.uint8)
    ratios = []
    for draw in draws(dim, brightness=0.2):
        ratio = draw.float() / dim.float()
        assert ratio.max() - ratio.min() < 2 / 40
        ratios.append(ratio.mean().item())
    assert 0.77 < min(ratios) < 0.9
    assert 1.1 < max(ratios) < 1.21


def test_contrast_keeps_the_mean(image):
    for draw in draws(image, 12, contrast=0.3):
        assert abs(draw.float().mean() - image.float().mean()) < 4
    spreads = [draw.float().std().item() for draw in draws(image // 2 + 64, contrast=0.3)]
    assert max(spreads) > 1.1 * min(spreads)


def test_saturation_and_hue_leave_grey_alone(image):
    grey = image[:1].expand(3, -1, -1).contiguous()
    for entries in ({"saturation": 0.5}, {"hue": 0.3}):
        assert all((draw.int() - grey.int()).abs().max() <= 1 for draw in draws(grey, 8, **entries))
        assert len(kinds(draws(image, 8, **entries))) > 4


def test_a_blur_smooths(image):
    def roughness(one):
        return one.float().diff(dim=2).abs().mean().item()

    blurred = [roughness(draw) for draw in draws(image, blur=2.0, blur_share=1.0)]
    assert min(blurred) < 0.4 * roughness(image)
    assert max(blurred) <= roughness(image)


def test_jpeg_recompresses(image):
    smooth = v2.functional.gaussian_blur(image, [9, 9], [3.0, 3.0])

    def damage(quality):
        found = draws(smooth, 12, jpeg=quality, jpeg_share=1.0)
        assert not any(torch.equal(draw, smooth) for draw in found)
        return max((draw.int() - smooth.int()).abs().float().mean().item() for draw in found)

    assert damage(5) > 1.5 * damage(90) > 0


@pytest.mark.parametrize(
    "entries", [{"jpeg": 30, "jpeg_share": 0.3}, {"blur": 2.0, "blur_share": 0.3}, {"vignette_share": 0.3}]
)
def test_a_share_is_a_share(image, entries):
    touched = [not torch.equal(draw, image) for draw in draws(image, 200, **entries)]
    # Binomial, n = 200, p = 0.3: six standard deviations are 0.19.
    assert abs(sum(touched) / len(touched) - 0.3) < 0.19


def test_a_vignette_darkens_corners_and_not_the_centre():
    white = torch.full((3, 96, 128), 255, dtype=torch.uint8)
    corners, centres = [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(40):
            found = Vignette()(white)
            assert found.dtype == torch.uint8
            assert found.shape == white.shape
            assert torch.equal(found[0], found[1])
            centres.append(int(found[:, 40:56, 56:72].min()))
            corners.append([int(found[0, y, x]) for y in (0, -1) for x in (0, -1)])
    assert min(centres) >= 245
    darkest = torch.tensor(corners).amin(dim=1)
    assert (darkest < 250).all()
    assert darkest.min() < 60
    assert darkest.float().std() > 20


def test_a_vignette_never_brightens(image):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert all((Vignette()(image) <= image).all() for _ in range(10))


@pytest.mark.parametrize("shape", [(90, 120), (120, 90), (64, 300), (37, 41)])
@pytest.mark.parametrize("recipe", [Augmentation(), ALL], ids=["none", "all"])
def test_any_image_becomes_a_square_of_bytes(shape, recipe):
    image = torch.randint(0, 256, (3, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    found = seeded(build_augmentation(recipe, 64), image, 5)
    assert found.shape == (3, 64, 64)
    assert found.dtype == torch.uint8


def test_the_same_seed_gives_the_same_pixels(image):
    augmentation = build_augmentation(ALL, 48)
    given = image.clone()
    first = seeded(augmentation, image, 3)
    seeded(augmentation, image, 4)
    assert torch.equal(seeded(augmentation, image, 3), first)
    assert not torch.equal(seeded(augmentation, image, 4), first)
    assert torch.equal(image, given)


def test_the_global_generator_is_left_as_it_was(image):
    before = torch.random.get_rng_state()
    seeded(build_augmentation(ALL, 48), image, 3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_pixels_do_not_depend_on_the_global_generator(image):
    augmentation = build_augmentation(ALL, 48)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = seeded(augmentation, image, 3)
        torch.manual_seed(2)
        assert torch.equal(seeded(augmentation, image, 3), first)
