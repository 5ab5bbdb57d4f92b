"""What is saved comes back as it was, nothing is overwritten, and what is erased is gone."""

import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from skinlens.cases.errors import AlreadySavedError, CaseNotFoundError, CaseStoreError
from skinlens.cases.records import assessment_of, card_of, facts_of, image_of, readings_of
from skinlens.cases.reopen import reopen
from skinlens.cases.schema import KEPT, Assessment, LogEntry
from skinlens.cases.store import CaseStore, open_file
from skinlens.cases.verify import verify
from skinlens.imaging.quality import assess_quality
from skinlens.report.pdf import case_pdf
from skinlens.report.read_pdf import read_summary
from skinlens.runtime.orientations import Stability
from skinlens.triage.admission import admit
from skinlens.triage.case import CaseFacts, CaseRecord, Reading
from skinlens.triage.checklists import Abcd, Checklists, SevenPoint
from skinlens.triage.decision import assess
from skinlens.triage.diameter import Diameter
from tests.made_up_cases import CARD, CREATED, POINT, build_record, lesion_image, prediction

ACTOR = "dr-example"


def saved(store: CaseStore, record: CaseRecord | None = None, **more: object) -> str:
    return store.save(record or build_record(), CARD, actor=ACTOR, **more)  # type: ignore[arg-type]


def of_patient(
    name: str, *, site: str = "left shoulder", number: int = 0, lesion: str = "L1", photographed: str = ""
) -> CaseRecord:
    image = lesion_image(sha256=f"{number:064x}", name=f"{name}-{number}.jpg")
    facts = CaseFacts(name, "57", "female", site, "Ärger", lesion=lesion, photographed=photographed)
    return build_record(image=image, facts=facts, created=CREATED + timedelta(days=number))


def full_record() -> CaseRecord:
    """A record with everything that can be in one."""
    said = prediction(0.41)
    signed = np.linspace(-3, 5, 14 * 14, dtype=np.float32).reshape(14, 14)
    said = replace(said, signed_map=signed, logits=np.array([-0.2, 0.16], np.float32))
    image = lesion_image(
        notes=("This file holds 3 frames; the first is used.",), name="Muttermal \N{GREEK SMALL LETTER BETA}.dcm"
    )
    assessment = assess(
        said,
        CARD,
        POINT,
        notes=image.notes,
        stability=Stability((0.41, 0.2, 0.5, 0.41, 0.4, 0.3, 0.6, 0.41)),
        admission=admit(assess_quality(np.full((80, 80, 3), 90, np.uint8))),
        override="the camera is known",
    )
    return build_record(image=image, assessment=assessment)


def test_a_case_comes_back_as_it_was(store: CaseStore) -> None:
    record = full_record()
    row = store.assessment(saved(store, record, keep_pixels=True))
    again = assessment_of(row)
    for field in ("decision", "point", "reasons", "score_name", "stability", "admission", "override"):
        assert getattr(again, field) == getattr(record.assessment, field), field
    given = record.assessment.prediction
    assert again.prediction.score == given.score
    assert (again.prediction.gate, again.prediction.model) == (given.gate, given.model)
    assert np.array_equal(again.prediction.signed_map, given.signed_map)
    assert np.array_equal(again.prediction.logits, given.logits)
    assert facts_of(row) == replace(record.facts, lesion="L1")
    assert card_of(row) == CARD
    pixels = store.pixels.read(row.image_id)
    assert pixels is not None
    image = image_of(row, pixels)
    assert np.array_equal(image.pixels, record.image.pixels)
    assert (image.sha256, image.name, image.notes) == (record.image.sha256, record.image.name, record.image.notes)
    assert row.created == record.created


def test_the_summary_can_be_made_again_byte_for_byte(store: CaseStore) -> None:
    record = full_record()
    row = store.assessment(saved(store, record, keep_pixels=True))
    pixels = store.pixels.read(row.image_id)
    assert pixels is not None
    moment = row.created.astimezone(record.created.tzinfo)
    facts = replace(facts_of(row), lesion="")
    again = CaseRecord(image_of(row, pixels), record.overlay, assessment_of(row), facts, moment)
    assert case_pdf(again, card_of(row)).content == case_pdf(record, CARD).content


