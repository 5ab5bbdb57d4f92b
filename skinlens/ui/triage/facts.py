"""The case form: which patient and which lesion, when it was photographed, where it lies, age, sex and a note."""

from dataclasses import dataclass, replace
from datetime import date

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.records import lesion_title
from skinlens.cases.store import LesionLine, next_label
from skinlens.imaging.image import LesionImage
from skinlens.translation import gettext as _
from skinlens.translation import marked
from skinlens.triage.case import CaseFacts
from skinlens.triage.sites import SIDES, SITES, sides_of, site_in_language, site_in_words, site_text
from skinlens.ui.case_store import case_store
from skinlens.ui.entered import restore

SEXES = (marked("female"), marked("male"), marked("other"))
# The choice of a lesion that the patient does not have yet.
NEW = ""
_EARLIEST = date(1990, 1, 1)


@dataclass(frozen=True)
class Keys:
    """Names of the form's widgets, which belong to an image: facts never move to another one."""

    image: str

    def __call__(self, field: str) -> str:
        """Return the key of one field."""
        return f"{field}-{self.image}"


def ask_who_and_when(image: LesionImage) -> CaseFacts:
    """Ask for patient, lesion, day, age and sex in one row, and return them."""
    key = Keys(image.identity)
    fields = [key(field) for field in ("id", "day", "age", "sex")]
    for field in fields:
        restore(field)
    patient, lesion, day, age, sex = st.columns([1.2, 1.8, 1.2, 0.8, 0.9])
    case_id = patient.text_input(_("Pseudonymous id"), key=key("id"), max_chars=60)
    with lesion:
        known = _ask_for_lesion(image, case_id)
    with day:
        photographed = _ask_for_day(image)
    years = age.number_input(_("Age"), 0, 120, None, key=key("age"))
    facts = CaseFacts(
        case_id=case_id,
        age="" if years is None else str(years),
        sex=sex.selectbox(_("Sex"), SEXES, None, placeholder="", format_func=_, key=key("sex")) or "",
        photographed=photographed,
    )
    if known is None:
        return facts
    return replace(facts, lesion=known.label, site=known.site or "", site_code=known.site_code, side=known.side)


def ask_where(image: LesionImage, facts: CaseFacts) -> CaseFacts:
    """Ask for the body site of a new lesion, or state that of a known one, and ask for a note; return both added."""
    key = Keys(image.identity)
    fields = [key(field) for field in ("site", "side", "more", "note")]
    for field in fields:
        restore(field)
    if facts.lesion and facts.site:
        where, beside = st.columns([2.4, 3.5])
        # A text field, though nobody can type into it, so that the row reads as the others do.
        where.text_input(
            _("Body site of {lesion}").format(lesion=facts.lesion), site_in_language(facts.site), disabled=True
        )
    else:
        site, sides, more, beside = st.columns([1.7, 0.9, 1.5, 1.8])
        code = site.selectbox(
            _("Body site"),
            list(SITES),
            None,
            format_func=site_in_words,
            placeholder=_("Type or choose"),
            key=key("site"),
        )
        side = sides.selectbox(
            _("Side"),
            sides_of(code or ""),
            None,
            format_func=lambda one: _(SIDES[one]),
            placeholder="",
            key=key("side"),
            disabled=code is None,
        )
        typed = more.text_input(_("More precisely"), key=key("more"), max_chars=80)
        side = side if code else None
        facts = replace(facts, site=site_text(code or "", side or "", typed), site_code=code or "", side=side or "")
    note = beside.text_input(_("Note"), key=key("note"), max_chars=4000)
    return replace(facts, note=note)


def is_undecided(image: LesionImage, facts: CaseFacts) -> bool:
    """Return whether the patient has lesions and nobody has said yet which of them this is, or that it is another."""
    lesions = _lesions(facts.case_id)
    return bool(lesions) and st.session_state.get(_lesion_key(image, lesions)) is None


def _ask_for_lesion(image: LesionImage, case_id: str) -> LesionLine | None:
    """Return the chosen lesion of the patient; None for a new one, and while nobody has chosen."""
    lesions = _lesions(case_id)
    by_label = {lesion.label: lesion for lesion in lesions}
    key = _lesion_key(image, lesions)
    restore(key)
    # The same image again is of the same lesion. Else nothing is chosen for the user: a wrong lesion is not noticed.
    saved = next((at for at, lesion in enumerate(lesions, 1) if image.identity in lesion.images), None)
    chosen = st.selectbox(
        _("Lesion"),
        [NEW, *by_label],
        index=saved if lesions else 0,
        format_func=lambda label: _title(by_label.get(label), next_label(by_label)),
        placeholder=_("New, or one of this patient's"),
        key=key,
        disabled=not case_id.strip(),
    )
    return by_label.get(chosen or NEW)


def _lesion_key(image: LesionImage, lesions: tuple[LesionLine, ...]) -> str:
    # A lesion more, for example one just saved, and the choice is made anew.
    return Keys(image.identity)("-".join(("lesion", *(lesion.id[:8] for lesion in lesions))))


def _lesions(case_id: str) -> tuple[LesionLine, ...]:
    pseudonym = " ".join(case_id.split())
    if not pseudonym:
        return ()
    try:
        return case_store().lesions(pseudonym)
    except CaseStoreError:
        # Saving will say why; a PDF can be made without.
        return ()


def _title(lesion: LesionLine | None, new: str) -> str:
    if lesion is None:
        return _("New lesion ({label})").format(label=new)
    return f"{lesion_title(lesion.label, lesion.site)} ({lesion.latest})"


def _ask_for_day(image: LesionImage) -> str:
    """Return the day of the photograph; what the file states is offered, and used only if somebody says so."""
    key = Keys(image.identity)("day")
    day = st.date_input(
        _("Photographed on"), None, min_value=_EARLIEST, max_value="today", format="YYYY-MM-DD", key=key
    )
    taken = image.taken
    if taken is not None and day is None and taken <= date.today():  # noqa: DTZ011 - the field's own idea of today

        def use() -> None:
            st.session_state[key] = taken

        st.button(
            _("Use {day} from the file").format(day=taken.isoformat()),
            key=f"use-{key}",
            on_click=use,
            type="tertiary",
            help=_("The file states this day. A camera's clock may be wrong."),
        )
    return "" if day is None else day.isoformat()
