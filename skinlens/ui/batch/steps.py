"""The four steps of the Batch page, and the line that says which one is in view."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import streamlit as st

from skinlens.translation import gettext as _
from skinlens.translation import marked, ngettext, number

if TYPE_CHECKING:
    from skinlens.ui.batch.results import Shown

Step = Literal["choose", "run", "review", "export"]
STEPS: dict[Step, str] = {
    "choose": marked("Choose"),
    "run": marked("Run"),
    "review": marked("Review"),
    "export": marked("Export"),
}
# Key of the step in view; without one, the page chooses it by how far the run is.
STEP = "batch-step"
# One line for all steps, and a verdict bar that stays, below Streamlit's own header, while the page is scrolled.
STYLE = """<style>
.st-key-batch-head h1 { font-size: 1.5rem; padding: 0; }
.st-key-batch-head { gap: 0.5rem; padding-top: 0.25rem; }
[data-testid="stLayoutWrapper"]:has(> .st-key-batch-bar) {
  position: sticky; top: 3.75rem; z-index: 90; padding: 0.25rem 0;
  background: var(--st-background-color);
}
.st-key-batch-bar { gap: 0.25rem; }
</style>"""


def go_to_step(step: Step) -> None:
    """Show a step from the next rerun onward."""
    st.session_state[STEP] = step


def show_steps(current: Step, summaries: Mapping[Step, str], reached: Mapping[Step, bool]) -> None:
    """Draw all steps on one line: the one in view in words, those behind it with their summary.

    Args:
        current: The one in view.
        summaries: In a few words, of the steps that have something to say; no text from users.
        reached: Which steps can be gone to.
    """
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="left", key="batch-head", width="stretch"
    ):
        st.title(_("Batch"), anchor=False, width="content")
        for number, (step, name) in enumerate(STEPS.items(), 1):
            label = (
                _("Step {n} of {total}: {name}").format(n=number, total=len(STEPS), name=_(name))
                if step == current
                else f"{number} {_(name)}"
            )
            if summaries.get(step):
                label += f" · {summaries[step]}"
            st.button(
                label,
                key=f"batch-go-{step}",
                type="primary" if step == current else "tertiary",
                disabled=not reached.get(step, False) and step != current,
                on_click=go_to_step,
                args=(step,),
            )


def step_in_view(shown: "Shown") -> Step:
    """Return the step that was chosen; before that, the review of a complete run or else its progress."""
    chosen: Step | None = st.session_state.get(STEP)
    if chosen is not None and _reached(shown)[chosen]:
        return chosen
    return "review" if shown.every and all(entry.line.state != "waiting" for entry in shown.every) else "run"


def run_steps(shown: "Shown") -> tuple[dict[Step, str], dict[Step, bool]]:
    """Return what each step of an open run has to say, and which steps can be gone to."""
    total = len(shown.every)
    done = sum(entry.line.state != "waiting" for entry in shown.every)
    summaries: dict[Step, str] = {}
    if total:
        summaries["choose"] = ngettext("{n} image", "{n} images", total).format(n=number(total))
        summaries["run"] = (
            _("complete") if done == total else _("{n} of {total}").format(n=number(done), total=number(total))
        )
    if shown.assessed:
        summaries["review"] = _("{n} of {total} reviewed").format(
            n=number(shown.reviewed), total=number(shown.assessed)
        )
    return summaries, _reached(shown)


def _reached(shown: "Shown") -> dict[Step, bool]:
    some = any(entry.line.state != "waiting" for entry in shown.every)
    return {"choose": True, "run": True, "review": some, "export": some}
