"""About: what the program does and how well, in a few sentences; the model card and the hazards folded below."""

import streamlit as st

from skinlens.runtime.card import ModelFileError
from skinlens.runtime.weights import weights_folder
from skinlens.translation import error_in_language
from skinlens.translation import gettext as _
from skinlens.ui.compare.held_out import held_out_models
from skinlens.ui.model import loaded_model
from skinlens.ui.model_card import show_card, show_hazards, show_summary
from skinlens.ui.router import require_router


def page() -> None:
    """Summary, card and hazards; without a model, the hazards alone."""
    try:
        card = loaded_model().card
    except ModelFileError as error:
        st.error(_("The model cannot be used."), icon=":material/error:")
        st.text(error_in_language(error))
    else:
        models, _problems = held_out_models(weights_folder() / "evaluation", {})
        show_summary(card, next((model for model in models if model.name == card.name), None))
        show_card(card)
    show_hazards()


require_router()
st.title(_("About SkinLens"), anchor=False)
page()
