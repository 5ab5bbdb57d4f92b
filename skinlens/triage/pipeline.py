"""The inference pipeline: the only road from the bytes of an image to an assessment.

The Triage page, batch runs, `skinlens predict`, `skinlens score` and Python programs all take it. The pipeline decodes
an image, runs the model in eight orientations, checks quality and out-of-distribution score, and decides at an
operating point:

>>> from skinlens.imaging.synthetic import draw_lesion, encode_png
>>> from skinlens.triage.pipeline import Pipeline, Unreadable
>>> pipeline = Pipeline()
>>> png = encode_png(draw_lesion(5, malignant_look=True).pixels)
>>> assessed = pipeline(png, name="lesion.png")
>>> assessed.assessment.decision, assessed.assessment.reasons[0].startswith("The score ")
('refer', True)

A program that shows results to a person can show a first one early, and complete it afterwards:

>>> early = pipeline.first(png, name="lesion.png")
>>> early.stability is None, early.may_change(early.assessment)
(True, True)
>>> pipeline.complete(early).assessment.reasons == assessed.assessment.reasons
True

Many images are streamed, a few at a time. A file that cannot be used does not stop the others:

>>> from skinlens.imaging.sources import InMemory
>>> files = [InMemory("lesion.png", png), InMemory("notes.txt", b"not an image")]
>>> for source, outcome in pipeline.stream(files):
...     print(source.name, outcome.error.reason if isinstance(outcome, Unreadable) else outcome.assessment.decision)
lesion.png refer
notes.txt not_an_image
"""

import hashlib
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from time import monotonic
from typing import Protocol, TypeVar

from skinlens.explain.heatmap import heatmap_of
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, LesionImage, Pixels
from skinlens.imaging.quality import Quality, assess_quality
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import ORIENTATIONS, Predicting, Stability, predict_orientations
from skinlens.runtime.prediction import Floats, Prediction
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor, load_predictor
from skinlens.triage.admission import Admission, examine
from skinlens.triage.ahead import Ahead
from skinlens.triage.decision import Assessment, assess
from skinlens.triage.field import without_black

# Images that are decoded before the model runs; a score's last digits depend on the images beside it.
BATCH = 16
# A batch ends early once its images take this many bytes together, whatever their number.
MOST_BYTES = 300_000_000
# An image of which the network sees so few pixels is decoded at no fewer than this many times as many on a side: then
# the network's input differs by a grey value or two, and a probability hardly by more than 0.01 (docs/limits.md).
ENOUGH = 4
# The least that a division by a time takes it for.
_TICK = 1e-6


class Source(Protocol):
    """An image that has not been read yet, such as `imaging.sources.Source` and `scoring.items.Item`."""

    @property
    def name(self) -> str:
        """The name that people see; never parsed."""

    def read(self) -> bytes:
        """Return the bytes; raises ImageRejectedError if they cannot be read."""


AnySource = TypeVar("AnySource", bound=Source)


@dataclass(frozen=True, eq=False)
class Assessed:
    """An image with its assessment.

    Attributes:
        image: The decoded image.
        assessment: The decision at the pipeline's operating point, with prediction, stability and admission.
        card: Of the model.
        is_complete: False for a first result, until `Pipeline.complete` has added the other orientations.
    """

    image: LesionImage
    assessment: Assessment
    card: ModelCard
    is_complete: bool = True

    @cached_property
    def heatmap(self) -> Floats:
        """The evidence, float32 `(size, size)` in [0, 1], on the card's fixed scale."""
        return heatmap_of(self.assessment.prediction, self.card)

    @property
    def prediction(self) -> Prediction:
        """The model's output."""
        return self.assessment.prediction

    @property
    def stability(self) -> Stability | None:
        """The scores in eight orientations; None if they were not computed."""
        return self.assessment.stability

    @property
    def admission(self) -> Admission | None:
        """Whether the image may be assessed; None if that was not checked."""
        return self.assessment.admission

    def may_change(self, assessment: Assessment) -> bool:
        """Return whether an assessment from `at` may still become `uncertain`, as that of a first result may."""
        return not self.is_complete and assessment.decision in {"refer", "low"}

    def at(self, point: OperatingPoint, *, override: str = "") -> Assessment:
        """Return the assessment at another operating point, or with a reason to assess a rejected image.

        The model does not run again.
        """
        known = self.assessment
        return assess(
            known.prediction,
            self.card,
            point,
            notes=self.image.notes,
            stability=known.stability,
            admission=known.admission,
            override=override,
        )


