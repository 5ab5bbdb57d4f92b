"""The first step: choose images and models, start a run, or open one; and what an open run was started with."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from skinlens.batch.errors import BatchError
from skinlens.batch.facts import read_facts
from skinlens.batch.spool import Upload, take_in
from skinlens.batch.store import BatchStore, Plan, RunLine, create_run, run_lines
from skinlens.cases.store import current_user
from skinlens.imaging.limits import UPLOAD_MEGABYTES
from skinlens.runtime.card import ModelFileError
from skinlens.storage.csv_file import CsvFileError
from skinlens.translation import error_in_language, marked, ngettext, number
from skinlens.translation import gettext as _
from skinlens.ui.batch.ground_truth import facts_help, offer_facts
from skinlens.ui.batch.results import OF_A_RUN, OPEN
from skinlens.ui.batch.runs import runs_folder, workers
from skinlens.ui.batch.steps import STEP
from skinlens.ui.entered import forget
from skinlens.ui.model import LoadedModel, loaded_model, model_title, released_names

# Keys of the number of the image in review, of the numbers that are gone through, and of the verdicts that this session
# gave: id, image and note each, the latest at the end.
AT, QUEUE, GIVEN = "batch-at", "batch-queue", "batch-given"
_ROUND = "batch-round"
Origin = Literal["Files", "Folder", "Zip archive", "Path on this computer"]
ORIGINS: dict[Origin, str] = {
    "Files": marked("Files"),
    "Folder": marked("Folder"),
    "Zip archive": marked("Zip archive"),
    "Path on this computer": marked("Path on this computer"),
}
# Megabytes a file.
_IMAGE_LIMIT = UPLOAD_MEGABYTES
_ARCHIVE_LIMIT = 1000


def choose_run(model: LoadedModel) -> None:
    """Show the form for a new run, and the list of runs."""
    start_form(model)
    list_runs()


def start_form(model: LoadedModel) -> None:
    """Ask which images to assess, and how; nothing is copied or assessed before the button is pressed."""
    origin = st.segmented_control(
        _("Where are the images?"),
        list(ORIGINS),
        default="Files",
        format_func=lambda each: _(ORIGINS[each]),
        required=True,
        key="batch-origin",
    )
    uploads, path = _where(origin)
    options, csv = st.columns(2)
    with options:
        orientations = st.toggle(
            _("Assess each image in eight orientations"),
            value=True,
            key="batch-views",
            help=_("Shows whether turning or mirroring an image changes its decision. Takes eight times as long."),
        )
        second = _ask_for_second(model)
    facts = csv.file_uploader(
        _("Case facts or ground truth, CSV (optional)"), type="csv", key=_key("facts"), help=facts_help()
    )
    if st.button(_("Start"), type="primary", icon=":material/play_arrow:", disabled=not (uploads or path.strip())):
        start(model, origin, uploads, path.strip(), facts, orientations=orientations, second=second)


def _ask_for_second(model: LoadedModel) -> str:
    """Return the name of the second model; "" for none. It is loaded when the run starts, and not before."""
    others = [name for name in released_names() if name != model.card.name]
    if not others:
        return ""
    second = st.selectbox(
        _("Second model"),
        ["", *others],
        format_func=lambda name: model_title(name) if name else _("none"),
        key="batch-second",
        help=_("A second model assesses each image too. The table then shows where the two models disagree."),
    )
    if second:
        st.caption(_("With a second model the run takes twice as long."))
    return second


def start(
    model: LoadedModel,
    origin: Origin,
    uploads: Sequence[UploadedFile],
    path: str,
    facts: UploadedFile | None,
    *,
    orientations: bool,
    second: str = "",
) -> None:
    """Start a run and open it, or say why it cannot be started.

    Args:
        model: That assesses the images.
        origin: Where they are.
        uploads: The dropped files; empty for a path.
        path: That was typed; "" for uploads.
        facts: A CSV of case facts.
        orientations: Whether each image is assessed in eight orientations.
        second: Name of a second model; "" for none.
    """
    try:
        if facts is not None:
            read_facts(facts.getvalue(), name=facts.name)
        other = loaded_model(second) if second else None
        store = _created(model, origin, uploads, path, orientations=orientations, second=other)
        if facts is not None:
            store.add_facts(facts.name, facts.getvalue())
        workers().start(store, model, other)
    except CsvFileError as error:
        st.error(_("The run was not started: the case facts cannot be used."), icon=":material/error:")
        st.text(error_in_language(error))
        st.caption(facts_help())
        return
    except (BatchError, ModelFileError) as error:
        st.error(_("The run was not started."), icon=":material/error:")
        st.text(error_in_language(error))
        return
    # New keys empty the uploaders, and with them the memory that their files take.
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    open_run(store.id)
    st.session_state[STEP] = "run"
    st.rerun()


def show_chosen(store: BatchStore) -> None:
    """Show what an open run was started with, add case facts to it, or go to the other runs."""
    run, second = store.run(), store.second_card()
    rows = [
        (_("Run"), run.title),
        (_("Started"), f"{run.created.astimezone():%Y-%m-%d %H:%M}"),
        (_("Images from"), "\n".join(run.roots[:8]) + ("\n…" if len(run.roots) > 8 else "")),
        (_("Model"), f"{store.card().shown_name} {store.card().version}"),
        (_("Second model"), _("none") if second is None else f"{second.shown_name} {second.version}"),
        (_("Orientations"), _("eight for each image") if run.orientations else _("one for each image")),
    ]
    facts = store.facts_file()
    rows.append((_("Case facts"), _("none") if facts is None else facts.name))
    for label, text in rows:
        name, value = st.columns([1, 4])
        name.caption(label)
        value.text(text)
    with st.container(horizontal=True):
        offer_facts(store)
        st.button(_("All runs"), icon=":material/arrow_back:", on_click=close_run, key="batch-close")


def list_runs() -> None:
    """List every run, newest first."""
    lines, unreadable = run_lines(runs_folder())
    if lines:
        st.subheader(_("Runs"), anchor=False)
    for line in lines:
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.text(f"{line.title}\n{line.created.astimezone():%Y-%m-%d %H:%M}, {_state(line)}")
            st.button(_("Open"), key=f"open-{line.id}", on_click=open_run, args=(line.id,))
    if unreadable:
        st.warning(
            ngettext("{n} run cannot be read.", "{n} runs cannot be read.", len(unreadable)).format(n=len(unreadable)),
            icon=":material/error:",
        )
        st.text("\n".join(f"{name}: {sentence}" for name, sentence in unreadable))
        st.text(
            _(
                "A run is named after its start. Its folder is in {folder}. Other runs are not affected. If you have "
                "no backup, assess the images again and delete the folder."
            ).format(folder=runs_folder())
        )


def open_run(run_id: str) -> None:
    """Show a run from the next rerun onward."""
    for key in (AT, QUEUE, GIVEN, STEP):
        st.session_state.pop(key, None)
    forget(*OF_A_RUN)
    st.session_state[OPEN] = run_id


def close_run() -> None:
    """Go back to the list of runs."""
    for key in (OPEN, QUEUE, STEP):
        st.session_state.pop(key, None)


def _where(origin: Origin) -> tuple[list[UploadedFile], str]:
    """Return the dropped files and the typed path."""
    if origin == "Path on this computer":
        path = st.text_input(
            _("Folder, zip archive or image on this computer"),
            key="batch-path",
            placeholder=_("/home/me/dermoscopy"),
            help=_("The images are read in place and not copied. Use this for thousands of images."),
        )
        return [], path
    st.caption(
        _(
            "Uploads are copied to the data folder of SkinLens on this computer. The copies are deleted when you "
            "finish or discard the run."
        )
    )
    if origin == "Folder":
        uploaded = st.file_uploader(
            _("Drop a folder here"), accept_multiple_files="directory", max_upload_size=_IMAGE_LIMIT, key=_key("folder")
        )
    elif origin == "Zip archive":
        uploaded = st.file_uploader(
            _("Drop zip archives here"),
            type="zip",
            accept_multiple_files=True,
            max_upload_size=_ARCHIVE_LIMIT,
            key=_key("zip"),
        )
    else:
        uploaded = st.file_uploader(
            _("Drop images here"), accept_multiple_files=True, max_upload_size=_IMAGE_LIMIT, key=_key("files")
        )
    return (uploaded if isinstance(uploaded, list) else [uploaded] if uploaded else []), ""


def _created(
    model: LoadedModel,
    origin: Origin,
    uploads: Sequence[UploadedFile],
    path: str,
    *,
    orientations: bool,
    second: LoadedModel | None,
) -> BatchStore:
    by_path = origin == "Path on this computer"
    place = _place(path) if by_path else Path()
    names = (str(place),) if by_path else tuple(upload.name for upload in uploads)
    plan = Plan(
        title=place.name if by_path else _title(names),
        kind="path" if by_path else "upload",
        roots=names,
        card=model.card,
        orientations=orientations,
        actor=current_user(),
        second=None if second is None else second.card,
    )
    store = create_run(runs_folder(), plan)
    if not by_path:
        sent = (Upload(upload.name, BytesIO(upload.getbuffer())) for upload in uploads)
        take_in(store, sent, whole_folder=origin == "Folder")
    return store


def _place(path: str) -> Path:
    """Return the file or folder that was typed; raises BatchError if there is none."""
    try:
        place = Path(path).expanduser().absolute()
        if place.exists():
            return place
    except (OSError, RuntimeError) as error:
        # A name that is too long, a closed folder, or the home of an unknown user.
        raise BatchError(_("This path cannot be read on this computer. Check the path.")) from error
    raise BatchError(_("There is no such file or folder on this computer. Check the path."))


def _title(names: Sequence[str]) -> str:
    top = {name.partition("/")[0] for name in names}
    if len(top) == 1:
        return top.pop()
    return f"{len(names)} files"


def _key(name: str) -> str:
    return f"batch-{name}-{st.session_state.get(_ROUND, 0)}"


def _state(line: RunLine) -> str:
    progress = line.progress
    if progress.complete and not progress.assessed:
        return _("complete, no image could be assessed")
    if progress.complete:
        return ngettext("{n} image, complete", "{n} images, complete", progress.total).format(n=number(progress.total))
    if not progress.listed:
        return _("images not listed yet")
    return _("{done} of {total} images").format(done=number(progress.done), total=number(progress.total))
