"""Publishing a model: exporting a checkpoint, and writing its measured test scores into its card."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from skinlens.errors import UsageError
from skinlens.export.choose import measure_curve
from skinlens.export.release import read_about, release
from skinlens.export.selection import read_selection
from skinlens.imaging.decode import decode
from skinlens.imaging.preprocess import Preprocessing, to_input
from skinlens.imaging.sources import Sources
from skinlens.imaging.synthetic import draw_lesion
from skinlens.leaderboard import documents
from skinlens.leaderboard.card_sections import measured_sections, read_measured
from skinlens.report.card_markdown import card_markdown
from skinlens.runtime.card import (
    OUT_OF_ORIGIN,
    EvaluationRecord,
    MeasuredRates,
    ModelCard,
    OperatingPoint,
    ViewScores,
    read_card,
)
from skinlens.runtime.released import DIGESTS, VARIABLE, is_release, store_card, trusted_card
from skinlens.runtime.weights import shipped_folder

_LOG = logging.getLogger(__name__)

SYNTHETIC_IMAGES = 12
_TRUSTED_FIRST = ("clean-native", "all")


def publish(
    checkpoint: Path, name: str, *, about: Path, images: Path | None, weights: Path, new_release: bool = False
) -> None:
    """Export a checkpoint, after comparing its graph with torch and the grad-cam library.

    Args:
        checkpoint: `model.safetensors` of a run on every training row.
        name: Of the model.
        about: TOML with the written parts of the card.
        images: Folder of images to check on besides the drawn ones.
        weights: The folder of released models.
        new_release: Put the model on the list of released ones.

    Raises:
        UsageError: If it is to be put on that list from a folder that does not ship with the code.
    """
    if new_release and weights.resolve() != shipped_folder().resolve():
        raise UsageError(
            f"only models in {shipped_folder()} are released with the code; leave out --release or --weights"
        )
    selection = read_selection(weights / "evaluation" / "selected.json", name)
    preprocessing = Preprocessing.model_validate(selection.recipe["preprocessing"])
    probes = [draw_lesion(seed) for seed in range(SYNTHETIC_IMAGES)]
    if images is not None:
        probes += [decode(source.read()) for source in Sources([images])]
    stacked = np.stack([to_input(image.pixels, preprocessing) for image in probes])
    done = release(checkpoint, name, selection, read_about(about), stacked, weights, new_release=new_release)
    parity = done.parity
    listed = is_release(name, weights)
    _LOG.info(
        "%s %s after checking %d images: largest difference of the probability %.1e, of the evidence map %.1e of its "
        "largest value",
        "released" if listed else "exported",
        name,
        parity.images,
        parity.probability,
        parity.map,
    )
    if listed:
        _LOG.info("%s of the package holds the digest of its card; keep the two together", DIGESTS.name)
    else:
        _LOG.info("%s is not a released model: use it with --unverified, or in the app with %s=1", name, VARIABLE)


def record_test(name: str, weights: Path, *, curve: bool = False, unverified: bool = False) -> None:
    """Write the scores of weights/evaluation/<name>.test.json into the model's card, and the card as Markdown.

    Args:
        name: Of the model.
        weights: The folder of its card.
        curve: Measure the risk curve again, from the predictions on what was held out, and write it too.
        unverified: Release a card that differs from the released one. Of a model that was not released, any card is
            taken, and the new one is not released either.

    Raises:
        ModelFileError: If the card would be released, and is not the one that was.
        UsageError: If there are no scores or no log of scorings, they belong to other weights than the card's, or a
            curve is asked for and cannot be measured.
        ResultError: If a file beside them is damaged.
    """
    path = weights / f"{name}.json"
    # What is written back becomes the released card: it must not accept one that somebody has changed.
    card = trusted_card(path, unverified=unverified) if is_release(name, weights) else read_card(path)
    evaluation = weights / "evaluation"
    file = evaluation / f"{name}.test.json"
    try:
        scores = documents.parse(documents.EvaluationRecord, file.read_bytes(), file.name)
    except OSError as error:
        raise UsageError(f"{evaluation} holds no test scores of {name}; make them with `evaluate`") from error
    except documents.ResultError as error:
        raise UsageError(f"the test scores of {name} in {evaluation} are damaged; score it again ({error})") from error
    if scores.weights_sha256 != card.files["weights"].sha256:
        raise UsageError(f"the test scores of {name} belong to other weights than its card's; score it again")
    test = EvaluationRecord(
        data=", ".join(scores.data),
        threshold=scores.threshold,
        interval=scores.interval,
        views={
            view: ViewScores(
                explanation=result.explanation,
                n=result.n,
                benign=result.benign,
                malignant=result.malignant,
                metrics=result.metrics,
            )
            for view, result in scores.views.items()
        },
        times_scored=_times_scored(evaluation / "scorings.csv", card),
    )
    updated: dict[str, object] = {"test": test, "operating_points": _measured_points(card, test)}
    if curve:
        updated |= {"risk_curve": measure_curve(name, evaluation), "score_bins": ()}
    measured = card.model_copy(update=updated)
    digest, threshold = card.files["weights"].sha256, card.point().threshold
    results = read_measured(evaluation, name, weights_sha256=digest, threshold=threshold)
    # Before anything is written: a damaged file of results must not leave a new card beside an old description.
    described = card_markdown(measured, () if results is None else measured_sections(results))
    store_card(measured, weights)
    (weights / f"{name}.md").write_text(described, "utf-8")


def _measured_points(card: ModelCard, test: EvaluationRecord) -> tuple[OperatingPoint, ...]:
    """The operating points, the tested one with its rates: on held-out datasets, then on test images, then on folds."""
    rates = tuple(
        MeasuredRates(
            population=f"test, {view}",
            sensitivity=test.views[view].metrics["sensitivity"],
            specificity=test.views[view].metrics["specificity"],
        )
        for view in _TRUSTED_FIRST
        if view in test.views
    )
    points = []
    for point in card.operating_points:
        if point.threshold == test.threshold:
            # Rates of an earlier test are replaced.
            chosen_on = [each for each in point.measured if not each.population.startswith("test")]
            held_out = [each for each in chosen_on if each.population.startswith(OUT_OF_ORIGIN)]
            others = [each for each in chosen_on if each not in held_out]
            point = point.model_copy(update={"measured": (*held_out, *rates, *others)})
        points.append(point)
    return tuple(points)


def _times_scored(log: Path, card: ModelCard) -> str:
    try:
        scorings = pd.read_csv(log)
    except OSError as error:
        raise UsageError(f"{log} is missing, so it is unknown how often the test rows were scored") from error
    # Other seeds and the eight orientations are scorings of the same test rows, under `<name>.<which>`.
    named = scorings["model"].str.split(".").str[0] == card.name
    of_it = scorings[named & (scorings["split"] == "test")]
    these = int((of_it["weights_sha256"] == card.files["weights"].sha256).sum())
    return f"{these} with these weights, {len(of_it)} with any weights of this name (evaluation/scorings.csv)"
