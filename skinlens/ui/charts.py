"""Figures drawn for the pages, in colours that hold in both themes and without colour vision."""

import plotly.graph_objects as go

BAR = "#2b7a9b"
TRACK = "rgba(128, 140, 148, 0.25)"
MARK = "#c2570c"
BAND = "rgba(194, 87, 12, 0.3)"
INK = {"light": "#16252d", "dark": "#e8eef1"}


def score_bar(
    score: float,
    threshold: float,
    *,
    name: str,
    band: tuple[float, float] | None = None,
    theme: str = "light",
) -> go.Figure:
    """Draw a bar from 0 to 1 with the score as its length and the threshold as a line across it.

    Args:
        score: In [0, 1].
        threshold: In [0, 1].
        name: Of the number, for the reader: `score` or `estimate`.
        band: Scores that are too close to call, shaded; None without.
        theme: `light` or `dark`.
    """
    ink = INK[theme]
    figure = go.Figure()
    figure.add_bar(x=[1.0], y=[""], orientation="h", marker_color=TRACK, hoverinfo="skip", width=0.5)
    figure.add_bar(
        x=[score],
        y=[""],
        orientation="h",
        marker_color=BAR,
        width=0.5,
        hovertemplate=f"{name} %{{x:.3f}}<extra></extra>",
    )
    if band is not None:
        figure.add_shape(
            type="rect", x0=band[0], x1=band[1], y0=-0.36, y1=0.36, fillcolor=BAND, line={"width": 0}, layer="above"
        )
    figure.add_shape(type="line", x0=threshold, x1=threshold, y0=-0.42, y1=0.42, line={"color": MARK, "width": 4})
    figure.add_annotation(
        x=threshold,
        y=0.45,
        text=f"threshold {threshold:.2f}",
        showarrow=False,
        yanchor="bottom",
        xanchor="center" if 0.2 < threshold < 0.8 else "left" if threshold <= 0.2 else "right",
        font={"size": 13, "color": ink},
    )
    figure.update_layout(
        barmode="overlay",
        height=84,
        margin={"l": 2, "r": 2, "t": 18, "b": 20},
        showlegend=False,
        xaxis={
            "range": [-0.02, 1.02],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "tickfont": {"size": 13, "color": ink},
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={"showticklabels": False, "fixedrange": True},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure
