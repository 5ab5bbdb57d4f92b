"""A drawn lesion: a plausible dermoscopic image of nobody, for demonstrations and tests."""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.image import LesionImage, Pixels

_Field = npt.NDArray[np.float32]

# Sizes below are in pixels of an image whose short side has this length, and scale with it.
_REFERENCE_SIDE = 480

# cv2 draws at fractions of a pixel when it is given coordinates in units of 2**-shift.
_SHIFT = 4
_SUBPIXELS = 1 << _SHIFT

# From fair to dark, sRGB in [0, 1], as cross-polarised dermoscopy renders them.
_SKIN_TONES = np.array(
    [(0.92, 0.76, 0.70), (0.90, 0.72, 0.63), (0.86, 0.66, 0.54), (0.76, 0.56, 0.44), (0.62, 0.44, 0.34)], np.float32
)
_TONE_WEIGHTS = (0.3, 0.3, 0.2, 0.12, 0.08)

# How strongly each pigment absorbs red, green and blue (Beer-Lambert: light is multiplied by exp(-density * this)).
_MELANIN = np.array((0.62, 1.05, 1.32), np.float32)
_BLOOD = np.array((0.10, 0.85, 0.70), np.float32)
_HAIR = np.array((0.9, 1.0, 1.05), np.float32)


@dataclass(frozen=True)
class _Canvas:
    """The image's geometry: `x`, `y` are pixel coordinates from its centre, `scale` is 1 at the reference size."""

    height: int
    width: int
    scale: float
    x: _Field
    y: _Field


@dataclass(frozen=True)
class _Lesion:
    """Where the lesion is.

    Attributes:
        depth: Positive inside, 0 on the border, 1 at the centre, negative outside.
        cover: How much of the pigment is there, in [0, 1].
        radius: Mean, in pixels.
        centre: x and y in pixels from the image's centre.
    """

    depth: _Field
    cover: _Field
    radius: float
    centre: tuple[float, float]


def draw_lesion(seed: int, *, height: int = 480, width: int = 640, malignant_look: bool = False) -> LesionImage:
    """Draw a lesion as the image that decoding its PNG file would give.

    Args:
        seed: The same seed gives the same image.
        height: Rows in pixels, at least 64.
        width: Columns in pixels, at least 64.
        malignant_look: Draw asymmetry, an irregular border, several colours, blotches and streaks.

    Returns:
        An image marked as synthetic.
    """
    pixels = draw_pixels(seed, height=height, width=width, malignant_look=malignant_look)
    pixels.setflags(write=False)
    digest = hashlib.sha256(encode_png(pixels)).hexdigest()
    return LesionImage(pixels=pixels, sha256=digest, name=f"synthetic-example-{seed}", synthetic=True)


def encode_png(pixels: Pixels) -> bytes:
    """Encode pixels as a PNG file.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.

    Returns:
        The file; the same pixels give the same bytes with the same version of OpenCV.
    """
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def draw_pixels(
    seed: int, *, height: int = 480, width: int = 640, malignant_look: bool = False, hairs: bool = True
) -> Pixels:
    """Draw a lesion.

    Args:
        seed: The same seed gives the same image.
        height: Rows in pixels, at least 64.
        width: Columns in pixels, at least 64.
        malignant_look: Draw asymmetry, an irregular border, several colours, blotches and streaks.
        hairs: Draw the seed's hairs, from none to eleven; all else is the same without.

    Returns:
        RGB uint8, `(height, width, 3)`.

    Raises:
        ValueError: If a side is under 64.
    """
    if min(height, width) < 64:
        raise ValueError(f"height and width must be at least 64, not {height} and {width}")
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    canvas = _Canvas(height, width, min(height, width) / _REFERENCE_SIDE, x - (width - 1) / 2, y - (height - 1) / 2)
    lesion = _place_lesion(rng, canvas, irregular=malignant_look)
    light = _draw_skin(rng, canvas)
    light *= _absorb(_draw_pigment(rng, canvas, lesion, irregular=malignant_look), _MELANIN)
    light *= _absorb(_draw_redness(rng, canvas, lesion), _BLOOD)
    if malignant_look:
        light = _add_regression_and_veil(rng, canvas, lesion, light)
    # Drawn in either case: what comes after takes the same random numbers with and without hairs.
    hair = _draw_hairs(rng, canvas)
    if hairs:
        light *= _absorb(hair, _HAIR)
    return _expose(rng, canvas, light)


def _place_lesion(rng: np.random.Generator, canvas: _Canvas, *, irregular: bool) -> _Lesion:
    radius = float(rng.uniform(0.24, 0.34)) * min(canvas.height, canvas.width)
    centre = tuple(rng.uniform(-0.05, 0.05, 2) * (canvas.width, canvas.height))
    warp = (16 if irregular else 5) * canvas.scale
    x = canvas.x - centre[0] + warp * _noise(rng, canvas, 70)
    y = canvas.y - centre[1] + warp * _noise(rng, canvas, 70)
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.35 if irregular else 1.25)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    distance = np.hypot(along / stretch, across * stretch)
    # A circle with harmonics that fall off as 1/k; the radius is 1 on average.
    angle = np.arctan2(across, along)
    roughness = 0.11 if irregular else 0.045
    outline = np.ones_like(angle)
    for order in range(2, 9):
        outline += roughness * rng.normal() / (order - 1) ** 0.8 * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    border = radius * np.clip(outline, 0.45, 1.6)
    depth = (1 - distance / border).astype(np.float32)
    # A naevus fades out evenly; a melanoma ends abruptly here and fades there.
    softness = np.maximum(0.3 + (0.16 if irregular else 0.05) * _noise(rng, canvas, 120), 0.07)
    frayed = depth + 0.05 * _noise(rng, canvas, 14)
    cover = _smoothstep((frayed + softness * 0.5) / softness)
    return _Lesion(depth, cover, radius, (float(centre[0]), float(centre[1])))


def _draw_skin(rng: np.random.Generator, canvas: _Canvas) -> _Field:
    tones = rng.choice(len(_SKIN_TONES), p=_TONE_WEIGHTS)
    tone = np.clip(_SKIN_TONES[tones] + rng.normal(0, 0.012, 3), 0, 1).astype(np.float32)
    melanin = 0.025 * _noise(rng, canvas, 200) + 0.02 * _noise(rng, canvas, 60) + 0.02 * _noise(rng, canvas, 9)
    blood = 0.035 * _noise(rng, canvas, 150) + 0.03 * _noise(rng, canvas, 26) + 0.02 * _noise(rng, canvas, 6)
    furrows = 0.045 * _mesh(rng, canvas, 15, line=2.4) * _smoothstep(0.35 + 0.5 * _noise(rng, canvas, 80))
    return np.asarray(tone * _absorb(melanin + furrows, _MELANIN) * _absorb(blood, _BLOOD))


def _draw_pigment(rng: np.random.Generator, canvas: _Canvas, lesion: _Lesion, *, irregular: bool) -> _Field:
    """Return the density of melanin: a mottled body, a network that fades towards the border, globules and blotches."""
    inside = np.clip(lesion.depth, 0, 1)
    body = rng.uniform(0.45, 0.75) * (0.55 + 0.7 * inside)
    mottle = 0.10 * _noise(rng, canvas, 45) + 0.08 * _noise(rng, canvas, 16) + 0.06 * _noise(rng, canvas, 5)
    if irregular:
        mottle += 0.30 * _noise(rng, canvas, 150) + 0.2 * _noise(rng, canvas, 60)
    network = _mesh(rng, canvas, float(rng.uniform(7.5, 10.5)), line=2.1) - 0.4
    where = _smoothstep(0.55 + 0.6 * _noise(rng, canvas, 60)) * (1.1 - 0.9 * inside)
    density = body + mottle + rng.uniform(0.2, 0.42) * network * where
    density += _draw_globules(
        rng, canvas, lesion, count=int(rng.integers(90, 200) if irregular else rng.integers(20, 80))
    )
    if irregular:
        density += _draw_blotches(rng, canvas, lesion)
        return np.asarray(np.maximum(density, 0.06) * lesion.cover + _draw_streaks(rng, canvas, lesion))
    return np.asarray(np.maximum(density, 0.06) * lesion.cover)


def _draw_globules(rng: np.random.Generator, canvas: _Canvas, lesion: _Lesion, *, count: int) -> _Field:
    layer = np.zeros((canvas.height, canvas.width), np.float32)
    heart = rng.uniform(0, 2 * np.pi)
    for _ in range(count):
        angle, reach = heart + rng.normal(0, 1.2), lesion.radius * np.sqrt(rng.uniform(0.05, 0.95))
        size = rng.uniform(1.4, 3.4) * canvas.scale
        x = canvas.width / 2 + lesion.centre[0] + reach * np.cos(angle)
        y = canvas.height / 2 + lesion.centre[1] + reach * np.sin(angle)
        centre, radius = (round(x * _SUBPIXELS), round(y * _SUBPIXELS)), max(round(size * _SUBPIXELS), 8)
        cv2.circle(layer, centre, radius, float(rng.uniform(0.25, 0.6)), cv2.FILLED, cv2.LINE_AA, _SHIFT)
    return _blur(layer, 1.1 * canvas.scale)


