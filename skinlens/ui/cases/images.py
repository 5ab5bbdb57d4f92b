"""The images of the Cases page in the viewer that Triage and Batch have too."""

import streamlit as st

from skinlens.imaging.image import Pixels
from skinlens.runtime.card import ModelCard
from skinlens.translation import gettext as _
from skinlens.triage.case import CaseRecord
from skinlens.triage.pipeline import Assessed
from skinlens.ui.second import second_of_case
from skinlens.ui.viewer import Photograph, pair, pair_of_images


def show_result_pair(record: CaseRecord, card: ModelCard, case_id: str) -> None:
    """Show image and heatmap; a rejected image alone.

    Args:
        record: Of the case.
        card: Of its model.
        case_id: Names the viewer, so that each case has its own zoom.
    """
    result = Assessed(record.image, record.assessment, card)
    pair(result, key=f"case-{case_id}", other=second_of_case(result, record.comparison))


def show_two_days(left: tuple[str, Pixels | None], right: tuple[str, Pixels | None], key: str) -> None:
    """Show two photographs of one lesion side by side, at the same zoom and place.

    Args:
        left: The earlier one: what stands under it, and its pixels, or None where they were not saved.
        right: The later one.
        key: Names the viewer.
    """
    (first, before), (second, after) = left, right
    if before is not None and after is not None:
        pair_of_images(Photograph(before, first), Photograph(after, second), key=key)
        return
    for place, (caption, pixels) in zip(st.columns(2), (left, right), strict=True):
        if pixels is None:
            place.info(_("{photograph}: the image was not saved.").format(photograph=caption))
        else:
            place.image(
                pixels, caption=caption, width="stretch", alt=_("The lesion, {photograph}.").format(photograph=caption)
            )
