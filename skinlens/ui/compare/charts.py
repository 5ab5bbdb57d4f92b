"""The charts of the comparison page, each from a table of `skinlens.leaderboard.chart_tables`.

Models are told apart by colour, dash and mark together, in colours that hold without colour vision, on each theme's own
background: an image that is downloaded must be legible wherever it is pasted.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skinlens.leaderboard.records import SUBMITTED
from skinlens.translation import NUMBER_MARKS, current_language, marked
from skinlens.translation import gettext as _
from skinlens.translation import number as written

INK = {"light": "#16252d", "dark": "#e8eef1"}
BACKGROUND = {"light": "#fbfcfd", "dark": "#11181d"}
GRID = {"light": "#d5dee4", "dark": "#33424b"}
REFERENCE = {"light": "#5b6b74", "dark": "#9aa9b2"}
# After Okabe & Ito, darkened or lightened until each has a contrast of 4.5:1 with its background.
COLOURS = {
    "light": ("#0067a3", "#b84a00", "#00704f", "#9c3f78", "#7a5a00", "#16252d", "#5b45b0", "#b3261e"),
    "dark": ("#5cb8f0", "#f58a42", "#2fc397", "#e49ac4", "#e8c34a", "#e8eef1", "#b3a2f5", "#ff9488"),
}
# Of the user's own model alone, so that it is found at once in every chart; the same contrast.
OWN_COLOUR = {"light": "#c2004f", "dark": "#ff7fb0"}
DASHES = ("solid", "dash", "dot", "dashdot")
MARKS = ("circle", "square", "triangle-up", "x", "cross", "star", "pentagon", "hexagram")
# The confusion matrix from no image of a class to all of them.
RIGHT = {"light": ("#e6f2f8", "#8cc4dd"), "dark": ("#16303c", "#1c5f7d")}
WRONG = {"light": ("#fdeee2", "#f0a878"), "dark": ("#38231a", "#8a4213")}
TITLES = {
    "blur": marked("Blur"),
    "jpeg": marked("JPEG compression"),
    "brightness": marked("Brightness"),
    "colour_cast": marked("Colour cast"),
    "hair": marked("Hair"),
    "vignette": marked("Vignette"),
    "rotation": marked("Rotation"),
}
METRIC_AXES = {"accuracy": marked("Accuracy"), "roc_auc": marked("ROC AUC")}
COLUMN_AXES = {
    "train_loss": marked("Training loss"),
    "fold_loss": marked("Loss on the held-out fold"),
    "fold_auc": marked("ROC AUC on the held-out fold"),
    "fold_accuracy": marked("Accuracy on the held-out fold"),
    "seconds": marked("Seconds an epoch"),
    "images_per_second": marked("Images a second"),
}
_FONT = "Source Sans, Source Sans Pro, sans-serif"
_LEGEND_CHARACTERS = 36
_PANEL_CHARACTERS = 34
_PANELS = 3
_TOP = 56
_TITLE = 34


@dataclass(frozen=True)
class Look:
    """How one model is drawn everywhere."""

    colour: str
    dash: str
    mark: str


def looks(labels: Sequence[str], *, theme: str) -> dict[str, Look]:
    """A look for each model; no two of the first 32 look alike, and the user's own has a colour of its own."""
    colours = COLOURS[theme]
    traces = {
        label: Look(OWN_COLOUR[theme], "solid", "star-diamond") for label in labels if label.startswith(SUBMITTED)
    }
    for number, label in enumerate(label for label in labels if label not in traces):
        turn = number // len(colours)
        traces[label] = Look(
            colours[number % len(colours)],
            DASHES[(number + turn) % len(DASHES)],
            MARKS[(number + turn) % len(MARKS)],
        )
    return traces


def roc_chart(
    curves: pd.DataFrame, points: pd.DataFrame, styles: Mapping[str, Look], notes: Mapping[str, str], *, theme: str
) -> go.Figure:
    """ROC curves with each model's own threshold as a mark on its curve, and the paper's as an open diamond.

    Args:
        curves: From `roc_table`.
        points: From `operating_points`.
        styles: From `looks`, by label.
        notes: A second line for the legend, by label.
        theme: `light` or `dark`.
    """
    figure = go.Figure()
    _reference(figure, [0, 1], [0, 1], _("no better than chance"), theme)
    _curves(figure, curves, styles, notes, x="false_positive_rate", y="sensitivity", shape="linear")
    _marks(figure, points, styles, x="false_positive_rate", y="sensitivity")
    _axes(figure, _("Benign images called malignant (1 minus specificity)"), _("Malignant images found (sensitivity)"))
    return _square(_finished(figure, theme))


