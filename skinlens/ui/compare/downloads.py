"""What can be saved from the Compare page: tables as CSV, charts as images."""

import csv

import pandas as pd
import streamlit as st

from skinlens.storage.spreadsheet import guarded_table
from skinlens.translation import gettext as _

FORMATS = ("png", "svg")


def offer_table(table: pd.DataFrame, name: str, *, label: str = "", key: str = "") -> None:
    """Offer a table as `skinlens-<name>.csv`.

    Args:
        table: As it is saved.
        name: Of the file.
        label: Of the button; "Download table (CSV)" if empty.
        key: Of the button; `numbers-<name>` if empty.
    """
    st.download_button(
        label or _("Download table (CSV)"),
        lambda: csv_bytes(table),
        file_name=f"skinlens-{name}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        key=key or f"numbers-{name}",
    )


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as a CSV in which no text is a formula; see `spreadsheet.guarded`."""
    return guarded_table(table).to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode("utf-8")


def chart_config(name: str, image_format: str) -> dict[str, object]:
    """Return Plotly's settings for a chart, whose camera button saves `skinlens-<name>`.

    Args:
        name: Of the file, without its ending.
        image_format: One of `FORMATS`.
    """
    return {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["toImage", "zoom2d", "resetScale2d"]],
        "toImageButtonOptions": {"format": image_format, "filename": f"skinlens-{name}", "scale": 2},
    }
