"""The engine in use: the quickest one on this machine that keeps the results of ONNX Runtime in fp32.

The first start times the engines that may be used, in turn, for about two seconds. The choice is kept in the data
folder until the processor, the number of cores, a runtime's version, the model or a graph of lower precision changes.
"""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from skinlens.errors import UsageError
from skinlens.imaging.synthetic import draw_lesion
from skinlens.runtime.card import ModelCard, ModelFileError
from skinlens.runtime.engine_names import BUILT, ENGINES, REFERENCE, VARIABLE, Engine, engine_named
from skinlens.runtime.engines import runtime_versions, why_absent
from skinlens.runtime.orientations import ORIENTATIONS
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor, card_of
from skinlens.runtime.processor import processor_name
from skinlens.runtime.provider_words import CPU
from skinlens.runtime.reduced import RISK_CHANGE, measured_agreement, reduced_graph
from skinlens.runtime.timing import medians_in_turn
from skinlens.runtime.weights import weights_folder
from skinlens.storage.location import data_folder, own_folder
from skinlens.storage.replaced import replaced
from skinlens.translation import sentence

# The self-test ends after so many seconds of timing, and so many turns.
SECONDS = 1.5
TURNS = 5
# An engine is preferred to the reference if it takes at most this share of its time: less is noise.
WORTH = 0.95
# Of an engine that computes the released graph in fp32, on drawn images: it may only sum in another order.
SAME_SCORE = 1e-3
SAME_MAP = 1e-2
_IMAGES = 2
_LOG = logging.getLogger(__name__)


