"""The button that makes and saves a case summary."""

from collections.abc import Callable

import streamlit as st


def pdf_button(made: Callable[[], bytes], image_sha256: str, *, disabled: bool = False) -> None:
    """Offer a case summary, made when it is asked for and named by the image."""
    st.download_button(
        "Download PDF",
        made,
        file_name=f"skinlens-{image_sha256[:8]}.pdf",
        mime="application/pdf",
        on_click="ignore",
        type="primary",
        icon=":material/picture_as_pdf:",
        width="stretch",
        disabled=disabled,
    )
