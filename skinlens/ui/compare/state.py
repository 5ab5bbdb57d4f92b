"""The state of the Compare page: the evaluation folder, the user's own model, and cached comparisons."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, LesionImage
from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.held_out import HeldOutModel
from skinlens.leaderboard.model_comparison import ModelComparison, Seeds, compare_models
from skinlens.leaderboard.records import SUBMITTED, EvaluatedModel, Results, measured, read_results, submitted_model
from skinlens.leaderboard.submitted import submission_template
from skinlens.leaderboard.table import PUBLISHED, leaderboard_of, paper_label, read_published
from skinlens.metrics.report import ViewResult
from skinlens.runtime.card import sha256_of
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.runtime.weights import weights_folder
from skinlens.storage.csv_file import CsvFileError
from skinlens.translation import gettext as _
from skinlens.translation import marked, sentence
from skinlens.ui.compare.held_out import held_out_models
from skinlens.ui.compare.kept import kept

# Test views by name, as shown. The compression of a JPEG from elsewhere gives the answer away.
VIEWS = {
    "all": marked("All images"),
    "no-twins": marked("Without train-test duplicates"),
    "native": marked("Without the compression shortcut"),
    "clean-native": marked("Without either"),
}
DEFAULT_THRESHOLD = 0.5
# Drawn before the reader chooses; more would hide each other.
MOST_PICKED = 3
PICKED = "compare-models"
UPLOADER = "compare-upload"
THRESHOLD = "compare-threshold"
_SUBMITTED = "compare-submitted"
_THRESHOLD = "compare-kept-threshold"
_ASKED = "compare-asked"


@dataclass(frozen=True, eq=False)
class Compared:
    """Everything that can be compared.

    Attributes:
        results: The evaluation folder.
        published: The paper's table, with `label` as a reader sees each model.
        yours: The submitted model; None without one.
        message: How many of its images were matched, or why it cannot be used; "" without one.
        problems: A sentence for each file that could not be used.
        held_out: Models and probes with their results on datasets that they had not seen.
        digest: Of the files behind `results` and `published`; "" where there are none.
    """

    results: Results
    published: pd.DataFrame
    yours: EvaluatedModel | None
    message: str
    problems: tuple[str, ...]
    held_out: tuple[HeldOutModel, ...] = ()
    digest: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """What charts of these models follow from, for `kept`; empty where that is not known."""
        return (self.digest, "" if self.yours is None else self.yours.digest) if self.digest else ()

    @property
    def models(self) -> tuple[EvaluatedModel, ...]:
        """Models that the charts can show: the first seed of each of ours, and yours."""
        return (*self.results.shown, *([self.yours] if self.yours else []))

    @property
    def labels(self) -> list[str]:
        """Everything that can be picked: models, then the paper's."""
        return [model.label for model in self.models] + list(self.published["label"])

    @property
    def views(self) -> list[str]:
        """Names of the test views that a model allows."""
        return [view for view in VIEWS if view == "all" or any(view in model.views for model in self.models)]

    def seeds(self, label: str) -> Seeds:
        """Return all seeds of the model with a label, the shown one first."""
        (model,) = (model for model in self.models if model.label == label)
        return self.results.by_family().get(model.family, (model,))

    @property
    def template(self) -> pd.DataFrame | None:
        """The CSV to fill in with an own model's predictions; None where there are no test images to list."""
        shown = self.results.shown
        return submission_template(shown[0].rows) if shown else None

    def picked_first(self) -> list[str]:
        """Return the labels that are picked at first: the app's model, the paper's as published, others, and yours."""
        plain = sorted(
            (model for model in self.results.shown if not model.tta), key=lambda model: not _is_default(model)
        )
        published = list(self.published["label"][:1])
        ours = [model.label for model in plain][: MOST_PICKED - len(published)]
        return ours + ([self.yours.label] if self.yours else []) + published


@dataclass(frozen=True)
class Submission:
    """A CSV as it was received, kept for the browser session only."""

    name: str
    content: bytes


def load() -> Compared:
    """Read the folder beside the released models and this session's own model; unreadable files become problems."""
    folder = weights_folder() / "evaluation"
    with st.spinner(_("Reading the evaluations")):
        digest = _folder_digest(folder)
        results, published, problems = _read(str(folder), digest)
    shown = results.shown
    yours, message = _own_model(shown[0] if shown else None)
    titles = {model.name: model.title for model in results.models}
    held_out, more_problems = held_out_models(folder, titles)
    return Compared(results, published, yours, message, (*problems, *more_problems), held_out, digest)


def board(compared: Compared, view: str) -> pd.DataFrame:
    """Return the leaderboard on one test view, with the submitted model."""
    key = (*compared.key, view) if compared.key else ()
    return kept("board", key, lambda: _board(compared, view))


def _board(compared: Compared, view: str) -> pd.DataFrame:
    families = dict(compared.results.by_family())
    worked_out: dict[str, ViewResult | None] = {}
    if compared.yours is not None:
        families[compared.yours.family] = (compared.yours,)
        with st.spinner(_("Computing the intervals of your model")):
            worked_out[compared.yours.name] = _measured(compared.yours.digest, view, compared.yours)
    return leaderboard_of(families, compared.published, view=view, worked_out=worked_out)


