"""Whatever is done to the database behind the program's back is found."""

import itertools
from pathlib import Path

import pytest
from sqlalchemy import text

from skinlens.cases.log import START
from skinlens.cases.store import CaseStore
from skinlens.cases.verify import verify
from tests.made_up_cases import CARD, build_record

TABLES = ("patient", "lesion", "image", "pixels", "model", "assessment", "review")
# A column of each table, and what to write into it.
EDITS = {
    "patient": "pseudonym = 'somebody else'",
    "lesion": "label = 'other arm'",
    "image": "name = 'other.jpg'",
    "pixels": "sha256 = 'ff'",
    "model": "card = '{}'",
    "assessment": "score = 0.01",
    "review": "verdict = 'benign'",
}


@pytest.fixture
def filled(store: CaseStore) -> CaseStore:
    """Two cases with kept pixels and a review."""
    for score in (0.9, 0.2):
        assessment = store.save(build_record(score=score), CARD, actor="a", keep_pixels=True)
    store.review(assessment, "malignant", note="n", blind=True, actor="b")
    return store


def done(store: CaseStore, *statements: str) -> None:
    """Somebody with the database's password."""
    with store.engine.begin() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for statement in statements:
            connection.execute(text(statement))


def test_an_untouched_store_has_no_findings(filled: CaseStore) -> None:
    found = verify(filled)
    assert found.findings == ()
    # Patient, lesion, image, pixels, model, two assessments and a review.
    assert (found.entries, found.rows) == (8, 8)
    assert verify(filled, expected_head=found.head).findings == ()


def test_an_empty_store_has_nothing_to_find(store: CaseStore) -> None:
    found = verify(store)
    assert (found.entries, found.rows, found.head, found.findings) == (0, 0, START, ())


@pytest.mark.parametrize("table", TABLES)
def test_an_edited_row_is_found(filled: CaseStore, table: str) -> None:
    done(filled, f"UPDATE {table} SET {EDITS[table]}")
    assert any(finding.startswith(f"The {table} ") and "was changed" in finding for finding in verify(filled).findings)


def test_a_removed_row_is_found(filled: CaseStore) -> None:
    done(filled, "DELETE FROM review")
    (finding,) = verify(filled).findings
    assert finding.startswith("The review ")
    assert finding.endswith("was removed.")


def test_an_added_row_is_found(filled: CaseStore) -> None:
    done(filled, "INSERT INTO patient (id, created, pseudonym) VALUES ('x', '2026-01-01T00:00:00.000000+00:00', 'new')")
    assert verify(filled).findings == ("The patient x was added without the log.",)


@pytest.mark.parametrize(
    "column", ["moment", "actor", "action", "table_name", "row_id", "row_digest", "previous", "link"]
)
def test_an_edited_log_entry_is_found(filled: CaseStore, column: str) -> None:
    value = "2020-01-01T00:00:00.000000+00:00" if column == "moment" else "changed"
    done(filled, f"UPDATE log SET {column} = '{value}' WHERE number = 4")
    assert any("Log entry 4" in finding or "Log entry 5" in finding for finding in verify(filled).findings)


@pytest.mark.parametrize("number", range(1, 9))
def test_a_removed_log_entry_is_found(filled: CaseStore, number: int) -> None:
    done(filled, f"DELETE FROM log WHERE number = {number}")
    assert verify(filled).findings


def test_log_entries_that_changed_places_are_found(filled: CaseStore) -> None:
    for first, second in itertools.combinations(range(1, 9), 2):
        swap = (
            f"UPDATE log SET number = -1 WHERE number = {first}",
            f"UPDATE log SET number = {first} WHERE number = {second}",
            f"UPDATE log SET number = {second} WHERE number = -1",
        )
        done(filled, *swap)
        assert verify(filled).findings, (first, second)
        done(filled, *swap)
    assert verify(filled).findings == ()


def test_a_shortened_log_with_its_rows_is_found(filled: CaseStore) -> None:
    done(filled, "DELETE FROM review", "DELETE FROM log WHERE number = 8")
    assert verify(filled).findings == (
        "The log does not end where it should: entries were removed from its end, or added.",
    )


def test_a_whole_new_chain_is_found_by_a_head_written_down(filled: CaseStore) -> None:
    head = verify(filled).head
    rewound = "UPDATE log_head SET number = 7, link = (SELECT link FROM log WHERE number = 7)"
    done(filled, "DELETE FROM review", "DELETE FROM log WHERE number = 8", rewound)
    assert verify(filled).findings == ()
    (finding,) = verify(filled, expected_head=head).findings
    assert "expected head" in finding


def test_a_row_that_comes_back_after_it_was_erased_is_found(filled: CaseStore) -> None:
    with filled.engine.connect() as connection:
        row = connection.execute(text("SELECT id, created, pseudonym FROM patient")).one()
    filled.erase(row.pseudonym, actor="a")
    done(filled, f"INSERT INTO patient VALUES ('{row.id}', '{row.created}', '{row.pseudonym}')")
    assert verify(filled).findings == (f"The patient {row.id} was erased by the log, but is there.",)


def test_pixels_that_changed_went_or_came_are_found(filled: CaseStore) -> None:
    (path,) = filled.pixels.path.glob("*.png")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "were changed" in verify(filled).findings[0]
    path.unlink()
    assert "are missing" in verify(filled).findings[0]
    Path(filled.pixels.path / "stray.png").write_bytes(content)
    path.write_bytes(content)
    assert verify(filled).findings == ("stray.png lies among the kept pixels without a row.",)
