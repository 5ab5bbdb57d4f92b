"""`skinlens cases` lists, shows, checks, backs up, restores and deletes saved cases; `skinlens verify` checks a PDF."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skinlens.cli.options import Yes
from skinlens.cli.say import json_text, print_text, say
from skinlens.errors import OutputError, UsageError
from skinlens.storage.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

    from skinlens.cases.schema import Assessment
    from skinlens.cases.store import CaseLine
    from skinlens.cases.verify import Verified

app = typer.Typer(help="Saved cases.", no_args_is_help=True)


@app.command("list")
def list_cases(
    words: Annotated[list[str] | None, typer.Argument(help="Words in patient, lesion, image or note.")] = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON array.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 200,
) -> None:
    """List cases, the latest first."""
    from rich.console import Console

    from skinlens.cases.store import open_store

    result = open_store().search(" ".join(words or []), limit=limit)
    if json:
        lines = [asdict(line) | {"created": line.created.isoformat()} for line in result.lines]
        print_text(json_text(lines, indent=1))
    else:
        Console().print(_table(result.lines))
    if result.total > len(result.lines):
        say(f"{len(result.lines)} of {result.total} cases are shown; see --limit")


@app.command()
def show(
    case_id: Annotated[str, typer.Argument(help="From `cases list`.")],
    pdf: Annotated[Path | None, typer.Option(help="Write the case summary to this file.")] = None,
    image: Annotated[Path | None, typer.Option(help="The image, where its pixels are not kept.")] = None,
) -> None:
    """Show one case, and write its summary again."""
    from skinlens.cases.records import card_of
    from skinlens.cases.reopen import reopen
    from skinlens.cases.store import open_store
    from skinlens.imaging.decode import decode

    store = open_store()
    row = store.assessment(case_id)
    print_text(json_text(_shown(row), indent=1))
    if pdf is None:
        return
    from skinlens.report.pdf import case_pdf

    record = reopen(store, row, original=None if image is None else decode(image, frame=row.image.number))
    try:
        pdf.write_bytes(case_pdf(record, card_of(row)).content)
    except OSError as error:
        raise OutputError(f"{pdf} cannot be written: {error.strerror}") from error
    say(f"wrote {pdf}")


@app.command("verify")
def check(
    head: Annotated[str | None, typer.Option(help="Digest that an earlier check or backup ended with.")] = None,
) -> None:
    """Check that no record was changed, deleted or reordered outside SkinLens; status 1 if one was."""
    from skinlens.cases.errors import CaseStoreError
    from skinlens.cases.store import open_store
    from skinlens.cases.verify import verify as verify_store

    result = verify_store(open_store(), expected_head=head)
    _say_checked(result)
    if result.findings:
        number = len(result.findings)
        raise CaseStoreError(f"{number} {'record has' if number == 1 else 'records have'} been altered")


@app.command("tidy")
def tidy(
    yes: Annotated[
        bool, typer.Option("--yes", help="Also files that no interrupted save or deletion has left.")
    ] = False,
) -> None:
    """Delete image files that belong to no case, for example those of an interrupted save."""
    from skinlens.cases.store import current_user, open_store
    from skinlens.cases.tidy import strays

    store = open_store(tidied=False)
    removed = store.tidy(actor=current_user(), unmarked=yes)
    say(f"deleted {removed} image {'file' if removed == 1 else 'files'} without a case; each stands in the log")
    left = strays(store.engine, store.pixels)
    if left:
        say(
            f"{len(left)} more in {store.pixels.path} have no case here, and SkinLens did not mark them. If no other "
            "database keeps its images there, delete them with --yes"
        )


@app.command()
def backup(path: Annotated[Path, typer.Argument(help="Archive to write, for example cases.zip.")]) -> None:
    """Write all saved cases into one archive."""
    from skinlens.cases.backup import back_up
    from skinlens.cases.store import open_store

    _say_checked(back_up(open_store(), path))
    say(f"wrote {path}; keep it where images of patients may be kept")


@app.command()
def restore(path: Annotated[Path, typer.Argument(help="Archive that `cases backup` wrote.")]) -> None:
    """Fill an empty store from an archive."""
    from skinlens.cases.backup import restore as restore_store
    from skinlens.cases.store import open_store

    _say_checked(restore_store(open_store(), path))
    say(f"restored {path}")


@app.command()
def delete(
    pseudonym: Annotated[str | None, typer.Argument(help="Of the patient.")] = None,
    lesion: Annotated[str | None, typer.Option(help="Only this lesion of the patient, for example L2.")] = None,
    case: Annotated[str | None, typer.Option(help="Only this case, by its id from `cases list`.")] = None,
    yes: Yes = False,
) -> None:
    """Erase a patient, one lesion or one case; the log records the deletion."""
    if (case is None) == (pseudonym is None) or (lesion is not None and pseudonym is None):
        raise UsageError("name a patient, a patient and --lesion, or --case")
    what = f"case {case}" if pseudonym is None else f"everything about {pseudonym!r}"
    if lesion is not None:
        what = f"lesion {lesion!r} of {pseudonym!r}"
    if not yes:
        raise UsageError(f"this erases {what} for good; add --yes to do it")
    from skinlens.cases.errors import CaseNotFoundError
    from skinlens.cases.store import current_user, open_store

    store = open_store()
    if pseudonym is None:
        digests = {store.assessment(case or "").image.received_sha256}
        erased = store.erase_case(case or "", actor=current_user())
    elif lesion is None:
        digests = {row.image.received_sha256 for row in store.of_patient(pseudonym)}
        erased = store.erase(pseudonym, actor=current_user())
    else:
        known = next((each for each in store.lesions(pseudonym) if each.label == lesion), None)
        if known is None:
            raise CaseNotFoundError(f"There is no lesion {lesion!r} of {pseudonym!r}.")
        digests = set(known.files)
        erased = store.erase_lesion(known.id, actor=current_user())
    say(f"erased {erased} rows; the log records the deletion. Backups made before still hold them.")
    _say_what_stays(digests, pseudonym if lesion is None else None)


def _say_what_stays(digests: set[str], pseudonym: str | None) -> None:
    """Name the batch runs that still hold results of erased images, or case facts of an erased patient."""
    from skinlens.batch.holding import RUNS, runs_holding
    from skinlens.storage.location import data_folder

    holding, unread = runs_holding(data_folder() / RUNS, digests, pseudonym=pseudonym or "")
    for run in holding:
        say(f"the batch run {run.title!r} of {run.created.astimezone():%Y-%m-%d %H:%M} still holds results or facts")
    if holding:
        say("to delete them too, discard these runs on the Batch page")
    if unread:
        say(f"{unread} batch {'run' if unread == 1 else 'runs'} could not be read")


def verify(pdf: Annotated[Path, typer.Argument(help="A case summary.")]) -> None:
    """Compare a PDF case summary with the saved cases; status 1 if it does not agree."""
    from skinlens.cases.errors import CaseStoreError
    from skinlens.cases.store import open_store
    from skinlens.cases.verify_pdf import check_summary
    from skinlens.imaging.files import read_regular

    try:
        content = read_regular(pdf)
    except OSError as error:
        raise UsageError(f"{pdf} cannot be read: {error.strerror}") from error
    result = check_summary(open_store(), content)
    if not result.agrees:
        raise CaseStoreError(" ".join(result.sentences))
    for sentence in result.sentences:
        say(sentence)


def _say_checked(result: "Verified") -> None:
    for finding in result.findings:
        say(finding)
    say(
        f"{result.rows} rows and {result.entries} log entries checked, {len(result.findings)} findings; "
        f"head {result.head}"
    )


def _table(lines: "tuple[CaseLine, ...]") -> "Table":
    from rich.table import Column, Table
    from rich.text import Text

    from skinlens.cases.records import lesion_title

    columns = ("saved", "patient", "lesion", "photographed", "decision", "verdict")
    # An id that is cut short opens nothing; the rest is folded.
    table = Table(
        Column("id", no_wrap=True, min_width=32), *(Column(name, overflow="fold") for name in columns), box=None
    )
    for line in lines:
        texts = (
            line.id,
            f"{line.created.astimezone():%Y-%m-%d %H:%M}",
            line.patient,
            lesion_title(line.lesion, line.site),
            line.photographed,
            line.decision,
            line.last_verdict,
        )
        # What users typed is text, not markup.
        table.add_row(*(Text(printable(text)) for text in texts))
    return table


def _shown(row: "Assessment") -> dict[str, object]:
    from skinlens.cases.records import card_of, facts_of

    return {
        "id": row.id,
        "saved": row.created.isoformat(),
        "by": row.actor,
        "patient": row.image.lesion.patient.pseudonym,
        "lesion": row.image.lesion.label,
        "facts": vars(facts_of(row)) | {"checklists": row.checklists},
        "image": {
            "name": row.image.name,
            "sha256": row.image.received_sha256,
            "size": [row.image.width, row.image.height],
            "frame": row.image.frame,
            "frames": row.image.frames,
        },
        "diameter": row.diameter,
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
                "by": review.reader or review.actor,
                "verdict": review.verdict,
                "blind": review.blind,
                "note": review.note,
            }
            for review in row.reviews
        ],
    }
