"""The results of a run as a table that follows operating point, filter and order without assessing again."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.facts import Matched, matched_facts
from skinlens.batch.schema import Review
from skinlens.batch.store import BatchStore, Line
from skinlens.batch.table import (
    OUTCOME_WORDS,
    OUTCOMES,
    Entry,
    Filter,
    Order,
    counts,
    entries,
    ordered,
    second_point,
    short_names,
    with_reviews,
)
from skinlens.cases.store import current_user
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.storage.csv_file import CsvFileError
from skinlens.storage.verdict import Verdict
from skinlens.translation import gettext as _
from skinlens.translation import in_language, marked, ngettext, number
from skinlens.triage.decision import operating_point
from skinlens.ui.batch.runs import open_store, runs_folder
from skinlens.ui.entered import entered, restore
from skinlens.ui.verdicts import VERDICTS

A_PAGE = 25
ORDERS: dict[Order, str] = {
    "worry": marked("most suspicious first"),
    "run": marked("as in the folder"),
    "mistakes": marked("errors first"),
}
# Key that is set when the reviewer comes back from an image, so that the table turns to its page.
FOLLOW = "batch-follow"
CUSTOM = marked("custom threshold")
BLIND, REVIEWER = "batch-blind", "batch-reviewer"
_POINT, _THRESHOLD = "batch-point", "batch-threshold"
_OUTCOMES, _FLAGS, _VERDICTS = "batch-outcomes", "batch-flags", "batch-verdicts"
_WORDS, _ORDER, _DISAGREEING = "batch-words", "batch-order", "batch-disagreeing"
# Settings that belong to a run, not to the reader.
OF_A_RUN = (_OUTCOMES, _FLAGS, _VERDICTS, _WORDS, _ORDER, _DISAGREEING)
# Key of the run that is open.
OPEN = "batch-run"
_NAMED = "batch-point-named"
_CACHE, _TABLE = "batch-cache", "batch-entries"
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
        stamp: Of the run as it was read: its id, images done, verdicts given or taken back, latest case facts.
        names: A short name of each image, by number.
        has_second: Whether a second model assessed the run, too.
    """

    every: list[Entry]
    listed: list[Entry]
    point: OperatingPoint
    blind: bool
    reviewer: str
    matched: Matched
    facts_error: str
    stamp: tuple[str, int, int, int]
    names: dict[int, str]
    has_second: bool = False

    def hides(self, entry: Entry) -> bool:
        """Return whether the model's result of an image must not be seen yet.

        Who has given a verdict has seen the result, also where that verdict was taken back.
        """
        return self.blind and entry.line.is_assessed and self.reviewer not in entry.seen_by

    def is_reviewed(self, entry: Entry) -> bool:
        """Return whether this reviewer has given a verdict that counts."""
        return any(review.actor == self.reviewer for review in entry.reviews)

    @property
    def reviewed(self) -> int:
        """Images on which this reviewer has given a verdict."""
        return sum(self.is_reviewed(entry) for entry in self.every)

    @property
    def assessed(self) -> int:
        """Images that a verdict can be given on."""
        return sum(entry.line.is_assessed for entry in self.every)


def loaded(store: BatchStore) -> Loaded:
    """Return the run, of which only what changed is read again; raises BatchError if it cannot be read."""
    stamp = (store.id, *store.stamp())
    known = st.session_state.get(_CACHE)
    if isinstance(known, Loaded) and known.stamp == stamp:
        return known
    if isinstance(known, Loaded) and (known.stamp[:2], known.stamp[3]) == (stamp[:2], stamp[3]):
        # A verdict: reading a run of thousands of images again would keep the reviewer waiting.
        fresh = Loaded(stamp, known.lines, store.reviews(), known.matched, known.facts_error)
    else:
        lines = store.lines()
        matched, error = _facts(store, lines)
        fresh = Loaded(stamp, lines, store.reviews(), matched, error)
    st.session_state[_CACHE] = fresh
    return fresh


def view(store: BatchStore) -> Shown:
    """Return the results as the reader chose to see them; draws nothing.

    Raises:
        BatchError: If the run cannot be read.
    """
    run, card, second = loaded(store), store.card(), store.second_card()
    point = chosen_point(card)
    table, names = _table_at(run, point, None if second is None else second_point(second, point))
    every = with_reviews(table, run.reviews)
    blind = bool(entered(BLIND, default=False))
    wanted, order = _chosen_filter(every, blind=blind, has_second=second is not None)
    listed = ordered([entry for entry in every if wanted.lets_through(entry)], order)
    return Shown(
        every,
        listed,
        point,
        blind,
        reviewer(),
        run.matched,
        run.facts_error,
        run.stamp,
        names,
        has_second=second is not None,
    )


def reviewer() -> str:
    """Return the name under which verdicts are saved."""
    return str(entered(REVIEWER, "") or current_user())