def test_pixels_are_kept_only_if_they_are_wanted(store: CaseStore) -> None:
    row = store.assessment(saved(store))
    assert store.pixels.read(row.image_id) is None
    assert not store.pixels.path.exists()
    assert saved(store, keep_pixels=True) == row.id
    assert store.pixels.read(row.image_id) is not None
    with pytest.raises(AlreadySavedError, match="saved already, as L1 of P-2026-0117"):
        saved(store, keep_pixels=True)
    assert store.search().total == 1
    assert verify(store).findings == ()


def test_the_same_image_again_is_a_new_assessment_of_it(store: CaseStore) -> None:
    first, second = saved(store), saved(store, build_record(score=0.2))
    rows = [store.assessment(first), store.assessment(second)]
    assert [row.score for row in rows] == [0.87, 0.2]
    assert len({row.image_id for row in rows}) == len({row.model_id for row in rows}) == 1
    assert store.search().total == 2


def test_three_lesions_on_one_site_stay_three(store: CaseStore) -> None:
    for number in range(3):
        saved(store, of_patient("P-1", site="left upper back", number=number, lesion=""))
    saved(store, of_patient("P-2", site="left upper back", lesion=""))
    saved(store, of_patient("P-1", number=9, lesion="L2"))
    lesions = store.lesions("P-1")
    assert [(lesion.label, lesion.site, len(lesion.images)) for lesion in lesions] == [
        ("L1", "left upper back", 1),
        ("L2", "left upper back", 2),
        ("L3", "left upper back", 1),
    ]
    assert (lesions[1].label, lesions[1].site) == ("L2", "left upper back")
    assert [lesion.label for lesion in store.lesions("P-2")] == ["L1"]
    assert store.lesions("P-3") == ()
    assert store.patients() == ["P-1", "P-2"]
    assert verify(store).findings == ()


def test_the_name_of_a_deleted_lesion_is_not_given_to_the_next_one_below_it(store: CaseStore) -> None:
    for number in range(3):
        saved(store, of_patient("P-1", number=number, lesion=""))
    store.erase_lesion(store.lesions("P-1")[0].id, actor=ACTOR)
    saved(store, of_patient("P-1", number=4, lesion=""))
    assert [lesion.label for lesion in store.lesions("P-1")] == ["L2", "L3", "L4"]


def test_the_same_image_as_of_a_new_lesion_is_of_the_one_that_it_is_of(store: CaseStore) -> None:
    first = saved(store, of_patient("P-1", lesion=""))
    later = of_patient("P-1", lesion="")
    second = saved(store, replace(later, facts=replace(later.facts, age="58")))
    assert first != second
    assert len(store.lesions("P-1")) == 1
    with pytest.raises(AlreadySavedError) as caught:
        saved(store, of_patient("P-1", lesion=""))
    assert caught.value.case_id == first
    assert store.search().total == 2


def test_body_site_day_and_checklists_come_back(store: CaseStore) -> None:
    lists = Checklists(
        SevenPoint(frozenset({"regression"})), Abcd(1, 4, frozenset({"red", "black"}), frozenset({"dots"}))
    )
    facts = CaseFacts(
        "P-1",
        site="Upper back, left: below the scapula",
        site_code="699893008",
        side="left",
        photographed="2026-02-27",
        checklists=lists,
    )
    row = store.assessment(saved(store, build_record(facts=facts)))
    assert facts_of(row) == replace(facts, lesion="L1")
    (line,) = store.search("2026-02-27 scapula").lines
    assert (line.lesion, line.site, line.photographed) == ("L1", facts.site, "2026-02-27")
    assert verify(store).findings == ()


