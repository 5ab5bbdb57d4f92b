"""The results of a run: threshold, counts, filter and table, which follow the threshold without assessing again."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import streamlit as st

from skinlens.batch.facts import Matched, match_facts, read_facts
from skinlens.batch.schema import Review
from skinlens.batch.store import BatchStore, Line
from skinlens.batch.table import OUTCOME_WORDS, OUTCOMES, Entry, Filter, Order, Outcome, counts, entries, ordered
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.storage.csv_file import CsvFileError
from skinlens.storage.verdict import Verdict
from skinlens.triage.decision import operating_point
from skinlens.ui.verdicts import VERDICTS

A_PAGE = 25
ORDERS: dict[Order, str] = {"worry": "most suspicious first", "run": "as in the folder", "mistakes": "errors first"}
# Key that is set when the reviewer goes to another image, so that the table turns to its page.
FOLLOW = "batch-follow"
_CACHE = "batch-cache"
_CUSTOM = "custom threshold"
_ROW_HEIGHT = 56


@dataclass(frozen=True)
class Loaded:
    """A run as it is on the disk, read once for as long as nothing in it changes.

    Attributes:
        stamp: As for `Shown`.
        lines: Every image, in the order of the run.
        reviews: Every verdict, the earliest first.
        matched: Which case facts belong to which image.
        facts_error: Why the case facts cannot be used; "" if they can, or there are none.
    """

    stamp: tuple[str, int, int, int]
    lines: list[Line]
    reviews: list[Review]
    matched: Matched
    facts_error: str


@dataclass(frozen=True)
class Shown:
    """The results as the page shows them.

    Attributes:
        every: The whole run at the point.
        listed: What the filter lets through, in the chosen order.
        point: The operating point.
        blind: Whether the model's results are hidden until the reviewer has given a verdict.
        reviewer: Name under which verdicts are saved.
        matched: Which case facts belong to which image.
        facts_error: Why the case facts cannot be used; "" if they can, or there are none.
        stamp: Of the run as it was read: its id, images done, latest verdict, latest case facts.
    """

    every: list[Entry]
    listed: list[Entry]
    point: OperatingPoint
    blind: bool
    reviewer: str
    matched: Matched
    facts_error: str
    stamp: tuple[str, int, int, int]

    def hides(self, entry: Entry) -> bool:
        """Return whether the model's result of an image must not be seen yet."""
        known = entry.line.score is None or any(review.actor == self.reviewer for review in entry.reviews)
        return self.blind and not known


def loaded(store: BatchStore) -> Loaded:
    """Return the run, read again if anything in it changed; raises BatchError if it cannot be read."""
    stamp = (store.id, *store.stamp())
    known = st.session_state.get(_CACHE)
    if isinstance(known, Loaded) and known.stamp == stamp:
        return known
    lines = store.lines()
    matched, error = _facts(store, lines)
    loaded = Loaded(stamp, lines, store.reviews(), matched, error)
    st.session_state[_CACHE] = loaded
    return loaded


def choose(store: BatchStore, card: ModelCard, reviewer: str) -> Shown:
    """Ask for threshold, filter and order, show the counts, and return what the page is to show.

    Raises:
        BatchError: If the run cannot be read.
    """
    run = loaded(store)
    threshold, blind_place = st.columns([2, 1.2], vertical_alignment="bottom")
    with blind_place:
        blind = st.toggle(
            "Blind reading",
            key="batch-blind",
            help="Hides the model's result of an image until you have given your own verdict.",
        )
    with threshold:
        point = _choose_point(card)
    every = entries(run.lines, point, facts=run.matched.facts, reviews=run.reviews)
    if blind:
        st.caption("Counts, order and heatmaps are hidden because they would reveal the result.")
    else:
        _show_counts(every)
    wanted, order = _choose_filter(every, blind=blind)
    listed = ordered([entry for entry in every if wanted.lets_through(entry)], order)
    return Shown(every, listed, point, blind, reviewer, run.matched, run.facts_error, run.stamp)


