"""`skinlens documents`: the blocks of the documents that follow from the models, their results and the commands."""

from collections.abc import Mapping
from pathlib import Path

from skinlens.cli.reference import command_reference
from skinlens.cli.say import print_text
from skinlens.errors import OutputError
from skinlens.export.selection import predictions_by_dataset, read_selections
from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.held_out import HeldOutModel, markdown_headline, markdown_held_out
from skinlens.leaderboard.held_out_kept import keep_datasets, kept_datasets
from skinlens.leaderboard.held_out_models import measure_files, read_models
from skinlens.leaderboard.performance import markdown_performance, read_performance
from skinlens.leaderboard.records import read_results
from skinlens.leaderboard.table import markdown_leaderboard
from skinlens.report.generated import Generator, rewritten
from skinlens.report.tables import markdown_points, markdown_views
from skinlens.runtime.card import EvaluationRecord, ModelCard, read_card
from skinlens.runtime.predictor import DEFAULT_MODEL

# From the root; the folder of `cli.options` may be another copy's.
EVALUATION = "weights/evaluation"
DOCUMENTS = ("README.md", "docs/results.md", "docs/command-line.md", "docs/performance.md")
# The test view to believe among the four.
_BELIEVED = "clean-native"


def documents(root: Path) -> None:
    """Rewrite the generated blocks of every document, and print which documents changed.

    What was measured on held-out datasets is kept on record first, so that the Compare page need not measure it.

    Args:
        root: Of the project, with the documents, `weights/` and `weights/evaluation/`.

    Raises:
        OutputError: If a document or a record cannot be read or written.
        ResultError: If a result cannot be used.
        ModelFileError: If a card cannot be used.
        SelectionError: If the file of choices cannot be used.
        MarkError: If the marks of a document do not fit together.
    """
    _keep_held_out(root / EVALUATION)
    generators = generators_of(root)
    for name in DOCUMENTS:
        try:
            before = (root / name).read_text("utf-8")
            after = rewritten(before, generators)
            if after != before:
                (root / name).write_text(after, "utf-8")
        except OSError as error:
            raise OutputError(f"{name} cannot be rewritten: {error}") from error
        print_text(f"{name}: {'unchanged' if after == before else 'rewritten'}")


def generators_of(root: Path) -> Mapping[str, Generator]:
    """Return what writes each kind of block.

    Args:
        root: Of the project.

    Returns:
        By kind, a function from the source that a mark names (a card, the evaluation folder, or the program) to
        Markdown.
    """
    held_out: dict[Path, list[HeldOutModel]] = {}

    def models(source: str) -> list[HeldOutModel]:
        folder = root / source
        if folder not in held_out:
            chosen = _chosen(folder)
            titles = {model.family: model.label for model in read_results(folder).shown}
            read, problems = read_models(folder, chosen, titles, default=DEFAULT_MODEL)
            if problems:
                raise ResultError("; ".join(problems))
            held_out[folder] = read
        return held_out[folder]

    return {
        "headline": lambda source: _headline(models(source), root / source),
        "held-out": lambda source: markdown_held_out(models(source)),
        "points": lambda source: markdown_points(read_card(root / source).operating_points),
        "views": lambda source: markdown_views(_test_of(read_card(root / source))),
        "leaderboard": lambda source: markdown_leaderboard(root / source),
        "commands": lambda _: command_reference(),
        "performance": lambda source: _performance(root / source),
    }


def _chosen(folder: Path) -> dict[str, tuple[str, ...]]:
    """The files of predictions by model, of those whose choice held out datasets."""
    return predictions_by_dataset(read_selections(folder / "selected.json"))


def _keep_held_out(folder: Path) -> None:
    for name, files in _chosen(folder).items():
        try:
            if kept_datasets(folder, name, files) is None:
                keep_datasets(folder, name, files, measure_files(folder, files))
        except (OSError, ValueError) as error:
            raise ResultError(f"the predictions behind the choice of {name} cannot be used: {error}") from error


def _headline(models: list[HeldOutModel], folder: Path) -> str:
    """The default model on datasets that it had not seen, then each released model on the test view to believe."""
    (default,) = [model for model in models if model.default]
    rows = markdown_headline(default)
    for path in sorted(folder.parent.glob("*.json")):
        card = read_card(path)
        view = _test_of(card).views[_BELIEVED]
        area = view.metrics["roc_auc"].text()
        rows.append(f"| test images (`{_BELIEVED}`), `{card.name}` | {view.n:,} | {view.malignant:,} | {area} |")
    return "\n".join(["| measured on | images | malignant | ROC AUC |", "| --- " * 4 + "|", *rows])


def _performance(path: Path) -> str:
    """The table of the last measurement; until there is one, a sentence."""
    return markdown_performance(read_performance(path)) if path.is_file() else "Not measured yet for this version."


def _test_of(card: ModelCard) -> EvaluationRecord:
    if card.test is None:
        raise ResultError(f"the card {card.name} holds no test scores; write them with `python -m skinlens card`")
    return card.test
