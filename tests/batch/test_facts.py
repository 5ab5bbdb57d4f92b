"""Which image a row of case facts is about, and what is refused."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from skinlens.batch.facts import Facts, Matched, match_facts, matched_facts, read_facts
from skinlens.batch.store import Line
from skinlens.storage.csv_file import CsvFileError


def lines(*paths: str, root: str = "/data/ward") -> list[Line]:
    return [
        Line(number, f"{root}/{path}", path, "judged", f"{number:064x}", 1, 1, (), "", "", 0.5, None, (), (), ())
        for number, path in enumerate(paths)
    ]


def matched(text: str, found: Sequence[Line]) -> Matched:
    return match_facts(read_facts(text.encode(), name="facts.csv"), found)


RUN = lines("a/1.jpg", "b/1.jpg", "b/2.jpg")


@pytest.mark.parametrize(
    "key",
    ["b/2.jpg", "./b/2.jpg", "b\\2.jpg", "/data/ward/b/2.jpg", "2.jpg"],
    ids=["path", "dot", "windows", "full", "name"],
)
def test_a_path_or_a_name_that_one_image_has(key: str) -> None:
    found = matched(f"path,case_id,label\n{key},P-1,Malignant\n", RUN)
    assert found.facts == {2: Facts(case_id="P-1", label="malignant")}
    assert not found.unmatched
    assert not found.ambiguous


@pytest.mark.parametrize("key", ["ward/b/2.jpg", "b/2.jpg"], ids=["with the top folder", "without"])
@pytest.mark.parametrize(
    "found",
    [
        lines("a/1.jpg", "b/1.jpg", "b/2.jpg"),
        [replace(line, path=line.relative) for line in lines("ward/a/1.jpg", "ward/b/1.jpg", "ward/b/2.jpg")],
        lines("a/1.jpg", "b/1.jpg", "b/2.jpg", root="/data/ward.zip!"),
        lines("ward/a/1.jpg", "ward/b/1.jpg", "ward/b/2.jpg", root="upload.zip!"),
    ],
    ids=["typed path", "dropped folder", "archive", "archive with the folder in it"],
)
def test_a_folders_csv_fits_with_and_without_the_name_of_the_folder(key: str, found: list[Line]) -> None:
    result = matched(f"path,age,label\n{key},54,benign\n", found)
    assert result.facts == {2: Facts(age="54", label="benign")}
    assert not result.unmatched


def test_a_path_in_the_folder_counts_before_one_with_the_folders_name() -> None:
    nested = lines("ward/1.jpg", "1.jpg")
    assert set(matched("path,age\nward/1.jpg,54\n", nested).facts) == {0}
    assert set(matched("path,age\n1.jpg,54\n", nested).facts) == {1}


def test_a_path_in_another_folder_is_not_taken_for_one_in_this() -> None:
    found = matched("path,age\nelsewhere/b/2.jpg,54\n", RUN)
    assert found.facts == {}
    assert [row.path for row in found.unmatched] == ["elsewhere/b/2.jpg"]


def test_a_digest_counts_before_the_path() -> None:
    found = matched(f"path,sha256,note\nb/2.jpg,{0:064X},flat\n", RUN)
    assert found.facts == {0: Facts(note="flat")}


def test_the_same_bytes_under_two_names_share_their_facts() -> None:
    twice = [*RUN, Line(3, "/x", "x", "judged", RUN[0].sha256, 1, 1, (), "", "", 0.5, None, (), (), ())]
    assert set(matched(f"sha256,age\n{0:064x},54\n", twice).facts) == {0, 3}


def test_a_name_that_several_have_is_an_error_that_lists_them() -> None:
    found = matched("path,label\n1.jpg,benign\n", RUN)
    assert found.facts == {}
    assert found.ambiguous == ("Line 2: 1.jpg may be /data/ward/a/1.jpg or /data/ward/b/1.jpg.",)


def test_rows_that_contradict_each_other_are_not_used() -> None:
    found = matched("path,label\na/1.jpg,benign\nb/2.jpg,benign\na/1.jpg,malignant\n", RUN)
    assert set(found.facts) == {2}
    assert found.ambiguous == ("Lines 2, 4 say different things about a/1.jpg.",)


def test_rows_that_repeat_each_other_are_used() -> None:
    assert set(matched("path,label\na/1.jpg,benign\na/1.jpg,benign\n", RUN).facts) == {0}


def test_a_row_about_no_image_is_listed() -> None:
    found = matched("path,label\nz.jpg,benign\nb/2.jpg,benign\n", RUN)
    assert [row.line for row in found.unmatched] == [2]
    assert set(found.facts) == {2}


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_are_parted_as_spreadsheets_do(mark: str) -> None:
    text = f"\ufeffPath{mark}Case_ID{mark}other\r\nb/2.jpg{mark}P-1{mark}x\r\n"
    assert matched(text, RUN).facts == {2: Facts(case_id="P-1")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label\nbenign\n", "needs a column path or sha256"),
        ("path,other\na,b\n", "none of the columns case_id, lesion"),
        ("path,label\n,benign\n", r"1 row\(s\) name no image, the first in line 2"),
        ("path,label\na,nevus\n", r"label other than benign, malignant or blank: line 2 \('nevus'\)"),
        ("path,date\na,last May\n", r"date that is none; write YYYY-MM-DD: line 2 \('last May'\)"),
        ("path,date\na,3/4/2026\nb,5/5/2026\n", "'3/4/2026' may be a day and a month in either order"),
        ("path,date\na,13/4/2026\nb,4/13/2026\n", "may be a day and a month in either order"),
        ("", "is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_why(text: str, message: str) -> None:
    with pytest.raises(CsvFileError, match=message):
        read_facts(text.encode(), name="facts.csv")


@pytest.mark.parametrize(("stored", "written"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_are_compared_however_they_are_stored(stored: Any, written: Any) -> None:
    run = lines(unicodedata.normalize(stored, "Läsion/é.jpg"))
    assert set(matched(f"path,age\n{unicodedata.normalize(written, 'Läsion/é.jpg')},54\n", run).facts) == {0}


def test_a_name_without_its_ending_is_enough_where_one_image_has_it() -> None:
    run = lines("a/ISIC_0000001.jpg", "b/ISIC_0000002.png", "c/ISIC_0000002.jpg")
    text = "isic_id,diagnosis_1,patient_id\nISIC_0000001,Malignant,IP_1\nISIC_0000002,Benign,IP_2\n"
    found = matched(text, run)
    assert found.facts == {0: Facts(case_id="IP_1", label="malignant")}
    assert found.ambiguous == (
        "Line 3: ISIC_0000002 may be /data/ward/b/ISIC_0000002.png or /data/ward/c/ISIC_0000002.jpg.",
    )


def test_a_lesions_row_is_about_the_images_of_its_folder() -> None:
    run = lines("IL_1/a.jpg", "IL_1/b.jpg", "IL_2/c.jpg")
    found = matched("lesion_id,BCC,MEL,NV\nIL_1,1.0,0.0,0.0\nIL_2,0.0,0.0,1.0\nIL_3,0,1,0\n", run)
    labels = {number: facts.label for number, facts in found.facts.items()}
    assert labels == {0: "malignant", 1: "malignant", 2: "benign"}
    assert {facts.lesion for facts in found.facts.values()} == {"IL_1", "IL_2"}
    assert [row.path for row in found.unmatched] == ["IL_3"]


def test_an_indeterminate_row_keeps_its_other_facts() -> None:
    content = b"image;diagnosis_1;age_approx;acquired\n1;Indeterminate;55,0;x\n"
    (row,) = read_facts(content, name="facts.csv")
    assert (row.facts.label, row.facts.age) == ("", "55")
    assert matched_facts(content, [], name="facts.csv").taken == (
        "The columns are separated by semicolons. Columns: image from image; age from age_approx; label from "
        "diagnosis_1. 1 of 1 rows has no label because it is neither benign nor malignant: 'Indeterminate' (1)."
    )


@pytest.mark.parametrize(
    ("written", "meant"), [("3.4.2026", "2026-04-03"), ("13/4/2026", "2026-04-13"), ("2026-04-03 00:00", "2026-04-03")]
)
def test_dates_are_read_as_spreadsheets_write_them(written: str, meant: str) -> None:
    assert matched(f"path,date\nb/2.jpg,{written}\n", RUN).facts == {2: Facts(date=meant)}
