"""Going through a run: everything once, whatever stops it half-way."""

import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skinlens.batch import runner
from skinlens.batch.errors import BatchError
from skinlens.batch.reopen import image_again
from skinlens.batch.runner import BusyError, alone, go_through, is_worked_on
from skinlens.batch.store import BatchStore
from skinlens.cli.predict import Outputs, predict
from skinlens.imaging.decode import decode
from skinlens.imaging.image import LesionImage
from skinlens.imaging.preprocess import resize
from skinlens.imaging.synthetic import encode_png
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor
from skinlens.triage import pipeline
from skinlens.triage.turns import Turns
from tests.batch.conftest import NAMES, MakeRun, assess_all
from tests.drawn import familiar_pixels

IS_A = "This cannot be read as an image. It is {}, not a regular file."


def results(store: BatchStore) -> list[tuple[str, str, float | None]]:
    return [(line.relative, line.state, line.score) for line in store.lines()]


def test_every_image_gets_its_row_in_order(finished: BatchStore) -> None:
    assert [(relative, state) for relative, state, _ in results(finished)] == [
        ("a/1.png", "judged"),
        ("a/2.png", "judged"),
        ("b/1.png", "judged"),
        ("b/3.png", "judged"),
        ("broken.jpg", "unreadable"),
        ("c.png", "judged"),
    ]
    progress = finished.progress()
    assert (progress.total, progress.assessed, progress.unreadable, progress.passed_over) == (6, 5, 1, 1)
    assert progress.complete


@pytest.mark.slow
def test_the_numbers_are_those_of_the_command_line(
    folder: Path, tmp_path: Path, new_run: MakeRun, predictor: Predictor
) -> None:
    store = new_run(orientations=True)
    assess_all(store, predictor)
    outputs = Outputs(tmp_path / "rows.csv", as_json=False, heatmaps=None, pdfs=None)
    predict([folder], outputs, model=None, point=None, threshold=None)
    rows = pd.read_csv(tmp_path / "rows.csv", keep_default_na=False)
    lines = store.lines()
    assert [line.path for line in lines] == rows["path"].tolist()
    assert [line.sha256 for line in lines] == rows["sha256"].tolist()
    # An image's neighbours in a batch move its score by a rounding error of float32.
    assert [line.score for line in lines if line.score] == pytest.approx(
        [float(each) for each in rows["probability"] if each], abs=1e-5
    )
    assert [line.reason for line in lines] == rows["error"].tolist()


def test_members_of_an_archive_are_assessed(
    tmp_path: Path, folder: Path, new_run: MakeRun, predictor: Predictor
) -> None:
    archive = tmp_path / "ward.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name in NAMES[:2]:
            packed.write(folder / name, name)
    store = new_run(archive)
    assess_all(store, predictor)
    assert [line.path for line in store.lines()] == [f"{archive}!/a/1.png", f"{archive}!/a/2.png"]
    assert store.progress().assessed == 2


@pytest.mark.parametrize("after", [0, 1])
def test_what_stops_half_way_goes_on_without_loss_or_repetition(
    monkeypatch: pytest.MonkeyPatch, new_run: MakeRun, predictor: Predictor, after: int
) -> None:
    monkeypatch.setattr(runner, "AT_ONCE", 2)
    store = new_run()
    left = [after]

    def stop(_: float) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1

    with pytest.raises(KeyboardInterrupt):
        go_through(store, predictor, threading.Lock(), pause=stop)
    before = {line.number: line for line in store.lines() if line.state != "waiting"}
    # The first batch is of one image, each further one of two.
    assert len(before) == 1 + 2 * after
    assess_all(store, predictor)
    lines = store.lines()
    assert store.progress().complete
    assert [line for line in lines if line.number in before] == list(before.values())
    assert [line.number for line in lines] == list(range(6))


KILLED = """
import sys, threading
from pathlib import Path
from typing import Any
from skinlens.triage import pipeline
from skinlens.batch import runner
from skinlens.batch.store import BatchStore
from skinlens.runtime.predictor import load_predictor
runner.AT_ONCE = 1
def wait(_):
    print("one", flush=True)
    sys.stdin.readline()
runner.go_through(BatchStore(Path(sys.argv[1])), load_predictor(), threading.Lock(), pause=wait)
"""


@pytest.mark.slow
def test_a_killed_program_leaves_the_run_ready_to_go_on(new_run: MakeRun, predictor: Predictor) -> None:
    store = new_run()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(store.folder)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for _ in range(2):
            assert program.stdout.readline() == "one\n"
            program.stdin.write("\n")
            program.stdin.flush()
        assert program.stdout.readline() == "one\n"
        assert is_worked_on(store)
        with pytest.raises(BusyError, match="already working"):
            assess_all(store, predictor)
        program.kill()
    assert store.progress().done == 3
    assert not is_worked_on(store)
    assess_all(store, predictor)
    assert store.progress().complete
    assert [state for _, state, _ in results(store)].count("judged") == 5


@pytest.mark.parametrize("wanted", ["pause", "cancel"])
def test_it_stops_when_the_user_wants_that(
    monkeypatch: pytest.MonkeyPatch, new_run: MakeRun, predictor: Predictor, wanted: str
) -> None:
    monkeypatch.setattr(runner, "AT_ONCE", 1)
    store = new_run()
    go_through(store, predictor, threading.Lock(), pause=lambda _: store.want(wanted))  # type: ignore[arg-type]
    assert store.progress().done == 1
    store.want("run")
    assess_all(store, predictor)
    assert store.progress().complete


