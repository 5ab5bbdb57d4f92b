"""Build the package, install its core into an empty environment, and use it from an empty folder as a newcomer would.

Needs the packages of requirements-dev.txt: they build the package and visit the app.
"""

import csv
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Run by its path, Python looks for modules in .ci; the visitor is one of the tests'.
sys.path.insert(0, str(ROOT))

from skinlens.imaging.synthetic import draw_pixels, encode_png  # noqa: E402
from tests.network.visit import EXAMPLE, PAGES  # noqa: E402
from tests.network.visitor import Visitor, ask  # noqa: E402
from tests.serving import wait_until_healthy  # noqa: E402

COLUMNS = {"path", "sha256", "probability", "decision", "threshold", "point", "model", "error"}
MUST_BE_ABSENT = ("torch", "torchvision", "timm", "onnx", "ray", "pytest")
MOST_MEGABYTES = 100
# In /proc/net: 127.0.0.1, ::1, and the state of a socket that waits for connections.
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}
LISTENING = "0A"
# Would open the server to the network, were it heeded.
OPEN = '[server]\naddress = "0.0.0.0"\nallowedHosts = ["*"]\nenableCORS = false\n'


def main() -> None:
    """Fail at the first thing that a newcomer could not do."""
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        wheel = built(folder)
        programs = installed(wheel, folder)
        # Neither the source tree nor what else is installed here may help.
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "SKINLENS", "VIRTUAL_ENV"))
        }
        environment |= {"HOME": str(folder / "home"), "SKINLENS_HOME": str(folder / "home"), "CI": "true"}
        empty = folder / "empty"
        empty.mkdir()
        (folder / "home").mkdir()
        absent(programs, empty, environment)
        lettered(programs, empty, environment)
        predicted(programs, empty, environment)
        hinted(programs, empty, environment)
        listed(programs, empty, environment)
        shown(programs, empty, environment)


def say(sentence: str) -> None:
    """Write a line with the seconds since the start."""
    sys.stdout.write(f"wheel: {sentence} ({time.monotonic() - STARTED:.0f} s)\n")
    sys.stdout.flush()


def built(folder: Path) -> Path:
    """The wheel, built from the source distribution, so that this one is complete too."""
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(ROOT)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (source,) = (folder / "dist").glob("*.tar.gz")
    (wheel,) = (folder / "dist").glob("*.whl")
    sizes = [path.stat().st_size / 1e6 for path in (source, wheel)]
    assert max(sizes) < MOST_MEGABYTES, sizes
    say(f"built {source.name} ({sizes[0]:.1f} MB) and {wheel.name} ({sizes[1]:.1f} MB)")
    return wheel


def installed(wheel: Path, folder: Path) -> Path:
    """Where the programs of a new environment are that has the core, at the versions of requirements.txt."""
    constraints = folder / "constraints.txt"
    # A constraint may not name extras.
    constraints.write_text(re.sub(r"\[[^]]*\]", "", (ROOT / "requirements.txt").read_text("utf-8")), "utf-8")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    programs = folder / "venv" / "bin"
    # Without compiling in advance: half of the time, for modules that are mostly not imported here.
    options = ["--quiet", "--no-compile", "--constraint", str(constraints)]
    subprocess.run([str(programs / "python"), "-m", "pip", "install", *options, str(wheel)], check=True)
    say("installed the core")
    return programs


def lettered(programs: Path, folder: Path, environment: dict[str, str]) -> None:
    """The fonts of PDFs came along, each with its licence."""
    code = (
        "from skinlens.report.fonts import SHIPPED, missing_characters; print(missing_characters('Größe ไทย हिन्दी'));"
        " print([f.name for f in SHIPPED if not f.bold.path.with_name(f'LICENSE-{f.name}.txt').is_file()])"
    )
    assert output([programs / "python", "-I", "-c", code], folder, environment).split() == ["()", "[]"]


