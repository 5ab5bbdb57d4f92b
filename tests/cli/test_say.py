"""Text from outside never controls the terminal, whichever way a command prints it."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from skinlens.cases.store import open_store
from skinlens.cli.say import json_text, print_text, say
from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.storage.printable import printable
from skinlens.triage.case import CaseFacts
from tests.cli.conftest import Caller
from tests.made_up_cases import CARD, build_record

# Moves the cursor, sets the title, changes the alphabet (C1), turns the direction of writing, and begins a new line.
EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b31m\u202egpj\u2066\nskinlens: 0 rejected\x7f\u200b[red]b[bold].png"
HARMFUL = {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x7f", "\u200b", "\x9d"}


def assert_tame(text: str) -> None:
    assert not HARMFUL & set(text)
    assert not any(line.startswith("skinlens: 0 rejected") for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Nævus 痣 (1).jpg", "plain Nævus 痣 (1).jpg"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("\u2028\u2029\xa0", r"\u2028\u2029\xa0"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_control_characters_are_written_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_all_of_unicode_is_tame() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert all(character.isprintable() for character in printable(everything))


def test_a_sentence_is_one_of_ours_whatever_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"cannot read {EVIL}: no such file")
    err = capsys.readouterr().err
    assert_tame(err)
    assert err.startswith("skinlens: cannot read a\\x1b[2J")
    print_text(f"{EVIL}\n\n- {EVIL}")
    out = capsys.readouterr().out
    assert not HARMFUL & set(out)
    assert out.count("\n") == 5


def test_json_reads_back_as_it_was() -> None:
    value = {"path": EVIL, "surrogate": "\udcff", "beyond": "\U000e0041\U0001f600", "list": [1, None]}
    for indent in (None, 1):
        text = json_text(value, indent=indent)
        assert json.loads(text) == value
        assert not HARMFUL & set(text)
        assert "😀" in text


@pytest.mark.usefixtures("loaded")
def test_predict_says_and_writes_names_tamely(call: Caller, tmp_path: Path) -> None:
    (tmp_path / EVIL).write_bytes(encode_png(draw_pixels(1, height=96, width=96)))
    done = call("predict", tmp_path, tmp_path / f"{EVIL}.gone", "--json", "--no-views")
    assert_tame(done.err)
    assert not HARMFUL & set(done.out)
    first, second = json.loads(done.out)
    assert Path(first["path"]).name == EVIL
    assert second["error"] == "unreadable"
    # Another program gets the name as it is, so that it opens.
    table = call("predict", tmp_path, "--no-views").out
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert Path(row["path"]).is_file()


@pytest.mark.usefixtures("loaded")
def test_formula_like_names_are_safe_and_open(call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["=cmd|' C'!A0.png", "@a.png", "+b.png", "\t=c.png", " =d.png"]
    for name in names:
        Path(name).write_bytes(b"no image")
    rows = list(csv.DictReader(io.StringIO(call("predict", *names, "--no-views").out, newline="")))
    assert [row["path"] for row in rows] == [f"./{name}" for name in names]
    assert all(Path(row["path"]).is_file() for row in rows)
    # The reason begins with the name.
    assert rows[0]["reasons"].startswith("'=cmd")
    assert not any(cell.strip().startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    listed = json.loads(call("predict", *names, "--json", "--no-views").out)
    assert [each["path"] for each in listed] == names


@pytest.mark.slow
def test_predict_on_a_terminal_writes_no_escape_sequence_of_a_name(tmp_path: Path) -> None:
    (tmp_path / EVIL).write_bytes(b"no image")
    mine, theirs = pty.openpty()
    command = [sys.executable, "-m", "skinlens", "predict", tmp_path, tmp_path / f"{EVIL}.gone"]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:  # type: ignore[arg-type]
        assert process.stderr is not None
        os.close(theirs)
        shown = b""
        # Reading a terminal that nobody writes to any more is an error rather than an end.
        with io.FileIO(mine) as terminal:
            try:
                while part := terminal.read(4096):
                    shown += part
            except OSError:
                pass
        err = process.stderr.read().decode()
    assert process.returncode == 0
    text = shown.decode()
    assert "not_an_image" in text
    assert "\\x1b[2J" in text
    assert_tame(text)
    assert_tame(err)


def test_cases_are_listed_tamely(call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(draw_pixels(1, height=90, width=120)))
    store = open_store()
    facts = CaseFacts(f"{EVIL}\\[bold]"[:60], site="[link=file:///etc]site[/link] :bomb:")
    case = store.save(build_record(image=decode(path, name=EVIL), facts=facts), CARD, actor=EVIL)
    for words in (("list",), ("list", "--json"), ("show", case), ("show", "[/]\x1b[2J")):
        done = call("cases", *words)
        assert_tame(done.out)
        assert_tame(done.err)
    assert "[red]b[bold]." in call("cases", "list").out
    assert json.loads(call("cases", "list", "--json").out)[0]["patient"].startswith("a\x1b[2J")
    store.engine.dispose()


@pytest.mark.parametrize(
    "words",
    [
        ["predict", f"--{EVIL}"],
        [EVIL],
        ["verify", "a", EVIL],
        ["verify", f"{EVIL}.pdf"],
        ["predict", "a.png", "--point", EVIL],
        ["predict", "a.png", "--model", EVIL],
        ["score", EVIL, "--out", "x", "--engine", EVIL],
        ["train", f"{EVIL}.toml", "--data", EVIL, "--out", EVIL],
        ["evaluate", "--model", EVIL, "--data", EVIL, "--split", "test", "--out", EVIL],
        ["audit", f"{EVIL}.csv", "--out", EVIL],
        ["cases", "delete", EVIL],
    ],
)
def test_errors_quote_names_tamely(
    call: Caller, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    done = call(*words)
    assert done.status in {1, 2}
    assert "\\x1b[2J" in done.err
    assert_tame(done.err)
    assert_tame(done.out)


def test_a_defect_shows_its_traceback_tamely() -> None:
    code = (
        "import sys; from skinlens.cli import main, predict\n"
        "class Odd(Exception): __str__ = lambda self: chr(27) + '[2J'\n"
        "def broken(*_, **__): raise Odd\n"
        "predict.predict = broken\n"
        "sys.argv = ['skinlens', 'predict', 'a.png']; main.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 1
    assert "Odd: \\x1b[2J" in done.stderr
    assert "\x1b" not in done.stderr
