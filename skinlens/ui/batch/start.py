"""The Batch page before a run is open: choose images, start a run, or open one."""

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
from skinlens.storage.csv_file import CsvFileError
from skinlens.ui.batch.ground_truth import FACTS_HELP
from skinlens.ui.batch.runs import runs_folder, workers
from skinlens.ui.model import LoadedModel

OPEN = "batch-run"
# Key of the number of the image in review.
AT = "batch-at"
_ROUND = "batch-round"
Origin = Literal["Files", "Folder", "Zip archive", "Path on this computer"]
ORIGINS: tuple[Origin, ...] = ("Files", "Folder", "Zip archive", "Path on this computer")
# Megabytes a file.
_IMAGE_LIMIT = 50
_ARCHIVE_LIMIT = 1000


def choose_run(model: LoadedModel) -> None:
    """Show the form for a new run, and the list of runs."""
    start_form(model)
    list_runs()


def start_form(model: LoadedModel) -> None:
    """Ask which images to assess, and how; nothing is copied or assessed before the button is pressed."""
    st.subheader("Assess many images", anchor=False)
    origin = st.segmented_control(
        "Where are the images?", ORIGINS, default=ORIGINS[0], required=True, key="batch-origin"
    )
    uploads, path = _where(origin)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        facts = st.file_uploader(
            "Case facts or ground truth, CSV (optional)", type="csv", key=_key("facts"), help=FACTS_HELP
        )
        views = st.toggle(
            "Assess each image in eight orientations",
            value=True,
            key="batch-views",
            help="Shows whether turning or mirroring an image changes its decision. Takes eight times as long.",
        )
    if st.button("Start", type="primary", icon=":material/play_arrow:", disabled=not (uploads or path.strip())):
        start(model, origin, uploads, path.strip(), facts, views=views)


def start(
    model: LoadedModel,
    origin: Origin,
    uploads: Sequence[UploadedFile],
    path: str,
    facts: UploadedFile | None,
    *,
    views: bool,
) -> None:
    """Start a run and open it, or say why it cannot be started."""
    try:
        if facts is not None:
            read_facts(facts.getvalue(), name=facts.name)
        store = _created(model, origin, uploads, path, views=views)
        if facts is not None:
            store.add_facts(facts.name, facts.getvalue())
        workers().start(store, model)
    except CsvFileError as error:
        st.error("The run was not started: the case facts cannot be used.", icon=":material/error:")
        st.text(str(error))
        st.caption(FACTS_HELP)
        return
    except BatchError as error:
        st.error("The run was not started.", icon=":material/error:")
        st.text(str(error))
        return
    # New keys empty the uploaders, and with them the memory that their files take.
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    open_run(store.id)
    st.rerun()


def list_runs() -> None:
    """List every run, newest first."""
    lines, unreadable = run_lines(runs_folder())
    if lines:
        st.subheader("Runs", anchor=False)
    for line in lines:
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.text(f"{line.title}\n{line.created.astimezone():%Y-%m-%d %H:%M}, {_state(line)}")
            st.button("Open", key=f"open-{line.id}", on_click=open_run, args=(line.id,))
    if unreadable:
        st.warning(
            "A run cannot be read." if len(unreadable) == 1 else f"{len(unreadable)} runs cannot be read.",
            icon=":material/error:",
        )
        st.text("\n".join(f"{name}: {sentence}" for name, sentence in unreadable))
        st.text(
            f"A run is named after its start; its folder is in {runs_folder()}. Other runs are not "
            "affected. If you have no backup, assess the images again and delete the folder."
        )


def open_run(run_id: str) -> None:
    """Show a run from the next rerun onward."""
    st.session_state.pop(AT, None)
    st.session_state[OPEN] = run_id


def close_run() -> None:
    """Go back to the list of runs."""
    st.session_state.pop(OPEN, None)


def _where(origin: Origin) -> tuple[list[UploadedFile], str]:
    """Return the dropped files and the typed path."""
    if origin == "Path on this computer":
        path = st.text_input(
            "Folder, zip archive or image on this computer",
            key="batch-path",
            placeholder="/home/me/dermoscopy",
            help="The images are read in place and not copied. Use this for thousands of images.",
        )
        return [], path
    st.caption(
        "Uploads are copied to the data folder of SkinLens on this computer. The copies are deleted when you finish or "
        "discard the run."
    )
    if origin == "Folder":
        uploaded = st.file_uploader(
            "Drop a folder here", accept_multiple_files="directory", max_upload_size=_IMAGE_LIMIT, key=_key("folder")
        )
    elif origin == "Zip archive":
        uploaded = st.file_uploader(
            "Drop zip archives here",
            type="zip",
            accept_multiple_files=True,
            max_upload_size=_ARCHIVE_LIMIT,
            key=_key("zip"),
        )
    else:
        uploaded = st.file_uploader(
            "Drop images here", accept_multiple_files=True, max_upload_size=_IMAGE_LIMIT, key=_key("files")
        )
    return (uploaded if isinstance(uploaded, list) else [uploaded] if uploaded else []), ""


def _created(
    model: LoadedModel, origin: Origin, uploads: Sequence[UploadedFile], path: str, *, views: bool
) -> BatchStore:
    by_path = origin == "Path on this computer"
    place = _place(path) if by_path else Path()
    names = (str(place),) if by_path else tuple(upload.name for upload in uploads)
    plan = Plan(
        title=place.name if by_path else _title(names),
        kind="path" if by_path else "upload",
        roots=names,
        card=model.card,
        views=views,
        actor=current_user(),
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
        raise BatchError("This path cannot be read on this computer. Check the path.") from error
    raise BatchError("There is no such file or folder on this computer. Check the path.")


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
        return "complete, no image could be assessed"
    if progress.complete:
        return f"{progress.total:,} {'image' if progress.total == 1 else 'images'}, complete"
    if not progress.listed:
        return "images not listed yet"
    return f"{progress.done:,} of {progress.total:,} images"