def pr_chart(
    curves: pd.DataFrame,
    points: pd.DataFrame,
    styles: Mapping[str, Look],
    notes: Mapping[str, str],
    *,
    malignant_share: float | None,
    theme: str,
) -> go.Figure:
    """Precision-recall curves in steps; otherwise as `roc_chart`.

    Args:
        curves: From `pr_table`.
        points: From `operating_points`.
        styles: From `looks`, by label.
        notes: A second line for the legend, by label.
        malignant_share: Precision of calling every image malignant; None where it is unknown.
        theme: `light` or `dark`.
    """
    figure = go.Figure()
    if malignant_share is not None:
        _reference(figure, [0, 1], [malignant_share] * 2, _("every image called malignant"), theme)
    _curves(figure, curves, styles, notes, x="sensitivity", y="precision", shape="vh")
    _marks(figure, points, styles, x="sensitivity", y="precision")
    _axes(figure, _("Malignant images found (sensitivity)"), _("Called malignant that are (precision)"))
    return _square(_finished(figure, theme))


def confusion_chart(cells: pd.DataFrame, *, theme: str) -> go.Figure:
    """Confusion matrices side by side; the deeper the colour, the larger the share of the actual class.

    Args:
        cells: From `confusion_table`.
        theme: `light` or `dark`.
    """
    figure = _panels(list(dict.fromkeys(cells["model"])), theme, row_height=210, gap=84, across=0.12)
    order = [_("benign"), _("malignant")]
    cells = cells.assign(called=cells["called"].map(_), actual=cells["actual"].map(_))
    for number, (_model, matrix) in enumerate(cells.groupby("model", sort=False)):
        place = _place(number)
        for scale, right in ((RIGHT[theme], True), (WRONG[theme], False)):
            part = matrix[(matrix["actual"] == matrix["called"]) == right]
            figure.add_heatmap(
                x=part["called"],
                y=part["actual"],
                z=part["share"],
                zmin=0,
                zmax=1,
                colorscale=[(0, scale[0]), (1, scale[1])],
                showscale=False,
                text=[_cell(images, share) for images, share in zip(part["images"], part["share"], strict=True)],
                texttemplate="%{text}",
                textfont={"size": 16, "color": INK[theme]},
                hovertemplate=_hover(_("actually {y}, called {x}: {text}"), x="%{x}", y="%{y}", text="%{text}"),
                xgap=3,
                ygap=3,
                **place,
            )
        figure.update_xaxes(title_text=_("Called"), categoryorder="array", categoryarray=order, **place)
        figure.update_yaxes(title_text=_("Actually"), categoryorder="array", categoryarray=order[::-1], **place)
    figure.update_xaxes(showgrid=False, title_standoff=4)
    figure.update_yaxes(showgrid=False, tickangle=-90, title_standoff=4)
    return figure


def reliability_chart(bins: pd.DataFrame, styles: Mapping[str, Look], *, theme: str) -> go.Figure:
    """A reliability diagram for each model, with Wilson intervals.

    Args:
        bins: From `reliability_table`.
        styles: From `looks`, by label.
        theme: `light` or `dark`.
    """
    figure = _panels(list(dict.fromkeys(bins["model"])), theme, row_height=240, gap=84, across=0.09)
    for number, (label, part) in enumerate(bins.groupby("model", sort=False)):
        place = _place(number)
        figure.add_scatter(
            x=[0, 1], y=[0, 1], mode="lines", line={"color": REFERENCE[theme], "dash": "dot"}, hoverinfo="skip", **place
        )
        figure.add_scatter(
            x=part["mean_probability"],
            y=part["observed"],
            error_y=_whiskers(part, "observed"),
            customdata=part["n"],
            mode="lines+markers",
            line={"color": styles[str(label)].colour, "width": 1.5},
            marker={"size": 7, "symbol": styles[str(label)].mark},
            hovertemplate=_hover(
                _("mean score {x}: {y} of {n} images malignant"), x="%{x:.2f}", y="%{y:.0%}", n="%{customdata}"
            ),
            **place,
        )
        figure.update_xaxes(title_text=_("Mean score"), **place)
        figure.update_yaxes(title_text=_("Malignant share") if number % _PANELS == 0 else "", **place)
    figure.update_xaxes(range=[-0.02, 1.02], title_standoff=6)
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%", title_standoff=6)
    return figure