def _draw_blotches(rng: np.random.Generator, canvas: _Canvas, lesion: _Lesion) -> _Field:
    layer = np.zeros((canvas.height, canvas.width), np.float32)
    for _ in range(rng.integers(2, 5)):
        x, y = np.array(lesion.centre) + rng.normal(0, 0.4, 2) * lesion.radius
        near = np.hypot(canvas.x - x, canvas.y - y) / (lesion.radius * rng.uniform(0.25, 0.5))
        layer += float(rng.uniform(0.6, 1.2)) * _smoothstep(1.3 - near + 0.3 * _noise(rng, canvas, 25))
    return np.minimum(layer, 1.7)


def _draw_streaks(rng: np.random.Generator, canvas: _Canvas, lesion: _Lesion) -> _Field:
    """Return finger-like projections over one part of the border."""
    layer = np.zeros((canvas.height, canvas.width), np.float32)
    heart, middle = rng.uniform(0, 2 * np.pi), np.array((canvas.width / 2, canvas.height / 2)) + lesion.centre
    # How far the lesion reaches from its centre in each direction, in pixels.
    x, y = canvas.x - lesion.centre[0], canvas.y - lesion.centre[1]
    rim = np.zeros(90)
    part = ((np.arctan2(y, x) / (2 * np.pi)) % 1 * len(rim)).astype(int) % len(rim)
    np.maximum.at(rim, part[lesion.depth > 0], np.hypot(x, y)[lesion.depth > 0])
    for _ in range(rng.integers(6, 14)):
        angle = heart + rng.normal(0, 0.4)
        reach = rim[int(angle / (2 * np.pi) * len(rim)) % len(rim)]
        steps = np.linspace(0.8, rng.uniform(0.98, 1.1), 12)[:, None] * reach
        bend = angle + rng.normal(0, 0.12) * np.linspace(0, 1, 12)[:, None] ** 2
        path = middle + steps * np.concatenate([np.cos(bend), np.sin(bend)], axis=1)
        _stroke(layer, path, float(rng.uniform(4, 8)) * canvas.scale, strength=float(rng.uniform(0.4, 0.8)))
    return _blur(layer, 2.4 * canvas.scale)


