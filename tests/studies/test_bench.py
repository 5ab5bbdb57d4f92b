"""The benchmark runs every engine on the same work, and says how they compare."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from skinlens.errors import UsageError
from skinlens.imaging.synthetic import draw_pixels
from skinlens.leaderboard.performance import Performance, read_performance
from skinlens.models import registry
from skinlens.runtime.card import ModelCard, ModelFileError
from skinlens.studies import bench as bench_module
from skinlens.studies.bench import WORKS, Bench, bench
from tests.cli.conftest import Caller
from tests.small_asff import SmallAsff
from tests.small_released import NAME, small_release


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelCard]:
    """The small model instead of the released ones."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        card = small_release(folder)
        patch.setenv("SKINLENS_WEIGHTS", str(folder))
        patch.setenv("SKINLENS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setitem(registry._BUILDERS, "asff_resnet50", SmallAsff)
        yield card


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Processes that would have been started, each of which took a second and 200 MB."""
    calls: list[Sequence[str]] = []

    def fresh(words: Sequence[str], *, folder: Path | None = None) -> tuple[float, float | None]:
        assert folder is None or folder.is_dir()
        calls.append(words)
        return 500.0 if "empty.py" in words[-1] else 1000.0, 200.0

    monkeypatch.setattr(bench_module, "_fresh", fresh)
    return calls


@pytest.fixture(autouse=True)
def _one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "WARM_UPS", 1)
    monkeypatch.setattr(bench_module, "REPEATS", 1)
    monkeypatch.setattr(bench_module, "_TURNS", {})


@pytest.mark.slow
def test_every_work_has_rows_with_ratios_against_the_same_run(
    small: ModelCard, call: Caller, started: list[Sequence[str]], tmp_path: Path
) -> None:
    out = tmp_path / "performance.json"
    works = [word for work in WORKS if work != "decode_24mp" for word in ("--work", work)]
    done = call("bench", "--model", small.name, "--unverified", "--quick", "--json", "--out", out, *works)
    assert done.status == 0
    printed = json.loads(done.out)
    measured = read_performance(out)
    assert Performance.model_validate(printed).rows == measured.rows
    rows = {(row.work, row.engine, row.precision): row for row in measured.rows}
    theirs = rows["image_heatmap", "torch+grad-cam", "fp32"]
    for engine in ("onnxruntime", "openvino"):
        one = rows["image_heatmap", engine, "fp32"]
        assert one.ratio == pytest.approx(theirs.milliseconds / one.milliseconds, rel=0.02)
        for work, images in (("orientations", 1), ("batch_8", 8), ("batch_32", 32), ("bytes_to_assessment", 1)):
            assert rows[work, engine, "fp32"].images == images
            assert rows[work, engine, "fp32"].ratio > 0
        assert rows["folder", engine, "fp32"].images == 8
        assert rows["folder", engine, "fp32"].milliseconds == 1000
        assert rows["first_result", engine, "fp32"].ratio is None
        assert rows["peak_memory", engine, "fp32"].megabytes == 200
        assert rows["peak_memory", engine, "fp32"].milliseconds is None
    assert rows["first_page", "SkinLens", ""].ratio == 0.5
    assert rows["decode", "Pillow", ""].milliseconds > 0
    assert all(row.decisions_kept is None for row in measured.rows)
    assert measured.machine.cores >= 1
    # What `bench --json` had before.
    assert printed["predict_with_heatmap_ms"] == rows["image_heatmap", "onnxruntime", "fp32"].milliseconds
    assert printed["torch_with_grad_cam_ms"] == theirs.milliseconds
    assert {words[0] for words in started} == {"-m", "-c"}


@pytest.mark.slow
def test_decisions_are_compared_on_the_test_images_of_a_manifest(small: ModelCard, tmp_path: Path) -> None:
    with (tmp_path / "manifest.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["path", "label", "split"])
        for seed in range(6):
            Image.fromarray(draw_pixels(seed, height=64, width=64)).save(tmp_path / f"{seed}.png")
            table.writerow([f"{seed}.png", "malignant" if seed % 2 else "benign", "test" if seed < 4 else "train"])
    asked = Bench(NAME, ("image_heatmap",), quick=True, manifests=(tmp_path / "manifest.csv",), unverified=True)
    measured = bench(asked)
    assert measured.measured_on == 4
    kept = {row.engine: (row.decisions_kept, row.auc_change) for row in measured.rows}
    assert kept == {"torch+grad-cam": (None, None), "onnxruntime": (1.0, 0.0), "openvino": (1.0, 0.0)}
    assert small.name == measured.model.partition(" ")[0]


def test_a_file_of_24_megapixels_is_decoded_in_full_and_reduced(
    small: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_module, "LARGE", (400, 600))
    rows = bench(Bench(small.name, ("decode_24mp",), quick=True, unverified=True)).rows
    whole, *others = rows
    assert whole.engine == "Pillow, in full"
    assert all(row.ratio == pytest.approx(whole.milliseconds / row.milliseconds, rel=0.05) for row in others)


@pytest.mark.usefixtures("small")
class TestWhatIsAskedFor:
    def test_an_unknown_work(self, call: Caller) -> None:
        done = call("bench", "--work", "everything")
        assert done.status == 2
        assert "nothing measures everything; kinds of rows: image_heatmap" in done.err

    def test_an_engine_that_is_not_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("skinlens.runtime.engines.cuda_devices", lambda: 0)
        asked = bench_module.ENGINES[-2]
        with pytest.raises(ModelFileError, match="needs an NVIDIA GPU"):
            bench(Bench(NAME, ("image_heatmap",), engine=asked, unverified=True))


def test_a_process_is_timed_and_its_memory_is_told() -> None:
    milliseconds, megabytes = bench_module._fresh(["-c", "held = bytearray(60_000_000)"])
    assert milliseconds > 0
    assert megabytes is None or megabytes > 60
    with pytest.raises(UsageError, match="a measured process ended in an error"):
        bench_module._fresh(["-c", "raise SystemExit(3)"])
