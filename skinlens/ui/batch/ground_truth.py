"""What is known beside the images of a run: case facts, figures against ground truth, agreement with reviewers."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.facts import read_facts
from skinlens.batch.figures import AgainstTruth, against_truth, with_reviewers
from skinlens.batch.store import BatchStore
from skinlens.batch.summary import agreement_sentence, disagreement_sentence, label_rows, label_sentence
from skinlens.storage.csv_file import CsvFileError
from skinlens.translation import error_in_language, in_language
from skinlens.translation import gettext as _
from skinlens.ui.batch.results import Shown

MOST_LISTED = 20
_FIGURES = "batch-truth"


def facts_help() -> str:
    """Return what a CSV of case facts holds."""
    return _(
        "A CSV with a column path or sha256, and any of case_id, lesion, date, age, sex, site, note, label. Write "
        "paths as in the folder or archive, with or without its name. A label (benign or malignant) is taken as ground "
        "truth. Tables of the ISIC Archive, HAM10000, MILK10k and the ISIC challenges are read as they are."
    )


def show_figures(shown: Shown) -> None:
    """Show figures against ground truth and the agreement with reviewers, as far as there are any."""
    comparison = None if shown.blind else _against_truth(shown)
    if comparison is not None:
        with st.expander(_("Results against ground truth")):
            st.write(label_sentence(comparison))
            head, *rows = label_rows(comparison)
            st.dataframe(pd.DataFrame(rows, columns=list(head)), hide_index=True)
            counts = comparison.result.confusion
            confusion = {
                _("At or above threshold"): [counts.tp, counts.fp],
                _("Below threshold"): [counts.fn, counts.tn],
            }
            st.dataframe(pd.DataFrame(confusion, index=[_("Malignant"), _("Benign")]))
            st.caption(
                _(
                    "Intervals resample patients, not single images; where nothing varies, a proportion has Wilson's "
                    "interval. Uncertain images count by their score."
                )
            )
    if any(entry.reviews for entry in shown.every):
        with st.expander(_("Agreement of reviewer and model")):
            for blind in (True, False):
                st.write(agreement_sentence(with_reviewers(shown.every, shown.point, blind_alone=blind), blind=blind))

    if shown.has_second and not shown.blind:
        st.text(disagreement_sentence(shown.every))


def show_unmatched(shown: Shown) -> None:
    """Say how the case facts were read, and list their rows that no image could be matched to."""
    matched = shown.matched
    if shown.facts_error:
        st.error(_("The case facts cannot be used."), icon=":material/error:")
        st.text(in_language(shown.facts_error))
    if matched.taken:
        st.caption(_("How the case facts were read"))
        st.text(in_language(matched.taken))
    if matched.ambiguous:
        st.error(_("Some rows of the case facts are not used."), icon=":material/rule:")
        list_some(matched.ambiguous)
        st.caption(_("Correct these rows and add the CSV again. It replaces this one."))
    if matched.unmatched:
        st.warning(_("Some rows of the case facts match no image."), icon=":material/rule:")
        list_some(
            [_("Line {n}: {image}").format(n=row.line, image=row.path or row.sha256) for row in matched.unmatched]
        )
        st.caption(_("Write each path as in the folder or archive, with or without its name."))


def offer_facts(store: BatchStore) -> None:
    """Offer to add case facts, which replace those that there are."""
    with st.popover(_("Add case facts or ground truth"), icon=":material/table:"):
        st.caption(facts_help())
        file = st.file_uploader(_("CSV"), type="csv", key=f"batch-add-facts-{store.id}")
        if file is not None and st.button(_("Add this CSV"), type="primary"):
            try:
                read_facts(file.getvalue(), name=file.name)
                store.add_facts(file.name, file.getvalue())
            except (CsvFileError, BatchError) as error:
                st.error(_("The case facts cannot be used."), icon=":material/error:")
                st.text(error_in_language(error))
            else:
                st.rerun()


def list_some(sentences: Sequence[str]) -> None:
    """Show the first sentences, one a line, and how many more there are."""
    more = [_("and {n} more").format(n=len(sentences) - MOST_LISTED)] if len(sentences) > MOST_LISTED else []
    st.text("\n".join([*sentences[:MOST_LISTED], *more]))


def _against_truth(shown: Shown) -> AgainstTruth | None:
    """Return the figures, kept for as long as images, case facts and threshold stay: verdicts do not change them."""
    run_id, done, _, facts = shown.stamp
    key = (run_id, done, facts, shown.point.name, shown.point.threshold)
    known = st.session_state.get(_FIGURES)
    if known is None or known[0] != key:
        known = st.session_state[_FIGURES] = (key, against_truth(shown.every, shown.point))
    return known[1]
