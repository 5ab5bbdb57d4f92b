"""The guard against formulas, on whatever text: nothing is lost, nothing is a formula."""

import io

import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from skinlens.storage.spreadsheet import PATHS, guarded, guarded_table, unguarded, unguarded_table
from tests.storage.test_spreadsheet import begins_a_formula

# Half of them begin with what a guard has to think about.
BEGINNINGS = st.text("'=+-@|%./ \t\r\n\u200b\u00a0\uff1d", max_size=4)
TEXTS = st.builds(str.__add__, BEGINNINGS, st.text(max_size=12))
COLUMNS = st.sampled_from(["", "name", *sorted(PATHS)])


@given(TEXTS, COLUMNS)
@example("'=1", "")
@example("./=1", "path")
def test_no_text_is_a_formula_once_it_is_guarded(text: str, column: str) -> None:
    assert not begins_a_formula(str(guarded(text, column)))


@given(TEXTS)
def test_what_was_guarded_reads_back_as_it_was(text: str) -> None:
    assert unguarded(guarded(text)) == text


@given(TEXTS, COLUMNS)
def test_a_guarded_text_is_not_guarded_further_where_it_is_no_formula(text: str, column: str) -> None:
    cell = guarded(text, column)
    assert cell == text or str(cell).endswith(text)
    assert len(str(cell)) <= len(text) + 2


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False)), COLUMNS)
def test_what_is_no_text_stays(value: object, column: str) -> None:
    assert guarded(value, column) is value
    assert unguarded(value, column) is value


@given(
    st.lists(TEXTS.filter(lambda text: bool(text.strip()) and not set(text) & set("\r\x00")), min_size=1, max_size=5)
)
def test_a_table_comes_back_from_csv(texts: list[str]) -> None:
    table = pd.DataFrame({"note": texts})
    written = guarded_table(table).to_csv(index=False)
    read = pd.read_csv(io.StringIO(written), dtype=str, keep_default_na=False, encoding="utf-8")
    assert unguarded_table(read)["note"].tolist() == texts
