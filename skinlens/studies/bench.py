"""`skinlens bench`: what each part of the work costs in each engine, against torch with the grad-cam library."""

import functools
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from skinlens.errors import UsageError
from skinlens.explain.oracle import signed_grad_cam
from skinlens.export.reduced import agreement
from skinlens.imaging.decode import decode
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.preprocess import resize
from skinlens.imaging.synthetic import draw_lesion, draw_pixels, encode_png
from skinlens.leaderboard.performance import Machine, Performance, Row, Work
from skinlens.models.checkpoint import load_released
from skinlens.models.explainable import Explainable
from skinlens.models.normalise import Normalise
from skinlens.models.registry import build
from skinlens.runtime.card import ModelCard
from skinlens.runtime.choice import predictor_for
from skinlens.runtime.engine_names import BUILT, ENGINES, REFERENCE, VARIABLE, Engine
from skinlens.runtime.engines import runtime_versions, why_absent
from skinlens.runtime.orientations import predict_orientations
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor, card_of
from skinlens.runtime.processor import processor_name
from skinlens.runtime.provider_words import CPU
from skinlens.runtime.reduced import Agreement, measured_agreement, reduced_graph
from skinlens.runtime.timing import REPEATS, WARM_UPS, medians_in_turn
from skinlens.runtime.weights import weights_folder
from skinlens.studies.reduce import compared_rows, labelled_images
from skinlens.training.manifest import read_manifests
from skinlens.triage.pipeline import ENOUGH, Pipeline

WORKS: tuple[Work, ...] = get_args(Work)
# Turns of each work; `--quick` takes fewer.
_TURNS = {"orientations": 7, "batch_8": 5, "batch_32": 3, "bytes_to_assessment": 7, "decode_24mp": 5}
# Rows and columns of a large photograph, 24 megapixels.
LARGE = (4000, 6000)
_PROCESSES = 3
_FOLDER = 32
# Images of the manifests on which decisions are compared, spread evenly over the test rows.
_MOST_COMPARED = 400
_TORCH = "torch+grad-cam"
# A fresh interpreter that draws one page: an empty one, and the app's first.
_PAGE = """
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_file(sys.argv[1], default_timeout=300).run()
sys.exit(len(page.exception))
"""
# Runs a command and says how many megabytes it held at most. A process begins with what the one that starts it holds,
# and this one holds torch, so that a small interpreter stands in between; it takes some 20 milliseconds.
_MEASURED = """
import subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
try:
    import resource
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(most / (1e6 if sys.platform == "darwin" else 1024))
except ImportError:
    pass
sys.exit(status)
"""
_EMPTY_PAGE = "import streamlit as st\nst.title('Empty')\n"


@dataclass(frozen=True)
class Bench:
    """What is measured.

    Attributes:
        model: Name of a released model; None for the default one.
        works: Kinds of rows; all of them by default.
        quick: Fewer turns, and fewer images in the folder.
        manifests: Whose test images decisions and AUC are compared on.
        engine: The only one that is compared with the reference; None compares all that this machine has.
        app: The app's `app.py`; None leaves out its first page.
        unverified: Accept a card that was not released.
    """

    model: str | None = None
    works: tuple[Work, ...] = WORKS
    quick: bool = False
    manifests: tuple[Path, ...] = ()
    engine: Engine | None = None
    app: Path | None = None
    unverified: bool = False