def decision_chart(curves: pd.DataFrame, styles: Mapping[str, Look], *, theme: str) -> go.Figure:
    """Net benefit against the threshold, with referring everyone and no one.

    Args:
        curves: From `decision_table`.
        styles: From `looks`, by label.
        theme: `light` or `dark`.
    """
    figure = go.Figure()
    everyone = curves.drop_duplicates("threshold").sort_values("threshold")
    _reference(figure, everyone["threshold"], everyone["treat_all"], _("refer everyone"), theme)
    _reference(figure, everyone["threshold"], everyone["treat_none"], _("refer no one"), theme, dash="dash")
    _curves(figure, curves, styles, {}, x="threshold", y="net_benefit", shape="linear")
    _axes(figure, _("Score from which a lesion is referred"), _("Net benefit (found malignant lesions an image)"))
    top = float(curves["net_benefit"].max()) if len(curves) else 1.0
    figure.update_yaxes(range=[-0.25 * top, 1.1 * top])
    figure.update_xaxes(range=[0, 1])
    return _finished(figure, theme)


def coverage_chart(curves: pd.DataFrame, styles: Mapping[str, Look], *, theme: str) -> go.Figure:
    """Wrong decisions among the images that a model is surest of.

    Args:
        curves: From `coverage_table`.
        styles: From `looks`, by label.
        theme: `light` or `dark`.
    """
    figure = go.Figure()
    _curves(figure, curves, styles, {}, x="coverage", y="error", shape="hv")
    _axes(figure, _("Share of images decided, the surest first"), _("Wrong decisions among them"))
    figure.update_xaxes(range=[0, 1.01], tickformat=".0%")
    figure.update_yaxes(rangemode="tozero", tickformat=".0%")
    return _finished(figure, theme)


def cost_chart(board: pd.DataFrame, metric: str, styles: Mapping[str, Look], *, theme: str) -> go.Figure:
    """A metric with its interval against the time of one image, and against the size of the weights.

    Args:
        board: From `leaderboard_of`; rows without time or size are left out of that half.
        metric: `accuracy` or `roc_auc`.
        styles: From `looks`, by title.
        theme: `light` or `dark`.
    """
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.04)
    for row in board.to_dict("records"):
        for column, cost in ((1, "relative_time"), (2, "megabytes")):
            figure.add_scatter(
                x=[row[cost]],
                y=[row[metric]],
                error_y=_whiskers(pd.DataFrame([row]), metric, low=f"{metric}_low", high=f"{metric}_high"),
                mode="markers",
                name=_legend_name(row["title"]),
                legendgroup=row["title"],
                showlegend=column == 1,
                marker={"size": 12, "color": styles[row["title"]].colour, "symbol": styles[row["title"]].mark},
                hovertemplate=f"%{{x:.3g}} {'x' if column == 1 else 'MB'}, %{{y:.3f}}<extra></extra>",
                row=1,
                col=column,
            )
    figure.update_xaxes(title_text=_("Time, as a multiple of the paper model"), row=1, col=1)
    figure.update_xaxes(title_text=_("Weights, MB"), row=1, col=2)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(title_text=_(METRIC_AXES[metric]), row=1, col=1)
    return _finished(figure, theme, legend="below")


def robustness_chart(curves: pd.DataFrame, metric: str, styles: Mapping[str, Look], *, theme: str) -> go.Figure:
    """One panel a corruption: a metric with its interval against the strength.

    Args:
        curves: From `robustness_table`.
        metric: `accuracy` or `roc_auc`.
        styles: From `looks`, by label.
        theme: `light` or `dark`.
    """
    chosen = curves[curves["metric"] == metric]
    names = list(dict.fromkeys(chosen["corruption"]))
    titles = [_(TITLES.get(name, name.replace("_", " ").capitalize())) for name in names]
    figure = _panels(titles, theme, row_height=180, gap=64, across=0.05, legend=True)
    named: set[str] = set()
    for number, name in enumerate(names):
        place = _place(number)
        for label, part in chosen[chosen["corruption"] == name].groupby("model", sort=False):
            look = styles[str(label)]
            figure.add_scatter(
                x=part["strength"],
                y=part["value"],
                error_y=_whiskers(part, "value"),
                mode="lines+markers",
                name=_legend_name(str(label)),
                legendgroup=label,
                showlegend=label not in named,
                line={"color": look.colour, "dash": look.dash, "width": 2},
                marker={"size": 6, "symbol": look.mark},
                hovertemplate=_hover(_("strength {x}: {y}"), x="%{x}", y="%{y:.3f}"),
                **place,
            )
            named.add(str(label))
        figure.update_yaxes(title_text=_(METRIC_AXES[metric]) if number % _PANELS == 0 else "", **place)
        figure.update_xaxes(title_text=_("Strength") if number + _PANELS >= len(names) else "", **place)
    figure.update_yaxes(matches="y", title_standoff=6)
    figure.update_xaxes(dtick=1, title_standoff=4)
    return figure


