"""The last step: exports, finishing and discarding."""

from collections.abc import Sequence

import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.export import case_archive, file_stem, table_csv
from skinlens.batch.store import BatchStore, Line
from skinlens.batch.summary import summarise
from skinlens.report.batch_pdf import batch_pdf
from skinlens.translation import current_language, error_in_language, in_language, language, ngettext, number
from skinlens.translation import gettext as _
from skinlens.ui.batch.ground_truth import list_some
from skinlens.ui.batch.images import forget_images
from skinlens.ui.batch.progress import show_passed_over
from skinlens.ui.batch.results import Shown
from skinlens.ui.batch.runs import workers
from skinlens.ui.batch.start import close_run

# Case summaries in one archive; each takes some 0.2 s and 100 kB.
MOST_SUMMARIES = 300
# Key of the run that is about to be discarded.
_ASKED = "batch-discard-asked"


def offer_exports(store: BatchStore, shown: Shown) -> None:
    """Offer the table, the summary of the run and the case summaries; the last two are made on request."""
    if shown.blind:
        st.caption(_("Downloads contain the model's results. Turn blind reading off to get them."))
        return
    card, second, stem = store.card(), store.second_card(), file_stem(store.run().title)
    scored = [entry for entry in shown.listed if entry.line.is_assessed]
    archived = scored[:MOST_SUMMARIES]
    # Of the visitor: the threads of the buttons draw no page.
    code = current_language()

    def summary() -> bytes:
        with language(code):
            return batch_pdf(summarise(store, shown.every, card, shown.point), card, shown.point)

    with st.container(horizontal=True):
        st.download_button(
            _("Download table (CSV)"),
            # The mark at the beginning makes spreadsheets read it as UTF-8.
            lambda: table_csv(shown.listed, card, shown.point, second=second).encode("utf-8-sig"),
            file_name=f"skinlens-{stem}.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/table_view:",
        )
        st.download_button(
            _("Download summary (PDF)"),
            summary,
            file_name=f"skinlens-{stem}.pdf",
            mime="application/pdf",
            on_click="ignore",
            icon=":material/picture_as_pdf:",
        )
        st.download_button(
            ngettext("Download {n} case summary (zip)", "Download {n} case summaries (zip)", len(archived)).format(
                n=len(archived)
            ),
            lambda: case_archive(store, archived, store.card(), shown.point, code=code),
            file_name=f"skinlens-{stem}.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            disabled=not archived,
        )
    if len(scored) > MOST_SUMMARIES:
        st.caption(
            _("The archive contains the first {n} of {total} images. Filter to get the others.").format(
                n=MOST_SUMMARIES, total=number(len(scored))
            )
        )
    st.caption(
        _(
            "Table and archive contain the {n} of {total} images that the filter of the review lists. The summary "
            "covers the whole run. Results are at the operating point {point}."
        ).format(n=number(len(shown.listed)), total=number(len(shown.every)), point=_(shown.point.name))
    )


def offer_end(store: BatchStore, verdicts: int) -> None:
    """Offer to finish or to discard the run.

    Args:
        store: The run.
        verdicts: That it holds, which would be deleted with it.
    """
    run = store.run()
    if run.kind == "upload" and run.spooled:
        st.write(
            _(
                "Finish: the copies of your uploads and their thumbnails are deleted from this computer. Results and "
                "verdicts stay."
            )
        )
        if st.button(_("Finish the run"), key="batch-finish"):
            _end(store, discard=False)
    elif run.kind == "upload":
        st.write(_("The copies of your uploads have been deleted."))
    st.write(_("Discard: the whole run is deleted, with all verdicts. Your own files are not touched."))
    _offer_discarding(store, verdicts)


def show_nothing(store: BatchStore, lines: Sequence[Line]) -> None:
    """Say why a run has no image, and what to do."""
    st.error(_("No image was found, so there is nothing to assess."), icon=":material/image_not_supported:")
    list_some([f"{line.path}: {in_language(line.sentence)}" for line in lines])
    progress = store.progress()
    if progress.passed_over:
        st.text(_("Files skipped because they are not images: {n}.").format(n=number(progress.passed_over)))
        show_passed_over(store, progress)
    st.caption(_("Discarding deletes this run only. Your own files are not touched."))
    _offer_discarding(store, 0)


def _offer_discarding(store: BatchStore, verdicts: int) -> None:
    """Offer to discard the run, and ask before it is done: the second button is not where the first one was."""
    asked = st.session_state.get(_ASKED) == store.id
    st.button(
        _("Discard the run"),
        icon=":material/delete:",
        key="batch-discard",
        disabled=asked,
        on_click=_ask,
        args=(store.id,),
    )
    if not asked:
        return
    with st.container(border=True):
        sentence = ngettext(
            "All results and {n} verdict are deleted. This cannot be undone.",
            "All results and {n} verdicts are deleted. This cannot be undone.",
            verdicts,
        )
        deleted = (
            sentence.format(n=number(verdicts)) if verdicts else _("All results are deleted. This cannot be undone.")
        )
        st.warning(deleted, icon=":material/delete_forever:")
        with st.container(horizontal=True, horizontal_alignment="right"):
            discard = st.button(_("Delete results and verdicts"), key="batch-discard-now")
            st.button(_("Keep the run"), type="primary", key="batch-keep", on_click=_ask, args=(None,))
        if discard:
            _end(store, discard=True)


def _ask(run_id: str | None) -> None:
    """Ask whether a run is to be discarded; None asks no more."""
    st.session_state[_ASKED] = run_id


def _end(store: BatchStore, *, discard: bool) -> None:
    try:
        store.want("cancel")
        workers().wait(store.id, 60)
        if discard:
            store.discard()
            close_run()
        else:
            store.finish()
        forget_images()
    except BatchError as error:
        st.error(
            _("The run was not discarded.") if discard else _("The run was not finished."), icon=":material/error:"
        )
        st.text(error_in_language(error))
        return
    st.session_state.pop(_ASKED, None)
    st.rerun()