def ask(key: tuple[str, ...]) -> None:
    """Remember that a comparison was asked for, so that it stays on the page."""
    st.session_state.setdefault(_ASKED, set()).add(key)


def was_asked(key: tuple[str, ...]) -> bool:
    """Return whether a comparison was asked for."""
    return key in st.session_state.get(_ASKED, set())


def pair_key(first: Seeds, second: Seeds, view: str) -> tuple[str, ...]:
    """Return everything that a comparison depends on."""
    return (*(model.digest for model in first), "against", *(model.digest for model in second), view)


def pair(first: Seeds, second: Seeds, view: str) -> ModelComparison:
    """Compare two models, once; a comparison with the user's own model is kept for that session only.

    Raises:
        ValueError: As for `compare_models`.
    """
    private = any(model.source == "yours" for model in (*first, *second))
    worked_out = _private_pair if private else _shared_pair
    with st.spinner(_("Comparing on 2,000 resamples of the lesions")):
        return worked_out(pair_key(first, second, view), view, first, second)


def receive() -> None:
    """Keep an uploaded CSV and pick its model, or forget it with its file; the uploader calls this when it changes."""
    drop_picked()
    uploaded = st.session_state.get(UPLOADER)
    if uploaded is None:
        st.session_state.pop(_SUBMITTED, None)
        return
    st.session_state[_SUBMITTED] = Submission(uploaded.name, uploaded.getvalue())
    if PICKED in st.session_state:
        st.session_state[PICKED] = [*st.session_state[PICKED], f"{SUBMITTED}{uploaded.name}"]


def drop_picked() -> None:
    """Remove a submitted model from the picked ones."""
    if PICKED in st.session_state:
        st.session_state[PICKED] = [label for label in st.session_state[PICKED] if not label.startswith(SUBMITTED)]


def remove() -> None:
    """Forget the submitted model."""
    drop_picked()
    st.session_state.pop(_SUBMITTED, None)


def submission() -> Submission | None:
    """Return the submitted CSV; it outlives a visit to another page."""
    return st.session_state.get(_SUBMITTED)


def threshold() -> float:
    """Return the submitted model's threshold."""
    return float(st.session_state.get(_THRESHOLD, DEFAULT_THRESHOLD))


def keep_threshold() -> None:
    """Keep the threshold when its widget changes, since a widget's value does not outlive a visit to another page."""
    st.session_state[_THRESHOLD] = st.session_state[THRESHOLD]


def image(folder: str, path: str) -> LesionImage | None:
    """Return a test image, if the folder has it; None for a path that leads out of the folder.

    Raises:
        ImageRejectedError: If the file is no usable image.
    """
    root = Path(folder).expanduser().resolve()
    try:
        file = (root / path).resolve()
        exists = file.is_relative_to(root) and file.is_file()
    except (OSError, ValueError) as error:
        words = sentence("{path} cannot be looked up: {error}.", path=repr(path), error=str(error))
        raise ImageRejectedError("unreadable", words) from error
    return decode(file) if exists else None


def by_label(models: Sequence[EvaluatedModel], labels: Sequence[str]) -> list[EvaluatedModel]:
    """Return the models with these labels, in the models' order."""
    return [model for model in models if model.label in labels]


def _is_default(model: EvaluatedModel) -> bool:
    return model.name == DEFAULT_MODEL


def _own_model(like: EvaluatedModel | None) -> tuple[EvaluatedModel | None, str]:
    received = submission()
    if received is None:
        return None, ""
    try:
        return submitted_model(received.content, name=received.name, threshold=threshold(), like=like)
    except CsvFileError as error:
        return None, str(error)


@st.cache_resource(max_entries=2, show_spinner=False)
def _read(folder: str, digest: str) -> tuple[Results, pd.DataFrame, tuple[str, ...]]:
    """Read everything in the folder, again only when a file of it has changed."""
    del digest
    results, problems = read_results(Path(folder)), []
    try:
        published = read_published(Path(folder))
    except ResultError as error:
        problems.append(str(error))
        published = read_published(Path(folder) / "nothing")
    published = published.assign(label=[paper_label(model) for model in published["model"]])
    return results, published, (*results.problems, *problems)


def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    patterns = ("*.test.json", "*.test.csv", "*.log.csv", "*.held_out.json", PUBLISHED)
    files = {path for pattern in patterns for path in folder.glob(pattern)}
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


@st.cache_resource(max_entries=16, scope="session", show_spinner=False)
def _measured(digest: str, view: str, _model: EvaluatedModel) -> ViewResult | None:
    del digest
    return measured(_model, view)


def _pair(key: tuple[str, ...], view: str, _first: Seeds, _second: Seeds) -> ModelComparison:
    del key
    return compare_models(_first, _second, view)


_shared_pair = st.cache_resource(max_entries=64, show_spinner=False)(_pair)
_private_pair = st.cache_resource(max_entries=16, scope="session", show_spinner=False)(_pair)
