"""Which cards were released with this version of SkinLens; a card that was not is used only if the user names it so."""

import hashlib
import json
import os
from pathlib import Path

from skinlens.runtime import strict_json
from skinlens.runtime.card import ModelCard, ModelFileError, card_bytes, parse_card, write_card
from skinlens.runtime.weights import shipped_folder
from skinlens.storage.replaced import replaced
from skinlens.translation import sentence

# SHA-256 of the released cards by name, written by the commands that write released cards.
DIGESTS = Path(__file__).with_name("released.json")
# Tells the app, which has no options, to use a card that was not released.
VARIABLE = "SKINLENS_UNVERIFIED"
_YES = {"1", "true", "yes", "on"}


def released_digests() -> dict[str, str]:
    """SHA-256 of each released card by the model's name.

    Raises:
        ModelFileError: If the list cannot be read.
    """
    try:
        digests = strict_json.parse(DIGESTS.read_bytes())
        return {str(name): str(digest) for name, digest in digests.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ModelFileError(
            sentence("The list of released models {file} cannot be read; install SkinLens again.", file=DIGESTS)
        ) from error


def allowed_by_environment() -> bool:
    """Return whether `SKINLENS_UNVERIFIED` allows models that were not released."""
    return os.environ.get(VARIABLE, "").strip().lower() in _YES


def trusted_card(path: Path, *, unverified: bool = False) -> ModelCard:
    """The card that a file holds, if it is the released one of its name, byte for byte.

    Args:
        path: `<name>.json`, with the files that it names beside it.
        unverified: Take any other card too; it is then marked as `unverified`.

    Raises:
        ModelFileError: If it is missing, is no valid card, or is not the released one.
    """
    content = card_bytes(path)
    card = parse_card(content, path)
    expected = released_digests().get(path.stem)
    if hashlib.sha256(content).hexdigest() == expected:
        return card
    if unverified:
        return card.model_copy(update={"unverified": True})
    wrong = (
        sentence("{model} is not among the models released with this version of SkinLens", model=path.stem)
        if expected is None
        else sentence(
            "The card {path} is not the one released with this version of SkinLens (its SHA-256 differs): restore it",
            path=path,
        )
    )
    raise ModelFileError(
        sentence(
            "{wrong}. To use it as your own, add --unverified, or set {variable}=1 for the app.",
            wrong=wrong,
            variable=VARIABLE,
        )
    )


def is_release(name: str, folder: Path) -> bool:
    """Whether writing a model's card into a folder releases it: a released model, in this copy's folder of them."""
    return folder.resolve() == shipped_folder().resolve() and name in released_digests()


def store_card(card: ModelCard, folder: Path, *, new_release: bool = False) -> None:
    """Write a model's card, and if that releases it also its digest into the list that ships with the code.

    Args:
        card: Of a model whose files lie in the folder.
        folder: Where `<name>.json` goes.
        new_release: Put a model on the list that is not on it yet.

    Raises:
        ModelFileError: If the card could not be read again; then it is not written.
        OSError: If a file cannot be written.
    """
    path = folder / f"{card.name}.json"
    write_card(card, path)
    if new_release or is_release(card.name, folder):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        digests = {**released_digests(), card.name: digest}
        with replaced(DIGESTS) as unfinished:
            unfinished.write_text(json.dumps(dict(sorted(digests.items())), indent=1) + "\n", "utf-8", newline="\n")
