"""What `skinlens evaluate` adds to its record: the shortcut tests, and accuracy under corruption."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.imaging.blanking import DILATION, DISC_RADIUS, move_lesion, paint_disc, paint_lesion
from skinlens.imaging.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, LesionImage
from skinlens.imaging.outlines import Outline, read_outline, shape_features
from skinlens.imaging.preprocess import Preprocessing, to_input
from skinlens.leaderboard.documents import (
    BackgroundTest,
    CentreDisc,
    CleanScores,
    Corruption,
    OutlineTest,
    Robustness,
    Shortcuts,
)
from skinlens.metrics.classification import Floats, Labels
from skinlens.metrics.measure import measure, measure_roc_auc
from skinlens.metrics.measurement import UNDEFINED, Measurement, undefined
from skinlens.metrics.rows import evenly_spread, groups_of, labels_of, text_of
from skinlens.metrics.views import views_of
from skinlens.progress import tracked
from skinlens.runtime.orientations import Scorer
from skinlens.studies.shortcuts import BACKGROUND_MEASUREMENTS, measure_backgrounds, partners, shape_probabilities

# Images that each shortcut test takes with --quick (without, all), and that are corrupted.
QUICK_IMAGES = 160
CORRUPTED_IMAGES = 200
LEFT_OUT = "left out by --quick"
_BATCH = 32
_SEED = 0

# What is None where a test cannot be run.
_OUTLINE = ("n", "plain_auc", "painted_over_auc", "shape_alone_auc", "shape_learned_from")
_BACKGROUNDS = ("n", *BACKGROUND_MEASUREMENTS)
_ROBUSTNESS = ("n", "clean", "corruptions")


@dataclass(frozen=True, eq=False)
class Trial:
    """Rows under test and the model that scores them.

    Attributes:
        scorer: Scores images.
        rows: N rows of `read_manifests`, with a fresh index.
        probabilities: P(malignant) of the images as they are, `(N,)`.
        threshold: In [0, 1]; the decision is malignant if `probability >= threshold`.
        preprocessing: Of the model. Images are brought to its input before they are changed, so that a change is the
            same for images of any size.
        resamples: Draws of the bootstrap.
    """

    scorer: Scorer
    rows: pd.DataFrame
    probabilities: Floats
    threshold: float
    preprocessing: Preprocessing
    resamples: int

    @property
    def labels(self) -> Labels:
        """1 for malignant and 0 for benign, `(N,)`."""
        return labels_of(self.rows)

    @property
    def groups(self) -> Labels:
        """Equal for images that belong together, `(N,)`."""
        return groups_of(self.rows)

    def of(self, chosen: Labels) -> "Trial":
        """Return the same trial with some of the rows.

        Args:
            chosen: Numbers of the rows, in the order that is wanted.
        """
        return replace(
            self, rows=self.rows.iloc[chosen].reset_index(drop=True), probabilities=self.probabilities[chosen]
        )

    def spread(self, most: int | None) -> "Trial":
        """Return the same trial with about so many rows, spread evenly over each label's.

        Args:
            most: About how many; None for all.
        """
        return self if most is None else self.of(evenly_spread(self.labels, most))

    def image(self, row: int) -> LesionImage:
        """Decode a row's image, and bring it to the model's input.

        Args:
            row: Its number.

        Raises:
            ImageRejectedError: If it cannot be read.
        """
        image = decode(Path(self.rows["file"].iloc[row]))
        return replace(image, pixels=to_input(image.pixels, self.preprocessing))

    def auc(self, probabilities: Floats) -> Measurement:
        """Measure the ROC AUC of other probabilities for these rows.

        Args:
            probabilities: P(malignant), `(N,)`.
        """
        return measure_roc_auc(self.labels, probabilities, self.groups, resamples=self.resamples)

    def view_aucs(self, probabilities: Floats) -> dict[str, Measurement]:
        """Measure the ROC AUC of other probabilities for these rows, in every test view.

        Args:
            probabilities: P(malignant), `(N,)`.
        """
        return {
            name: measure_roc_auc(
                self.labels[view.mask], probabilities[view.mask], self.groups[view.mask], resamples=self.resamples
            )
            for name, view in views_of(self.rows).items()
        }


@dataclass(frozen=True)
class ShortcutsAndRobustness:
    """Results of the shortcut tests and of the corruptions."""

    shortcuts: Shortcuts
    robustness: Robustness


def measure_robustness(trial: Trial, training: pd.DataFrame, *, quick: bool) -> ShortcutsAndRobustness:
    """Run the shortcut tests, and score corrupted images.

    Args:
        trial: The scored rows.
        training: Rows whose outlines teach what a shape alone tells; those of a group that is under test are left out.
        quick: Test shortcuts on about `QUICK_IMAGES` images each, and corrupt none.

    Returns:
        Both parts of the evaluation record. What cannot be measured is None, and `reason` says why.

    Raises:
        ImageRejectedError: If an image cannot be read.
    """
    most = QUICK_IMAGES if quick else None
    disc = centre_disc(trial.spread(most))
    outline, backgrounds = outlined_tests(trial, training, most)
    corrupted = (
        Robustness(**_unmeasured(_ROBUSTNESS, LEFT_OUT)) if quick else robustness(trial.spread(CORRUPTED_IMAGES))
    )
    return ShortcutsAndRobustness(Shortcuts(centre_disc=disc, outline=outline, backgrounds=backgrounds), corrupted)


def centre_disc(trial: Trial) -> CentreDisc:
    """Measure the ROC AUC in every test view with the same central disc painted over in every image, and without.

    Args:
        trial: The scored rows.

    Raises:
        ImageRejectedError: If an image cannot be read.
    """
    originals = (trial.image(row) for row in range(len(trial.rows)))
    images = (replace(image, pixels=paint_disc(image.pixels)) for image in originals)
    painted = _scores(trial, images, len(trial.rows), "centre painted over")
    return CentreDisc(
        n=len(trial.rows),
        radius_share=DISC_RADIUS,
        fill="mean colour of the image's outer frame, which the disc just touches",
        views=trial.view_aucs(painted),
        plain_views=trial.view_aucs(trial.probabilities),
    )


def outlined_tests(trial: Trial, training: pd.DataFrame, most: int | None) -> tuple[OutlineTest, BackgroundTest]:
    """Run the two tests that need outlines, on the rows that have one.

    Args:
        trial: The scored rows.
        training: As for `measure_robustness`.
        most: Test about so many rows; None tests all.

    Returns:
        Both tests; where they cannot be run, with the reason alone.
    """
    masked = trial.of(np.flatnonzero(text_of(trial.rows, "mask") != "")).spread(most)
    outlines, reason = _read_outlines(masked)
    if reason is not None:
        return OutlineTest(**_unmeasured(_OUTLINE, reason)), BackgroundTest(**_unmeasured(_BACKGROUNDS, reason))
    return outline_painted_over(masked, outlines, training), backgrounds_exchanged(masked, outlines)


def outline_painted_over(trial: Trial, outlines: list[Outline], training: pd.DataFrame) -> OutlineTest:
    """Measure the ROC AUC with the lesion painted over, of the images as they are, and of the outline's shape.

    Args:
        trial: Rows with outlines.
        outlines: Theirs, each `(size, size)` of the model's input.
        training: As for `measure_robustness`.
    """
    originals = (trial.image(row) for row in range(len(outlines)))
    images = (
        replace(image, pixels=paint_lesion(image.pixels, outline))
        for image, outline in zip(originals, outlines, strict=True)
    )
    painted = _scores(trial, images, len(outlines), "lesion painted over")
    shape, learned = _shape_alone(trial, outlines, training)
    return OutlineTest(
        n=len(outlines),
        dilation_share=DILATION,
        plain_auc=trial.auc(trial.probabilities),
        painted_over_auc=trial.auc(painted),
        shape_alone_auc=shape,
        shape_learned_from=learned,
        reason=None,
    )


def backgrounds_exchanged(trial: Trial, outlines: list[Outline]) -> BackgroundTest:
    """Run `measure_backgrounds` on every lesion moved onto a background of its own class and of the other class.

    Args:
        trial: Rows with outlines.
        outlines: Theirs, each `(size, size)` of the model's input.

    Returns:
        The test; with the reason alone where an image has no partner to take a background from.
    """
    moved = {}
    try:
        chosen = {
            kind: partners(trial.labels, trial.groups, other_class=kind == "swapped", seed=_SEED)
            for kind in ("same_class", "swapped")
        }
    except ValueError as error:
        return BackgroundTest(**_unmeasured(_BACKGROUNDS, str(error)))
    for kind, lenders in chosen.items():
        images = _moved(trial, outlines, lenders)
        moved[kind] = _scores(trial, images, len(outlines), f"lesions on other backgrounds, {kind}")
    measured = measure_backgrounds(
        trial.labels,
        trial.groups,
        trial.threshold,
        plain=trial.probabilities,
        same_class=moved["same_class"],
        swapped=moved["swapped"],
        resamples=trial.resamples,
    )
    return BackgroundTest.model_validate({"n": len(outlines), "dilation_share": DILATION, **measured, "reason": None})


def robustness(trial: Trial) -> Robustness:
    """Measure accuracy and ROC AUC of the images as they are, and under every corruption and strength.

    Args:
        trial: The scored rows; each is scored once for every corruption and strength.

    Raises:
        ImageRejectedError: If an image cannot be read.
    """
    kinds = [(corruption, strength) for corruption in CORRUPTIONS for strength in STRENGTHS]
    # The seed is the file's digest: always the same, and blind to the label.
    images = (
        replace(image, pixels=corrupt(image.pixels, corruption, strength, seed=int(image.sha256[:16], 16)))
        for image in (trial.image(row) for row in range(len(trial.rows)))
        for corruption, strength in kinds
    )
    scores = _scores(trial, images, len(trial.rows) * len(kinds), "made worse").reshape(len(trial.rows), len(kinds))
    return Robustness(
        n=len(trial.rows),
        clean=CleanScores(**_accuracy_and_auc(trial, trial.probabilities)),
        corruptions=tuple(
            Corruption(
                name=corruption.name,
                strength=strength,
                parameter=corruption.parameter(strength),
                n=len(trial.rows),
                **_accuracy_and_auc(trial, scores[:, column]),
            )
            for column, (corruption, strength) in enumerate(kinds)
        ),
        reason=None,
    )


def format_robustness(measured: ShortcutsAndRobustness) -> str:
    """Write the main measurements of the shortcut tests, as lines for a terminal.

    Args:
        measured: From `measure_robustness`.

    Raises:
        ValueError: If the shortcut tests were not run.
    """
    disc, outline = measured.shortcuts.centre_disc, measured.shortcuts.outline
    backgrounds = measured.shortcuts.backgrounds
    if disc is None or outline is None or backgrounds is None:
        raise ValueError("the shortcut tests were not run")
    lines = [
        f"ROC AUC with the centre painted over ({view}): {_cell(auc)}, else {_cell(disc.plain_views[view])}"
        for view, auc in disc.views.items()
    ]
    if outline.reason is not None:
        return "\n".join([*lines, f"The tests that need outlines were not run: {outline.reason}."])
    lines += [
        f"ROC AUC with the lesion painted over: {_cell(outline.painted_over_auc)}, "
        f"from the shape of its outline alone: {_cell(outline.shape_alone_auc)}",
    ]
    if backgrounds.reason is not None:
        return "\n".join([*lines, f"No lesion was moved onto another background: {backgrounds.reason}."])
    return "\n".join(
        [
            *lines,
            f"ROC AUC with lesions on a background of the other class: {_cell(backgrounds.swapped_auc)}, "
            f"of their own class: {_cell(backgrounds.same_class_auc)}",
            f"Decisions that such a background reverses: {_cell(backgrounds.flipped_by_background)}, "
            f"that moving alone reverses: {_cell(backgrounds.flipped_by_moving)}",
        ]
    )


def _scores(trial: Trial, images: Iterable[LesionImage], total: int, title: str) -> Floats:
    """P(malignant) of images as they come, `(total,)`; only a batch of them is held at a time."""
    scores: list[float] = []
    waiting = tracked(images, title, total=total)
    while batch := list(islice(waiting, _BATCH)):
        scores.extend(prediction.score for prediction in trial.scorer.predict(batch))
    return np.array(scores)


def _read_outlines(trial: Trial) -> tuple[list[Outline], str | None]:
    """The outlines of rows that name one, and why the tests cannot be run with them."""
    if not len(trial.rows):
        return [], "no row of the manifest names an outline in the column mask"
    if len(np.unique(trial.labels)) < 2:
        return [], f"every image with an outline is {trial.rows['label'].iloc[0]}"
    try:
        return list(_outlines(trial.rows, trial.preprocessing.size)), None
    except ImageRejectedError as error:
        return [], f"an outline cannot be used: {error}"


def _outlines(rows: pd.DataFrame, size: int) -> Iterator[Outline]:
    for file in rows["outline_file"]:
        yield read_outline(Path(file), height=size, width=size)


def _shape_alone(trial: Trial, outlines: list[Outline], training: pd.DataFrame) -> tuple[Measurement, int]:
    """The ROC AUC of the outline's shape, and from how many training outlines it was learned."""
    known = training[(text_of(training, "mask") != "") & ~training["group_id"].isin(trial.rows["group_id"])]
    if known["label"].nunique() < 2:
        return undefined("no training rows of both classes, in other groups, name an outline", len(outlines)), len(
            known
        )
    try:
        features = _features(_outlines(known, trial.preprocessing.size))
    except ImageRejectedError as error:
        return undefined(f"a training outline cannot be used: {error}", len(outlines)), len(known)
    return trial.auc(shape_probabilities(features, labels_of(known), _features(outlines))), len(known)


def _features(outlines: Iterable[Outline]) -> Floats:
    return np.stack([shape_features(outline) for outline in outlines])


def _moved(trial: Trial, outlines: list[Outline], lenders: Labels) -> Iterator[LesionImage]:
    """Every lesion on the background that its lender's image gives."""
    for row, lender in enumerate(lenders):
        image, background = trial.image(row), trial.image(int(lender))
        pixels = move_lesion(image.pixels, outlines[row], background.pixels, outlines[lender])
        yield replace(image, pixels=pixels)


def _accuracy_and_auc(trial: Trial, probabilities: Floats) -> dict[str, Measurement]:
    return measure(
        trial.labels,
        probabilities,
        trial.threshold,
        trial.groups,
        "accuracy",
        "roc_auc",
        resamples=trial.resamples,
    )


def _unmeasured(names: Sequence[str], reason: str) -> dict[str, Any]:
    return dict.fromkeys(names) | {"reason": reason}


def _cell(measurement: Measurement | None) -> str:
    return UNDEFINED if measurement is None else measurement.text(why=True)