@dataclass(frozen=True)
class Unreadable:
    """A file from which no image could be made.

    Attributes:
        sha256: Hex digest of its bytes; "" if they could not be read.
        error: Why, with a stable code and a sentence.
    """

    sha256: str
    error: ImageRejectedError


Outcome = Assessed | Unreadable


class Pipeline:
    """From bytes to assessments with one model at one operating point.

    Args:
        model: Name of a model in `runtime.weights.weights_folder()`, or a loaded one.
        point: Operating point, or its name; None takes the card's default. `triage.decision.operating_point` makes one
            for a threshold.
        orientations: Whether each image is scored in eight orientations, which takes eight times as long.
        quality: Whether image quality and out-of-distribution score are checked; False assesses every image.
        lock: Held while the model runs, for programs in which several threads share one.
        frame: Which image of a DICOM file or TIFF with several, from 0; None assesses each of them.
        all_pixels: Whether an image keeps all its pixels; False decodes a large one at a reduced size, which is several
            times as fast and moves its probability by about 0.01 at most. `imaging.decode.in_full` gets them later.
        hold: Says for how many seconds, about, the lock may be held at a time, if one orientation of one image does
            not take longer; None holds it for a whole batch.

    Raises:
        ModelFileError: If the model is missing, altered or not a released one.
        ValueError: If the card has no operating point of that name.
    """

    def __init__(
        self,
        model: str | Predictor = DEFAULT_MODEL,
        point: OperatingPoint | str | None = None,
        *,
        orientations: bool = True,
        quality: bool = True,
        lock: AbstractContextManager[object] | None = None,
        frame: int | None = 0,
        all_pixels: bool = True,
        hold: Callable[[], float] | None = None,
    ) -> None:
        self.predictor = load_predictor(model) if isinstance(model, str) else model
        self.card = self.predictor.card
        self.point = point if isinstance(point, OperatingPoint) else self.card.point(point)
        self._orientations = orientations
        self._quality = quality
        self._lock = lock or nullcontext()
        self._frame = frame
        self._side = None if all_pixels else ENOUGH * self.card.preprocessing.size
        self._shared = None if hold is None else _Shared(self.predictor, self._lock, hold)

    def __call__(self, image: bytes | LesionImage, *, name: str | None = None, frame: int = 0) -> Assessed:
        """Assess one image.

        Args:
            image: The bytes of a file in any format that `imaging.decode` reads, or a decoded image.
            name: The name that people see, for bytes.
            frame: Which image of a DICOM file or TIFF with several, from 0; for bytes.

        Raises:
            ImageRejectedError: If no image can be made from the bytes.
        """
        return self._assess([self._decode(image, name, frame)], orientations=self._orientations)[0]

    def first(self, image: bytes | LesionImage, *, name: str | None = None, frame: int = 0) -> Assessed:
        """Assess one image as it is, in an eighth of the time; `complete` adds the other orientations.

        Image, admission, score and heatmap are those of the complete result. The decision is not yet: it may become
        `uncertain`, as `Assessed.may_change` says, and must not be saved.

        Args:
            image: As for a call, as are the other arguments.
            name: Likewise.
            frame: Likewise.

        Returns:
            The complete result where the pipeline scores no other orientations.

        Raises:
            ImageRejectedError: If no image can be made from the bytes.
        """
        early = self._assess([self._decode(image, name, frame)], orientations=False)[0]
        return replace(early, is_complete=not self._orientations)

    def complete(self, early: Assessed) -> Assessed:
        """Return what a call returns for the image of a first result; the pixels are not checked again.

        Args:
            early: From `first`; a complete result is returned as it is.
        """
        if early.is_complete:
            return early
        with self._lock:
            ((prediction, stability),) = self._predict([early.image], orientations=True)
        known = early.admission
        admission = None if known is None else examine(early.image, prediction, self.predictor, quality=known.quality)
        return self._decided(early.image, prediction, stability, admission)

    def assess_again(self, assessed: Sequence[Assessed]) -> list[Assessed]:
        """Assess images, in order, that another model has assessed; checks of their pixels are not made again."""
        return self._assess(
            [each.image for each in assessed],
            orientations=self._orientations,
            qualities=[None if each.admission is None else each.admission.quality for each in assessed],
        )

    def stream(
        self, sources: Iterable[AnySource], *, batch: int = BATCH, readers: int = 0
    ) -> Iterator[tuple[AnySource, Outcome]]:
        """Assess images one after another, in order, holding no more than one batch of them in memory.

        Args:
            sources: Read lazily; nothing is read before the first result is asked for.
            batch: Most images that are decoded before the model runs; fewer if they are large.
            readers: As for `batches`.

        Yields:
            Each source with its assessment, or with the reason why it has none; as often as its file holds images if
            each of them is assessed.
        """
        for outcomes in self.batches(sources, batch=batch, readers=readers):
            yield from outcomes

    def batches(
        self,
        sources: Iterable[AnySource],
        *,
        batch: int = BATCH,
        readers: int = 0,
        within: float | None = None,
        keep_going: Callable[[], bool] = lambda: True,
    ) -> Generator[list[tuple[AnySource, Outcome]], None, None]:
        """Assess images as `stream` does, a batch at a time.

        Args:
            sources: Read lazily.
            batch: Most images in a batch.
            readers: Threads that decode the next batch while the model runs on this one; 0 decodes in between.
            within: Seconds that a batch may take, about: the first one is of a single image, each further one of up to
                twice as many as the one before. None makes all of them as large as `batch`.
            keep_going: Called before the model runs on a batch; once it returns False, no more batches are assessed.
        """
        ahead = Ahead(sources, _content_of, self._looked_at, _bytes_of, threads=readers, most=batch, room=MOST_BYTES)
        size = batch if within is None else 1
        with ahead:
            images = iter(ahead)
            while (chunk := _chunk(images, size)) and keep_going():
                began = monotonic()
                outcomes = self._outcomes(chunk)
                # Neither is held while the next batch is put together.
                del chunk
                yield outcomes
                if within is not None:
                    seconds = max(_TICK, (monotonic() - began) / len(outcomes))
                    size = max(1, min(2 * size, batch, int(within / seconds)))
                del outcomes

    def _looked_at(self, source: Source, content: bytes | ImageRejectedError) -> Iterator["_Ready"]:
        """Decode one image of a file, or each of them, and do what needs no model."""
        # A run of many images has a source for each image of a file.
        frame: int | None = getattr(source, "frame", self._frame)
        for decoded in _decoded(source.name, content, frame, self._side):
            checked = decoded if self._quality and isinstance(decoded, LesionImage) else None
            yield _Ready(decoded, None if checked is None else assess_quality(checked.pixels))

    def _outcomes(self, chunk: Sequence[tuple[AnySource, "_Ready"]]) -> list[tuple[AnySource, Outcome]]:
        images = [each.image for _, each in chunk if isinstance(each.image, LesionImage)]
        qualities = [each.quality for _, each in chunk if isinstance(each.image, LesionImage)]
        assessed = iter(self._assess(images, orientations=self._orientations, qualities=qualities))
        return [
            (source, each.image if isinstance(each.image, Unreadable) else next(assessed)) for source, each in chunk
        ]

    def _assess(
        self, images: Sequence[LesionImage], *, orientations: bool, qualities: Sequence[Quality | None] | None = None
    ) -> list[Assessed]:
        answers = self._answers(images, orientations=orientations)
        assessed = [
            self._decided(image, prediction, stability, self._examine(image, prediction, quality))
            for image, quality, (prediction, stability) in zip(
                images, qualities or [None] * len(images), answers, strict=True
            )
        ]
        return [
            self._second_look(each, orientations=orientations) if _is_ood(each, self.card) else each
            for each in assessed
        ]

    def _answers(
        self, images: Sequence[LesionImage], *, orientations: bool
    ) -> Sequence[tuple[Prediction, Stability | None]]:
        """Run the model on many images, under the lock."""
        if self._shared is not None:
            return _predictions(self._shared, images, orientations=orientations)
        with self._lock:
            return self._predict(images, orientations=orientations)

    def _decided(
        self, image: LesionImage, prediction: Prediction, stability: Stability | None, admission: Admission | None
    ) -> Assessed:
        assessment = assess(
            prediction, self.card, self.point, notes=image.notes, stability=stability, admission=admission
        )
        return Assessed(image, assessment, self.card)

    def _second_look(self, assessed: Assessed, *, orientations: bool) -> Assessed:
        """Assess the middle of a round field on black, whose hard rim alone can put an image out of distribution."""
        try:
            middle = without_black(assessed.image)
        except ImageRejectedError:
            return assessed
        if middle is None:
            return assessed
        with self._lock:
            ((prediction, stability),) = self._predict([middle], orientations=orientations)
        again = self._decided(middle, prediction, stability, self._examine(middle, prediction))
        return assessed if _is_ood(again, self.card) else again

    def _predict(
        self, images: Sequence[LesionImage], *, orientations: bool
    ) -> Sequence[tuple[Prediction, Stability | None]]:
        return _predictions(self.predictor, images, orientations=orientations)

    def _decode(self, image: bytes | LesionImage, name: str | None, frame: int) -> LesionImage:
        return image if isinstance(image, LesionImage) else decode(image, name=name, frame=frame, side=self._side)

    def _examine(self, image: LesionImage, prediction: Prediction, quality: Quality | None = None) -> Admission | None:
        return examine(image, prediction, self.predictor, quality=quality) if self._quality else None


