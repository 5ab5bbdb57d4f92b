"""An image of a run as a case: the same as if it had been assessed alone."""

from datetime import UTC, datetime

import numpy as np
import pytest

from skinlens.batch.errors import BatchError
from skinlens.batch.facts import Facts
from skinlens.batch.reopen import assessment_again, case_facts, read_again, record_again
from skinlens.batch.store import BatchStore
from skinlens.imaging.decode import decode
from skinlens.report.pdf import case_pdf
from skinlens.report.read_pdf import read_summary
from skinlens.runtime.orientations import predict_orientations
from skinlens.runtime.predictor import Predictor
from skinlens.triage.admission import examine
from skinlens.triage.decision import assess
from tests.batch.conftest import MakeRun, assess_all


@pytest.mark.slow
def test_it_is_assessed_as_an_image_of_its_own(new_run: MakeRun, predictor: Predictor) -> None:
    store = new_run(orientations=True)
    assess_all(store, predictor)
    row, card = store.image(0), predictor.card
    again = assessment_again(row, card, card.point())
    image = decode(read_again(row), name="1.png")
    prediction, stability = predict_orientations(predictor, [image])[0]
    alone = assess(prediction, card, card.point(), stability=stability, admission=examine(image, prediction, predictor))
    assert (again.decision, again.reasons) == (alone.decision, alone.reasons)
    assert again.prediction.score == pytest.approx(alone.prediction.score, abs=1e-5)
    np.testing.assert_allclose(again.prediction.signed_map, alone.prediction.signed_map, atol=1e-3)
    assert again.admission is not None
    assert alone.admission is not None
    assert again.admission.quality == alone.admission.quality


def test_its_summary_carries_the_facts(finished: BatchStore, predictor: Predictor) -> None:
    facts = Facts(case_id="P-1", lesion="2", site="back", date="2026-01-02", note="itches")
    record = record_again(
        finished.image(0), predictor.card, predictor.card.point(), facts, created=datetime.now(UTC), prevalence=0.02
    )
    assert record.facts == case_facts(facts)
    shown = (record.facts.lesion, record.facts.site, record.facts.photographed, record.facts.note)
    assert shown == ("2", "back", "2026-01-02", "itches")
    summary = read_summary(case_pdf(record, predictor.card).content)
    assert summary.image_sha256 == finished.lines()[0].sha256


def test_what_could_not_be_read_is_told_again(finished: BatchStore) -> None:
    with pytest.raises(BatchError, match="not an image"):
        record_again(finished.image(4), finished.card(), finished.card().point(), Facts(), created=datetime.now(UTC))
