"""Reading a person's own predictions: what is accepted, what each wrong file is told, and matching by path."""

import numpy as np
import pandas as pd
import pytest

from skinlens.leaderboard.submitted import match, read_predictions
from skinlens.metrics.paired import ScoredModel, compare
from skinlens.metrics.report import evaluate_views
from skinlens.storage.csv_file import CsvFileError
from tests.drawn_at_random import LabelsAndProbabilities

GOOD = "path,label,probability\na.jpg,benign,0.25\nb.jpg,malignant,0.75\n"


def read(text: str) -> pd.DataFrame:
    return read_predictions(text.encode(), name="mine.csv")


def test_a_plain_file_is_read() -> None:
    table = read(GOOD)
    assert table.to_dict("list") == {
        "path": ["a.jpg", "b.jpg"],
        "label": ["benign", "malignant"],
        "probability": [0.25, 0.75],
    }
    assert table.probability.dtype == np.float64


def test_what_was_written_comes_back(predictions: LabelsAndProbabilities) -> None:
    labels, probabilities = predictions
    written = pd.DataFrame(
        {
            "path": [f"test/{row}, copy.jpg" for row in range(300)],
            "label": np.where(labels == 1, "malignant", "benign"),
            "probability": probabilities / 3,
            "group_id": [f"G{row // 2}" if row % 7 else None for row in range(300)],
            "leaky": [row % 2 for row in range(300)],
            "foreign_jpeg": [float(row % 3 == 0) if row % 5 else None for row in range(300)],
            "dx": ["nv" if row % 4 else 'said "nv"' for row in range(300)],
        }
    )
    table = read(written.to_csv(index=False))
    assert list(table.columns) == list(written.columns)
    assert table.probability.tolist() == written.probability.tolist()
    assert table.path.tolist() == written.path.tolist()
    assert table.group_id.tolist() == written.group_id.fillna("").tolist()
    assert evaluate_views(table, table.probability, 0.1, resamples=5) == evaluate_views(
        written, written.probability, 0.1, resamples=5
    )


TOLERATED = ("label", "decimal comma", "sep", "sep tab", "bars", "blank cells", "archive")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip("\n"),
        GOOD + "\n,,\n  \n",
        GOOD.replace(",", " , "),
        GOOD.replace("path,label", "Path,LABEL"),
        GOOD.replace("a.jpg", "./a.jpg"),
        'probability,path,label\n0.25,"a.jpg",benign\n7.5e-1,b.jpg,malignant\n',
        GOOD.replace("malignant", "Malignant"),
        GOOD.replace(",", ";").replace(".25", ",25").replace(".75", ",75"),
        "sep=;\r\n" + GOOD.replace(",", ";"),
        '"sep=\t"\n' + GOOD.replace(",", "\t"),
        GOOD.replace(",", "|"),
        GOOD.replace("0.25\n", "0.25,,,\n"),
        GOOD.replace("path,", "image_name,").replace("label", "benign_malignant"),
        "path,note,label,note,probability\na.jpg,x,benign,y,0.25\nb.jpg,,malignant,,0.75\n",
    ],
    ids=[
        "mark",
        "crlf",
        "cr",
        "no end",
        "blank lines",
        "spaces",
        "capitals",
        "dot",
        "order and quotes",
        *TOLERATED,
        "others",
    ],
)
def test_harmless_differences_do_not_matter(text: str) -> None:
    pd.testing.assert_frame_equal(read(text), read(GOOD))


def test_backslashes_are_read_as_slashes() -> None:
    assert read(GOOD.replace("a.jpg", "test\\benign\\a.jpg")).path.tolist() == ["test/benign/a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.csv is empty"),
        ("\ufeff \n,,\n", "mine.csv is empty"),
        ("path,label,probability\n", "has a header but no rows"),
        ("path,label\na.jpg,benign\n", r"lacks the column\(s\) probability; its first line has 'path', 'label'"),
        ("a.jpg,benign,0.25\n", r"lacks the column\(s\) path, label, probability; its first line has 'a.jpg'"),
        (GOOD.replace("label,", "label,label,"), r"has the column\(s\) label more than once"),
        (GOOD + "c.jpg,benign\n", r"1 row\(s\) do not have 3 values: line 4 \(2\)"),
        (GOOD + "c.jpg,benign,0.1,0.2\n", r"1 row\(s\) do not have 3 values: line 4 \(4\)"),
        (GOOD.replace("0.25", "0,25"), r"do not have 3 values: line 2 \(4\)"),
        (GOOD + ",benign,0.1\n", r"1 row\(s\) have no path: line 4 "),
        (GOOD + "./a.jpg,benign,0.1\n", r"a path that is already listed: line 4 \(as line 2: 'a.jpg'\)"),
        (GOOD.replace("malignant", "melanoma"), r"label other than benign or malignant: line 3 \('melanoma'\)"),
        (GOOD.replace("malignant", "1"), r"label other than benign or malignant: line 3 \('1'\)"),
        (GOOD + 'c.jpg,benign,"0.5\n', "mine.csv is not a CSV: unexpected end of data"),
        (GOOD + 'c.jpg,benign,"0.5"1\n', "mine.csv is not a CSV: .*line 4"),
        (GOOD + "\0\n", "mine.csv is not a CSV: it holds zero bytes"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong_and_where(text: str, message: str) -> None:
    with pytest.raises(CsvFileError, match=message):
        read(text)


@pytest.mark.parametrize("bad", ["", "nan", "inf", "-0.01", "1.01", "25 %", "high"])
def test_a_wrong_probability_is_named_by_its_line(bad: str) -> None:
    with pytest.raises(CsvFileError, match=rf"1 row\(s\) have a probability .*line 3 \('{bad}'\)"):
        read(GOOD.replace("0.75", bad))


@pytest.mark.parametrize("flag", ["leaky", "foreign_jpeg"])
@pytest.mark.parametrize("bad", ["2", "yes", "nan"])
def test_a_wrong_flag_is_named_by_its_line(flag: str, bad: str) -> None:
    with pytest.raises(CsvFileError, match=rf"have a {flag} other than 0, 1 or blank: line 4 \('{bad}'\)"):
        read(f"path,label,probability,{flag}\na,benign,0.1,\nb,benign,0.1,0\nc,benign,0.1,{bad}\n")


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\x00\x00", b"PK\x03\x04\x14\x00\x06\x00", b"\xff\xfe\x00path", b"path\x81,label\n"]
)
def test_other_kinds_of_file_are_refused(content: bytes) -> None:
    with pytest.raises(CsvFileError, match=r"mine\.csv is not a CSV"):
        read_predictions(content, name="mine.csv")


