"""Skin tones are estimated once per image; a damaged cache is refused."""

from pathlib import Path

import pytest

from skinlens.errors import OutputError, UsageError
from skinlens.imaging.skin_tone import skin_tone
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.studies import tone_cache
from skinlens.studies.tone_cache import skin_tones


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, path in enumerate(paths):
        path.write_bytes(encode_png(draw_pixels(seed, height=96, width=96)))
    return [str(path) for path in paths]


def test_tones_are_those_of_the_images_and_kept(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "kept" / "tones.csv"
    expected = [skin_tone(draw_pixels(seed, height=96, width=96)).name or "" for seed in range(3)]
    assert skin_tones(files[:2], cache) == expected[:2]
    decoded: list[Path] = []
    decode = tone_cache.decode
    monkeypatch.setattr(tone_cache, "decode", lambda path: decoded.append(path) or decode(path))
    assert skin_tones([*files, files[0]], cache) == [*expected, expected[0]]
    assert decoded == [Path(files[2])]
    assert len(cache.read_text("utf-8").splitlines()) == 4


def test_an_interrupted_call_keeps_what_it_has(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tone_cache, "_KEEP_EVERY", 1)
    cache = tmp_path / "tones.csv"
    with pytest.raises(UsageError, match=r"gone\.png cannot be read"):
        skin_tones([files[0], str(tmp_path / "gone.png")], cache)
    assert len(cache.read_text("utf-8").splitlines()) == 2


def test_without_a_cache_nothing_is_written(files: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert len(skin_tones(files, None)) == 3
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("text", ["", "sha256\nabc\n", "sha256,skin_tone\nabc,green\n"])
def test_a_damaged_cache_is_refused(files: list[str], tmp_path: Path, text: str) -> None:
    (tmp_path / "tones.csv").write_text(text, "utf-8")
    with pytest.raises(UsageError, match="cannot read the skin tones in"):
        skin_tones(files, tmp_path / "tones.csv")


def test_a_cache_that_cannot_be_written_is_said(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OutputError, match="the skin tones cannot be kept in"):
        skin_tones(files, tmp_path / "file" / "tones.csv")
