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
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar

from skinlens.explain.heatmap import heatmap_of
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, LesionImage
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability, predict_orientations
from skinlens.runtime.prediction import Floats, Prediction
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor, load_predictor
from skinlens.triage.admission import Admission, examine
from skinlens.triage.decision import Assessment, assess
from skinlens.triage.field import without_black

# Images that are decoded before the model runs; a score's last digits depend on the images beside it.
BATCH = 16
# A batch ends early once its images have this many pixels together: 300 MB, whatever their number.
MOST_PIXELS = 100_000_000


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
    ) -> None:
        self.predictor = load_predictor(model) if isinstance(model, str) else model
        self.card = self.predictor.card
        self.point = point if isinstance(point, OperatingPoint) else self.card.point(point)
        self._orientations = orientations
        self._quality = quality
        self._lock = lock or nullcontext()
        self._frame = frame

    def __call__(self, image: bytes | LesionImage, *, name: str | None = None, frame: int = 0) -> Assessed:
        """Assess one image.

        Args:
            image: The bytes of a file in any format that `imaging.decode` reads, or a decoded image.
            name: The name that people see, for bytes.
            frame: Which image of a DICOM file or TIFF with several, from 0; for bytes.

        Raises:
            ImageRejectedError: If no image can be made from the bytes.
        """
        return self._assess([_image(image, name, frame)], orientations=self._orientations)[0]

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
        early = self._assess([_image(image, name, frame)], orientations=False)[0]
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

    def stream(self, sources: Iterable[AnySource], *, batch: int = BATCH) -> Iterator[tuple[AnySource, Outcome]]:
        """Assess images one after another, in order, holding no more than one batch of them in memory.

        Args:
            sources: Read lazily; nothing is read before the first result is asked for.
            batch: Most images that are decoded before the model runs; fewer if they are large.

        Yields:
            Each source with its assessment, or with the reason why it has none; as often as its file holds images if
            each of them is assessed.
        """
        for outcomes in self.batches(sources, batch=batch):
            yield from outcomes

    def batches(
        self,
        sources: Iterable[AnySource],
        *,
        batch: int = BATCH,
        read_ahead: bool = False,
        keep_going: Callable[[], bool] = lambda: True,
    ) -> Generator[list[tuple[AnySource, Outcome]], None, None]:
        """Assess images as `stream` does, a batch at a time.

        Args:
            sources: Read lazily.
            batch: Most images in a batch.
            read_ahead: Decode the next batch in a thread while the model runs on this one.
            keep_going: Called before the model runs on a batch; once it returns False, no more batches are assessed.
        """
        chunks = _chunks(sources, batch, self._frame)
        if not read_ahead:
            for chunk in chunks:
                if not keep_going():
                    return
                yield self._outcomes(chunk)
            return
        with ThreadPoolExecutor(1, "skinlens-read") as reader:
            upcoming = reader.submit(next, chunks, None)
            while (ready := upcoming.result()) is not None:
                if not keep_going():
                    return
                upcoming = reader.submit(next, chunks, None)
                yield self._outcomes(ready)

    def _outcomes(self, chunk: Sequence[tuple[AnySource, LesionImage | Unreadable]]) -> list[tuple[AnySource, Outcome]]:
        assessed = iter(
            self._assess([each for _, each in chunk if isinstance(each, LesionImage)], orientations=self._orientations)
        )
        return [(source, each if isinstance(each, Unreadable) else next(assessed)) for source, each in chunk]

    def _assess(self, images: Sequence[LesionImage], *, orientations: bool) -> list[Assessed]:
        with self._lock:
            answers = self._predict(images, orientations=orientations)
        assessed = [
            self._decided(image, prediction, stability, self._examine(image, prediction))
            for image, (prediction, stability) in zip(images, answers, strict=True)
        ]
        return [
            self._second_look(each, orientations=orientations) if _is_ood(each, self.card) else each
            for each in assessed
        ]

    def _decided(
        self, image: LesionImage, prediction: Prediction, stability: Stability | None, admission: Admission | None
    ) -> Assessed:
        assessment = assess(
            prediction, self.card, self.point, notes=image.notes, stability=stability, admission=admission
        )
        return Assessed(image, assessment, self.card)

    def _second_look(self, assessed: Assessed, *, orientations: bool) -> Assessed:
        """Assess the middle of a round field on black, whose hard rim alone can put an image out of distribution."""
        middle = without_black(assessed.image)
        if middle is None:
            return assessed
        with self._lock:
            ((prediction, stability),) = self._predict([middle], orientations=orientations)
        again = self._decided(middle, prediction, stability, self._examine(middle, prediction))
        return assessed if _is_ood(again, self.card) else again

    def _predict(
        self, images: Sequence[LesionImage], *, orientations: bool
    ) -> Sequence[tuple[Prediction, Stability | None]]:
        if orientations:
            return predict_orientations(self.predictor, images)
        return [(prediction, None) for prediction in self.predictor.predict(images)]

    def _examine(self, image: LesionImage, prediction: Prediction) -> Admission | None:
        return examine(image, prediction, self.predictor) if self._quality else None


def _image(image: bytes | LesionImage, name: str | None, frame: int) -> LesionImage:
    return image if isinstance(image, LesionImage) else decode(image, name=name, frame=frame)


def _is_ood(assessed: Assessed, card: ModelCard) -> bool:
    admission = assessed.admission
    if admission is None or admission.ood_score is None or card.ood is None or assessed.image.synthetic:
        return False
    return not admission.ood_score >= card.ood.threshold


def _decoded(source: Source, frame: int | None) -> Iterator[LesionImage | Unreadable]:
    """Decode one image of a file, or each of them where `frame` is None."""
    content = None
    try:
        content = source.read()
        first = decode(content, name=source.name, frame=frame or 0)
        yield first
    except ImageRejectedError as error:
        yield Unreadable("" if content is None else hashlib.sha256(content).hexdigest(), error)
        return
    for number in range(1, first.frames if frame is None else 1):
        try:
            yield decode(content, name=source.name, frame=number)
        except ImageRejectedError as error:
            yield Unreadable(first.sha256, error)


def _chunks(
    sources: Iterable[AnySource], batch: int, frame: int | None
) -> Iterator[list[tuple[AnySource, LesionImage | Unreadable]]]:
    """Decode images in order, few enough at a time that memory stays flat.

    A chunk is given before the next image is read.
    """
    chunk: list[tuple[AnySource, LesionImage | Unreadable]] = []
    pixels = 0
    for source in sources:
        for decoded in _decoded(source, frame):
            chunk.append((source, decoded))
            pixels += decoded.width * decoded.height if isinstance(decoded, LesionImage) else 0
            if len(chunk) == batch or pixels >= MOST_PIXELS:
                yield chunk
                chunk, pixels = [], 0
    if chunk:
        yield chunk