def bench(asked: Bench) -> Performance:
    """Time every engine in turn, in one run, on drawn images.

    Raises:
        ModelFileError: If the model is missing or altered, or this machine lacks the engine.
        UsageError: If the model has no torch counterpart whose evidence map has a closed form.
        ManifestError: If a manifest cannot be used.
    """
    # Before this run adds to it.
    machine = _machine()
    folder = weights_folder()
    card = card_of(asked.model or DEFAULT_MODEL, folder, unverified=asked.unverified)
    theirs = _torch_with_grad_cam(card, folder)
    chosen = predictor_for(card, folder)
    engines = [REFERENCE, *(each for each in ENGINES[1:] if asked.engine in {None, each} and _is_here(card, each))]
    if asked.engine is not None and asked.engine not in engines:
        # Says why it is not here.
        Predictor(card, folder, engine=asked.engine)
    loaded = {
        engine: chosen if engine == chosen.engine else Predictor(card, folder, engine=engine, providers=[CPU])
        for engine in engines
    }
    kept = _compared(card, loaded, asked.manifests)
    run = _Run(asked, card, loaded, theirs, kept)
    rows = [row for work in WORKS if work in asked.works for row in run.rows(work)]
    return Performance(
        model=card.shown_name,
        version=card.version,
        weights_sha256=card.files["weights"].sha256,
        engine=str(chosen.engine),
        date=datetime.now(UTC).date().isoformat(),
        repeats=run.turns("image_heatmap"),
        measured_on=kept[REFERENCE].images if asked.manifests else 0,
        machine=machine,
        rows=tuple(rows),
    )


