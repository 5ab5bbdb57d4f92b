"""Only the released cards are used unasked; any other one, to the last bit, must be named as one's own."""

import hashlib
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from skinlens.runtime import released
from skinlens.runtime.card import ModelCard, ModelFileError, read_card, write_card
from skinlens.runtime.predictor import released_models
from skinlens.runtime.released import VARIABLE, allowed_by_environment, store_card, trusted_card
from skinlens.runtime.weights import shipped_folder

FLIPS = 400
NAMES = sorted(released.released_digests())


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of SkinLens with the cards of its released models, in which a test may release."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.json").write_bytes((shipped_folder() / f"{name}.json").read_bytes())
    digests = tmp_path / "released.json"
    digests.write_bytes(released.DIGESTS.read_bytes())
    monkeypatch.setattr(released, "DIGESTS", digests)
    monkeypatch.setattr(released, "shipped_folder", lambda: folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_released_card_is_trusted_and_lies_there(name: str) -> None:
    """Fails after a card was written by hand: `skinlens card NAME --unverified` releases it."""
    assert trusted_card(shipped_folder() / f"{name}.json").unverified is False
    assert trusted_card(shipped_folder() / f"{name}.json", unverified=True).unverified is False


def test_every_card_beside_the_package_is_a_released_one() -> None:
    assert list(released_models(shipped_folder())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_no_bit_of_a_released_card_can_be_changed(name: str, tmp_path: Path) -> None:
    """At seeded places over the whole file, its first and last bit among them."""
    content = (shipped_folder() / f"{name}.json").read_bytes()
    chosen = random.Random(name).sample(range(8 * len(content)), FLIPS)  # noqa: S311 - no secret
    path = tmp_path / f"{name}.json"
    for bit in (0, 8 * len(content) - 1, *chosen):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(ModelFileError, match=r"The (model )?card .* (cannot be used|is not the one released)"):
            trusted_card(path)
        with suppress(ModelFileError):
            # What is still a card may be used as one's own.
            assert trusted_card(path, unverified=True).unverified


@pytest.mark.parametrize("change", [lambda content: content + b"\n", lambda content: content.replace(b"\n", b"\r\n")])
def test_not_even_white_space_may_differ(change: Any, tmp_path: Path) -> None:
    path = tmp_path / f"{NAMES[0]}.json"
    path.write_bytes(change((shipped_folder() / path.name).read_bytes()))
    with pytest.raises(ModelFileError, match="--unverified"):
        trusted_card(path)
    assert trusted_card(path, unverified=True).unverified


def test_one_released_card_does_not_pass_for_another(tmp_path: Path) -> None:
    path = tmp_path / f"{NAMES[0]}.json"
    path.write_bytes((shipped_folder() / f"{NAMES[1]}.json").read_bytes())
    with pytest.raises(ModelFileError, match="not the one released"):
        trusted_card(path)


def test_a_model_that_was_never_released_is_ones_own(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "made_up.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ModelFileError, match=f"made_up is not among the models released .*--unverified.*{VARIABLE}=1"):
        trusted_card(path)
    card = trusted_card(path, unverified=True)
    assert (card.unverified, card.shown_name) == (True, "made_up (unverified)")


def test_a_card_cannot_say_of_itself_that_it_was_released(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "made_up.json"
    path.write_text(json.dumps({**content, "unverified": False}), "utf-8")
    with pytest.raises(ModelFileError, match="not among the models released"):
        trusted_card(path)
    assert trusted_card(path, unverified=True).unverified


def test_the_mark_is_kept_with_results_and_never_in_a_cards_file(content: dict[str, Any], tmp_path: Path) -> None:
    card = ModelCard.model_validate(content)
    marked = card.model_copy(update={"unverified": True})
    assert "unverified" not in card.model_dump(mode="json")
    assert ModelCard.model_validate(marked.model_dump(mode="json")).unverified
    write_card(marked, tmp_path / "made_up.json")
    assert read_card(tmp_path / "made_up.json") == card


@pytest.mark.parametrize(
    ("value", "allowed"), [("1", True), ("true", True), ("YES", True), ("0", False), ("no", False), ("", False)]
)
def test_the_environment_names_a_model_as_ones_own(value: str, allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    assert allowed_by_environment() is allowed


class TestReleasing:
    def test_a_released_card_that_is_written_anew_stays_released(self, own: Path) -> None:
        name = NAMES[0]
        card = read_card(own / f"{name}.json").model_copy(update={"version": "9.9.9"})
        write_card(card, own / f"{name}.json")
        with pytest.raises(ModelFileError, match="not the one released"):
            trusted_card(own / f"{name}.json")
        store_card(card, own)
        assert trusted_card(own / f"{name}.json").version == "9.9.9"
        # The others are what they were.
        assert trusted_card(own / f"{NAMES[1]}.json") == read_card(shipped_folder() / f"{NAMES[1]}.json")
        assert not list(own.parent.rglob("*.unfinished"))

    def test_what_is_written_elsewhere_or_under_another_name_is_not(self, own: Path, tmp_path: Path) -> None:
        before = released.DIGESTS.read_bytes()
        card = read_card(own / f"{NAMES[0]}.json")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        store_card(card.model_copy(update={"version": "9.9.9"}), elsewhere)
        store_card(card.model_copy(update={"name": "mine"}), own)
        assert released.DIGESTS.read_bytes() == before
        with pytest.raises(ModelFileError, match="mine is not among"):
            trusted_card(own / "mine.json")

    def test_a_new_model_is_released_where_that_is_said(self, own: Path) -> None:
        card = read_card(own / f"{NAMES[0]}.json")
        store_card(card.model_copy(update={"name": "newer"}), own, new_release=True)
        assert trusted_card(own / "newer.json").name == "newer"
        digest = hashlib.sha256((own / "newer.json").read_bytes()).hexdigest()
        assert json.loads(released.DIGESTS.read_text("utf-8"))["newer"] == digest

    def test_a_card_that_could_not_be_read_is_not_written(self, own: Path) -> None:
        card = read_card(own / f"{NAMES[0]}.json")
        before = {path: path.read_bytes() for path in own.parent.rglob("*.json")}
        spoilt = card.model_copy(update={"heatmap": card.heatmap.model_copy(update={"scale": float("nan")})})
        with pytest.raises(ModelFileError, match=r"heatmap\.scale"):
            store_card(spoilt, own)
        assert {path: path.read_bytes() for path in own.parent.rglob("*.json")} == before

    @pytest.mark.parametrize("content", ["", "[]", "{", '{"a": NaN}'])
    def test_a_damaged_list_is_a_sentence(self, own: Path, content: str) -> None:
        released.DIGESTS.write_text(content, "utf-8")
        with pytest.raises(ModelFileError, match="list of released models"):
            trusted_card(own / f"{NAMES[0]}.json")
