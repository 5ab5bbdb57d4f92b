"""The models: which one is in use, each loaded once for all browser sessions and only when it is needed."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from skinlens.imaging.synthetic import draw_lesion
from skinlens.runtime.card import ModelCard, ModelFileError, read_card, sha256_of
from skinlens.runtime.choice import predictor_for
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor, released_models
from skinlens.runtime.providers import provider_in_words
from skinlens.runtime.released import allowed_by_environment, trusted_card
from skinlens.runtime.weights import weights_folder
from skinlens.translation import error_in_language, sentence
from skinlens.translation import gettext as _
from skinlens.triage.turns import Turns

# Key of the choice of the model.
MODEL = "model"
# One for all models: two of them at work would fight for the same cores.
_CORES = Turns()


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A predictor, and the lock that keeps two sessions from using the machine's cores at the same time.

    A run in the background takes `lock.behind`, so that a person who waits for one image goes before it.
    """

    predictor: Predictor
    lock: Turns

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self.predictor.card

    @property
    def runs_on(self) -> str:
        """Where it runs, as shown to users."""
        return provider_in_words(self.predictor.provider)


def released_names() -> tuple[str, ...]:
    """Return the names of the models that can be chosen, the default one first."""
    names = released_models()
    return tuple(sorted(names, key=lambda name: (name != DEFAULT_MODEL, name)))


def chosen_name() -> str:
    """Return the name of the model in use: the one that was chosen in the sidebar if it is still there."""
    chosen = st.session_state.get(MODEL)
    return str(chosen) if chosen in released_names() else DEFAULT_MODEL


def choose_model() -> None:
    """Ask which model the whole app uses, where there are several."""
    names = released_names()
    if len(names) < 2:
        return
    if st.session_state.get(MODEL, DEFAULT_MODEL) not in names:
        del st.session_state[MODEL]
    # A list to pick from would cut the names off.
    st.radio(
        _("Model"),
        names,
        format_func={name: model_title(name) for name in names}.__getitem__,
        key=MODEL,
        help=_("Triage and new batch runs use this model. Another model may decide differently on the same image."),
    )


def model_title(name: str) -> str:
    """Return a model's name for a reader: the title on its card, or its name where the card cannot be read."""
    path = weights_folder() / f"{name}.json"
    try:
        return _title(str(path), path.stat().st_mtime_ns)
    except (ModelFileError, OSError):
        return name


def loaded_model(name: str | None = None) -> LoadedModel:
    """Return a model; it is loaded again if its card has changed.

    Args:
        name: Of its card; None takes the one that was chosen in the sidebar.

    Raises:
        ModelFileError: If the model is missing, altered, or unreleased and not allowed by SKINLENS_UNVERIFIED.
    """
    with st.spinner(_("Loading the model")):
        return _of_name(chosen_name() if name is None else name)


def load_ahead() -> None:
    """Load the default model, and have it answer once, before anybody asks; a page says so if it cannot be used."""
    with suppress(ModelFileError):
        model = _of_name(DEFAULT_MODEL)
        with model.lock:
            # The first answer takes longer than all others.
            model.predictor.predict([draw_lesion(0)])


def model_or_sentence(*, title: str | None = None) -> LoadedModel | None:
    """Return the model in use; without one, say why on the page and return None.

    Args:
        title: Of a page that draws its own elsewhere when there is a model.
    """
    try:
        return loaded_model()
    except ModelFileError as error:
        if title is not None:
            st.title(title, anchor=False)
        st.error(_("The model cannot be used, so no image can be assessed."), icon=":material/error:")
        st.text(error_in_language(error))
        return None


def _of_name(name: str) -> LoadedModel:
    folder = weights_folder()
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ModelFileError(
            sentence(
                "There is no model {model} in {folder}. Restore it from the release.", model=repr(name), folder=folder
            )
        )
    return _load(str(path), sha256_of(path), unverified=allowed_by_environment())


@st.cache_data(show_spinner=False, max_entries=20)
def _title(path: str, _changed: int) -> str:
    return read_card(Path(path)).title


@st.cache_resource(show_spinner=False, max_entries=4)
def _load(path: str, card_sha256: str, *, unverified: bool) -> LoadedModel:  # noqa: ARG001 - part of the cache's key
    card = trusted_card(Path(path), unverified=unverified)
    return LoadedModel(predictor_for(card, Path(path).parent), _CORES)