class _Run:
    """One run: every work by every engine, in turn."""

    def __init__(
        self,
        asked: Bench,
        card: ModelCard,
        loaded: dict[Engine, Predictor],
        theirs: Callable[[LesionImage], object],
        kept: dict[Engine, Agreement],
    ) -> None:
        self._asked = asked
        self._card = card
        self._loaded = loaded
        self._theirs = theirs
        self._kept = kept

    def turns(self, work: Work) -> int:
        """How many turns of a work count."""
        turns = _TURNS.get(work, REPEATS)
        return min(turns, 3) if self._asked.quick else turns

    def rows(self, work: Work) -> list[Row]:
        """Measure a work in every engine."""
        if work in {"image_heatmap", "orientations", "batch_8", "batch_32", "bytes_to_assessment"}:
            return self._in_this_process(work)
        if work in {"decode", "decode_24mp"}:
            return self._decoding(work)
        if work == "first_page":
            return [] if self._asked.app is None else self._first_page(self._asked.app)
        return self._in_a_fresh_process(work)

    def _row(self, work: Work, engine: Engine, milliseconds: float, against: float, images: int = 1) -> Row:
        kept = self._kept.get(engine)
        return Row(
            work=work,
            engine=f"{engine.runtime}" + ("" if engine.device == "cpu" else f" ({engine.device})"),
            precision=engine.precision,
            milliseconds=round(milliseconds, 2),
            images=images,
            ratio=round(against / milliseconds, 3),
            decisions_kept=None if kept is None else kept.decisions_kept,
            auc_change=None if kept is None else kept.auc_change,
        )

    def _in_this_process(self, work: Work) -> list[Row]:
        image = draw_lesion(0)
        jpeg = _jpeg(draw_pixels(0, height=768, width=1024))
        many = [image] * {"batch_8": 8, "batch_32": 32}.get(work, 1)

        def call_of(predictor: Predictor) -> Callable[[], object]:
            if work == "orientations":
                return functools.partial(predict_orientations, predictor, [image])
            if work == "bytes_to_assessment":
                return functools.partial(Pipeline(predictor), jpeg)
            return lambda: predictor.predict(many)

        calls = [lambda: self._theirs(image), *(call_of(each) for each in self._loaded.values())]
        one, *ours = medians_in_turn(
            calls, warm_ups=WARM_UPS if self.turns(work) == REPEATS else 1, repeats=self.turns(work)
        )
        rows = []
        if work == "image_heatmap":
            rows = [Row(work=work, engine=_TORCH, precision="fp32", milliseconds=round(one, 2), ratio=1.0)]
        return rows + [
            self._row(work, engine, taken, one * len(many), len(many))
            for engine, taken in zip(self._loaded, ours, strict=True)
        ]

    def _decoding(self, work: Work) -> list[Row]:
        size = self._card.preprocessing.size
        pixels = draw_pixels(0, height=768, width=1024)
        if work == "decode":
            content = _jpeg(pixels)
            (taken,) = medians_in_turn(
                [lambda: self._reference.prepare(decode(content))], repeats=self.turns(work), warm_ups=1
            )
            return [Row(work=work, engine="Pillow", precision="", milliseconds=round(taken, 2))]
        content = _jpeg(_grained(resize(pixels, height=LARGE[0], width=LARGE[1])))
        calls = {
            "Pillow, in full": lambda: self._reference.prepare(decode(content)),
            "Pillow, reduced (DCT)": lambda: self._reference.prepare(decode(content, side=ENOUGH * size)),
        }
        medians = medians_in_turn(list(calls.values()), repeats=self.turns(work), warm_ups=1)
        return [
            Row(work=work, engine=name, precision="", milliseconds=round(taken, 1), ratio=round(medians[0] / taken, 3))
            for name, taken in zip(calls, medians, strict=True)
        ]

    def _in_a_fresh_process(self, work: Work) -> list[Row]:
        """`skinlens predict` on files, from the start of the process to its end."""
        number = 1 if work != "folder" else 8 if self._asked.quick else _FOLDER
        with tempfile.TemporaryDirectory() as scratch:
            images = Path(scratch) / "images"
            images.mkdir()
            for seed in range(number):
                (images / f"{seed}.png").write_bytes(encode_png(draw_pixels(seed)))
            words = ["-m", "skinlens", "predict", str(images), "--model", self._card.name]
            if self._asked.unverified:
                words.append("--unverified")
            calls = {
                engine: [*words, "--engine", str(engine), "--out", str(Path(scratch) / f"{engine}.csv")]
                for engine in self._loaded
            }
            taken_by: dict[Engine, list[tuple[float, float | None]]] = {engine: [] for engine in calls}
            for _ in range(_PROCESSES if work == "first_result" and not self._asked.quick else 1):
                for engine, call in calls.items():
                    taken_by[engine].append(_fresh(call))
        (one,) = medians_in_turn([lambda: self._theirs(draw_lesion(0))], warm_ups=1, repeats=3)
        rows = []
        for engine, measured in taken_by.items():
            taken = statistics.median(milliseconds for milliseconds, _ in measured)
            row = self._row(work, engine, taken, one * number, number)
            if work == "peak_memory":
                most = measured[0][1]
                if most is None:
                    continue
                row = row.model_copy(update={"milliseconds": None, "ratio": None, "megabytes": round(most)})
            rows.append(row if work == "folder" else row.model_copy(update={"ratio": None}))
        return rows

    def _first_page(self, app: Path) -> list[Row]:
        with tempfile.TemporaryDirectory() as scratch:
            empty = Path(scratch) / "empty.py"
            empty.write_text(_EMPTY_PAGE, "utf-8")
            times: dict[Path, list[float]] = {empty: [], app: []}
            for _ in range(1 if self._asked.quick else _PROCESSES):
                for page, taken in times.items():
                    taken.append(_fresh(["-c", _PAGE, str(page)], folder=app.parent)[0])
        nothing, ours = (statistics.median(taken) for taken in times.values())
        return [
            Row(work="first_page", engine="Streamlit, empty", precision="", milliseconds=round(nothing), ratio=1.0),
            Row(
                work="first_page",
                engine="SkinLens",
                precision="",
                milliseconds=round(ours),
                ratio=round(nothing / ours, 3),
            ),
        ]

    @property
    def _reference(self) -> Predictor:
        return self._loaded[REFERENCE]


def old_keys(measured: Performance) -> dict[str, str | int | float]:
    """Return what `bench --json` had before there were rows; empty where one image was not timed."""
    rows = {(row.engine, row.precision): row for row in measured.rows if row.work == "image_heatmap"}
    ours, theirs = rows.get((REFERENCE.runtime, REFERENCE.precision)), rows.get((_TORCH, "fp32"))
    if ours is None or theirs is None or not ours.milliseconds or not theirs.milliseconds:
        return {}
    return {
        "provider": REFERENCE.provider,
        "threads_torch": torch.get_num_threads(),
        "predict_with_heatmap_ms": ours.milliseconds,
        "torch_with_grad_cam_ms": theirs.milliseconds,
        "ratio": round(theirs.milliseconds / ours.milliseconds, 2),
    }


def _torch_with_grad_cam(card: ModelCard, folder: Path) -> Callable[[LesionImage], object]:
    """The same weights in torch: a forward pass, a backward pass and the library's map, of one image."""
    network = build(card.architecture.name, card.architecture.options)
    if not isinstance(network, Explainable):
        raise UsageError(f"{card.name} has no evidence map in its graph to compare with")
    load_released(network, load_file(folder / card.files["weights"].file))
    network = network.to(memory_format=torch.channels_last)
    normalise = Normalise(card.preprocessing.mean, card.preprocessing.std)
    size = card.preprocessing.size

    def explain(image: LesionImage) -> object:
        pixels = resize(image.pixels, height=size, width=size)
        return signed_grad_cam(network, network.explained, normalise(torch.from_numpy(pixels[np.newaxis].copy())))

    return explain


def _is_here(card: ModelCard, engine: Engine) -> bool:
    built = engine.precision not in BUILT or reduced_graph(card, engine.precision) is not None
    return built and why_absent(engine) is None


def _compared(card: ModelCard, loaded: dict[Engine, Predictor], manifests: Sequence[Path]) -> dict[Engine, Agreement]:
    """What each engine keeps of the reference's results: on the manifests' images, else as the last export measured."""
    if not manifests:
        known = {engine: measured_agreement(card, engine) for engine in loaded}
        return {engine: kept for engine, kept in known.items() if kept is not None}
    images, labels = labelled_images(compared_rows(read_manifests(manifests), _MOST_COMPARED), card.preprocessing)
    answers = {engine: predictor.predict(images) for engine, predictor in loaded.items()}
    return {engine: agreement(card, answers[REFERENCE], given, labels) for engine, given in answers.items()}


def _machine() -> Machine:
    versions = {"Python": platform.python_version(), **runtime_versions(), "torch": str(torch.__version__)}
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        load = round(os.getloadavg()[0], 2)
    except (AttributeError, OSError, ValueError):
        memory, load = None, None
    return Machine(
        processor=processor_name(),
        cores=os.cpu_count() or 1,
        memory=None if memory is None else round(memory, 1),
        load=load,
        system=f"{platform.system()} {platform.machine()}",
        versions=versions,
    )


def _fresh(words: Sequence[str], *, folder: Path | None = None) -> tuple[float, float | None]:
    """Milliseconds and most megabytes of a new interpreter; no number of megabytes where the system does not tell."""
    # What this process was told to use is not what the measured one shall.
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if folder is not None:
        # The first page in the reference, so that no self-test is timed.
        environment[VARIABLE] = str(REFERENCE)
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - this interpreter on a module of ours
        [sys.executable, "-c", _MEASURED, sys.executable, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    megabytes, _ = process.communicate()
    taken = 1000 * (time.perf_counter() - began)
    if process.returncode != 0:
        raise UsageError(f"a measured process ended in an error: python {' '.join(words[:4])}")
    return taken, float(megabytes) if megabytes.strip() else None


def _jpeg(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _grained(pixels: Pixels) -> Pixels:
    """Add a camera's noise: without it, enlarged pixels are encoded in much less than a photograph."""
    rng = np.random.default_rng(0)
    noise = rng.integers(-4, 5, size=pixels.shape[:2], dtype=np.int16)
    return np.clip(pixels.astype(np.int16) + noise[..., np.newaxis], 0, 255).astype(np.uint8)
