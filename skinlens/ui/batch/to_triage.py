"""Case facts on their way from a run to the Triage page."""

from datetime import date

import streamlit as st

from skinlens.batch.facts import Facts
from skinlens.batch.reopen import case_facts
from skinlens.translation import gettext as _
from skinlens.ui.triage.facts import SEXES

# The Triage page's field for the age.
_OLDEST = 120


def carry_facts(identity: str, facts: Facts) -> None:
    """Fill in the Triage page's fields for an image, where a reader can still change them.

    Nothing is lost: what a field does not take goes into the note, as does the name of the lesion, which a reader
    chooses among those of the patient. Fields for which nothing is known
    keep what was typed.

    Args:
        identity: Of the image, from `imaging.image.identity_of`.
        facts: Of the run's CSV.
    """
    known = case_facts(facts)
    age = int(known.age) if known.age.isdecimal() and int(known.age) <= _OLDEST else None
    sex = known.sex.lower() if known.sex.lower() in SEXES else None
    more = [
        sentence
        for sentence in (
            known.note,
            _("Lesion: {lesion}.").format(lesion=known.lesion) if known.lesion else "",
            _("Age: {age}.").format(age=known.age) if known.age and age is None else "",
            _("Sex: {sex}.").format(sex=known.sex) if known.sex and sex is None else "",
        )
        if sentence
    ]
    day = date.fromisoformat(known.photographed) if known.photographed else None
    fields = {"id": known.case_id, "day": day, "age": age, "sex": sex, "more": known.site, "note": " ".join(more)}
    for field, value in fields.items():
        if value not in (None, ""):
            st.session_state[f"{field}-{identity}"] = value