class Choice(BaseModel):
    """What a self-test measured.

    Attributes:
        machine: Digest of everything that the choice depends on.
        engine: The quickest one.
        milliseconds: Median for one image and then eight at once, as an image and its orientations are, by engine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: str
    engine: str
    milliseconds: dict[str, float]


def quickest_predictor(
    name: str = DEFAULT_MODEL,
    folder: Path | None = None,
    *,
    engine: str | None = None,
    threads: int | None = None,
    unverified: bool = False,
) -> Predictor:
    """Load a model into the quickest engine that keeps its results, or into one that is named.

    Args:
        name: Of its card.
        folder: Where card and files are; `weights_folder()` by default.
        engine: Name of an engine, which is then used; None takes that of SKINLENS_ENGINE, else the quickest.
        threads: As for `Predictor`.
        unverified: Take a card that was not released, as `released.trusted_card` does.

    Raises:
        ModelFileError: If the model cannot be loaded, or this machine has no such engine.
        UsageError: If there is no engine of the name that was given here.
    """
    folder = folder or weights_folder()
    return predictor_for(card_of(name, folder, unverified=unverified), folder, engine=engine, threads=threads)


def predictor_for(card: ModelCard, folder: Path, *, engine: str | None = None, threads: int | None = None) -> Predictor:
    """As `quickest_predictor`, for a card that was read already."""
    named = engine or os.environ.get(VARIABLE, "").strip()
    if named:
        try:
            wanted = engine_named(named)
        except UsageError as error:
            if engine:
                raise
            # The app has no options; its pages say what is wrong with the model.
            raise ModelFileError(
                sentence("{variable} cannot be used: {why}", variable=VARIABLE, why=str(error))
            ) from error
        return _loaded(card, folder, wanted, threads)
    candidates = allowed_engines(card)
    if len(candidates) == 1:
        return _loaded(card, folder, REFERENCE, threads)
    kept = _read(card, candidates)
    if kept is None:
        kept = self_test(card, folder, candidates)
        _write(card, kept)
    try:
        return _loaded(card, folder, engine_named(kept.engine), threads)
    except ModelFileError as error:
        if engine_named(kept.engine) == REFERENCE:
            raise
        _LOG.warning("ONNX Runtime in fp32 is used: %s", error)
        return _loaded(card, folder, REFERENCE, threads)


def allowed_engines(card: ModelCard) -> list[Engine]:
    """Return the engines of this machine that may be chosen for a model, the reference first.

    One that computes in fp32 is compared by the self-test. Any other needs a measurement on labelled images that was
    kept when a graph was built, within the limits of `runtime.reduced`.
    """
    allowed = [REFERENCE]
    for engine in ENGINES[1:]:
        if engine.precision != "fp32":
            measured = measured_agreement(card, engine)
            if measured is None or not measured.keeps_results:
                continue
        if why_absent(engine) is None:
            allowed.append(engine)
    return allowed


def self_test(card: ModelCard, folder: Path, candidates: Sequence[Engine]) -> Choice:
    """Time engines in turn on a drawn image, and choose the quickest that answers as the reference does.

    Args:
        card: Of the model.
        folder: Where its files lie.
        candidates: The reference first.

    Raises:
        ModelFileError: If the reference cannot be loaded.
    """
    images = [draw_lesion(seed, malignant_look=bool(seed)) for seed in range(_IMAGES)]
    reference = _loaded(card, folder, REFERENCE)
    expected = reference.predict(images)
    loaded = [reference]
    for engine in candidates[1:]:
        try:
            predictor = _loaded(card, folder, engine)
            answers = predictor.predict(images)
        except Exception as error:  # noqa: BLE001 - errors of runtimes share no base class, and none may stop the start
            _LOG.warning("the engine %s is not used: %s", engine, error)
            continue
        same_score = SAME_SCORE if engine.precision == "fp32" else RISK_CHANGE
        score = max(abs(one.score - other.score) for one, other in zip(expected, answers, strict=True))
        evidence = max(
            float(np.abs(one.signed_map - other.signed_map).max() / np.abs(one.signed_map).max())
            for one, other in zip(expected, answers, strict=True)
        )
        # Written so that a NaN fails too.
        if not (score <= same_score and (evidence <= SAME_MAP or engine.precision != "fp32")):
            _LOG.warning("the engine %s is not used: its score differs by %.1e on drawn images", engine, score)
            continue
        loaded.append(predictor)
    calls = [lambda each=each: (each.predict(images[:1]), each.predict(images[:1] * ORIENTATIONS)) for each in loaded]
    medians = medians_in_turn(calls, warm_ups=1, repeats=TURNS, seconds=SECONDS)
    quickest = min(range(len(loaded)), key=medians.__getitem__)
    if medians[quickest] > WORTH * medians[0]:
        quickest = 0
    return Choice(
        machine=_machine(card, candidates),
        engine=str(loaded[quickest].engine),
        milliseconds={str(each.engine): round(taken, 1) for each, taken in zip(loaded, medians, strict=True)},
    )


def _loaded(card: ModelCard, folder: Path, engine: Engine, threads: int | None = None) -> Predictor:
    # Without a word about providers, ONNX Runtime in fp32 would take a GPU, which is an engine of its own here.
    return Predictor(card, folder, engine=engine, threads=threads, providers=[CPU])


def _machine(card: ModelCard, candidates: Sequence[Engine]) -> str:
    built = {precision: reduced_graph(card, precision) for precision in sorted(BUILT)}
    depends = {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "versions": runtime_versions(),
        "graph": card.files["graph"].sha256,
        "weights": card.files["weights"].sha256,
        "built": {precision: graph[1].sha256 for precision, graph in built.items() if graph is not None},
        "candidates": [str(each) for each in candidates],
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _path(card: ModelCard) -> Path:
    return data_folder() / "engines" / f"{card.name}.choice.json"


def _read(card: ModelCard, candidates: Sequence[Engine]) -> Choice | None:
    """What was kept, if it is about this machine and names an engine that may be used."""
    try:
        kept = Choice.model_validate_json(_path(card).read_bytes())
    except (OSError, ValidationError):
        return None
    names = {str(each) for each in candidates}
    return kept if kept.machine == _machine(card, candidates) and kept.engine in names else None


def _write(card: ModelCard, choice: Choice) -> None:
    path = _path(card)
    try:
        own_folder(path.parent)
        with replaced(path) as unfinished:
            unfinished.write_text(choice.model_dump_json(indent=1) + "\n", "utf-8")
    except OSError as error:
        _LOG.warning("the choice of the engine cannot be kept, and is made again at the next start: %s", error)
