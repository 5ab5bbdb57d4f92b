"""Tables as people have them: public datasets' columns, encodings, separators, numbers and dates."""

import locale
import math
from typing import Any

import pytest

from skinlens.storage.csv_file import CsvFileError, read_table
from skinlens.storage.csv_text import number
from skinlens.storage.dates import days
from skinlens.translation import LANGUAGES, language

FACTS = ("case_id", "lesion", "age", "sex", "site", "dx", "recorded_skin_tone", "skin_tone")


def read(text: str, *optional: str, required: tuple[str, ...] = ("path", "label")) -> Any:
    return read_table(text.encode(), name="table.csv", required=required, optional=optional)


def column(table: Any, name: str) -> list[str]:
    return [row.get(name, "") for _line, row in table.rows]


ARCHIVE = (
    "isic_id,attribution,copyright_license,age_approx,anatom_site_general,diagnosis_1,diagnosis_2,diagnosis_3,"
    "diagnosis_4,diagnosis_5,fitzpatrick_skin_type,lesion_id,patient_id,sex\n"
    "ISIC_0000001,Anonymous,CC-0,55,anterior torso,Benign,Benign melanocytic proliferations,Nevus,,,II,IL_1,IP_1,male\n"
    "ISIC_0000002,Anonymous,CC-0,70,head/neck,Malignant,Malignant melanocytic proliferations (Melanoma),"
    '"Melanoma, NOS",,,,IL_2,,female\n'
    "ISIC_0000003,Anonymous,CC-0,80,,Indeterminate,Indeterminate epidermal proliferations,"
    "Solar or actinic keratosis,,,,,,\n"
    "ISIC_0000004,Anonymous,CC-0,,,,,,,,,,,\n"
)


def test_the_archives_metadata_is_read_as_it_was_downloaded() -> None:
    table = read(ARCHIVE, "group_id", *FACTS)
    assert column(table, "path") == ["ISIC_0000001", "ISIC_0000002"]
    assert column(table, "label") == ["benign", "malignant"]
    assert column(table, "dx") == ["nv", "mel"]
    assert column(table, "group_id") == ["IP_1", "IL_2"]
    assert column(table, "age") == ["55", "70"]
    assert column(table, "site") == ["anterior torso", "head/neck"]
    assert column(table, "case_id") == ["IP_1", ""]
    assert column(table, "lesion") == ["IL_1", "IL_2"]
    assert column(table, "recorded_skin_tone") == ["Fitzpatrick II", ""]
    assert table.unlabelled == {"Indeterminate": 1, "no label": 1}
    assert table.left_out
    assert table.sentence() == (
        "Columns: image from isic_id; label from diagnosis_1; group from patient_id, lesion_id; patient from "
        "patient_id; lesion from lesion_id; age from age_approx; site from anatom_site_general; diagnosis from "
        "diagnosis_5, diagnosis_4, diagnosis_3, diagnosis_2; recorded skin tone from fitzpatrick_skin_type. 2 of 4 "
        "rows were left out because they are neither benign nor malignant: 'Indeterminate' (1), 'no label' (1)."
    )


def test_a_row_without_a_label_stays_where_none_is_required() -> None:
    table = read(ARCHIVE, "label", "age", required=("path",))
    assert column(table, "label") == ["benign", "malignant", "", ""]
    assert column(table, "age") == ["55", "70", "80", ""]
    assert "2 of 4 rows have no label" in table.sentence()


