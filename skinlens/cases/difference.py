"""Two photographs of one lesion compared in words: what the model decided and what readers found, then and later."""

from datetime import date

from skinlens.cases.records import assessment_of, card_of, day_of, facts_of
from skinlens.cases.schema import Assessment
from skinlens.translation import gettext as _
from skinlens.translation import in_language, ngettext, number
from skinlens.triage.case import VERDICT_WORDS
from skinlens.triage.risk import meaning
from skinlens.triage.wording import HEADLINES

_DAYS_A_MONTH = 30.4


def difference(earlier: Assessment, later: Assessment, *, prevalence: float | None = None) -> tuple[str, ...]:
    """Return what differs between two assessed photographs of one lesion, a sentence each.

    The model saw each photograph alone. A difference may come from light, focus or magnification.

    Args:
        earlier: From `CaseStore.of_lesion`.
        later: Likewise; of a later day, or of the same.
        prevalence: At which the risks are given; None takes that at which the later one was saved, if it was.
    """
    shared = prevalence or later.prevalence or earlier.prevalence
    sentences = [_apart(earlier, later), _decisions(earlier, later)]
    if earlier.model_id != later.model_id or earlier.score_name != later.score_name:
        sentences.append(_("Different models or versions assessed them, so their numbers are not compared."))
    elif shared is not None:
        sentences += _risks(earlier, later, shared)
    sentences += _verdicts(earlier, later)
    sentences += _checklists(earlier, later)
    return tuple(sentences)


def _apart(earlier: Assessment, later: Assessment) -> str:
    days = abs((date.fromisoformat(day_of(later)) - date.fromisoformat(day_of(earlier))).days)
    if days == 0:
        apart = _("Both photographs are of the same day.")
    elif days < 2 * _DAYS_A_MONTH:
        apart = ngettext("{n} day lies between them.", "{n} days lie between them.", days).format(n=days)
    else:
        months = round(days / _DAYS_A_MONTH)
        apart = _("{n} months lie between them.").format(n=months)
    if earlier.photographed and later.photographed:
        return apart
    return f"{apart} " + _("Where the day of a photograph is not known, the day of saving counts.")


def _decisions(earlier: Assessment, later: Assessment) -> str:
    then, now = HEADLINES[earlier.decision], HEADLINES[later.decision]
    if then == now:
        return _("The model's decision is the same: {decision}.").format(decision=_(now).lower())
    return _("The model's decision changed from “{then}” to “{now}”.").format(then=_(then), now=_(now))


def _risks(earlier: Assessment, later: Assessment, prevalence: float) -> list[str]:
    sentences = []
    for row in (earlier, later):
        known = meaning(assessment_of(row), card_of(row), prevalence)
        if known is not None and known.sentences():
            sentences.append(f"{day_of(row)}: {in_language(known.sentences()[0])}")
    return sentences if len(sentences) == 2 else []


def _verdicts(earlier: Assessment, later: Assessment) -> list[str]:
    then, now = (row.reviews[-1].verdict if row.reviews else None for row in (earlier, later))
    if then is None or now is None:
        return []
    if then == now:
        return [_("The reader's verdict is the same: {verdict}.").format(verdict=_(VERDICT_WORDS[now]))]
    return [
        _("The reader's verdict changed from {then} to {now}.").format(
            then=_(VERDICT_WORDS[then]), now=_(VERDICT_WORDS[now])
        )
    ]


def _checklists(earlier: Assessment, later: Assessment) -> list[str]:
    then, now = facts_of(earlier).checklists, facts_of(later).checklists
    sentences = []
    if then.seven_point is not None and now.seven_point is not None:
        points = {"then": then.seven_point.points, "now": now.seven_point.points}
        sentences.append(_("Seven-point checklist: {then} points, then {now}.").format(**points))
    if then.abcd is not None and now.abcd is not None:
        scores = {"then": number(then.abcd.tds, ".1f"), "now": number(now.abcd.tds, ".1f")}
        sentences.append(_("ABCD rule: total score {then}, then {now}.").format(**scores))
    return sentences
