"""What leaves a run: no formula in the table, a summary for every image that can still be read."""

import csv
import io
import zipfile
from pathlib import Path

import pytest

from skinlens.batch.export import NOT_INCLUDED, case_archive, file_stem, table_csv
from skinlens.batch.facts import Facts, match_facts, read_facts
from skinlens.batch.store import BatchStore
from skinlens.batch.table import Entry, entries
from skinlens.report.read_pdf import read_summary
from skinlens.runtime.predictor import Predictor
from tests.batch.test_table import POINT, line, review, table
from tests.made_up_cases import CARD


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def whole(store: BatchStore, predictor: Predictor) -> list[Entry]:
    return entries(store.lines(), predictor.card.point(), facts={}, reviews=store.reviews())


def test_every_text_from_outside_is_made_safe() -> None:
    bad = '=HYPERLINK("x")'
    named = review(0, "benign", actor=bad)
    named.note = bad
    found = table(line(0, path=bad), facts={0: Facts(*[bad] * 8)}, reviews=[named])
    (row,) = rows_of(table_csv(found, CARD, POINT))
    assert not any(value.startswith("=") for value in row.values())
    assert row["note"] == row["verdict_by"] == row["verdict_note"] == f"'{bad}"
    assert row["path"] == f"./{bad}"


def test_the_table_reads_back_as_case_facts_of_the_same_images() -> None:
    bad = "=1+1.png"
    facts = Facts(case_id="-P1", lesion="@left", note="'=quoted", label="benign")
    found = table(line(0, path=bad), line(1, path="plain.png"), facts={0: facts})
    rows = read_facts(table_csv(found, CARD, POINT).encode(), name="table.csv")
    matched = match_facts(rows, [entry.line for entry in found])
    assert matched.facts == {0: facts, 1: Facts()}
    assert not matched.unmatched


def test_the_table_says_what_the_command_line_says() -> None:
    unreadable = line(1, None, state="unreadable", reason="empty", sentence="It is empty.")
    stable = line(0, 0.7, stability=(0.7, 0.3, *[0.7] * 6), flags=("hair", "ink"))
    first, second = rows_of(table_csv(table(stable, unreadable), CARD, POINT))
    assert (first["probability"], first["decision"], first["stability"]) == ("0.7", "uncertain", "7/8")
    assert first["quality_failed"] == "hair;ink"
    assert first["reasons"].startswith("The score 0.70 is at or above the threshold 0.50. Turned or mirrored")
    assert (second["decision"], second["error"], second["reasons"]) == ("rejected", "empty", "It is empty.")
    assert second["probability"] == ""


def test_a_second_model_has_columns_of_its_own_and_only_then() -> None:
    found = entries([line(0, 0.9, second_score=0.25)], POINT, facts={}, reviews=(), second_point=CARD.point())
    (row,) = rows_of(table_csv(found, CARD, POINT, second=CARD))
    assert (row["second_model"], row["second_version"]) == (CARD.shown_name, CARD.version)
    assert row["second_probability"] == "0.25"
    assert row["second_decision"] == found[0].second
    assert float(row["second_threshold"]) == CARD.point().threshold
    assert row["models_disagree"] == str(found[0].second != "refer").lower()
    assert "second_model" not in table_csv(found, CARD, POINT)


def test_the_archive_has_a_summary_of_every_image(finished: BatchStore, predictor: Predictor) -> None:
    done: list[int] = []
    content = case_archive(
        finished, whole(finished, predictor), predictor.card, predictor.card.point(), progress=done.append
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pdf")]
        summaries = [read_summary(archive.read(name)) for name in names]
        left_out = archive.read(NOT_INCLUDED).decode()
    assert [summary.image_sha256 for summary in summaries] == [line.sha256 for line in finished.lines() if line.score]
    assert left_out.count("\n") == 1
    assert "broken.jpg" in left_out
    assert done == [1, 2, 3, 4, 5, 6]


def test_a_file_that_changed_is_not_summarised(folder: Path, finished: BatchStore, predictor: Predictor) -> None:
    (folder / "a" / "1.png").write_bytes((folder / "c.png").read_bytes())
    first = whole(finished, predictor)[:1]
    with zipfile.ZipFile(io.BytesIO(case_archive(finished, first, predictor.card, predictor.card.point()))) as archive:
        assert archive.namelist() == [NOT_INCLUDED]
        assert "has changed since it was assessed" in archive.read(NOT_INCLUDED).decode()


def test_a_name_controls_no_terminal_and_adds_no_line(finished: BatchStore, predictor: Predictor) -> None:
    evil = table(line(0, None, path="a\x1b[2J\u202e\nb.png", state="unreadable", sentence="It is empty."))
    content = case_archive(finished, evil, predictor.card, predictor.card.point())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read(NOT_INCLUDED).decode() == r"a\x1b[2J\u202e\nb.png: It is empty." + "\n"


@pytest.mark.parametrize(
    ("title", "stem"), [("Ward 3", "Ward-3"), ("../../x", "x"), ("", "batch"), ("a" * 99, "a" * 60)]
)
def test_a_title_makes_a_file_name(title: str, stem: str) -> None:
    assert file_stem(title) == stem