def _stroke(layer: _Field, path: npt.NDArray[np.float64], thickness: float, *, strength: float) -> None:
    """Draw a line that tapers from `thickness` at its first point to a third of that at its last."""
    along = np.gradient(path, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum(np.hypot(*along.T)[:, None], 1e-6)
    half = normal * thickness / 2 * np.linspace(1, 1 / 3, len(path))[:, None]
    outline = np.concatenate([path + half, (path - half)[::-1]])
    cv2.fillPoly(layer, [np.round(outline * _SUBPIXELS).astype(np.int32)], strength, cv2.LINE_AA, _SHIFT)


def _draw_redness(rng: np.random.Generator, canvas: _Canvas, lesion: _Lesion) -> _Field:
    """Return the density of blood: a faint halo around the lesion."""
    halo = np.exp(-(((lesion.depth + 0.12) / 0.22) ** 2))
    return np.asarray(float(rng.uniform(0.02, 0.10)) * halo * (1 + 0.5 * _noise(rng, canvas, 60)))


def _add_regression_and_veil(rng: np.random.Generator, canvas: _Canvas, lesion: _Lesion, light: _Field) -> _Field:
    """Pale one part, as scar-like regression does, and lay a blue-white veil over another."""
    inside = _smoothstep(lesion.depth * 6)
    scar = _patch(rng, canvas, lesion, 0.45) * inside * rng.uniform(0.3, 0.55)
    pale = np.array((0.86, 0.72, 0.68), np.float32)
    light = light * (1 - scar[..., None]) + pale * scar[..., None]
    red = _patch(rng, canvas, lesion, 0.4) * inside * rng.uniform(0.15, 0.5)
    light = light * _absorb(red, _BLOOD)
    veil = _patch(rng, canvas, lesion, 0.45) * inside * rng.uniform(0.4, 0.75)
    veiled = np.array((0.44, 0.46, 0.52), np.float32) * np.sqrt(light.mean(axis=2, keepdims=True) + 0.2)
    return np.asarray(light * (1 - veil[..., None]) + veiled * veil[..., None])


def _patch(rng: np.random.Generator, canvas: _Canvas, lesion: _Lesion, size: float) -> _Field:
    angle, reach = rng.uniform(0, 2 * np.pi), lesion.radius * rng.uniform(0.25, 0.6)
    x, y = lesion.centre[0] + reach * np.cos(angle), lesion.centre[1] + reach * np.sin(angle)
    near = np.hypot(canvas.x - x, canvas.y - y) / (lesion.radius * size)
    return _smoothstep(1.15 - 0.85 * near + 0.4 * _noise(rng, canvas, 40))


def _draw_hairs(rng: np.random.Generator, canvas: _Canvas) -> _Field:
    layer = np.zeros((canvas.height, canvas.width), np.float32)
    lean = rng.uniform(0, np.pi)
    for _ in range(rng.integers(0, 12)):
        start = rng.uniform(-0.1, 1.1, 2) * (canvas.width, canvas.height)
        angle, length = lean + rng.normal(0, 0.5), rng.uniform(150, 520) * canvas.scale
        bends = angle + np.cumsum(np.full(60, rng.normal(0, 0.9) / 60))
        path = start + np.stack([np.cos(bends), np.sin(bends)], axis=1).cumsum(axis=0) * length / 60
        strand = np.zeros_like(layer)
        _stroke(strand, path, float(rng.uniform(1.3, 3.4)) * canvas.scale, strength=float(rng.uniform(0.5, 1.5)))
        layer = np.maximum(layer, strand)
    return layer + 0.12 * _blur(layer, 4 * canvas.scale)


def _expose(rng: np.random.Generator, canvas: _Canvas, light: _Field) -> Pixels:
    """Photograph the scene: vignette or the dark rim of a contact lens, slight blur, sensor noise, 8 bits."""
    reach = np.hypot(canvas.x, canvas.y) / np.hypot(canvas.width / 2, canvas.height / 2)
    light = light * (1 - rng.uniform(0.08, 0.28) * reach**2.5)[..., None]
    if rng.random() < 0.4:
        lens = rng.uniform(0.9, 1.02) * np.hypot(canvas.width, canvas.height) / 2
        rim = _smoothstep((lens - np.hypot(canvas.x, canvas.y)) / (9 * canvas.scale))
        light = light * (0.02 + 0.98 * rim)[..., None]
    light = _blur(light, float(rng.uniform(0.7, 1.1)) * max(canvas.scale, 0.5))
    grain = rng.normal(0, 1, light.shape).astype(np.float32)
    light = light + 0.006 * grain + 0.010 * _blur(grain, 0.9)
    # Half a step is added, since the conversion cuts off.
    return np.ascontiguousarray(np.clip(light * 255 + 0.5, 0, 255).astype(np.uint8))


def _blur(layer: _Field, sigma: float) -> _Field:
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), np.float32)


def _absorb(density: _Field, pigment: npt.NDArray[np.float32]) -> _Field:
    return np.asarray(np.exp(-density[..., None] * pigment), np.float32)


def _noise(rng: np.random.Generator, canvas: _Canvas, cell: float) -> _Field:
    """Return smooth noise, about standard normal, whose features are about `cell` pixels wide."""
    # Random numbers on a coarse grid, brought to the image's size: cheaper than blurring noise.
    step = max(cell * canvas.scale, 1.0)
    rows, columns = int(canvas.height / step) + 3, int(canvas.width / step) + 3
    coarse = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    size = int(columns * step), int(rows * step)
    fine = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.float32)
    top, left = int(step), int(step)
    return fine[top : top + canvas.height, left : left + canvas.width]


def _mesh(rng: np.random.Generator, canvas: _Canvas, cell: float, *, line: float) -> _Field:
    """Return a honeycomb of lines, 1 on a line and 0 in a mesh: the borders between cells of scattered points."""
    step = max(cell * canvas.scale, 3.0)
    seeds = np.ones((canvas.height, canvas.width), np.uint8)
    rows, columns = np.mgrid[0 : canvas.height : step, 0 : canvas.width : step]
    # Every second row is shifted by half a cell: a honeycomb.
    columns = columns + step / 2 * (np.arange(rows.shape[0]) % 2)[:, None]
    jitter = rng.uniform(-0.5, 0.5, (2, *rows.shape)) * step
    y = np.clip(rows + jitter[0], 0, canvas.height - 1).astype(int)
    x = np.clip(columns + jitter[1], 0, canvas.width - 1).astype(int)
    seeds[y, x] = 0
    # The nearest seed of each pixel: a Voronoi diagram, whose borders are the lines.
    _, cells = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    edge = np.zeros_like(seeds, dtype=bool)
    edge[:, 1:] |= cells[:, 1:] != cells[:, :-1]
    edge[1:] |= cells[1:] != cells[:-1]
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(np.exp(-((distance / (line * max(canvas.scale, 0.5))) ** 2)), np.float32)


def _smoothstep(value: _Field) -> _Field:
    clipped = np.clip(value, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), np.float32)