def test_lines_are_counted_as_an_editor_does() -> None:
    text = 'path,label,probability\n"a\nb.jpg",benign,0.1\n\nc.jpg,nevus,0.1\n'
    with pytest.raises(CsvFileError, match=r"line 5 \('nevus'\)"):
        read(text)


def test_many_wrong_lines_are_counted_and_long_values_cut() -> None:
    rows = "".join(f"{row}.jpg,{'x' * 500},0.5\n" for row in range(9))
    with pytest.raises(CsvFileError, match=r"9 row\(s\) have a label .* and 4 more") as caught:
        read("path,label,probability\n" + rows)
    assert len(str(caught.value)) < 500


@pytest.fixture
def shipped() -> pd.DataFrame:
    return read(
        "path,label,probability,group_id,leaky\n"
        "t/a.jpg,benign,0.1,G1,0\nt/b.jpg,malignant,0.9,G1,0\nt/c.jpg,benign,0.2,G2,1\nt/d.jpg,malignant,0.6,,1\n"
    )


def test_predictions_are_matched_by_path_and_not_by_row(shipped: pd.DataFrame) -> None:
    own = (
        "path,label,probability\nt/d.jpg,malignant,0.4\nt/a.jpg,benign,0.3\nt\\c.jpg,benign,0.0\nt/b.jpg,malignant,1\n"
    )
    found = match(read(own), shipped)
    assert found.rows.submitted.tolist() == [0.3, 1.0, 0.0, 0.4]
    pd.testing.assert_frame_equal(found.rows.drop(columns="submitted"), shipped)
    assert (found.missing, found.extra) == ((), ())
    assert found.sentence() == "All 4 images were matched."


def test_missing_and_extra_rows_are_reported(shipped: pd.DataFrame) -> None:
    own = "path,label,probability,group_id\nnew.jpg,benign,0.5,X\nt/c.jpg,benign,0.3,Y\nt/b.jpg,malignant,0.8,Z\n"
    found = match(read(own), shipped)
    assert found.rows.path.tolist() == ["t/b.jpg", "t/c.jpg"]
    assert found.rows.group_id.tolist() == ["G1", "G2"]
    assert found.rows.submitted.tolist() == [0.8, 0.3]
    assert list(found.rows.index) == [0, 1]
    assert found.missing == ("t/a.jpg", "t/d.jpg")
    assert found.extra == ("new.jpg",)
    assert found.sentence() == (
        "2 of 4 images were matched. Missing from your file, so not compared: t/a.jpg, t/d.jpg. "
        "Only in your file, so not compared: new.jpg."
    )


def test_no_shared_path_is_an_error_that_shows_both(shipped: pd.DataFrame) -> None:
    with pytest.raises(CsvFileError, match=r"must read like 't/a.jpg', not like 'a.jpg'"):
        match(read(GOOD), shipped)


def test_a_label_that_contradicts_is_an_error(shipped: pd.DataFrame) -> None:
    own = "path,label,probability\nt/b.jpg,benign,0.5\nt/c.jpg,benign,0.5\n"
    with pytest.raises(CsvFileError, match=r"label is not that of the evaluated image: t/b.jpg$"):
        match(read(own), shipped)


def test_matched_rows_can_be_compared(shipped: pd.DataFrame) -> None:
    rows = match(shipped, shipped).rows
    found = compare(
        rows, ScoredModel("Ours", rows.probability, 0.5), ScoredModel("Yours", rows.submitted, 0.5), resamples=20
    )
    assert found.sentence("accuracy").startswith("No difference was shown: Ours minus Yours is 0.000 accuracy")