def test_readings_are_kept_with_the_case_and_added_to_one_that_is_saved_already(store: CaseStore) -> None:
    reading = Reading("malignant", "Excise.", "Dr Example", CREATED)
    case = saved(store, replace(build_record(), readings=(reading,)))
    with pytest.raises(AlreadySavedError):
        saved(store, replace(build_record(), readings=(replace(reading, moment=CREATED + timedelta(hours=1)),)))
    own = Reading("unsure", "", ACTOR, CREATED + timedelta(hours=2))
    assert saved(store, replace(build_record(), readings=(reading, own))) == case
    row = store.assessment(case)
    assert [(each.actor, each.reader, each.verdict) for each in row.reviews] == [
        (ACTOR, "Dr Example", "malignant"),
        (ACTOR, None, "unsure"),
    ]
    assert readings_of(row) == (reading, own)
    assert verify(store).findings == ()


@pytest.mark.parametrize("column", ["photographed = '2020-01-01'", "checklists = '{}'", "photographed = NULL"])
def test_a_later_column_that_was_changed_is_found(store: CaseStore, column: str) -> None:
    saved(store, of_patient("P-1", photographed="2026-02-27"))
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE assessment SET {column}")
    assert len(verify(store).findings) == 1


@pytest.mark.parametrize(("field", "most"), [("case_id", 60), ("lesion", 80)])
def test_a_name_that_is_too_long_is_reported(store: Any, field: Any, most: Any) -> None:
    record = build_record()
    with pytest.raises(CaseStoreError, match=f"longer than {most} characters"):
        saved(store, replace(record, facts=replace(record.facts, **{field: "x" * (most + 1)})))
    assert store.search().total == 0


def test_a_case_needs_a_pseudonym(store: CaseStore) -> None:
    with pytest.raises(CaseStoreError, match="needs a pseudonymous id"):
        saved(store, build_record(facts=CaseFacts(case_id="  ")))
    assert store.search().total == 0
    assert verify(store).entries == 0


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", 4),
        ("P-1", 3),
        ("p-1 ARM", 1),
        ("ärger", 4),
        ("P-2-0.jpg", 1),
        ("%", 0),
        ("_", 1),
        ("P-1 nowhere", 0),
        ("note", 0),
        ("L1", 3),
    ],
)
def test_search_finds_every_word_and_nothing_else(store: CaseStore, words: str, found: int) -> None:
    for number, (name, site) in enumerate((("P-2", "b_ck"), ("P-1", "arm"), ("P-1", "back"), ("P-1", "back"))):
        saved(store, of_patient(name, site=site, number=number, lesion=f"L{2 if site == 'arm' else 1}"))
    result = store.search(words)
    assert result.total == len(result.lines) == found


def test_search_gives_the_latest_first_and_not_too_many(store: CaseStore) -> None:
    for number in range(5):
        saved(store, of_patient("P-1", number=number))
    result = store.search(limit=2)
    assert (result.total, [line.image_name for line in result.lines]) == (5, ["P-1-4.jpg", "P-1-3.jpg"])
    assert store.search(decision="low").total == 0
    assert store.search(decision="refer").total == 5


def test_a_lesion_is_followed_by_the_day_of_its_photographs(store: CaseStore) -> None:
    """Whatever the order in which they were saved; one without a day stands at the day of saving, CREATED's."""
    days = {1: "2026-03-05", 2: "2019-12-31", 3: "", 4: "2026-03-03"}
    ids = [saved(store, of_patient("P-1", number=number, photographed=day)) for number, day in days.items()]
    saved(store, of_patient("P-1", lesion="L2", number=7))
    rows = store.of_lesion(store.assessment(ids[0]).image.lesion_id)
    assert [row.image.name for row in rows] == [f"P-1-{number}.jpg" for number in (2, 4, 1, 3)]
    assert len(store.of_patient("P-1")) == 5


def test_reviews_add_up_and_the_last_one_is_shown(store: CaseStore) -> None:
    assessment = saved(store)
    store.review(assessment, "unsure", note="hairy", blind=True, actor="a")
    store.review(assessment, "malignant", note="", blind=False, actor="b")
    row = store.assessment(assessment)
    assert [(review.actor, review.verdict, review.blind) for review in row.reviews] == [
        ("a", "unsure", True),
        ("b", "malignant", False),
    ]
    (line,) = store.search().lines
    assert (line.reviews, line.last_verdict) == (2, "malignant")
    with pytest.raises(CaseNotFoundError, match="no longer there"):
        store.review("0" * 32, "benign", note="", blind=False, actor="a")


