"""The end of a run: exports, finishing and discarding."""

from collections.abc import Sequence

import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.export import case_archive, file_stem, table_csv
from skinlens.batch.store import BatchStore, Line
from skinlens.batch.summary import summarise
from skinlens.report.batch_pdf import batch_pdf
from skinlens.ui.batch.ground_truth import list_some
from skinlens.ui.batch.results import Shown
from skinlens.ui.batch.review import forget_image
from skinlens.ui.batch.runs import workers
from skinlens.ui.batch.start import close_run

# Case summaries in one archive; each takes some 0.2 s and 100 kB.
MOST_SUMMARIES = 300


def offer_exports(store: BatchStore, shown: Shown) -> None:
    """Offer the table, the summary of the run and the case summaries; the last two are made on request."""
    if shown.blind:
        st.caption("Downloads contain the model's results. Turn blind reading off to get them.")
        return
    card, stem = store.card(), file_stem(store.run().title)
    scored = [entry for entry in shown.listed if entry.line.score is not None]
    archived = scored[:MOST_SUMMARIES]
    with st.container(horizontal=True):
        st.download_button(
            "Download table (CSV)",
            # The mark at the beginning makes spreadsheets read it as UTF-8.
            lambda: table_csv(shown.listed, card, shown.point).encode("utf-8-sig"),
            file_name=f"skinlens-{stem}.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/table_view:",
        )
        st.download_button(
            "Download summary (PDF)",
            lambda: batch_pdf(summarise(store, shown.every, card, shown.point), card, shown.point),
            file_name=f"skinlens-{stem}.pdf",
            mime="application/pdf",
            on_click="ignore",
            icon=":material/picture_as_pdf:",
        )
        st.download_button(
            f"Download {len(archived)} case {'summary' if len(archived) == 1 else 'summaries'} (zip)",
            lambda: case_archive(store, archived, store.card(), shown.point),
            file_name=f"skinlens-{stem}.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            disabled=not archived,
        )
    if len(scored) > MOST_SUMMARIES:
        st.caption(
            f"The archive contains the first {MOST_SUMMARIES} of {len(scored):,} images. Filter to get the others."
        )
    st.caption("Table and archive contain the images listed above; the summary covers the whole run.")


def offer_end(store: BatchStore) -> None:
    """Offer to finish or to discard the run."""
    run = store.run()
    with st.popover("Finish or discard", icon=":material/delete:"):
        if run.kind == "upload" and run.spooled:
            st.write(
                "Finish: the copies of your uploads and their thumbnails are deleted from this computer. Results and "
                "verdicts stay."
            )
            if st.button("Finish the run", key="batch-finish"):
                _end(store, discard=False)
        elif run.kind == "upload":
            st.write("The copies of your uploads have been deleted.")
        st.write("Discard: the whole run is deleted, with all verdicts. Your own files are not touched.")
        if st.button("Discard the run", type="primary", key="batch-discard"):
            _end(store, discard=True)


def show_nothing(store: BatchStore, lines: Sequence[Line]) -> None:
    """Say why a run has no image, and what to do."""
    st.error("No image was found, so there is nothing to assess.", icon=":material/image_not_supported:")
    list_some([f"{line.path}: {line.sentence}" for line in lines])
    passed_over = store.progress().passed_over
    if passed_over:
        st.text(f"Skipped, because they are not images: {passed_over:,}.")
    st.caption("Discarding deletes this run only. Your own files are not touched.")
    if st.button("Discard the run", type="primary", key="batch-discard-nothing"):
        _end(store, discard=True)


def _end(store: BatchStore, *, discard: bool) -> None:
    try:
        store.want("cancel")
        workers().wait(store.id, 60)
        if discard:
            store.discard()
            close_run()
        else:
            store.finish()
        forget_image()
    except BatchError as error:
        st.error("The run was not discarded." if discard else "The run was not finished.", icon=":material/error:")
        st.text(str(error))
        return
    st.rerun()
