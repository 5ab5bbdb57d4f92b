"""Two photographs of a lesion compared in words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from skinlens.cases.difference import difference
from skinlens.cases.schema import Assessment
from skinlens.cases.store import CaseStore
from skinlens.triage.case import CaseFacts
from skinlens.triage.checklists import Abcd, Checklists, SevenPoint
from tests.made_up_cases import CARD, CREATED, build_record, lesion_image

ABCD = Abcd(0, 0, frozenset({"red"}), frozenset({"dots"}))


def saved(
    store: CaseStore,
    number: int,
    *,
    day: str = "",
    score: float = 0.87,
    verdict: str = "",
    lists: Checklists | None = None,
) -> Assessment:
    facts = CaseFacts("P-1", site="back", lesion="L1", photographed=day, checklists=lists or Checklists())
    record = build_record(
        score=score,
        image=lesion_image(64, 64, sha256=f"{number:064x}"),
        facts=facts,
        created=CREATED + timedelta(days=number),
    )
    case = store.save(record, CARD, actor="me", prevalence=0.02)
    if verdict:
        store.review(case, verdict, note="", blind=False, actor="me")  # type: ignore[arg-type]
    return store.assessment(case)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (("2026-01-01", "2026-01-01"), "Both photographs are of the same day."),
        (("2026-01-01", "2026-01-02"), "1 day lies between them."),
        (("2026-01-01", "2026-01-31"), "30 days lie between them."),
        (("2025-03-01", "2026-03-01"), "12 months lie between them."),
    ],
)
def test_the_time_between_them_is_said(store: CaseStore, days: tuple[str, str], words: str) -> None:
    first, second = (saved(store, number, day=day) for number, day in enumerate(days))
    assert difference(first, second)[0] == words


def test_a_day_that_is_not_known_is_said_to_be_that_of_saving(store: CaseStore) -> None:
    first, second = saved(store, 0), saved(store, 5, day="2026-03-10")
    assert difference(first, second)[0].endswith("the day of saving counts.")


def test_decisions_are_compared(store: CaseStore) -> None:
    first, second, third = saved(store, 0), saved(store, 1), saved(store, 2, score=0.1)
    assert any(sentence.startswith("The model's decision is the same") for sentence in difference(first, second))
    (changed,) = (each for each in difference(first, third) if each.startswith("The model's decision changed"))
    assert "REFER" in changed.upper()
    assert changed.upper().index("LOW") > 0


def test_numbers_of_different_models_are_not_compared(store: CaseStore) -> None:
    first, second = saved(store, 0), saved(store, 1)
    other = replace_model(store, first)
    assert not any("Different models" in each for each in difference(first, second))
    assert any("Different models" in each for each in difference(first, other))


def replace_model(store: CaseStore, like: Assessment) -> Assessment:
    """Another case of the lesion, under a card that says something else."""
    record = build_record(
        image=lesion_image(64, 64, sha256="9" * 64), facts=CaseFacts("P-1", lesion=like.image.lesion.label)
    )
    card = CARD.model_copy(update={"limits": ("another card",)})
    return store.assessment(store.save(record, card, actor="me"))


def test_verdicts_and_checklists_are_compared_where_both_have_them(store: CaseStore) -> None:
    before = Checklists(SevenPoint(frozenset({"regression"})), ABCD)
    after = Checklists(SevenPoint(frozenset({"regression", "blue_whitish_veil"})), replace(ABCD, asymmetry=2, border=4))
    first = saved(store, 0, verdict="benign", lists=before)
    second = saved(store, 1, verdict="malignant", lists=after)
    bare = saved(store, 2)
    sentences = difference(first, second)
    assert "The reader's verdict changed from benign to malignant." in sentences
    assert "Seven-point checklist: 1 points, then 3." in sentences
    assert "ABCD rule: total score 1.0, then 4.0." in sentences
    assert not any("verdict" in each or "checklist" in each or "ABCD" in each for each in difference(first, bare))
