"""The button that makes and downloads a case summary."""

from collections.abc import Callable

import streamlit as st

from skinlens.translation import gettext as _


def pdf_button(make: Callable[[], bytes], identity: str, *, disabled: bool = False) -> None:
    """Offer a case summary as a PDF.

    Args:
        make: Returns the PDF; called when the button is pressed.
        identity: Of the image; its first eight digits name the file.
        disabled: Whether the button can only be seen.
    """
    st.download_button(
        _("Download PDF"),
        make,
        file_name=f"skinlens-{identity[:8]}.pdf",
        mime="application/pdf",
        on_click="ignore",
        type="primary",
        width="stretch",
        disabled=disabled,
    )