def test_erasing_a_patient_leaves_nothing_but_the_log(store: CaseStore) -> None:
    first = saved(store, of_patient("P-1"), keep_pixels=True)
    store.review(first, "benign", note="private words", blind=False, actor=ACTOR)
    kept = saved(store, of_patient("P-2"), keep_pixels=True)
    image = store.assessment(first).image_id
    # The patient, a lesion, an image, its pixels, an assessment and a review.
    assert store.erase("P-1", actor="registrar") == 6
    assert store.patients() == ["P-2"]
    assert store.assessment(kept).image.lesion.patient.pseudonym == "P-2"
    assert store.pixels.read(image) is None
    with pytest.raises(CaseNotFoundError):
        store.assessment(first)
    with pytest.raises(CaseNotFoundError, match="no patient 'P-1'"):
        store.erase("P-1", actor="registrar")
    with Session(store.engine) as session:
        erased = session.scalars(select(LogEntry).where(LogEntry.action == "erased")).all()
        assert {entry.actor for entry in erased} == {"registrar"}
        logged = " ".join(str(vars(entry)) for entry in session.scalars(select(LogEntry)))
    assert "P-1" not in logged
    assert verify(store).findings == ()


def test_one_case_is_erased_with_what_it_alone_holds(store: CaseStore) -> None:
    first = saved(store, of_patient("P-1"), keep_pixels=True)
    other = of_patient("P-1")
    second = saved(store, replace(other, facts=replace(other.facts, age="58")))
    third = saved(store, of_patient("P-1", number=3))
    image = store.assessment(first).image_id
    store.review(first, "benign", note="", blind=False, actor=ACTOR)
    # The assessment and its verdict; the image has another case.
    assert store.erase_case(first, actor=ACTOR) == 2
    assert store.pixels.read(image) is not None
    # Now image and pixels too; the lesion has another image.
    assert store.erase_case(second, actor=ACTOR) == 3
    assert store.pixels.read(image) is None
    # The last one of the lesion and of the patient.
    assert store.erase_case(third, actor=ACTOR) == 4
    assert store.patients() == []
    with pytest.raises(CaseNotFoundError):
        store.erase_case(third, actor=ACTOR)
    assert verify(store).findings == ()


def test_a_lesion_is_erased_and_the_others_stay(store: CaseStore) -> None:
    for number, lesion in enumerate(("L1", "L1", "L2")):
        saved(store, of_patient("P-1", number=number, lesion=lesion), keep_pixels=True)
    first, second = store.lesions("P-1")
    # Two assessments, their images and pixels, and the lesion.
    assert store.erase_lesion(first.id, actor=ACTOR) == 7
    assert [lesion.id for lesion in store.lesions("P-1")] == [second.id]
    assert len(list(store.pixels.path.glob("*"))) == 1
    with pytest.raises(CaseNotFoundError, match="no such lesion"):
        store.erase_lesion(first.id, actor=ACTOR)
    assert store.erase_lesion(second.id, actor=ACTOR) == 5
    assert store.patients() == []
    assert verify(store).findings == ()


def test_erased_words_are_not_left_in_the_file(tmp_path: Path) -> None:
    store = open_file(tmp_path / "cases.sqlite")
    saved(store, build_record(facts=CaseFacts("P-9", note="SECRETWORD" * 50)))
    assert any(b"SECRETWORD" in path.read_bytes() for path in tmp_path.iterdir())
    store.erase("P-9", actor=ACTOR)
    # The program is still running, and its write-ahead file is there.
    assert not any(b"SECRETWORD" in path.read_bytes() for path in tmp_path.iterdir())
    store.engine.dispose()


def test_writers_take_turns_and_lose_nothing(store: CaseStore) -> None:
    """Eight at once, all of one patient, who must not become two."""
    failed: list[Exception] = []

    def write(number: int) -> None:
        try:
            saved(store, of_patient("P-1", number=number))
        except Exception as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert store.search().total == 8
    assert store.patients() == ["P-1"]
    assert verify(store).findings == ()


