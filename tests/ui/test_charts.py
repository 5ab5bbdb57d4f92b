"""The score bar: lengths and places that a reader relies on."""

import pytest

from skinlens.ui.charts import INK, score_bar


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("score", "threshold"), [(0.0, 0.5), (0.71, 0.43), (1.0, 0.02), (0.3, 0.99)])
def test_bar_and_threshold_are_where_they_should_be(theme: str, score: float, threshold: float) -> None:
    figure = score_bar(score, threshold, name="score", theme=theme)
    track, bar = figure.data
    assert (track.x[0], bar.x[0]) == (1.0, score)
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == threshold
    (label,) = figure.layout.annotations
    assert label.text == f"threshold {threshold:.2f}"
    assert label.font.color == INK[theme]
    # A label near an end is anchored so that it stays inside.
    assert label.xanchor == ("left" if threshold <= 0.2 else "right" if threshold >= 0.8 else "center")


def test_the_uncertain_band_is_shaded() -> None:
    band, line = score_bar(0.4, 0.5, name="estimate", band=(0.45, 0.6)).layout.shapes
    assert (band.type, band.x0, band.x1) == ("rect", 0.45, 0.6)
    assert line.x0 == 0.5


def test_the_hover_text_has_the_name_of_the_number() -> None:
    assert score_bar(0.4, 0.5, name="estimate").data[1].hovertemplate.startswith("estimate ")
