"""Model comparison: the released model in its four test views, and the paper's published table."""

import streamlit as st

from skinlens.desktop.model import loaded_model
from skinlens.desktop.router import require_router
from skinlens.evaluation.published import SOURCE, published_models
from skinlens.report.tables import view_table
from skinlens.runtime import predictor as runtime
from skinlens.runtime.card import ModelCard, ModelFileError


def ours(card: ModelCard) -> None:
    """The released model's test scores; every view is shown, since none is honest alone."""
    st.markdown(f"**Ours: {card.title}** ({card.name} {card.version})")
    if card.test is None:
        st.info("This model's card holds no test scores.", icon=":material/info:")
        return
    st.dataframe(view_table(card.test), hide_index=True)
    st.caption(f"Threshold {card.test.threshold:.2f}. Intervals: {card.test.interval}.")
    for name, view in card.test.views.items():
        st.caption(f"{name}: {view.explanation}")


def published() -> None:
    """The paper's table, marked as the paper's."""
    st.markdown("**Published in the paper, not measured here**")
    path = runtime.WEIGHTS_FOLDER / "evaluation" / "published.csv"
    if not path.is_file():
        st.info("The published table is missing from this installation.", icon=":material/info:")
        return
    table = published_models(path)
    shares = ["accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision", "f1"]
    shown = table.rename(columns=lambda name: name.replace("_", " "))
    formats = {name.replace("_", " "): st.column_config.NumberColumn(format="%.4f") for name in shares}
    st.dataframe(shown, hide_index=True, column_config=formats)
    st.caption(f"Source: {SOURCE}. Positive is malignant; no intervals were published.")


require_router()
st.subheader("Compare", anchor=False)
try:
    ours(loaded_model().card)
except ModelFileError as error:
    st.error("The model cannot be used.", icon=":material/error:")
    st.text(str(error))
published()