def absent(programs: Path, folder: Path, environment: dict[str, str]) -> None:
    """Nothing that only training and development need came along."""
    code = (
        "import sys; from importlib.util import find_spec; import skinlens; print(skinlens.__file__);"
        f" print([name for name in {MUST_BE_ABSENT!r} if find_spec(name)])"
    )
    place, there = output([programs / "python", "-I", "-c", code], folder, environment).splitlines()
    assert Path(place).is_relative_to(programs.parent), place
    assert there == "[]", there


def predicted(programs: Path, folder: Path, environment: dict[str, str]) -> None:
    """`skinlens predict` gives an image its row and its PDF."""
    (folder / "lesion.png").write_bytes(encode_png(draw_pixels(1, height=300, width=400)))
    text = output([programs / "skinlens", "predict", "lesion.png", "--pdf", "pdf"], folder, environment)
    (row,) = csv.DictReader(text.lstrip("\ufeff").splitlines())
    assert row.keys() >= COLUMNS
    assert (row["path"], row["error"]) == ("lesion.png", "")
    assert 0 < float(row["probability"]) < 1
    assert len(list((folder / "pdf").glob("*.pdf"))) == 1
    # `python -m skinlens` is the same.
    again = output([programs / "python", "-m", "skinlens", "predict", "lesion.png"], folder, environment)
    assert again == text
    say(f"predicted: {row['decision']} at {float(row['probability']):.3f}")


def hinted(programs: Path, folder: Path, environment: dict[str, str]) -> None:
    """A command that needs torch says so."""
    done = subprocess.run(
        [programs / "skinlens", "bench"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.endswith("pip install 'skinlens[train]'\n"), done.stderr


def listed(programs: Path, folder: Path, environment: dict[str, str]) -> None:
    """`skinlens licences` lists the core from the package's own metadata."""
    names = {line.split()[0] for line in output([programs / "skinlens", "licences"], folder, environment).splitlines()}
    assert {"fpdf2", "psycopg", "streamlit", "onnxruntime-gpu", "uvicorn"} <= names
    assert names.isdisjoint(MUST_BE_ABSENT)


def shown(programs: Path, folder: Path, environment: dict[str, str]) -> None:
    """`skinlens app` draws every page, assesses the example, and stays closed in a folder that would open it."""
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text(OPEN, "utf-8")
    # Python finds modules by name: none in the current folder may stand in for the app.
    (folder / "app.py").write_text("raise SystemExit('the wrong app')\n", "utf-8")
    with serving(programs, folder, environment) as address, Visitor(address) as visitor:
        visitor.look()
        for page in (*PAGES, PAGES[0]):
            drawn = visitor.look(page)
            assert "not a medical device" in drawn, f"{page} was not drawn to its end"
            assert "exception {" not in drawn, f"{page} failed: {drawn}"
        assert "metric {" in visitor.click(EXAMPLE), "the example was not assessed"
        foreign = ask(address, "/", {"Host": "elsewhere.invalid"})
        assert foreign.status == 400, foreign.status
        assert "content-security-policy" in foreign.headers
        listening = listeners(int(address.rpartition(":")[2]))
        assert listening
        assert listening <= LOOPBACK, listening
    say("showed every page")


@contextmanager
def serving(programs: Path, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of the app, started in a folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder.with_name("app.log")
    with log.open("wb") as written:
        server = subprocess.Popen(
            [programs / "skinlens", "app", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=written,
            stderr=written,
        )
    try:
        wait_until_healthy(f"http://localhost:{port}/_stcore/health")
        yield f"http://localhost:{port}"
    except BaseException:
        sys.stdout.write(log.read_text("utf-8", "replace"))
        raise
    finally:
        server.terminate()
        server.wait(30)


def listeners(port: int) -> set[str]:
    """The addresses on which something listens on a port, as Linux writes them."""
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path("/proc/net", table).read_text("ascii").splitlines()[1:]
    ]
    return {row[1].partition(":")[0] for row in rows if row[3] == LISTENING and row[1].endswith(f":{port:04X}")}


def output(command: list[Path | str], folder: Path, environment: dict[str, str]) -> str:
    """What a program writes to standard output; its errors are shown if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


STARTED = time.monotonic()

if __name__ == "__main__":
    main()