def training_chart(curves: pd.DataFrame, column: str, styles: Mapping[str, Look], *, theme: str) -> go.Figure:
    """A column of the training logs against the epoch.

    Args:
        curves: From `training_table`.
        column: One of its columns.
        styles: From `looks`, by label.
        theme: `light` or `dark`.
    """
    figure = go.Figure()
    _curves(figure, curves.dropna(subset=[column]), styles, {}, x="epoch", y=column, shape="linear", marked=True)
    _axes(figure, _("Epoch"), column_title(column))
    figure.update_xaxes(dtick=1 if curves["epoch"].max() <= 20 else None)
    return _finished(figure, theme)


def held_out_chart(table: pd.DataFrame, styles: Mapping[str, Look], *, theme: str) -> go.Figure:
    """ROC AUC with its interval by dataset, the models of a dataset one below the other.

    Args:
        table: From `held_out_table`.
        styles: From `looks`, by model.
        theme: `light` or `dark`.
    """
    figure = go.Figure()
    models, datasets = (list(dict.fromkeys(table[column])) for column in ("model", "dataset"))
    step = 0.6 / max(1, len(models))
    for number, model in enumerate(models):
        part = table[table["model"] == model].dropna(subset=["roc_auc"])
        offset = (number - (len(models) - 1) / 2) * step
        figure.add_scatter(
            x=part["roc_auc"],
            y=[datasets.index(dataset) + offset for dataset in part["dataset"]],
            error_x=_whiskers(part, "roc_auc"),
            customdata=part["n"],
            mode="markers",
            name=_legend_name(model),
            marker={"size": 10, "color": styles[model].colour, "symbol": styles[model].mark},
            hovertemplate=_hover(_("{x}, {n} images"), x="%{x:.3f}", n="%{customdata:,}"),
        )
    figure.update_xaxes(title_text=_("ROC AUC, with 95 % interval"))
    figure.update_yaxes(
        tickvals=list(range(len(datasets))),
        ticktext=[_wrapped(_(dataset), _PANEL_CHARACTERS) for dataset in datasets],
        range=[len(datasets) - 0.5, -0.5],
    )
    return _finished(figure, theme).update_layout(height=120 + 70 * len(datasets))


def titled(figure: go.Figure, title: str) -> go.Figure:
    """Give a finished chart a title above all else, which it keeps when it is saved as an image.

    Args:
        figure: From one of the functions above.
        title: Text, never markup.
    """
    margin, height = figure.layout.margin.t, figure.layout.height
    figure.update_layout(
        title={"text": escape(title), "x": 0, "xref": "paper", "y": 1, "yref": "container", "yanchor": "top",
               "pad": {"t": 12}, "font": {"size": 16, "color": figure.layout.font.color}},
        margin={"t": margin + _TITLE},
    )  # fmt: skip
    return figure.update_layout(height=height + _TITLE)


def column_title(column: str) -> str:
    """What a column of a training log is called."""
    return _(COLUMN_AXES.get(column, column.replace("_", " ").capitalize()))


def _curves(
    figure: go.Figure,
    table: pd.DataFrame,
    styles: Mapping[str, Look],
    notes: Mapping[str, str],
    *,
    x: str,
    y: str,
    shape: str,
    marked: bool = False,
) -> None:
    for label, part in table.groupby("model", sort=False):
        look = styles[str(label)]
        figure.add_scatter(
            x=part[x],
            y=part[y],
            mode="lines+markers" if marked else "lines",
            name=_legend_name(str(label), notes.get(str(label), "")),
            legendgroup=label,
            line={"color": look.colour, "dash": look.dash, "width": 2.5, "shape": shape},
            marker={"symbol": look.mark, "size": 7},
            hovertemplate="%{x:.3f}, %{y:.3f}<extra></extra>",
        )


def _marks(figure: go.Figure, points: pd.DataFrame, styles: Mapping[str, Look], *, x: str, y: str) -> None:
    for row in points.dropna(subset=[x, y]).to_dict("records"):
        paper = row["source"] == "paper"
        look = styles[row["model"]]
        threshold = written(row["threshold"], ".2f")
        source = _("as published") if paper else _("at its threshold {threshold}").format(threshold=threshold)
        figure.add_scatter(
            x=[row[x]],
            y=[row[y]],
            mode="markers",
            name=_legend_name(row["model"]),
            legendgroup=row["model"],
            showlegend=paper,
            marker={
                "size": 12 if paper else 11,
                "symbol": "diamond-open" if paper else look.mark,
                "color": look.colour,
                "line": {"width": 2.5 if paper else 0, "color": look.colour},
            },
            hovertemplate=f"{source}: %{{x:.3f}}, %{{y:.3f}}<extra></extra>",
        )