class _Shared:
    """A model that gives up its lock between passes of at most eight images, which is as efficient as more.

    Args:
        predictor: The model.
        lock: Held for each pass.
        hold: Says how many seconds a pass may take, about, if one image does not take longer.
    """

    def __init__(self, predictor: Predictor, lock: AbstractContextManager[object], hold: Callable[[], float]) -> None:
        self._predictor, self._lock, self._hold = predictor, lock, hold
        # Seconds for an image in the latest pass; the first pass is of one image, to find out.
        self._pace = math.inf

    def prepare(self, image: LesionImage) -> Pixels:
        return self._predictor.prepare(image)

    def predict(self, images: Sequence[LesionImage]) -> list[Prediction]:
        answers: list[Prediction] = []
        while len(answers) < len(images):
            fitting = max(1, int(self._hold() / max(_TICK, self._pace)))
            some = images[len(answers) : len(answers) + min(fitting, ORIENTATIONS)]
            with self._lock:
                began = monotonic()
                answers += self._predictor.predict(some)
                self._pace = (monotonic() - began) / len(some)
        return answers


def _predictions(
    predictor: Predicting, images: Sequence[LesionImage], *, orientations: bool
) -> Sequence[tuple[Prediction, Stability | None]]:
    if orientations:
        return predict_orientations(predictor, images)
    return [(prediction, None) for prediction in predictor.predict(images)]


