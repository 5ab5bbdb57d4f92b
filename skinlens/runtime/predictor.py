"""From images to predictions with ONNX Runtime."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnxruntime

from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.preprocess import to_input
from skinlens.metrics.scaling import Scaling
from skinlens.runtime.card import ModelCard, ModelFileError, verified_path
from skinlens.runtime.engine_names import BUILT, REFERENCE, Engine
from skinlens.runtime.engines import Session, open_engine, session_options
from skinlens.runtime.ood import load_ood_statistics
from skinlens.runtime.prediction import Floats, GateSummary, ModelId, Prediction, is_scale
from skinlens.runtime.providers import available_providers
from skinlens.runtime.reduced import reduced_graph
from skinlens.runtime.released import trusted_card
from skinlens.runtime.weights import weights_folder
from skinlens.translation import sentence

Answer = TypeVar("Answer")

DEFAULT_MODEL = "asff_efficientnet_lite2"
# Names in every released graph; those that fuse two branches give the gate too, and some the texture.
INPUT = "pixels"
OUTPUTS = ("logits", "probability", "evidence", "features")
GATE = "gate"
TEXTURE = "texture"


class Predictor:
    """A loaded model. Safe to call from several threads at once.

    Args:
        card: Describes the model.
        folder: Where the card's files lie; each is checked against its SHA-256 before anything is loaded.
        providers: ONNX Runtime's providers, best first; None asks `available_providers`.
        batch_size: Images in one pass.
        threads: Processor threads for one pass; None leaves it to ONNX Runtime, which takes every core.
        engine: Another engine than ONNX Runtime in fp32; `runtime.choice` says which is the quickest.
        graph: A graph of the engine's precision; None takes the one that was kept for it.

    Raises:
        ModelFileError: If a file is missing, altered or cannot be loaded, or this machine has no such engine.
    """

    def __init__(
        self,
        card: ModelCard,
        folder: Path,
        *,
        providers: Sequence[str] | None = None,
        batch_size: int = 16,
        threads: int | None = None,
        engine: Engine = REFERENCE,
        graph: Path | None = None,
    ) -> None:
        self.card = card
        self.engine = engine
        self.batch_size = batch_size
        verified_path(card, "weights", folder)
        self.ood_statistics = load_ood_statistics(card, folder)
        released = verified_path(card, "graph", folder)
        self._session: Session
        if engine == REFERENCE:
            self._session = open_session(released, providers, threads=threads)
        else:
            graph = graph or (_reduced(card, engine) if engine.precision in BUILT else released)
            self._session = open_engine(engine, graph, threads=threads)
        self._outputs = [*OUTPUTS, *(name for name in (TEXTURE, GATE) if self._gives(name))]
        self.provider: str = self._session.get_providers()[0]
        self.model = ModelId(card.name, card.version, card.files["weights"].sha256)

    def predict(self, images: Sequence[LesionImage]) -> list[Prediction]:
        """Predictions in the order of the images.

        Args:
            images: Any number, of any size; they are brought to the model's input here.
        """
        return in_batches(images, self.batch_size, self._predict_batch)

    def prepare(self, image: LesionImage) -> Pixels:
        """The image as the graph gets it, RGB uint8 `(size, size, 3)`."""
        return to_input(image.pixels, self.card.preprocessing)

    def _predict_batch(self, images: Sequence[LesionImage]) -> list[Prediction]:
        began = time.perf_counter()
        pixels = np.stack([self.prepare(image) for image in images])
        answers = dict(zip(self._outputs, self._session.run(self._outputs, {INPUT: pixels}), strict=True))
        gates = [GateSummary(*map(float, gate)) for gate in answers[GATE]] if GATE in answers else [None] * len(images)
        textures = answers.get(TEXTURE, [None] * len(images))
        milliseconds = 1000 * (time.perf_counter() - began) / len(images)
        sound = [self._is_sound(answers, row) for row in range(len(images))]
        return [
            Prediction(
                logits=logits,
                score=scaled(float(probability), logits, *self.card.scaling) if finite else math.nan,
                signed_map=signed,
                features=features,
                gate=gate,
                model=self.model,
                provider=self.provider,
                milliseconds=milliseconds,
                texture=texture,
            )
            for logits, probability, signed, features, gate, texture, finite in zip(
                *(answers[name] for name in OUTPUTS), gates, textures, sound, strict=True
            )
        ]

    def _gives(self, name: str) -> bool:
        return any(output.name == name for output in self._session.get_outputs())

    def _is_sound(self, answers: Mapping[str, Floats], row: int) -> bool:
        """Whether everything that the graph gave for an image is finite, and can be drawn."""
        return is_scale(self.card.heatmap.scale) and all(np.isfinite(each[row]).all() for each in answers.values())


def scaled(probability: float, logits: Floats, temperature: float, offset: float = 0.0) -> float:
    """P(malignant) after scaling its logit; the graph's own number, bit for bit, where that changes nothing.

    Args:
        probability: The softmax of the logits.
        logits: `(2,)`, benign then malignant.
        temperature: Above 0; divides the difference of the logits.
        offset: Is added to it then.

    Returns:
        NaN if any of these is not finite, or the temperature not above 0.
    """
    if temperature == 1 and offset == 0:
        return probability
    if not is_scale(temperature) or not math.isfinite(offset) or not np.isfinite(logits).all():
        return math.nan
    return float(Scaling(temperature, offset).of_logits(float(logits[1]) - float(logits[0])))


def in_batches(
    images: Sequence[LesionImage], size: int, predict: Callable[[Sequence[LesionImage]], list[Answer]]
) -> list[Answer]:
    """Answers in the order of the images, asked for at most `size` images at a time."""
    starts = range(0, len(images), size)
    return [answer for first in starts for answer in predict(images[first : first + size])]


def open_session(
    graph: Path, providers: Sequence[str] | None = None, *, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """Load a graph whose weights lie beside it.

    Args:
        graph: The ONNX file.
        providers: ONNX Runtime's providers, best first; None asks `available_providers`.
        threads: Processor threads for one pass; None leaves it to ONNX Runtime.

    Raises:
        ModelFileError: If ONNX Runtime cannot load it.
    """
    try:
        return onnxruntime.InferenceSession(
            graph, session_options(threads), providers=list(available_providers() if providers is None else providers)
        )
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise ModelFileError(
            sentence("ONNX Runtime cannot load {file}: {error}", file=graph.name, error=str(error))
        ) from error


def released_models(folder: Path | None = None) -> tuple[str, ...]:
    """Return the names of the models whose cards are in a folder (`weights_folder()` by default), sorted."""
    return tuple(sorted(path.stem for path in (folder or weights_folder()).glob("*.json")))


def load_predictor(
    name: str = DEFAULT_MODEL,
    folder: Path | None = None,
    *,
    threads: int | None = None,
    unverified: bool = False,
    engine: Engine = REFERENCE,
) -> Predictor:
    """Load a model by name.

    Args:
        name: Of its card.
        folder: Where card and files are; `weights_folder()` by default.
        threads: As for `Predictor`.
        unverified: Take a card that was not released, as `released.trusted_card` does.
        engine: As for `Predictor`.

    Raises:
        ModelFileError: If there is no such model, its files are missing or altered, or it was not released.
    """
    folder = folder or weights_folder()
    card = card_of(name, folder, unverified=unverified)
    return Predictor(card, folder, threads=threads, engine=engine)


def card_of(name: str, folder: Path, *, unverified: bool = False) -> ModelCard:
    """Return the card of a model by name; as `load_predictor`, without loading the model."""
    if name not in released_models(folder):
        known = ", ".join(released_models(folder))
        if not known:
            raise ModelFileError(
                sentence("There is no model {model} in {folder}, nor any other.", model=repr(name), folder=folder)
            )
        raise ModelFileError(
            sentence(
                "There is no model {model} in {folder}; models there: {known}.",
                model=repr(name),
                folder=folder,
                known=known,
            )
        )
    return trusted_card(folder / f"{name}.json", unverified=unverified)


def _reduced(card: ModelCard, engine: Engine) -> Path:
    built = reduced_graph(card, engine.precision)
    if built is None:
        raise ModelFileError(
            sentence(
                "The engine {engine} needs an {precision} graph of {model}, which was not built here: {command}",
                engine=engine,
                precision=engine.precision,
                model=card.name,
                command=f"skinlens export --{engine.precision} --name {card.name} --data MANIFEST.csv",
            )
        )
    return built[0]