def _reference(figure: go.Figure, x: object, y: object, name: str, theme: str, *, dash: str = "dot") -> None:
    line = {"color": REFERENCE[theme], "dash": dash, "width": 1.5}
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line=line, hoverinfo="skip")


def _whiskers(table: pd.DataFrame, value: str, *, low: str = "low", high: str = "high") -> dict[str, object]:
    up = (table[high] - table[value]).astype("float64").clip(lower=0)
    down = (table[value] - table[low]).astype("float64").clip(lower=0)
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2, "width": 3}


def _hover(words: str, **fields: str) -> str:
    """Return what a chart says beside the pointer, with Plotly's own fields for the placeholders."""
    return words.format(**fields) + "<extra></extra>"


def _cell(images: int, share: float) -> str:
    return f"<b>{images}</b><br>" + ("" if pd.isna(share) else written(share, ".1%"))


def _panels(
    titles: list[str], theme: str, *, row_height: int, gap: int, across: float, legend: bool = False
) -> go.Figure:
    """Equal panels, at most three in a row, each under its title; heights and the gap between rows in pixels."""
    rows = max(1, -(-len(titles) // _PANELS))
    drawn = rows * row_height + (rows - 1) * gap
    figure = make_subplots(
        rows=rows,
        cols=_PANELS,
        subplot_titles=[_wrapped(title, _PANEL_CHARACTERS) for title in titles],
        horizontal_spacing=across,
        vertical_spacing=gap / drawn,
    )
    _finished(figure, theme, legend="below" if legend else "none")
    figure.update_annotations(font={"size": 14, "color": INK[theme]})
    for unused in range(len(titles), rows * _PANELS):
        figure.update_xaxes(visible=False, **_place(unused))
        figure.update_yaxes(visible=False, **_place(unused))
    below = 110 if legend else 64
    figure.update_layout(height=drawn + _TOP + below, margin={"t": _TOP, "b": below})
    return figure.update_layout(legend={"y": -64 / drawn}) if legend else figure


def _place(number: int) -> dict[str, int]:
    return {"row": number // _PANELS + 1, "col": number % _PANELS + 1}


def _axes(figure: go.Figure, x: str, y: str) -> None:
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)


def _square(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(range=[-0.01, 1.01], constrain="domain")
    figure.update_yaxes(range=[-0.01, 1.01], scaleanchor="x", constrain="domain")
    return figure.update_layout(height=560)


def _finished(figure: go.Figure, theme: str, *, legend: str = "right") -> go.Figure:
    ink = INK[theme]
    axis = {
        "gridcolor": GRID[theme],
        "linecolor": REFERENCE[theme],
        "zerolinecolor": GRID[theme],
        "tickfont": {"size": 13, "color": ink},
        "title_font": {"size": 14, "color": ink},
        "automargin": True,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    beside = {"x": 1.02, "y": 1, "xanchor": "left", "yanchor": "top"}
    below = {"orientation": "h", "x": 0, "y": -0.16, "xanchor": "left", "yanchor": "top"}
    place = beside if legend == "right" else below
    return figure.update_layout(
        height=480,
        # Decimals and thousands on axes and beside the pointer.
        separators="".join(NUMBER_MARKS[current_language()]),
        font={"family": _FONT, "size": 14, "color": ink},
        paper_bgcolor=BACKGROUND[theme],
        plot_bgcolor=BACKGROUND[theme],
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        showlegend=legend != "none",
        legend={**place, "font": {"size": 13, "color": ink}, "itemsizing": "constant", "bgcolor": "rgba(0,0,0,0)"},
        hoverlabel={"font": {"size": 13}},
        modebar={"color": REFERENCE[theme], "activecolor": ink, "bgcolor": "rgba(0,0,0,0)"},
    )


def _legend_name(label: str, note: str = "") -> str:
    """A label broken into short lines, its note below; what looks like markup in it stays text."""
    return _wrapped(label, _LEGEND_CHARACTERS) + (f"<br>{escape(note)}" if note else "")


def _wrapped(text: str, width: int) -> str:
    return "<br>".join(escape(line) for line in textwrap.wrap(text, width, break_on_hyphens=False))