@dataclass(frozen=True)
class _Ready:
    """An image before the model runs, with the checks of its pixels if they are wanted."""

    image: LesionImage | Unreadable
    quality: Quality | None


def _is_ood(assessed: Assessed, card: ModelCard) -> bool:
    admission = assessed.admission
    if admission is None or admission.ood_score is None or card.ood is None or assessed.image.synthetic:
        return False
    return not admission.ood_score >= card.ood.threshold


def _content_of(source: Source) -> bytes | ImageRejectedError:
    try:
        return source.read()
    except ImageRejectedError as error:
        return error


def _decoded(
    name: str, content: bytes | ImageRejectedError, frame: int | None, side: int | None
) -> Iterator[LesionImage | Unreadable]:
    """Decode one image of a file, or each of them where `frame` is None."""
    if isinstance(content, ImageRejectedError):
        yield Unreadable("", content)
        return
    try:
        first = decode(content, name=name, frame=frame or 0, side=side)
    except ImageRejectedError as error:
        yield Unreadable(hashlib.sha256(content).hexdigest(), error)
        return
    yield first
    for number in range(1, first.frames if frame is None else 1):
        try:
            yield decode(content, name=name, frame=number, side=side)
        except ImageRejectedError as error:
            yield Unreadable(first.sha256, error)


def _bytes_of(ready: _Ready) -> int:
    return ready.image.held_bytes if isinstance(ready.image, LesionImage) else 0


def _chunk(images: Iterator[tuple[AnySource, _Ready]], size: int) -> list[tuple[AnySource, _Ready]]:
    """The next images, few enough that memory stays flat; none is decoded that is not among them."""
    chunk: list[tuple[AnySource, _Ready]] = []
    held = 0
    while len(chunk) < size and held < MOST_BYTES and (taken := next(images, None)) is not None:
        chunk.append(taken)
        held += _bytes_of(taken[1])
    return chunk
