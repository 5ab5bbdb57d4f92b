"""Another model's decision is kept with the case, and cases without one stay as they were."""

from dataclasses import replace

from skinlens.cases.records import second_of
from skinlens.cases.reopen import reopen
from skinlens.cases.store import CaseStore
from skinlens.cases.verify import verify
from skinlens.triage.second import Comparison, Opinion
from tests.made_up_cases import CARD, build_record


def test_it_comes_back_as_it_was(store: CaseStore) -> None:
    record = build_record()
    second = Opinion("other_model", "2.0.0", "b2" * 32, "uncertain", "balanced", 0.2)
    comparison = Comparison(Opinion.of(record.assessment), second)
    number = store.save(replace(record, comparison=comparison), CARD, actor="dr", keep_pixels=True)
    row = store.assessment(number)
    assert second_of(row) == comparison
    assert reopen(store, row).comparison == comparison
    assert verify(store).findings == ()


def test_a_case_without_one_has_none(store: CaseStore) -> None:
    row = store.assessment(store.save(build_record(), CARD, actor="dr", keep_pixels=True))
    assert second_of(row) is None
    assert "second" not in row.prediction
    assert reopen(store, row).comparison is None
