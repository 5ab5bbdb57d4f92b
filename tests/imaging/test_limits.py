"""What one image may cost: hostile files end soon, in little memory, with a sentence; and so do the processes."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from skinlens.imaging import limits, workers
from skinlens.imaging.decode import decode, decode_trusted
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.workers import end_workers
from skinlens.telemetry import SWITCHES
from tests.imaging import hostile

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Decodes one file in a fresh program, and reports what it and its worker took.
MEASURE = """
import json, re, resource, sys
from pathlib import Path
from skinlens.imaging import workers
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.workers import end_workers
try:
    reason, sentence = "", str(decode(Path(sys.argv[1])).pixels.shape)
except ImageRejectedError as error:
    reason, sentence = error.reason, str(error)
processes = ["self", *(worker._process.pid for worker in workers._workers._all)]
status = [Path(f"/proc/{number}/status").read_text() for number in processes]
end_workers()
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
seconds = sum(each.ru_utime + each.ru_stime for each in used)
# The peak of the memory that is in use; getrusage would give that of whatever started the process, if it was more.
peak = max(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", each)[1]) for each in status)
print(json.dumps([reason, sentence, seconds, peak]))
"""


@pytest.fixture(autouse=True)
def no_worker_left() -> Iterator[None]:
    """Tests here change what workers do, or end them."""
    yield
    end_workers()


def measured(data: bytes, path: Path) -> tuple[str, str, float, int]:
    """Reason, sentence, processor seconds of both, and peak memory in bytes of the program or its worker."""
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stderr == ""
    reason, sentence, seconds, peak = json.loads(done.stdout)
    return reason, sentence, seconds, peak


def rejection(source: Any, **options: Any) -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as caught:
        decode(source, **options)
    return caught.value


FILES = [
    ("png with an endless chunk", hostile.png_with_an_endless_chunk, "truncated", "is incomplete or damaged"),
    ("16-bit png", lambda: hostile.png_of_16_bits(6), "over_budget", "needs more than 2 GB of memory to open"),
    ("png of many chunks", hostile.png_of_many_chunks, "over_budget", "has more than 200,000 chunks"),
    ("png that is too short", lambda: hostile.short_png(), "truncated", "is incomplete or damaged"),
    ("bmp that is too short", lambda: hostile.short_bmp(), "truncated", "is incomplete or damaged"),
    ("tiff with a giant tile", hostile.tiff_with_a_giant_tile, "truncated", "is incomplete or damaged"),
    ("tiff of many pages", lambda: hostile.tiff_of_many_pages(400_000), "over_budget", "has more than 10,000 pages"),
    ("jpeg of many segments", hostile.jpeg_of_many_segments, "over_budget", "has more than 1,000 segments"),
    ("jpeg of fill bytes", hostile.jpeg_of_fill_bytes, "over_budget", "has more than 65,536 fill bytes"),
    ("jpeg of many scans", lambda: hostile.empty_scans(500), "over_budget", "has more than 100 scans"),
    ("jpeg that is too short", lambda: hostile.short_jpeg(), "truncated", "is incomplete or damaged"),
]


@LINUX
@pytest.mark.parametrize(
    ("make", "reason", "part"),
    # 800 megabytes are compressed for one of them.
    [pytest.param(*row[1:], id=row[0], marks=[pytest.mark.slow] * (row[0] == "16-bit png")) for row in FILES],
)
def test_a_hostile_file_is_rejected_soon_and_in_little_memory(
    make: Callable[..., Any], reason: str, part: str, tmp_path: Path
) -> None:
    data = make()
    found, sentence, seconds, peak = measured(data, tmp_path / "arm.jpg")
    assert found == reason
    assert sentence.startswith("arm.jpg ")
    assert part in sentence
    # Two interpreters start in this; before, each of these took from 8 to over 90 seconds, or 1.3 to 4.2 GB.
    assert seconds < 6
    assert peak < 3 * len(data) + 250 * 2**20


@LINUX
@pytest.mark.parametrize(
    ("make", "part"),
    [
        (hostile.dicom_of_many_items, "has more than 100,000 items"),
        (lambda whole: hostile.dicom_of_many_elements(whole, nested=False), "has more than 100,000 elements"),
    ],
    ids=["items", "elements"],
)
def test_a_dicom_file_of_two_million_parts_is_rejected(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], make: Callable[..., Any], part: str, tmp_path: Path
) -> None:
    reason, sentence, seconds, peak = measured(make(dicom(truth.tobytes())), tmp_path / "arm.dcm")
    assert reason == "over_budget"
    assert part in sentence
    assert seconds < 10
    assert peak < 300 * 2**20


@LINUX
@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.RLELossless], ids=lambda syntax: syntax.name)
def test_a_frame_that_cannot_hold_what_it_claims_is_rejected_before_it_is_decoded(
    dicom: Callable[..., Any], syntax: UID, tmp_path: Path
) -> None:
    frame = hostile.lossless_jpeg_of(10_000, 10_000) if syntax == uid.JPEGLosslessSV1 else bytes(5_000)
    data = dicom(encapsulate([frame]), syntax, Rows=10_000, Columns=10_000)
    reason, _, seconds, peak = measured(data, tmp_path / "arm.dcm")
    assert reason == "truncated"
    # It took 8 seconds of gdcm, and was accepted.
    assert seconds < 5
    assert peak < 250 * 2**20


def slow_jpeg() -> bytes:
    """Takes seconds to decode, and is rejected by no count."""
    return hostile.empty_scans(99, 4_000, 6_000)


@LINUX
def test_a_decoder_that_is_late_is_killed_and_the_next_image_opens(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, ordinary = slow_jpeg(), save(truth, "PNG")
    decode(ordinary)
    first = worker_ids()
    monkeypatch.setattr(workers, "CLOCK_SECONDS", 0.4)
    error = rejection(data, name="arm.jpg")
    assert error.reason == "over_budget"
    assert str(error).startswith("arm.jpg could not be opened within 20 seconds. Export it again")
    assert worker_ids() == []
    assert not any(Path(f"/proc/{number}").exists() for number in first)
    monkeypatch.undo()
    np.testing.assert_array_equal(decode(ordinary).pixels, truth)


@LINUX
@pytest.mark.slow
def test_memory_beyond_the_budget_is_rejected_by_the_system() -> None:
    """Run in a process of its own: the limit stays."""
    code = """
import numpy as np
from skinlens.imaging import formats, worker
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.limits import MEMORY_BYTES
worker._limit_memory()
for size in (MEMORY_BYTES // 2, MEMORY_BYTES + 300 * 2**20):
    formats.decode_raster = lambda data, opener, name, frame, side: np.ones(size, np.uint8).shape
    try:
        print(formats.decode_content(b"GIF89a", "arm.gif"))
    except ImageRejectedError as error:
        print(error.reason, error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    within, beyond = done.stdout.splitlines()
    assert within == f"({limits.MEMORY_BYTES // 2},)"
    assert beyond.startswith("over_budget arm.gif needs more than 2 GB of memory to open. ")


def worker_ids() -> list[int]:
    """The workers of this program."""
    return sorted(worker._process.pid for worker in workers._workers._all)


@LINUX
@pytest.mark.slow
def test_processor_time_is_counted_by_the_system() -> None:
    code = """
from skinlens.imaging import worker
worker.SECONDS = 1
worker._limit_time()
while True:
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, timeout=100)
    assert done.returncode == -signal.SIGXCPU
    decode(hostile.jpeg())
    thread = kill_workers(1, signal.SIGXCPU)
    assert rejection(slow_jpeg()).reason == "over_budget"
    thread.join()


def kill_workers(times: int, by: signal.Signals) -> threading.Thread:
    """Send a signal to whatever worker is busy, so many times."""

    def kill() -> None:
        killed: set[int] = set()
        limit = time.monotonic() + 60
        while len(killed) < times and time.monotonic() < limit:
            for worker in list(workers._workers._all):
                if worker not in workers._workers._idle and worker._process.pid not in killed:
                    killed.add(worker._process.pid)
                    os.kill(worker._process.pid, by)
            time.sleep(0.002)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


@LINUX
@pytest.mark.parametrize("times", [1, 2])
def test_a_crash_gets_one_more_attempt_in_a_new_process(times: int) -> None:
    decode(hostile.jpeg())
    data = hostile.empty_scans(60, 2_000, 3_000)
    thread = kill_workers(times, signal.SIGSEGV)
    if times == 1:
        assert decode(data).height == 2_000
    else:
        error = rejection(data, name="arm.jpg")
        assert error.reason == "decoder_failed"
        assert str(error).startswith("arm.jpg crashed the decoder, so it is probably damaged. ")
    thread.join()
    assert decode(hostile.jpeg()).width == 800


@LINUX
@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit", "os._exit(0)"])
def test_workers_end_with_the_program(
    save: Callable[..., Any], truth: npt.NDArray[np.uint8], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / "arm.png"
    path.write_bytes(save(truth, "PNG"))
    code = f"""
import os, signal, sys
from pathlib import Path
from skinlens.imaging import workers
from skinlens.imaging.decode import decode
decode(Path(sys.argv[1]))
print(*(worker._process.pid for worker in workers._workers._all), flush=True)
{ending}
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    (number,) = done.stdout.split()
    limit = time.monotonic() + 10
    while is_running(number) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not is_running(number)
    assert done.stderr == ""


def is_running(number: str) -> bool:
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_copy_starts_its_own_worker(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    data = save(truth, "PNG")
    decode(data)
    before = worker_ids()
    incoming, outgoing = os.pipe()
    copy = os.fork()
    if copy == 0:
        right = np.array_equal(decode(data).pixels, truth) and not set(worker_ids()) & set(before)
        os.write(outgoing, b"1" if right else b"0")
        os._exit(0)
    os.waitpid(copy, 0)
    assert os.read(incoming, 1) == b"1"
    os.close(incoming)
    os.close(outgoing)
    np.testing.assert_array_equal(decode(data).pixels, truth)
    assert worker_ids() == before


def test_where_no_worker_can_be_started_images_are_decoded_all_the_same(
    truth: npt.NDArray[np.uint8],
    save: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    end_workers()
    monkeypatch.setattr(workers, "_workers", workers._Workers(1))
    monkeypatch.setattr(sys, "executable", str(ROOT / "no such interpreter"))
    for _ in range(2):
        np.testing.assert_array_equal(decode(save(truth, "PNG")).pixels, truth)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "images are decoded without a limit of time and memory" in record.message


def test_a_worker_that_ends_at_its_start_is_no_worker(
    truth: npt.NDArray[np.uint8],
    save: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    end_workers()
    monkeypatch.setattr(workers, "_workers", workers._Workers(1))
    monkeypatch.setattr(workers, "_PACKAGE_ROOT", ROOT / "no such folder")
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(ROOT.parent)
    np.testing.assert_array_equal(decode(save(truth, "PNG")).pixels, truth)
    assert "it ended with status 1" in caplog.text


@pytest.mark.slow
def test_without_shared_memory_everything_goes_by_pipe(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], samples: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    end_workers()
    monkeypatch.setattr(workers, "shared_memory", lambda: None)
    large = save(np.tile(truth, (40, 40, 1)), "PNG", compress_level=0)
    for data in (*samples.values(), large):
        np.testing.assert_array_equal(decode(data).pixels, decode_trusted(data).pixels)
    assert rejection(b"hello").reason == "not_an_image"


def test_a_worker_and_this_process_decode_alike(samples: dict[str, bytes]) -> None:
    for data in samples.values():
        there, here = decode(data, name="arm"), decode_trusted(data, name="arm")
        np.testing.assert_array_equal(there.pixels, here.pixels)
        assert (there.sha256, there.name, there.notes) == (here.sha256, here.name, here.notes)
        assert not there.pixels.flags.writeable
        assert there.pixels.flags.c_contiguous


def test_a_name_of_any_characters_comes_back(save: Callable[..., Any], truth: npt.NDArray[np.uint8]) -> None:
    name = "bras\udce9 \n\U0001f9b5.jpg"
    assert decode(save(truth, "PNG"), name=name).name == name
    assert str(rejection(b"hello", name=name)).startswith(f"{name} is not an image")


def test_many_threads_share_few_workers(samples: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(decode, [*samples.values()] * 6))
    assert 1 <= len(workers._workers._all) <= min(limits.MAX_WORKERS, os.cpu_count() or 1)


@LINUX
def test_nothing_is_left_open(samples: dict[str, bytes]) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    end_workers()
    before = opened()
    for data in samples.values():
        decode(data)
    assert opened() > before
    end_workers()
    assert opened() == before


def test_decoders_print_nothing(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """OpenCV's and libjpeg's complaints about a damaged file go nowhere; in this process they would be seen."""
    deep = hostile.png(64, 64, depth=16, colour=2, compressed=hostile.short_deflate(64 * (1 + 6 * 64)))
    noisy = deep.replace(b"IDAT", b"tEXt", 1)
    for data in (deep, noisy, save(truth, "TIFF")[:-400], hostile.cut_but_ended(hostile.jpeg(), 0.5)):
        with pytest.raises(ImageRejectedError):
            decode(data)
    assert capfd.readouterr() == ("", "")


@LINUX
def test_a_crash_leaves_no_memory_on_disk() -> None:
    """A core file would hold the image; the limit is not one that a decoder could lift again."""
    decode(hostile.jpeg())
    for number in worker_ids():
        limits_of_it = Path(f"/proc/{number}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits_of_it)


def test_a_worker_that_was_started_ahead_takes_the_first_image(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any]
) -> None:
    end_workers()
    workers.start_ahead()
    limit = time.monotonic() + 60
    while not workers._workers._idle and time.monotonic() < limit:
        time.sleep(0.01)
    ahead = worker_ids()
    np.testing.assert_array_equal(decode(save(truth, "PNG")).pixels, truth)
    assert len(ahead) == 1
    assert worker_ids() == ahead


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_cannot_be_started_ahead_stops_nothing(
    truth: npt.NDArray[np.uint8],
    save: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(workers, "_workers", workers._Workers(1))
    monkeypatch.setattr(sys, "executable", str(ROOT / "no such interpreter"))
    workers.start_ahead()
    for thread in threading.enumerate():
        if thread.name == "skinlens-start-worker":
            thread.join()
    np.testing.assert_array_equal(decode(save(truth, "PNG")).pixels, truth)
    assert len(caplog.records) == 1


@LINUX
def test_workers_inherit_what_keeps_libraries_silent() -> None:
    """They import none of those libraries; what a decoder would start is silent too."""
    decode(hostile.jpeg())
    for number in worker_ids():
        environment = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
        assert {f"{name}={value}".encode() for name, value in SWITCHES.items()} <= set(environment)


def test_workers_import_imaging_alone() -> None:
    code = (
        "import sys, skinlens.imaging.worker;"
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'onnxruntime', 'streamlit')"
        " or name.startswith('skinlens.')"
        " and not name.startswith(('skinlens.imaging', 'skinlens.telemetry', 'skinlens.errors'))"
        " and name != 'skinlens.translation'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_mistake_of_ours_in_a_worker_is_an_error_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's answer that is neither pixels nor a rejection is raised, with the worker's own traceback."""
    with workers._workers.worker() as worker, monkeypatch.context() as patch:
        send = worker._channel.send
        patch.setattr(worker._channel, "send", lambda _, data: send({}, data))
        with pytest.raises(workers.WorkerFaultError, match="KeyError: 'name'"):
            worker.decode(b"GIF89a", "arm.gif")
    assert decode(hostile.jpeg()).width == 800


def test_a_worker_whose_answer_was_not_received_is_not_asked_again(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = save(truth, "PNG")

    def no_memory(_: memoryview) -> None:
        raise MemoryError

    with workers._workers.worker() as worker, monkeypatch.context() as patch:
        patch.setattr(worker._channel, "content_into", no_memory)
        with pytest.raises(MemoryError):
            worker.decode(data, "arm.png")
    assert worker not in workers._workers._all
    np.testing.assert_array_equal(decode(data).pixels, truth)


KINDS = [{}, {"mode": "L"}, {"mode": "CMYK"}, {"subsampling": 0}, {"optimize": True}, {"restart_marker_blocks": 7}]


class TestJpegThatWasCutShort:
    """Ended by the mark that says it is whole, which is all that libjpeg looks at."""

    @pytest.mark.parametrize("kind", KINDS, ids=str)
    def test_a_small_part_is_noted_and_a_large_one_rejected(self, kind: dict[str, Any]) -> None:
        whole = hostile.jpeg(**kind)
        assert not any("incomplete" in note for note in decode(whole).notes)
        noted = decode(hostile.cut_but_ended(whole, 0.95)).notes[0]
        assert 3 <= share_in(noted) <= 9
        assert noted.startswith("This file is incomplete: the last ")
        error = rejection(hostile.cut_but_ended(whole, 0.6), name="arm.jpg")
        assert error.reason == "truncated"
        assert 36 <= share_in(str(error)) <= 46
        assert str(error).startswith("arm.jpg is incomplete: the last ")

    def test_an_image_that_ends_in_grey_is_whole(self) -> None:
        pixels = np.full((320, 320, 3), 128, np.uint8)
        pixels[:200] = 40
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=95)
        assert decode(file.getvalue()).notes == ()

    def test_detail_that_is_missing_from_a_progressive_one(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=90, progressive=True)
        whole = file.getvalue()
        last = whole.rindex(b"\xff\xda")
        assert decode(whole).notes == ()

        def cut(share: float) -> bytes:
            return whole[: last + round((len(whole) - 2 - last) * share)].rstrip(b"\xff") + b"\xff\xd9"

        assert 3 <= share_in(decode(cut(0.95)).notes[0]) <= 9
        assert rejection(cut(0.5)).reason == "truncated"
        # Its last scan is not there at all.
        assert rejection(whole[:last] + b"\xff\xd9").reason == "truncated"

    def test_inside_a_dicom_file(self, dicom: Callable[..., Any]) -> None:
        def packed(frame: bytes) -> bytes:
            return dicom(
                encapsulate([frame]), uid.JPEGBaseline8Bit, Rows=600, Columns=800,
                PhotometricInterpretation="YBR_FULL_422",
            )  # fmt: skip

        whole = hostile.jpeg()
        assert decode(packed(whole)).notes == ()
        assert 3 <= share_in(decode(packed(hostile.cut_but_ended(whole, 0.95))).notes[0]) <= 9
        assert rejection(packed(hostile.cut_but_ended(whole, 0.6))).reason == "truncated"


def share_in(sentence: str) -> int:
    found = re.search(r"the last (\d+) % of the image are missing", sentence)
    assert found, sentence
    return int(found[1])


def test_pages_are_counted_as_before(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    pages = [Image.fromarray(truth)] * 4
    looping = bytearray(hostile.tiff_of_many_pages(3))
    looping[looping.rindex(b"\0\0\0\0" + bytes(range(8))) :][:4] = b"\x08\0\0\0"
    for data, count in (
        (save(pages[0], "TIFF", save_all=True, append_images=pages[1:]), 4),
        (save(pages[0], "TIFF", save_all=True, append_images=pages[1:], big_tiff=True), 4),
        (hostile.tiff_of_many_pages(3), 3),
        (bytes(looping), 3),
    ):
        assert decode(data).notes == (f"This file holds {count} pages; the first is used.",)


def test_the_documentation_states_the_limits_in_force() -> None:
    text = (ROOT / "docs" / "limits.md").read_text("utf-8")
    for stated in (
        f"{limits.SECONDS} seconds",
        f"{limits.CLOCK_SECONDS:.0f} seconds",
        f"{limits.MEMORY_BYTES // 2**30} GB",
        f"{limits.MIN_SHORT_SIDE} pixels",
        f"{limits.MAX_PIXELS // 10**6} megapixels",
        f"{limits.MAX_DECODED_BYTES // 10**6} MB",
        f"{limits.MAX_MISSING_SHARE:.0%}".replace("%", " %"),
        f"{limits.MAX_JPEG_SEGMENTS:,} segments",
        f"{limits.MAX_JPEG_SCANS:,} scans",
        f"{limits.MAX_JPEG_PADDING:,} fill bytes",
        f"{limits.MAX_PNG_CHUNKS:,} chunks",
        f"{limits.MAX_TIFF_PAGES:,} pages",
        f"{limits.MAX_TILE_SIDE:,} pixels",
        f"{limits.MAX_DICOM_ITEMS:,} items",
        f"{limits.MAX_WORKERS} processes",
    ):
        assert stated in text
