"""The foot of a run: figures against ground truth and reviewers, case facts, exports, finishing and discarding."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.export import case_archive, file_stem, table_csv
from skinlens.batch.facts import read_facts
from skinlens.batch.figures import AgainstTruth, against_truth, with_reviewers
from skinlens.batch.store import BatchStore, Line
from skinlens.batch.summary import agreement_sentence, summarise, truth_rows, truth_sentence
from skinlens.batch.table import Entry
from skinlens.report.batch_pdf import batch_pdf
from skinlens.storage.csv_file import CsvFileError
from skinlens.ui.batch.results import Shown
from skinlens.ui.batch.review import forget_image
from skinlens.ui.batch.runs import workers
from skinlens.ui.batch.start import FACTS_HELP, close_run

# Case summaries in one archive; each takes some 0.2 s and 100 kB.
MOST_SUMMARIES = 300
_LISTED = 20
_TRUTH = "batch-truth"


def show_figures(shown: Shown) -> None:
    """Against ground truth and against reviewers, as far as there is any."""
    truth = None if shown.blind else _truth(shown)
    if truth is not None:
        with st.expander("Against ground truth"):
            st.write(truth_sentence(truth))
            head, *rows = truth_rows(truth)
            st.dataframe(pd.DataFrame(rows, columns=list(head)), hide_index=True)
            found = truth.result.confusion
            confusion = {"Called malignant": [found.tp, found.fp], "Called benign": [found.fn, found.tn]}
            st.dataframe(pd.DataFrame(confusion, index=["Malignant", "Benign"]))
            st.caption(
                "Images of one patient are drawn together for the intervals; uncertain ones count by their score."
            )
    if any(entry.reviews for entry in shown.every):
        with st.expander("Reviewer and model"):
            for blind in (True, False):
                st.write(agreement_sentence(with_reviewers(shown.every, shown.point, blind_alone=blind), blind=blind))


def _truth(shown: Shown) -> AgainstTruth | None:
    """The figures, kept for as long as images, case facts and threshold stay: verdicts do not change them."""
    run_id, done, _, facts = shown.stamp
    key = (run_id, done, facts, shown.point.name, shown.point.threshold)
    known = st.session_state.get(_TRUTH)
    if known is None or known[0] != key:
        known = st.session_state[_TRUTH] = (key, against_truth(shown.every, shown.point))
    return known[1]


def show_unmatched(shown: Shown) -> None:
    """What the case facts could not be matched to."""
    matched = shown.matched
    if shown.facts_error:
        st.error("The case facts cannot be used.", icon=":material/error:")
        st.text(shown.facts_error)
    if matched.ambiguous:
        st.error("Some rows of the case facts are not used.", icon=":material/rule:")
        _some(matched.ambiguous)
        st.caption("Mend these rows and add the CSV again; it takes the place of this one.")
    if matched.unmatched:
        st.warning("Some rows of the case facts fit no image.", icon=":material/rule:")
        _some([f"Line {row.line}: {row.path or row.sha256}" for row in matched.unmatched])
        st.caption("A path is written as in the folder or archive.")


def offer_facts(store: BatchStore) -> None:
    """A place for case facts, or for others than there are."""
    with st.popover("Case facts or ground truth", icon=":material/table:"):
        st.caption(FACTS_HELP)
        file = st.file_uploader("CSV", type="csv", key=f"batch-add-facts-{store.id}")
        if file is not None and st.button("Use it", type="primary"):
            try:
                read_facts(file.getvalue(), name=file.name)
                store.add_facts(file.name, file.getvalue())
            except (CsvFileError, BatchError) as error:
                st.error("The case facts cannot be used.", icon=":material/error:")
                st.text(str(error))
            else:
                st.rerun()


def offer_exports(store: BatchStore, shown: Shown) -> None:
    """Table, summary of the run, and case summaries; the last two are made when they are asked for."""
    if shown.blind:
        st.caption("Exports hold the model's results, and are offered when the blind mode is off.")
        return
    card, stem = store.card(), file_stem(store.run().title)
    with st.container(horizontal=True):
        st.download_button(
            "Table (CSV)",
            # The mark at the beginning makes spreadsheets read it as UTF-8.
            lambda: table_csv(shown.listed, card, shown.point).encode("utf-8-sig"),
            file_name=f"skinlens-{stem}.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/table_view:",
        )
        st.download_button(
            "Summary (PDF)",
            lambda: batch_pdf(summarise(store, shown.every, card, shown.point), card, shown.point),
            file_name=f"skinlens-{stem}.pdf",
            mime="application/pdf",
            on_click="ignore",
            icon=":material/picture_as_pdf:",
        )
        judged = [entry for entry in shown.listed if entry.line.score is not None]
        _offer_archive(store, shown, judged[:MOST_SUMMARIES], stem)
    if len(judged) > MOST_SUMMARIES:
        st.caption(f"The archive holds the first {MOST_SUMMARIES} of {len(judged):,} images; filter for others.")
    st.caption("Table and archive hold the images that are listed above, the summary the whole run.")


def offer_end(store: BatchStore) -> None:
    """Finish or discard the run."""
    run = store.run()
    with st.popover("Finish or discard", icon=":material/delete:"):
        if run.kind == "upload" and run.spooled:
            st.write(
                "Finish: the copies of your uploads are deleted from this computer, their thumbnails too. Results and "
                "verdicts stay."
            )
            if st.button("Finish the run", key="batch-finish"):
                _end(store, discard=False)
        elif run.kind == "upload":
            st.write("The copies of your uploads are deleted already.")
        st.write("Discard: everything of this run is deleted, with all verdicts. Your own files are not touched.")
        if st.button("Discard the run", type="primary", key="batch-discard"):
            _end(store, discard=True)


def show_nothing(store: BatchStore, lines: Sequence[Line]) -> None:
    """A run in which there is no image: why, and what to do."""
    st.error("No image was found, so there is nothing to judge.", icon=":material/image_not_supported:")
    _some([f"{line.path}: {line.sentence}" for line in lines])
    passed_over = store.progress().passed_over
    if passed_over:
        st.text(f"Passed over, since they are no images: {passed_over:,}.")
    st.caption("Discarding deletes this run only; your own files are not touched.")
    if st.button("Discard the run", type="primary", key="batch-discard-nothing"):
        _end(store, discard=True)


def _offer_archive(store: BatchStore, shown: Shown, judged: Sequence[Entry], stem: str) -> None:
    st.download_button(
        f"{len(judged)} case summaries (zip)",
        lambda: case_archive(store, judged, store.card(), shown.point),
        file_name=f"skinlens-{stem}.zip",
        mime="application/zip",
        on_click="ignore",
        icon=":material/folder_zip:",
        disabled=not judged,
    )


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
        st.error("That did not work.", icon=":material/error:")
        st.text(str(error))
        return
    st.rerun()


def _some(sentences: Sequence[str]) -> None:
    more = f"\nand {len(sentences) - _LISTED} more" if len(sentences) > _LISTED else ""
    st.text("\n".join(sentences[:_LISTED]) + more)