@pytest.mark.parametrize(
    ("text", "labels", "diagnoses"),
    [
        (
            "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"
            "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp,vidir_modern\n"
            "HAM_0000119,ISIC_0027420,akiec,histo,80.0,male,scalp,vidir_modern\n",
            ["benign", "malignant"],
            ["bkl", "akiec"],
        ),
        (
            "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\n"
            "ISIC_0000000,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n"
            "ISIC_0000002,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n",
            ["benign", "malignant"],
            ["nv", "mel"],
        ),
        (
            "image_id,melanoma,seborrheic_keratosis\nISIC_0000000,0.0,0.0\nISIC_0000001,0.0,1.0\nISIC_0000002,1.0,0.0\n",
            ["benign", "benign", "malignant"],
            ["nv", "sk", "mel"],
        ),
        (
            "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target\n"
            "ISIC_2637011,IP_7279968,male,45.0,head/neck,unknown,benign,0\n"
            "ISIC_0015719,IP_3075186,female,45.0,upper extremity,melanoma,malignant,1\n",
            ["benign", "malignant"],
            ["other", "mel"],
        ),
        ("isic_id,malignant\nISIC_0015670,0.0\nISIC_0015845,1.0\n", ["benign", "malignant"], ["", ""]),
        (
            "isic_id,target,patient_id,iddx_full,iddx_1,iddx_2,iddx_3\n"
            "ISIC_0015670,0,IP_1,Benign,Benign,,\n"
            "ISIC_0015845,1,IP_2,Malignant::x,Malignant,x,Basal cell carcinoma\n",
            ["benign", "malignant"],
            ["", "bcc"],
        ),
        (
            "lesion_id,AKIEC,BCC,BEN_OTH,BKL,DF,INF,MAL_OTH,MEL,NV,SCCKA,VASC\n"
            "IL_0000652,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n"
            "IL_0000653,0.0,0.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,0.0\n",
            ["malignant", "benign"],
            ["bcc", "inf"],
        ),
        ("ISIC_0000000,benign\nISIC_0000001,malignant\n", ["benign", "malignant"], ["", ""]),
        ("ISIC_0000003,0.0\nISIC_0000012,1.0\n", ["benign", "malignant"], ["", ""]),
    ],
    ids=["HAM10000", "2019", "2017", "2020", "2024", "2024 metadata", "MILK10k", "2016 training", "2016 test"],
)
def test_the_challenges_tables_give_label_and_diagnosis(text: str, labels: list[str], diagnoses: list[str]) -> None:
    table = read(text, "dx")
    assert column(table, "label") == labels
    assert column(table, "dx") == diagnoses
    assert table.unlabelled == {}
    assert table.by_folder == text.startswith("lesion_id,AKIEC")


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("image,benign_malignant\na,benign\nb,indeterminate/benign\n", {"indeterminate/benign": 1}),
        ("image,benign_malignant,target\na,benign,0\nb,benign,1\n", {"columns that contradict each other": 1}),
        ("image,iddx_1,target\na,Benign,0\nb,Indeterminate,0\n", {"Indeterminate": 1}),
        ("image,MEL,NV,UNK\na,0,1,0\nb,0,0,1\nc,1,1,0\nd,,,\n", {"unk": 1, "several classes": 1, "no label": 1}),
        ("image,dx\na,nv\nb,ak\nc,rash\n", {"ak": 1, "rash": 1}),
        ("path,label\na,BENIGN\nb,Indeterminate\n", {"Indeterminate": 1}),
    ],
)
def test_what_is_neither_leaves_out_its_row_alone_and_is_counted(text: str, reasons: dict[str, int]) -> None:
    table = read(text)
    assert [(row["path"], row["label"]) for _line, row in table.rows] == [("a", "benign")]
    assert table.unlabelled == reasons


def test_a_target_of_several_classes_is_no_label() -> None:
    with pytest.raises(CsvFileError, match=r"lacks the column\(s\) label"):
        read("image,target\na,0\nb,1\nc,7\n")


def test_a_table_with_no_label_at_all_says_what_it_has() -> None:
    with pytest.raises(CsvFileError, match=r"no row that is benign or malignant: 'unknown' \(2\)"):
        read("image,dx\na,unknown\nb,unknown\n")


def test_our_own_names_count_before_others() -> None:
    table = read("path,isic_id,label,dx,patient_id,group_id\nx.jpg,ISIC_1,benign,mel,P,G\n", "group_id", "dx")
    ((_line, row),) = table.rows
    assert (row["path"], row["label"], row["dx"], row["group_id"]) == ("x.jpg", "benign", "mel", "G")
    assert table.sources == {}
    assert table.sentence() == ""