def test_another_model_does_not_go_on_with_it(new_run: MakeRun, predictor: Predictor) -> None:
    class Other:
        card = predictor.card
        model = type(predictor.model)("other", "1", "ff" * 32)

    with pytest.raises(BatchError, match=f"begun with {predictor.card.name} {predictor.card.version}, which is not"):
        assess_all(new_run(), Other())  # type: ignore[arg-type]


def test_an_upload_that_broke_off_is_not_taken_for_an_empty_run(new_run: MakeRun, predictor: Predictor) -> None:
    store = new_run(kind="upload")
    with pytest.raises(BatchError, match="upload of this run was interrupted"):
        assess_all(store, predictor)
    assert not store.progress().complete


@pytest.mark.parametrize("listed", [False, True])
def test_a_folder_that_vanishes_stops_the_run_which_goes_on_when_it_is_back(
    folder: Path, new_run: MakeRun, predictor: Predictor, *, listed: bool
) -> None:
    store = new_run()
    if listed:
        with alone(store):
            runner._list(store, store.run())
    folder.rename(folder.with_name("away"))
    with pytest.raises(BatchError, match=r"images can no longer be found\. Connect its drive or put it back"):
        assess_all(store, predictor)
    assert not store.progress().done
    folder.with_name("away").rename(folder)
    assess_all(store, predictor)
    assert store.progress().complete
    assert [state for _, state, _ in results(store)].count("judged") == 5


def test_an_image_that_vanishes_gets_its_sentence(folder: Path, new_run: MakeRun, predictor: Predictor) -> None:
    store = new_run()
    with alone(store):
        runner._list(store, store.run())
    (folder / "c.png").unlink()
    assess_all(store, predictor)
    gone = store.lines()[-1]
    assert (gone.state, gone.reason) == ("unreadable", "unreadable")
    assert "no such file" in gone.sentence


def test_memory_holds_a_few_images_at_a_time(
    monkeypatch: pytest.MonkeyPatch, new_run: MakeRun, predictor: Predictor
) -> None:
    monkeypatch.setattr(pipeline, "MOST_BYTES", 1)
    sizes = []
    keep = BatchStore.keep

    def watched(store: BatchStore, results: list[dict[str, Any]], *others: Any) -> None:
        sizes.append(len(results))
        keep(store, results, *others)

    monkeypatch.setattr(BatchStore, "keep", watched)
    assess_all(new_run(), predictor)
    # The one that cannot be decoded has no pixels, and goes with the next.
    assert sizes == [1, 1, 1, 1, 2]


def test_another_page_gets_the_model_in_between(new_run: MakeRun, predictor: Predictor) -> None:
    store, lock, waits = new_run(), threading.Lock(), []

    def page() -> None:
        while not store.progress().complete:
            began = time.monotonic()
            with lock:
                waits.append(time.monotonic() - began)
            time.sleep(0.01)

    other = threading.Thread(target=page)
    other.start()
    go_through(store, predictor, lock)
    other.join()
    assert len(waits) > 1


def test_a_person_who_waits_for_the_model_goes_before_the_run(
    monkeypatch: pytest.MonkeyPatch, new_run: MakeRun, predictor: Predictor
) -> None:
    turns, answer = Turns(), predictor.predict
    passes: list[int] = []
    waited: list[int] = []

    def page() -> None:
        with turns:
            waited.append(len(passes))

    def predict(images: list[LesionImage]) -> list[Prediction]:
        if not passes:
            person.start()
            while not turns.is_wanted:
                person.join(0.001)
        passes.append(len(images))
        return answer(images)

    person = threading.Thread(target=page)
    monkeypatch.setattr(predictor, "predict", predict)
    store = new_run()
    go_through(store, predictor, turns.behind)
    person.join()
    # In the first pass of the run it came, and it went before the second.
    assert waited == [1]
    assert len(passes) > 1
    assert store.progress().complete


def test_a_row_of_a_large_image_has_its_full_size(folder: Path, new_run: MakeRun, predictor: Predictor) -> None:
    pixels = resize(familiar_pixels(0), height=1800, width=2400)
    (folder / "large.png").write_bytes(encode_png(pixels))
    store = new_run(folder / "large.png")
    assess_all(store, predictor)
    (line,) = store.lines()
    assert (line.state, line.width, line.height) == ("judged", 2400, 1800)
    again = image_again(store.image(line.number))
    np.testing.assert_array_equal(again.pixels, pixels)
    # The thumbnail shows all of it.
    (small,) = store.thumbnails([line.number]).values()
    shown = decode(small).pixels
    assert shown.shape == (96, 128, 3)
    assert np.abs(shown.astype(int) - resize(pixels, height=96, width=128)).mean() < 4


@pytest.mark.timeout(60)
def test_what_is_no_file_has_its_row_and_costs_no_other(folder: Path, new_run: MakeRun, predictor: Predictor) -> None:
    os.mkfifo(folder / "b" / "2.png")
    (folder / "zeros.jpg").symlink_to("/dev/zero")
    with (folder / "sparse.tif").open("wb") as stream:
        stream.truncate(8 * 2**40)
    store = new_run()
    assess_all(store, predictor)
    found = {line.relative: (line.state, line.reason, line.sentence) for line in store.lines()}
    assert found["b/2.png"] == ("unreadable", "unreadable", IS_A.format("a named pipe"))
    assert found["zeros.jpg"] == ("unreadable", "unreadable", IS_A.format("a device"))
    assert found["sparse.tif"][:2] == ("unreadable", "too_large")
    assert store.progress().assessed == len(NAMES)
