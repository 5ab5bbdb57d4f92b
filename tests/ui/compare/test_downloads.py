"""What the Compare page saves: CSVs without formulas and with every digit, charts under their names."""

import io

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from skinlens.ui.compare.downloads import FORMATS, chart_config, csv_bytes


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_text_of_a_csv_is_a_formula(name: str) -> None:
    table = pd.DataFrame({"model": [name, "plain"], "value": [-0.5, 0.5], name: ["a", "b"]})
    back = pd.read_csv(io.BytesIO(csv_bytes(table)))
    assert back["model"].tolist() == [f"'{name}", "plain"]
    assert back["value"].tolist() == [-0.5, 0.5]
    assert back.columns[2] == f"'{name}"
    assert table["model"].tolist() == [name, "plain"]


def test_numbers_of_a_csv_are_not_rounded() -> None:
    values = np.random.default_rng(0).random(50)
    assert pd.read_csv(io.BytesIO(csv_bytes(pd.DataFrame({"x": values}))))["x"].tolist() == values.tolist()


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_camera_saves_the_chart_under_its_name(image_format: str) -> None:
    config = chart_config("roc-native", image_format)
    assert config["toImageButtonOptions"] == {"format": image_format, "filename": "skinlens-roc-native", "scale": 2}
    # Plotly's other buttons include one that sends the chart to its maker.
    assert config["modeBarButtons"] == [["toImage", "zoom2d", "resetScale2d"]]


def test_a_table_is_offered_under_its_name() -> None:
    def draw() -> None:
        import pandas as pd

        from skinlens.ui.compare.downloads import offer_table

        offer_table(pd.DataFrame({"a": [1]}), "first")
        offer_table(pd.DataFrame({"a": [1]}), "second", label="Download chart data (CSV)", key="other")

    buttons = AppTest.from_function(draw, default_timeout=60).run().get("download_button")
    assert [button.proto.label for button in buttons] == ["Download table (CSV)", "Download chart data (CSV)"]
