"""The released model, loaded once for all browser sessions."""

import threading
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from skinlens.runtime.card import ModelCard, ModelFileError, sha256_of
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor
from skinlens.runtime.providers import provider_in_words
from skinlens.runtime.released import allowed_by_environment, trusted_card
from skinlens.runtime.weights import weights_folder


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A predictor, and the lock that keeps two sessions from using the machine's cores at the same time."""

    predictor: Predictor
    lock: threading.Lock

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self.predictor.card

    @property
    def runs_on(self) -> str:
        """Where it runs, as shown to users."""
        return provider_in_words(self.predictor.provider)


def loaded_model(name: str = DEFAULT_MODEL) -> LoadedModel:
    """Return the model of that name; it is loaded again if its card has changed.

    Raises:
        ModelFileError: If the model is missing, altered, or unreleased and not allowed by SKINLENS_UNVERIFIED.
    """
    folder = weights_folder()
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ModelFileError(f"There is no model {name!r} in {folder}. Restore it from the release.")
    return _load(str(path), sha256_of(path), unverified=allowed_by_environment())


def model_or_sentence() -> LoadedModel | None:
    """Return the model in use; without one, say why on the page and return None."""
    try:
        return loaded_model()
    except ModelFileError as error:
        st.error("The model cannot be used, so no image can be assessed.", icon=":material/error:")
        st.text(str(error))
        return None


@st.cache_resource(show_spinner="Loading the model", max_entries=2)
def _load(path: str, card_sha256: str, *, unverified: bool) -> LoadedModel:  # noqa: ARG001 - part of the cache's key
    card = trusted_card(Path(path), unverified=unverified)
    return LoadedModel(Predictor(card, Path(path).parent), threading.Lock())
