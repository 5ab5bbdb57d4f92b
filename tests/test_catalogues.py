"""The catalogues of translations: complete, compiled from what is shipped, and with the placeholders of the code."""

import ast
import gettext
import importlib.util
import io
import re
import string
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from skinlens.translation import DEFAULT, LANGUAGES, LOCALES

ROOT = Path(__file__).parents[1]
TRANSLATED = [code for code in LANGUAGES if code != DEFAULT]


@pytest.fixture(scope="module")
def translations() -> ModuleType:
    """`.ci/translations.py`, which is no package."""
    spec = importlib.util.spec_from_file_location("translations", ROOT / ".ci" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def catalogue(code: str, kind: str) -> bytes:
    return (LOCALES / code / "LC_MESSAGES" / f"skinlens.{kind}").read_bytes()


def texts(message: str | tuple[str, ...]) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else tuple(message)


def placeholders(text: str) -> set[str]:
    return {f"{name}:{spec}" for _, name, spec, _ in string.Formatter().parse(text) if name is not None}


def test_every_language_has_a_catalogue() -> None:
    assert sorted(path.name for path in LOCALES.iterdir() if path.is_dir()) == sorted(TRANSLATED)


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_marked_sentence_is_translated_and_no_other(code: str, translations: ModuleType) -> None:
    shipped = read_po(io.BytesIO(catalogue(code, "po")), locale=code)
    expected = {texts(message.id)[0] for message in translations.messages() if message.id}
    assert {texts(message.id)[0] for message in shipped if message.id} == expected  # type: ignore[arg-type]
    assert [message.id for message in shipped if message.id and not all(texts(message.string))] == []  # type: ignore[arg-type]
    assert [message.id for message in shipped if message.id and message.fuzzy] == []


def sources() -> Iterator[Path]:
    yield ROOT / "app.py"
    yield from sorted((ROOT / "pages").glob("*.py"))
    yield from sorted((ROOT / "skinlens").rglob("*.py"))


def test_every_marked_sentence_is_found(translations: ModuleType) -> None:
    """Babel does not see a call within an f-string."""
    known = {text for message in translations.messages() if message.id for text in texts(message.id)}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in translations.KEYWORDS or not node.args:
                continue
            if isinstance(node.args[0], ast.Constant) and node.args[0].value:
                assert node.args[0].value in known, f"{path}:{node.lineno}"


def test_no_sentence_formats_a_number_itself(translations: ModuleType) -> None:
    """A format within a sentence would write every number as English does."""
    formatted = [
        message.id
        for message in translations.messages()
        if message.id
        for text in texts(message.id)
        if any(not each.endswith(":") for each in placeholders(text))
    ]
    assert formatted == []


# What a chart formats by itself in the browser, which is told the marks of the language.
BY_THE_BROWSER = {"charts.py"}


def test_no_page_and_no_pdf_writes_a_number_as_english_does() -> None:
    """On pages and in PDFs `translation.number` writes them; a day or a time is no number."""
    rooms = [*(ROOT / "skinlens" / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]
    further = ("report/pdf.py", "report/batch_pdf.py", "batch/summary.py", "cases/difference.py")
    rooms += [ROOT / "skinlens" / name for name in further]
    found = []
    for path in rooms:
        if path.name in BY_THE_BROWSER:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FormattedValue) or node.format_spec is None:
                continue
            form = ast.unparse(node.format_spec)[2:-1]
            # Three decimals in a table that `shown_table` translates.
            if not re.search("[YmdHMS]", form) and path.name != "model_comparison.py" and re.search(r"[,%fge]", form):
                found.append(f"{path.name}:{node.lineno}: {form}")
    assert found == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_sentence(code: str) -> None:
    for message in read_po(io.BytesIO(catalogue(code, "po")), locale=code):
        if message.id:
            # A singular may leave its number out.
            allowed = [placeholders(text) for text in texts(message.id)]  # type: ignore[arg-type]
            for translation in texts(message.string):  # type: ignore[arg-type]
                assert placeholders(translation) in allowed, translation


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_compiled_catalogue_is_that_of_the_readable_one(code: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(catalogue(code, "po")), locale=code))
    again = gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))
    shipped = gettext.GNUTranslations(io.BytesIO(catalogue(code, "mo")))
    assert shipped._catalog == again._catalog
    assert len(shipped._catalog) > 1
