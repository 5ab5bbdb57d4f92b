"""Errors of a disk or a database in the reader's language."""

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from skinlens.batch.facts import read_facts
from skinlens.cases.errors import CaseStoreError
from skinlens.storage.csv_text import CsvFileError
from skinlens.storage.errors import explained
from skinlens.translation import error_in_language, language, marked


@pytest.mark.parametrize(
    ("cause", "english", "german"),
    [
        (
            OSError(28, "No space left on device"),
            "The cases could not be read: the disk is full. Make room and try again.",
            "Die Fälle konnten nicht gelesen werden: Der Datenträger ist voll. Schaffen Sie Platz und versuchen Sie es "
            "erneut.",
        ),
        (
            OperationalError("SELECT 1", {}, Exception("database is locked")),
            "The cases could not be read: another program is writing to it. Try again in a moment.",
            "Die Fälle konnten nicht gelesen werden: Ein anderes Programm schreibt gerade hinein. Versuchen Sie es "
            "gleich noch einmal.",
        ),
        (
            ProgrammingError("SELECT secret", {}, Exception("syntax")),
            "The cases could not be read: the database rejects the statement (ProgrammingError).",
            "Die Fälle konnten nicht gelesen werden: die Datenbank weist die Anweisung zurück (ProgrammingError).",
        ),
    ],
)
def test_a_failure_and_its_cause_are_translated(cause: Exception, english: str, german: str) -> None:
    with pytest.raises(CaseStoreError) as caught, explained(marked("The cases could not be read"), CaseStoreError):
        raise cause
    assert str(caught.value) == error_in_language(caught.value) == english
    with language("de"):
        assert error_in_language(caught.value) == german


def test_what_is_wrong_with_a_csv_is_translated() -> None:
    with pytest.raises(CsvFileError) as caught:
        read_facts(b"path,label\na.jpg,maybe\n", name="rows.csv")
    with language("de"):
        assert error_in_language(caught.value).startswith("rows.csv: 1 Zeile(n) haben ein anderes label als benign")


def test_what_is_no_sentence_of_ours_stays() -> None:
    with language("de"):
        assert error_in_language(ValueError("no such column: x")) == "no such column: x"
        assert error_in_language(ValueError()) == ""
