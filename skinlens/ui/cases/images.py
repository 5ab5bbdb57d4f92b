"""The images of the Cases page: one case with its heatmap, and two photographs of a lesion."""

import streamlit as st

from skinlens.imaging.image import Pixels
from skinlens.translation import gettext as _
from skinlens.triage.case import CaseRecord


def show_result_pair(record: CaseRecord) -> None:
    """Show image and heatmap; a rejected image alone."""
    left, right = st.columns(2)
    left.image(record.image.pixels, caption=_("Original"), width="stretch", alt=_("The image as it was assessed."))
    if record.assessment.decision != "rejected":
        right.image(
            record.overlay,
            caption=_("What the model looked at"),
            width="stretch",
            alt=_("The image with the heatmap."),
        )


def show_two_days(left: tuple[str, Pixels | None], right: tuple[str, Pixels | None]) -> None:
    """Show two photographs of one lesion side by side.

    Args:
        left: The earlier one: what stands under it, and its pixels, or None where they were not saved.
        right: The later one.
    """
    for place, (caption, pixels) in zip(st.columns(2), (left, right), strict=True):
        if pixels is None:
            place.info(_("{photograph}: the image was not saved.").format(photograph=caption))
        else:
            place.image(
                pixels, caption=caption, width="stretch", alt=_("The lesion, {photograph}.").format(photograph=caption)
            )
