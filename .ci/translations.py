"""Bring the catalogues of translations up to date with the sentences in the code, and compile them.

`python .ci/translations.py` extracts what `_`, `ngettext`, `sentence` and `marked` mark, merges it into
`skinlens/locale/<language>/LC_MESSAGES/skinlens.po`, and writes the compiled `skinlens.mo` beside it. What the cards of
released models say in sentences is extracted too. A message that is no longer there is dropped; a new one waits for its
translation with an empty text.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
LOCALES = ROOT / "skinlens" / "locale"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "sentence": None, "marked": None}


def messages() -> Catalog:
    """Return every marked sentence of package, pages and app, and those of the released cards."""
    catalogue = Catalog(project="SkinLens", charset="utf-8")
    files = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "skinlens").rglob("*.py"))]
    for file in files:
        for _line, message, comments, context in extract_from_file("python", file, keywords=KEYWORDS):
            if message:
                catalogue.add(message, auto_comments=comments, context=context)
    for text in card_texts():
        catalogue.add(text)
    return catalogue


def card_texts() -> Iterator[str]:
    """Return what the cards of released models say in sentences; what is made from a template has the template."""
    for path in sorted((ROOT / "weights").glob("*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        yield from (card["intended_use"], *card["limits"], card["licence"])
        yield from (card["training"]["data"], card["training"]["start"])
        yield from (card["test"]["interval"], card["test"]["times_scored"])
        if card.get("familiarity"):
            yield card["familiarity"]["chosen_on"]


def updated(language: str) -> Catalog:
    """Return a language's catalogue with exactly the messages of the code; nothing is guessed for new ones."""
    path = LOCALES / language / "LC_MESSAGES" / "skinlens.po"
    catalogue = Catalog(locale=language, project="SkinLens")
    if path.is_file():
        with path.open("rb") as stream:
            catalogue = read_po(stream, locale=language)
    catalogue.update(messages(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def main() -> None:
    """Write `.po` and `.mo` of every language that has a folder."""
    for folder in sorted(path for path in LOCALES.iterdir() if path.is_dir()):
        catalogue = updated(folder.name)
        target = folder / "LC_MESSAGES"
        with (target / "skinlens.po").open("wb") as stream:
            write_po(stream, catalogue, no_location=True, sort_output=True, width=100, omit_header=False)
        with (target / "skinlens.mo").open("wb") as stream:
            write_mo(stream, catalogue)
        missing = [message.id for message in catalogue if message.id and not message.string]
        print(f"{folder.name}: {len(catalogue)} messages, {len(missing)} without translation")  # noqa: T201


if __name__ == "__main__":
    main()