def test_a_lesion_without_its_patient_in_one_row_stays_with_the_patient() -> None:
    table = read("isic_id,target,patient_id,lesion_id\na,0,P,L\nb,0,,L\nc,1,,M\nd,1,,\n", "group_id")
    assert column(table, "group_id") == ["P", "P", "M", ""]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"),
        ("cp1252", "Windows-1252"), ("mac_roman", "Mac Roman"),
    ],
)  # fmt: skip
def test_the_encodings_of_spreadsheets(encoding: str, words: str) -> None:
    end = "\r" if encoding == "mac_roman" else "\r\n"
    text = f"path;note{end}lésion.jpg;Rücken links{end}"
    table = read_table(text.encode(encoding), name="t.csv", required=("path",), optional=("note",))
    assert table.rows == ((2, {"path": "lésion.jpg", "note": "Rücken links"}),)
    assert table.encoding == words
    assert table.sentence().startswith(f"The text was read as {words}." if words else "The columns are separated")


def test_a_japanese_spreadsheet_on_a_japanese_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "getencoding", lambda: "cp932")
    table = read_table("path,note\na.jpg,背中\n".encode("cp932"), name="t.csv", required=("path",), optional=("note",))
    assert column(table, "note") == ["背中"]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("path;label\na, b.jpg;benign\n", ";"), ("note, all;path;label\nx;a, b.jpg;benign\n", ";"),
        ("path\tlabel\na, b.jpg\tbenign\n", "\t"), ("path|label\na, b.jpg|benign\n", "|"),
        ("sep=;\npath;label\na, b.jpg;benign\n", ";"), ('"sep=|"\r\npath|label\r\na, b.jpg|benign\r\n', "|"),
        ('path,label\n"a, b.jpg",benign\n', ","),
    ],
)  # fmt: skip
def test_the_separator_is_the_one_by_which_columns_are_found(text: str, separator: str) -> None:
    table = read(text)
    assert table.separator == separator
    assert column(table, "path") == ["a, b.jpg"]


def test_lines_are_numbered_as_in_an_editor_under_a_line_that_names_the_separator() -> None:
    assert [line for line, _row in read("sep=;\npath;label\n\na.jpg;benign\n").rows] == [4]


@pytest.mark.parametrize(
    ("text", "value"), [("0,93", 0.93), (",5", 0.5), ("-1,5e-3", -0.0015), ("0.93", 0.93), ("7", 7.0)]
)
def test_numbers_have_a_point_or_a_comma(text: str, value: float) -> None:
    assert number(text) == value


def test_a_thousand_is_no_number_in_parts() -> None:
    assert math.isnan(number("1,000,000"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["2026-04-03", "2026/4/3", "2026-04-03 00:00:00", "2026-04-03T10:20"], ["2026-04-03"] * 4),
        (["3.4.2026", "03.04.26"], ["2026-04-03"] * 2),
        (["03/04/2026", "13/04/2026"], ["2026-04-03", "2026-04-13"]),
        (["04/03/26", "4/13/2026 9:05 AM"], ["2026-04-03", "2026-04-13"]),
        (["05/05/1998"], ["1998-05-05"]),
        (["3-Apr-26", "3 April 2026"], ["2026-04-03"] * 2),
        (["46115", ""], ["2026-04-03", ""]),
        (["31.2.2026", "soon"], ["31.2.2026", "soon"]),
    ],
)
def test_days_are_read_as_spreadsheets_write_them(written: list[str], meant: list[str]) -> None:
    assert days(written, name="t.csv") == meant


@pytest.mark.parametrize("values", [["3/4/2026"], ["13/4/2026", "4/13/2026"]])
def test_days_that_could_be_months_are_not_guessed(values: list[str]) -> None:
    with pytest.raises(CsvFileError, match="a day and a month in either order"):
        days(values, name="t.csv")


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_sentence_can_be_shown_in_every_language(code: str) -> None:
    with language(code):
        assert "isic_id" in read(ARCHIVE, "group_id", *FACTS).sentence()