def chosen_point(card: ModelCard) -> OperatingPoint:
    """Return the operating point that the page uses: one of the card's, or a threshold of the reader's."""
    name = entered(_POINT, card.default_point)
    if name == CUSTOM:
        return operating_point(card, threshold=entered(_THRESHOLD, card.point().threshold))
    return card.point(name if name in {point.name for point in card.operating_points} else None)


def point_for_sidebar() -> OperatingPoint | None:
    """Return the operating point that the Batch page uses; None while it uses none, because no run is open.

    The sidebar is drawn before the page and seldomer; `sidebar_is_late` says when it has to be drawn again.
    """
    chosen = st.session_state.get(OPEN)
    point = None
    if chosen is not None:
        try:
            point = chosen_point(open_store(str(runs_folder() / chosen)).card())
        except BatchError:
            # The page says what is wrong with the run.
            point = None
    st.session_state[_NAMED] = point
    return point


def sidebar_is_late(shown: Shown) -> bool:
    """Return whether the sidebar names another operating point than the page uses."""
    return bool(st.session_state.get(_NAMED, shown.point) != shown.point)


def ask_for_point(card: ModelCard) -> None:
    """Ask for one of the card's operating points, or a custom threshold."""
    names = [*(point.name for point in card.operating_points), CUSTOM]
    key = restore(_POINT, card.default_point, names)
    name = st.segmented_control(
        _("Operating point"), names, format_func=_, required=True, key=key, help=_point_help(card)
    )
    if name == CUSTOM:
        key = restore(_THRESHOLD, card.point().threshold)
        st.slider(_("Threshold"), 0.0, 1.0, step=0.01, key=key, width=200)


def _point_help(card: ModelCard) -> str:
    return "  \n".join(
        _("{name}: threshold {threshold}, {chosen_on}").format(
            name=_(point.name), threshold=number(point.threshold, ".3f"), chosen_on=in_language(point.chosen_on)
        )
        for point in card.operating_points
    )


def ask_for_filter(shown: Shown) -> None:
    """Ask which images are listed, and in which order."""
    filters = [_FLAGS, _VERDICTS, *([] if shown.blind else [_OUTCOMES, _DISAGREEING])]
    active = sum(bool(entered(key, default=False)) for key in filters)
    label = ngettext("Filter ({n} active)", "Filter ({n} active)", active).format(n=active) if active else _("Filter")
    with st.popover(label, icon=":material/filter_alt:"):
        if not shown.blind:
            st.multiselect(
                _("Decision"),
                OUTCOMES,
                format_func=lambda name: _(OUTCOME_WORDS[name]),
                placeholder=_("all"),
                key=restore(_OUTCOMES, []),
            )
        flags = sorted({flag for entry in shown.every for flag in entry.flags})
        st.multiselect(_("Image quality"), flags, format_func=_, placeholder=_("all"), key=restore(_FLAGS, []))
        choices: tuple[Verdict | Literal[""], ...] = ("", *VERDICTS)
        st.multiselect(
            _("Verdict"),
            choices,
            format_func=lambda choice: _(VERDICTS[choice]) if choice else _("none yet"),
            placeholder=_("all"),
            key=restore(_VERDICTS, []),
        )
        if shown.has_second and not shown.blind:
            st.toggle(_("Models disagree"), key=restore(_DISAGREEING, default=False))
    st.text_input(
        _("Search"),
        key=restore(_WORDS, ""),
        placeholder=_("Search name, patient, note"),
        label_visibility="collapsed",
        width=200,
    )
    orders = _orders(shown.every, blind=shown.blind)
    st.selectbox(
        _("Order"),
        orders,
        format_func=lambda order: _(ORDERS[order]),
        key=restore(_ORDER, orders[0], orders),
        label_visibility="collapsed",
        width=200,
    )


def counts_sentence(every: Sequence[Entry]) -> str:
    """Return how many images have each outcome, in one line; outcomes that none has are left out."""
    counted = counts(every)
    return " · ".join(f"{_(OUTCOME_WORDS[name])}: {number(n)}" for name, n in counted.items() if n)