def show_table(store: BatchStore, shown: Shown, current: int | None) -> int | None:
    """Show a page of the table; return the number of the image whose row was selected."""
    pages = max(1, -(-len(shown.listed) // A_PAGE))
    key = f"batch-page-{pages}"
    if st.session_state.pop(FOLLOW, False):
        st.session_state[key] = _page_of(shown, current)
    page = st.pagination(pages, key=key) if pages > 1 else 1
    part = shown.listed[(page - 1) * A_PAGE : page * A_PAGE]
    if not shown.every:
        st.info("The images are not listed yet.", icon=":material/hourglass_empty:")
        return None
    if not part:
        st.info("No image matches the filter.", icon=":material/filter_alt:")
        return None
    numbers = [entry.number for entry in part]
    name = "Score"
    table = _table(part, store.thumbnails(numbers), shown, current, name)
    # The widget forgets its selection when it shows other images, so that a click counts once.
    chosen = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        row_height=_ROW_HEIGHT,
        height=min(620, 40 + _ROW_HEIGHT * len(part)),
        column_config={
            "": st.column_config.TextColumn(width=24),
            "Image": st.column_config.ImageColumn(width=64),
            "Name": st.column_config.TextColumn(width=110),
            "Decision": st.column_config.TextColumn(width=112),
            "Verdict": st.column_config.TextColumn(width=80),
            name: st.column_config.ProgressColumn(width=100, min_value=0.0, max_value=1.0, format="%.2f"),
            "Stable": st.column_config.TextColumn(
                width=60, help="Orientations, turned or mirrored, that give the same decision."
            ),
        },
        on_select="rerun",
        selection_mode="single-row",
        key=f"batch-table-{hash(tuple(numbers))}",
    )
    st.caption(f"{len(shown.listed):,} of {len(shown.every):,} images. To see one, select the box on its left.")
    rows = chosen["selection"]["rows"]
    return numbers[rows[0]] if rows and rows[0] < len(numbers) else None


def _page_of(shown: Shown, current: int | None) -> int:
    """Return the page of the table that holds an image, from 1."""
    places = {entry.number: place for place, entry in enumerate(shown.listed)}
    return 1 + places.get(-1 if current is None else current, 0) // A_PAGE


def _facts(store: BatchStore, lines: Sequence[Line]) -> tuple[Matched, str]:
    nothing = Matched({}, (), ())
    file = store.facts_file()
    if file is None:
        return nothing, ""
    try:
        return match_facts(read_facts(file.content, name=file.name), lines), ""
    except CsvFileError as error:
        return nothing, str(error)


def _choose_point(card: ModelCard) -> OperatingPoint:
    """Ask for one of the card's points, or a custom threshold."""
    names = [point.name for point in card.operating_points]
    name = st.segmented_control(
        "Operating point", [*names, _CUSTOM], default=card.default_point, required=True, key="batch-point"
    )
    if name != _CUSTOM:
        point = card.point(name)
        st.caption(f"Threshold {point.threshold:.3f}: {point.chosen_on}")
        return point
    start = card.point().threshold
    return operating_point(card, threshold=st.slider("Threshold", 0.0, 1.0, start, 0.01, key="batch-threshold"))


def _show_counts(every: Sequence[Entry]) -> None:
    loaded = counts(every)
    places = st.columns(len(OUTCOMES))
    for place, name in zip(places, OUTCOMES, strict=True):
        place.metric(OUTCOME_WORDS[name], f"{loaded[name]:,}")


def _choose_filter(every: Sequence[Entry], *, blind: bool) -> tuple[Filter, Order]:
    flags = sorted({flag for entry in every for flag in entry.flags})
    labelled = any(entry.facts.label for entry in every)
    outcome, flag, verdict, words, order = st.columns([1.2, 1, 1, 1, 1.1])
    outcomes: list[Outcome] = []
    if not blind:
        outcomes = outcome.multiselect(
            "Decision", OUTCOMES, format_func=OUTCOME_WORDS.__getitem__, placeholder="all", key="batch-outcomes"
        )
    chosen_flags = flag.multiselect("Quality", flags, placeholder="all", key="batch-flags")
    choices: tuple[Verdict | Literal[""], ...] = ("", *VERDICTS)
    verdicts = verdict.multiselect(
        "Verdict",
        choices,
        format_func=lambda choice: VERDICTS[choice] if choice else "none yet",
        placeholder="all",
        key="batch-verdicts",
    )
    text = words.text_input("Search", key="batch-words", placeholder="name, patient, note")
    orders: list[Order] = ["run"] if blind else ["worry", "run", *(["mistakes"] if labelled else [])]  # type: ignore[list-item]
    chosen_order = order.selectbox("Order", orders, format_func=ORDERS.__getitem__, key=f"batch-order-{len(orders)}")
    return Filter(tuple(outcomes), tuple(chosen_flags), tuple(verdicts), text), chosen_order


def _table(
    part: Sequence[Entry], small: dict[int, bytes], shown: Shown, current: int | None, name: str
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "": "▸" if entry.number == current else "",
            "Image": _address(small.get(entry.number)),
            "Name": entry.line.relative,
            name: None if shown.hides(entry) or entry.outcome == "rejected" else entry.line.score,
            "Decision": "hidden" if shown.hides(entry) else OUTCOME_WORDS[entry.outcome],
            "Verdict": VERDICTS[entry.last_review.verdict] if entry.last_review else "",
            "Stable": "" if shown.hides(entry) else entry.views,
            "Quality": ", ".join(entry.flags),
        }
        for entry in part
    )


def _address(content: bytes | None) -> str:
    """Return a JPEG as a `data:` address; "" without one."""
    return "" if content is None else f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
