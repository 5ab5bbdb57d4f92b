"""`skinlens cases`: what is kept, listed, shown, checked, backed up, restored and deleted."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from skinlens.cases.backup import back_up, restore
from skinlens.cases.errors import CaseStoreError
from skinlens.cases.records import card_of, facts_of
from skinlens.cases.reopen import reopen
from skinlens.cases.schema import Assessment
from skinlens.cases.store import CaseLine, current_user, open_store
from skinlens.cases.tidy import strays
from skinlens.cases.verify import Verified, verify
from skinlens.cases.verify_pdf import check_summary
from skinlens.cli.say import json_text, print_text, say
from skinlens.errors import OutputError, UsageError
from skinlens.imaging.decode import decode
from skinlens.imaging.files import read_regular
from skinlens.storage.printable import printable


def list_cases(words: str, *, as_json: bool, limit: int) -> None:
    """Print the cases that hold every word, the latest first."""
    found = open_store().search(words, limit=limit)
    if as_json:
        lines = [asdict(line) | {"created": line.created.isoformat()} for line in found.lines]
        print_text(json_text(lines, indent=1))
    else:
        Console().print(_table(found.lines))
    if found.total > len(found.lines):
        say(f"{len(found.lines)} of {found.total} cases are shown; see --limit")


def show(case_id: str, *, pdf: Path | None, image: Path | None) -> None:
    """Print a case as JSON, and write its summary on request.

    Raises:
        CaseStoreError: If there is no such case, or the summary needs the image and its pixels are not kept.
        ImageRejectedError: If `image` is no image.
        OutputError: If the summary cannot be written.
    """
    store = open_store()
    row = store.assessment(case_id)
    print_text(json_text(_shown(row), indent=1))
    if pdf is None:
        return
    from skinlens.report.pdf import case_pdf

    record = reopen(store, row, original=None if image is None else decode(image))
    try:
        pdf.write_bytes(case_pdf(record, card_of(row)).content)
    except OSError as error:
        raise OutputError(f"{pdf} cannot be written: {error.strerror}") from error
    say(f"wrote {pdf}")


def check(*, head: str | None) -> None:
    """Check everything that is kept; findings end in status 1.

    Raises:
        CaseStoreError: If anything is not as it was written.
    """
    found = verify(open_store(), expected_head=head)
    _say_checked(found)
    if found.findings:
        raise CaseStoreError(f"{len(found.findings)} things are not as they were written")


def verify_pdf(path: Path) -> None:
    """Say whether a PDF agrees with the cases that are kept.

    Raises:
        CaseStoreError: If it does not agree, or the cases cannot be read.
        NotASummaryError: If it is no case summary.
        UsageError: If the file cannot be read.
    """
    try:
        content = read_regular(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    found = check_summary(open_store(), content)
    if not found.agrees:
        raise CaseStoreError(" ".join(found.sentences))
    for sentence in found.sentences:
        say(sentence)


def backup(path: Path) -> None:
    """Write an archive of everything that is kept."""
    _say_checked(back_up(open_store(), path))
    say(f"wrote {path}; keep it where images of patients may be kept")


def bring_back(path: Path) -> None:
    """Fill an empty store from an archive."""
    _say_checked(restore(open_store(), path))
    say(f"restored {path}")


def delete(pseudonym: str, *, sure: bool) -> None:
    """Erase everything about a patient.

    Raises:
        UsageError: If it was not confirmed.
        CaseStoreError: If there is no such patient.
    """
    if not sure:
        raise UsageError(f"this erases everything about {pseudonym!r} for good; say --yes to do it")
    erased = open_store().erase(pseudonym, actor=current_user())
    say(f"erased {erased} rows; the log keeps that it was done. Backups made before still hold them.")


def tidy_up(*, sure: bool) -> None:
    """Delete image files that belong to no case.

    Args:
        sure: Whether to delete those too that no interrupted save or deletion has left.

    Raises:
        CaseStoreError: If they cannot be deleted.
    """
    store = open_store(tidied=False)
    removed = store.tidy(actor=current_user(), unmarked=sure)
    say(f"deleted {removed} image {'file' if removed == 1 else 'files'} without a case; each stands in the log")
    left = strays(store.engine, store.pixels)
    if left:
        say(
            f"{len(left)} more in {store.pixels.path} have no case here, and SkinLens did not mark them. If no other "
            "database keeps its images there, delete them with --yes"
        )


def _say_checked(found: Verified) -> None:
    for finding in found.findings:
        say(finding)
    say(f"{found.rows} rows and {found.entries} log entries checked, {len(found.findings)} findings; head {found.head}")


def _table(lines: tuple[CaseLine, ...]) -> Table:
    columns = ("id", "saved", "patient", "lesion", "image", "decision", "score", "verdict")
    table = Table(*columns, box=None)
    for line in lines:
        texts = (
            line.id,
            f"{line.created.astimezone():%Y-%m-%d %H:%M}",
            line.patient,
            line.lesion,
            line.image_name,
            line.decision,
            f"{line.score:.2f}",
            line.last_verdict,
        )
        # What users typed is text, not markup.
        table.add_row(*(Text(printable(text)) for text in texts))
    return table


def _shown(row: Assessment) -> dict[str, object]:
    return {
        "id": row.id,
        "saved": row.created.isoformat(),
        "by": row.actor,
        "patient": row.image.lesion.patient.pseudonym,
        "lesion": row.image.lesion.label,
        "facts": vars(facts_of(row)),
        "image": {"name": row.image.name, "sha256": row.image.sha256, "size": [row.image.width, row.image.height]},
        "model": {key: row.model.card[key] for key in ("name", "version", "unverified") if key in row.model.card},
        "weights_sha256": card_of(row).files["weights"].sha256,
        "software": row.software,
        "decision": row.decision,
        row.score_name: row.score,
        "point": row.point["name"],
        "threshold": row.point["threshold"],
        "reasons": row.reasons,
        "override": row.override,
        "reviews": [
            {
                "saved": review.created.isoformat(),
                "by": review.actor,
                "verdict": review.verdict,
                "blind": review.blind,
                "note": review.note,
            }
            for review in row.reviews
        ],
    }
