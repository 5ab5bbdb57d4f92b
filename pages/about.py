"""About: intended use, limits, the model card and the hazards."""

import streamlit as st

from skinlens import __version__
from skinlens.runtime.card import ModelFileError
from skinlens.ui.model import loaded_model
from skinlens.ui.model_card import show_card, show_hazards
from skinlens.ui.router import require_router

require_router()
st.subheader("About SkinLens", anchor=False)
st.write(
    f"SkinLens {__version__} reads dermoscopic photographs on this computer and sends nothing anywhere. It rebuilds "
    "the classifier of arXiv 2510.03876 (a ResNet-50 with adaptive spatial feature fusion), measures it, and shows "
    "what it looked at."
)
try:
    show_card(loaded_model().card)
except ModelFileError as error:
    st.error("The model cannot be used.", icon=":material/error:")
    st.text(str(error))
show_hazards()
