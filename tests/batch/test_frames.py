"""Files that hold several images in a run: a row for each, below the first, also after an interruption."""

import csv
import io
import threading
from pathlib import Path

import pytest
import tifffile

from skinlens.batch.export import table_csv
from skinlens.batch.facts import match_facts, read_facts
from skinlens.batch.reopen import image_again
from skinlens.batch.runner import go_through
from skinlens.batch.store import BatchStore
from skinlens.batch.table import entries, ordered
from skinlens.imaging.decode import decode
from skinlens.imaging.image import Pixels
from skinlens.imaging.synthetic import draw_pixels
from skinlens.runtime.predictor import Predictor
from tests.batch.conftest import MakeRun, assess_all

SHOWN = ["a.tif", "b.tif", "b.tif!/2", "b.tif!/3", "c.tif"]


def page(seed: int) -> Pixels:
    return draw_pixels(seed, height=96, width=128)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A TIFF of three pages between two ordinary ones."""
    place = tmp_path / "pages"
    place.mkdir()
    for name, seeds in (("a.tif", (1,)), ("b.tif", (2, 3, 4)), ("c.tif", (5,))):
        with tifffile.TiffWriter(place / name) as writer:
            for seed in seeds:
                writer.write(page(seed), photometric="rgb", metadata=None)
    return place


@pytest.fixture
def run(new_run: MakeRun, pages: Path) -> BatchStore:
    return new_run(pages)


def shown(store: BatchStore) -> list[str]:
    return [line.shown_name for line in store.lines()]


def test_each_image_has_a_row_below_the_first(run: BatchStore, pages: Path, predictor: Predictor) -> None:
    assess_all(run, predictor)
    lines = run.lines()
    assert shown(run) == SHOWN
    assert [line.path.removeprefix(f"{pages}/") for line in lines] == SHOWN, "as predict names them"
    assert [line.state for line in lines] == ["judged"] * len(SHOWN)
    assert len({line.score for line in lines}) == len(SHOWN)
    assert run.progress().complete
    third = next(line for line in lines if line.shown_name == "b.tif!/3")
    again = image_again(run.image(third.number))
    assert (again.frame, again.name) == (2, "b.tif")
    assert (again.pixels == decode(pages / "b.tif", frame=2).pixels).all()


def test_a_table_has_them_in_the_order_of_the_run(run: BatchStore, pages: Path, predictor: Predictor) -> None:
    assess_all(run, predictor)
    card = run.card()
    table = ordered(entries(run.lines(), card.point(), facts={}, reviews=[]), "run")
    rows = list(csv.DictReader(io.StringIO(table_csv(table, card, card.point()))))
    assert [row["path"].removeprefix(f"{pages}/") for row in rows] == SHOWN
    assert "page 2 is used" in rows[2]["reasons"]


def test_an_interruption_loses_none(run: BatchStore, predictor: Predictor) -> None:
    class StopError(Exception):
        pass

    def stop(_: float) -> None:
        raise StopError

    with pytest.raises(StopError):
        # The first batch is of one image, the second of the first page of the next file.
        go_through(run, predictor, threading.Lock(), pause=stop)
    assess_all(run, predictor)
    assert shown(run) == SHOWN
    assess_all(run, predictor)
    assert shown(run) == SHOWN, "nothing is added twice"


def test_case_facts_name_an_image_of_a_file(run: BatchStore, predictor: Predictor) -> None:
    assess_all(run, predictor)
    facts = read_facts(b"path,case_id\nb.tif,P-1\nb.tif!/3,P-3\n", name="facts.csv")
    matched = match_facts(facts, run.lines())
    names = {line.number: line.shown_name for line in run.lines()}
    found = {names[number]: each.case_id for number, each in matched.facts.items()}
    assert found == {"b.tif": "P-1", "b.tif!/3": "P-3"}