def show_table(store: BatchStore, shown: Shown, current: int | None) -> int | None:
    """Show a page of the table; return the number of the image whose row was selected."""
    if not shown.every:
        st.info(_("The images are not listed yet."), icon=":material/hourglass_empty:")
        return None
    if not shown.listed:
        st.info(_("No image matches the filter."), icon=":material/filter_alt:")
        return None
    pages = max(1, -(-len(shown.listed) // A_PAGE))
    key = f"batch-page-{pages}"
    if st.session_state.pop(FOLLOW, False):
        st.session_state[key] = page_of(shown, current)
    place = st.container()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(
            _("{n} of {total} images. Select the box on the left of a row to review that image.").format(
                n=number(len(shown.listed)), total=number(len(shown.every))
            ),
            width="content",
        )
        page = st.pagination(pages, key=key) if pages > 1 else 1
    part = shown.listed[(page - 1) * A_PAGE : page * A_PAGE]
    numbers = [entry.number for entry in part]
    score = _("Score")
    # The widget forgets its selection when it shows other images, so that a click counts once.
    chosen = place.dataframe(
        _table(part, store.thumbnails(numbers), shown, current, score),
        hide_index=True,
        width="stretch",
        row_height=_ROW_HEIGHT,
        height=min(620, 40 + _ROW_HEIGHT * len(part)),
        column_config={
            "": st.column_config.TextColumn(width=24),
            "Image": st.column_config.ImageColumn(_("Image"), width=64),
            "Name": st.column_config.TextColumn(_("Name"), width=190),
            "Decision": st.column_config.TextColumn(_("Decision"), width=120),
            "Verdict": st.column_config.TextColumn(_("Verdict"), width=100),
            # As text: a column of numbers would be written in the language of the browser.
            score: st.column_config.TextColumn(width=70),
            "Models": st.column_config.TextColumn(
                _("Models"), width=90, help=_("Whether the second model decides the same.")
            ),
            "Stable": st.column_config.TextColumn(
                _("Stable"), width=60, help=_("Orientations, turned or mirrored, that give the same decision.")
            ),
            "Quality": st.column_config.TextColumn(_("Image quality")),
        },
        on_select="rerun",
        selection_mode="single-row",
        key=f"batch-table-{hash(tuple(numbers))}",
    )
    rows = chosen["selection"]["rows"]
    return numbers[rows[0]] if rows and rows[0] < len(numbers) else None


def page_of(shown: Shown, current: int | None) -> int:
    """Return the page of the table that holds an image, from 1."""
    places = {entry.number: place for place, entry in enumerate(shown.listed)}
    return 1 + places.get(-1 if current is None else current, 0) // A_PAGE


def _facts(store: BatchStore, lines: Sequence[Line]) -> tuple[Matched, str]:
    nothing = Matched({}, (), ())
    file = store.facts_file()
    if file is None:
        return nothing, ""
    try:
        return matched_facts(file.content, lines, name=file.name), ""
    except CsvFileError as error:
        return nothing, str(error)


def _table_at(run: Loaded, point: OperatingPoint, second: OperatingPoint | None) -> tuple[list[Entry], dict[int, str]]:
    """Return the images at an operating point, without verdicts, and their names; kept while neither changes."""
    run_id, done, _reviews, facts = run.stamp
    key = (run_id, done, facts, point.name, point.threshold)
    known = st.session_state.get(_TABLE)
    if known is None or known[0] != key:
        table = entries(run.lines, point, facts=run.matched.facts, reviews=(), second_point=second)
        known = st.session_state[_TABLE] = (key, table, short_names(run.lines))
    return known[1], known[2]


def _chosen_filter(every: Sequence[Entry], *, blind: bool, has_second: bool) -> tuple[Filter, Order]:
    """Return what is listed; a blind reader's list must not follow the model's results."""
    wanted = Filter(
        outcomes=() if blind else tuple(entered(_OUTCOMES, [])),
        flags=tuple(entered(_FLAGS, [])),
        verdicts=tuple(entered(_VERDICTS, [])),
        words=str(entered(_WORDS, "")),
        disagreeing=has_second and not blind and bool(entered(_DISAGREEING, default=False)),
    )
    orders = _orders(every, blind=blind)
    order = entered(_ORDER, orders[0])
    return wanted, order if order in orders else orders[0]


def _orders(every: Sequence[Entry], *, blind: bool) -> list[Order]:
    if blind:
        return ["run"]
    return ["worry", "run", "mistakes"] if any(entry.facts.label for entry in every) else ["worry", "run"]


def _table(
    part: Sequence[Entry], small: dict[int, bytes], shown: Shown, current: int | None, score: str
) -> pd.DataFrame:
    turned = any(entry.line.stability is not None for entry in shown.every)
    return pd.DataFrame(
        {
            "": "▸" if entry.number == current else "",
            "Image": _address(small.get(entry.number)),
            "Name": shown.names[entry.number],
            score: _shown_score(entry, shown),
            "Decision": _("hidden") if shown.hides(entry) else _(OUTCOME_WORDS[entry.outcome]),
            **({"Models": "" if shown.hides(entry) else _models(entry)} if shown.has_second else {}),
            "Verdict": _(VERDICTS[entry.last_review.verdict]) if entry.last_review else "",
            **({"Stable": "" if shown.hides(entry) else entry.orientations} if turned else {}),
            "Quality": ", ".join(map(_, entry.flags)),
        }
        for entry in part
    )


def _shown_score(entry: Entry, shown: Shown) -> str:
    if shown.hides(entry) or entry.outcome == "rejected" or entry.line.score is None:
        return ""
    return number(entry.line.score, ".2f")


def _models(entry: Entry) -> str:
    if entry.models_disagree is None:
        return ""
    return _("disagree") if entry.models_disagree else _("agree")


def _address(content: bytes | None) -> str:
    """Return a JPEG as a `data:` address; "" without one."""
    return "" if content is None else f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