def test_what_fails_half_way_is_not_saved_at_all(store: CaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.pixels, "write", full)
    with pytest.raises(CaseStoreError, match="could not be saved: the disk is full"):
        saved(store, keep_pixels=True)
    assert store.search().total == 0
    with Session(store.engine) as session:
        assert not any(session.scalars(select(kind)).all() for kind in KEPT)
    assert verify(store).findings == ()


def test_pixels_of_a_case_that_was_not_saved_are_not_left_behind(
    store: CaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skinlens.cases.store.append", _fails_on_pixels)
    with pytest.raises(CaseStoreError):
        saved(store, keep_pixels=True)
    assert not list(store.pixels.path.glob("*"))
    assert store.search().total == 0


def _fails_on_pixels(session: Session, row: object, action: str, actor: str) -> object:
    from skinlens.cases.log import append

    if type(row).__name__ == "KeptPixels":
        raise OSError(5, "Input/output error")
    return append(session, row, action, actor)  # type: ignore[arg-type]


def test_a_locked_database_is_told_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skinlens.storage.database.PATIENCE", 0.2)
    store = open_file(tmp_path / "cases.sqlite")
    saved(store)
    blocker = sqlite3.connect(tmp_path / "cases.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(CaseStoreError, match="another program is writing"):
        saved(store, build_record(score=0.1))
    blocker.execute("ROLLBACK")
    blocker.close()
    assert store.search().total == 1
    saved(store, build_record(score=0.1))
    assert store.search().total == 2
    store.engine.dispose()


def test_rows_are_never_updated(store: CaseStore) -> None:
    """What was saved first reads the same after everything that can be done later."""
    first = saved(store)
    with Session(store.engine) as session:
        before = session.scalars(select(LogEntry).order_by(LogEntry.number)).all()
    saved(store, build_record(score=0.3))
    store.review(first, "benign", note="", blind=False, actor=ACTOR)
    with Session(store.engine) as session:
        after = session.scalars(select(LogEntry).order_by(LogEntry.number)).all()
        assert [entry.link for entry in after[: len(before)]] == [entry.link for entry in before]
        assert session.scalars(select(Assessment).order_by(Assessment.created)).first() is not None
    assert verify(store).findings == ()


def test_images_of_one_file_are_kept_apart(store: CaseStore) -> None:
    """The first is found by the file's digest, as it always was."""
    first = lesion_image(frames=3)
    third = lesion_image(frames=3, frame=2)
    one, three = (store.save(build_record(image=image), CARD, actor="me", keep_pixels=True) for image in (first, third))
    with pytest.raises(AlreadySavedError):
        store.save(build_record(image=third), CARD, actor="me", keep_pixels=True)
    rows = [store.assessment(case) for case in (one, three)]
    assert [row.image.shown_name for row in rows] == ["IMG_0042.jpg, frame 1 of 3", "IMG_0042.jpg, frame 3 of 3"]
    assert rows[0].image.sha256 == first.sha256 == rows[1].image.received_sha256
    assert rows[0].image_id != rows[1].image_id
    again = reopen(store, rows[1]).image
    assert (again.identity, again.frame, again.frames) == (third.identity, 2, 3)
    with pytest.raises(CaseStoreError, match="not the image of the case"):
        reopen(store, rows[1], original=first)
    assert verify(store).findings == ()
    (line, _other) = store.lesions(rows[0].case_id)
    assert line.images == line.files == (first.sha256,)


def test_a_diameter_is_kept_and_is_part_of_what_makes_a_case(store: CaseStore) -> None:
    record, diameter = build_record(), Diameter(6.25, "ruler", 0.02)
    without = saved(store, record)
    measured = saved(store, replace(record, diameter=diameter), keep_pixels=True)
    assert without != measured
    with pytest.raises(AlreadySavedError):
        saved(store, replace(record, diameter=diameter))
    again = reopen(store, store.assessment(measured))
    assert again.diameter == diameter
    assert diameter.sentence in read_summary(case_pdf(again, CARD).content).text.replace("\n", " ")
    assert verify(store).findings == ()
