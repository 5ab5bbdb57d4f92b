"""`skinlens cases` from the outside: what it prints, writes, deletes and ends with."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from skinlens.batch.holding import Holding
from skinlens.cases.store import CaseStore, open_store
from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.report.pdf import case_pdf
from skinlens.triage.case import CaseFacts
from tests.cli.conftest import Caller
from tests.made_up_cases import CARD, CREATED, build_record, lesion_image


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CaseStore]:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))
    made = open_store()
    yield made
    made.engine.dispose()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "lesion.png"
    path.write_bytes(encode_png(draw_pixels(1, height=90, width=120)))
    return path


@pytest.fixture
def case(store: CaseStore, image: Path) -> str:
    record = build_record(image=decode(image), facts=CaseFacts("P-1 [red]", site="back"))
    return store.save(record, CARD, actor="me")


def test_nothing_kept_is_an_empty_list(call: Caller) -> None:
    assert json.loads(call("cases", "list", "--json").out) == []


def test_cases_are_listed_and_found(call: Caller, case: str) -> None:
    (line,) = json.loads(call("cases", "list", "back", "--json").out)
    assert (line["id"], line["patient"], line["decision"]) == (case, "P-1 [red]", "refer")
    assert json.loads(call("cases", "list", "elsewhere", "--json").out) == []
    shown = call("cases", "list").out
    assert case in shown
    assert "[red]" in shown, "what users type is no markup"


def test_one_case_is_shown_with_its_provenance(call: Caller, case: str) -> None:
    shown = json.loads(call("cases", "show", case).out)
    assert shown["weights_sha256"] == CARD.files["weights"].sha256
    assert shown["by"] == "me"
    assert shown["score"] == 0.87
    missing = call("cases", "show", "0" * 32)
    assert missing.status == 1
    assert "no such case" in missing.err


def test_the_summary_needs_the_image(call: Caller, case: str, image: Path, tmp_path: Path) -> None:
    without = call("cases", "show", case, "--pdf", tmp_path / "case.pdf")
    assert without.status == 1
    assert "Give the original file" in without.err
    assert call("cases", "show", case, "--pdf", tmp_path / "case.pdf", "--image", image).status == 0
    assert (tmp_path / "case.pdf").read_bytes().startswith(b"%PDF")
    (tmp_path / "other.png").write_bytes(encode_png(draw_pixels(2, height=90, width=120)))
    other = call("cases", "show", case, "--pdf", tmp_path / "case.pdf", "--image", tmp_path / "other.png")
    assert other.status == 1
    assert "SHA-256 differs" in other.err


def test_kept_pixels_make_the_summary_alone(call: Caller, store: CaseStore, tmp_path: Path) -> None:
    case = store.save(build_record(), CARD, actor="me", keep_pixels=True)
    assert call("cases", "show", case, "--pdf", tmp_path / "case.pdf").status == 0
    unwritable = call("cases", "show", case, "--pdf", tmp_path / "absent" / "case.pdf")
    assert unwritable.status == 1
    assert case_pdf(build_record(), CARD).content[:8] == (tmp_path / "case.pdf").read_bytes()[:8]


def test_a_change_behind_the_programs_back_ends_in_status_1(call: Caller, case: str, store: CaseStore) -> None:
    good = call("cases", "verify")
    assert good.status == 0
    assert "5 rows and 5 log entries checked, 0 findings" in good.err
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE assessment SET score = 0.1")
    bad = call("cases", "verify")
    assert bad.status == 1
    assert f"The assessment {case} was changed." in bad.err


def test_a_backup_comes_back_elsewhere(
    call: Caller, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("cases", "backup", tmp_path / "cases.zip").status == 0
    again = call("cases", "restore", tmp_path / "cases.zip")
    assert again.status == 1
    assert "cases here already" in again.err
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "elsewhere"))
    assert call("cases", "restore", tmp_path / "cases.zip").status == 0
    (line,) = json.loads(call("cases", "list", "--json").out)
    assert line["id"] == case


@pytest.mark.usefixtures("case")
def test_a_patient_is_deleted_only_if_it_is_meant(call: Caller, store: CaseStore) -> None:
    asked = call("cases", "delete", "P-1 [red]")
    assert asked.status == 2
    assert "--yes" in asked.err
    assert store.search().total == 1
    assert call("cases", "delete", "P-1 [red]", "--yes").status == 0
    assert store.search().total == 0
    assert call("cases", "delete", "P-1 [red]", "--yes").status == 1
    assert call("cases", "verify").status == 0


def test_a_lesion_and_a_case_are_deleted_alone(call: Caller, store: CaseStore) -> None:
    def kept(number: int, lesion: str) -> str:
        image = lesion_image(64, 64, sha256=f"{number:064x}")
        return store.save(build_record(image=image, facts=CaseFacts("P-1", lesion=lesion)), CARD, actor="me")

    first, _second, _third = kept(1, "L1"), kept(2, "L1"), kept(3, "L2")
    assert "lesion 'L2' of 'P-1'" in call("cases", "delete", "P-1", "--lesion", "L2").err
    assert store.search().total == 3
    assert call("cases", "delete", "P-1", "--lesion", "L2", "--yes").status == 0
    assert [lesion.label for lesion in store.lesions("P-1")] == ["L1"]
    assert call("cases", "delete", "P-1", "--lesion", "L2", "--yes").status == 1
    assert call("cases", "delete", "--case", first, "--yes").status == 0
    assert store.search().total == 1
    assert call("cases", "delete", "--case", first, "--yes").status == 1
    assert call("cases", "verify").status == 0


@pytest.mark.parametrize(
    "arguments", [(), ("--lesion", "L1"), ("P-1", "--case", "1"), ("--case", "1", "--lesion", "L1")]
)
def test_what_to_delete_must_be_clear(call: Caller, arguments: tuple[str, ...]) -> None:
    assert call("cases", "delete", *arguments, "--yes").status == 2


@pytest.mark.usefixtures("case")
def test_batch_runs_that_still_hold_something_are_named(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    held = (Holding("ward", CREATED, 1, named=False),)
    monkeypatch.setattr("skinlens.batch.holding.runs_holding", lambda *_, **__: (held, 2))
    done = call("cases", "delete", "P-1 [red]", "--yes")
    assert "the batch run 'ward' of 2026-03-04" in done.err
    assert "discard these runs on the Batch page" in done.err
    assert "2 batch runs could not be read" in done.err


def test_a_summary_is_compared_with_the_record(call: Caller, store: CaseStore, tmp_path: Path) -> None:
    case = store.save(build_record(), CARD, actor="me", keep_pixels=True)
    call("cases", "show", case, "--pdf", tmp_path / "case.pdf")
    agrees = call("verify", tmp_path / "case.pdf")
    assert agrees.status == 0
    assert "exactly what SkinLens makes" in agrees.err
    (tmp_path / "forged.pdf").write_bytes(case_pdf(build_record(score=0.1), CARD).content)
    forged = call("verify", tmp_path / "forged.pdf")
    assert forged.status == 1
    assert "the result is another" in forged.err
    (tmp_path / "no.pdf").write_bytes(b"nothing")
    assert call("verify", tmp_path / "no.pdf").status == 2
    assert call("verify", tmp_path / "absent.pdf").status == 2


@pytest.mark.timeout(60)
def test_a_pipe_is_no_summary(call: Caller, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    done = call("verify", tmp_path / "pipe.pdf")
    assert done.status == 2
    assert "It is a named pipe" in done.err
