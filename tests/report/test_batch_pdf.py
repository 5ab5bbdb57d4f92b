"""The PDF of a run: what it shows, on as many pages as it needs, the same bytes for the same run."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from pypdf import PdfReader

from skinlens.report.batch_pdf import BatchSummary, Block, Thumbnail, batch_pdf
from skinlens.triage.wording import DISCLAIMER, LOW_SENTENCE, UNCALIBRATED, UNVERIFIED
from tests.made_up_cases import CARD, CREATED, POINT, drawn_lesion


def summary(*, thumbnails: int = 3, blocks: int = 2, **more: object) -> BatchSummary:
    small = drawn_lesion(60, 40)
    values: dict[str, object] = {
        "title": "Ward 3",
        "source": ("/data/ward",),
        "created": CREATED,
        "counts": (("Above threshold", 2), ("Below threshold", 1)),
        "remarks": ("4 other files were passed over.",),
        "figures": (("Against ground truth", "None is known.", (("Metric", "Value"), ("accuracy", "0.900"))),),
        "thumbnails": tuple(Thumbnail(f"lesion{n}.jpg", "refer", 0.9, small) for n in range(thumbnails)),
        "left_out": 7,
        "blocks": tuple(
            Block(
                Thumbnail(f"lesion{n}.jpg", "refer", 0.87, small),
                sha256="5c" * 32,
                facts=(("Patient", "P-1"),),
                reasons=("The score 0.87 is at or above the threshold 0.31.", UNCALIBRATED),
                verdicts=("me: malignant",),
                overlay=small,
            )
            for n in range(blocks)
        ),
        "blocks_left_out": 5,
    }
    return BatchSummary(**{**values, **more})  # type: ignore[arg-type]


def pages(content: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]


def test_it_shows_the_run_its_counts_and_every_image_that_needs_a_look() -> None:
    first, *rest = pages(batch_pdf(summary(), CARD, POINT))
    for text in (
        "Ward 3",
        "/data/ward",
        "Above threshold 2",
        "4 other files",
        "Against ground truth None is known.",
        "accuracy 0.900",
        LOW_SENTENCE,
        "lesion2.jpg",
    ):
        assert text in first
    assert "7 further images are left out" in first
    blocks = " ".join(rest)
    for text in ("0.87 · refer", "Patient: P-1", "me: malignant", "5c" * 8, "5 further images"):
        assert text in blocks


def test_missed_malignant_lesions_come_first() -> None:
    missed = tuple(
        Block(Thumbnail(f"missed{n}.jpg", "low", 0.02, None), "aa" * 32, (("Ground truth", "malignant"),), (), (), None)
        for n in range(3)
    )
    first, *rest = pages(batch_pdf(summary(missed=missed, missed_left_out=2), CARD, POINT))
    heading = "Malignant lesions that the model did not refer"
    assert f"{heading} 5 lesions are malignant" in first
    assert first.index("missed2.jpg: 0.02") < first.index("Against ground truth") < first.index("Contact sheet")
    blocks = " ".join(rest)
    assert blocks.index(heading) < blocks.index("missed0.jpg") < blocks.index("Images that need a look")
    assert heading not in " ".join(pages(batch_pdf(summary(), CARD, POINT)))


def test_the_second_model_is_named() -> None:
    first, *_ = pages(batch_pdf(summary(second=("asff_resnet50_paper", "0.2.0", "ab" * 32)), CARD, POINT))
    assert "Second model asff_resnet50_paper, version 0.2.0" in first
    assert "ab" * 32 in first.replace(" ", "")


def test_a_long_name_on_the_contact_sheet_keeps_its_end() -> None:
    name = f"batch60/{'ward/' * 12}lesion_0001.jpg"
    thumbnails = (Thumbnail(name, "low", 0.1, None),)
    (only,) = pages(batch_pdf(replace(summary(blocks=0), thumbnails=thumbnails), CARD, POINT))
    assert "lesion_0001.jpg" in only
    assert "batch60/" not in only


def test_the_disclaimer_stands_on_every_page_and_what_holds_for_all_once() -> None:
    found = pages(batch_pdf(summary(blocks=9), CARD, POINT))
    assert len(found) > 2
    assert all(DISCLAIMER in page for page in found)
    assert sum(page.count(UNCALIBRATED) for page in found) == 1


def test_pages_are_numbered_to_the_last() -> None:
    found = pages(batch_pdf(summary(thumbnails=80, blocks=12), CARD, POINT))
    assert all(f"Page {number} of {len(found)}" in page for number, page in enumerate(found, 1))


def test_a_further_page_of_images_does_not_begin_with_two_lines() -> None:
    further = PdfReader(io.BytesIO(batch_pdf(summary(blocks=14), CARD, POINT))).pages[2]
    number = further.extract_text().count("SHA-256")
    assert number > 1
    # One below the running head, one above the foot, and those between the images.
    assert further.get_contents().get_data().count(b" l S") == 2 + number - 1


def test_the_same_run_gives_the_same_bytes(turn_the_page: Callable[[], None]) -> None:
    first = batch_pdf(summary(), CARD, POINT)
    turn_the_page()
    assert batch_pdf(summary(), CARD, POINT) == first


def test_an_image_without_pixels_and_one_that_could_not_be_read() -> None:
    thumbnails = (Thumbnail("gone.jpg", "low", 0.1, None), Thumbnail("bad.jpg", None, None, None))
    (only,) = pages(batch_pdf(replace(summary(blocks=0), thumbnails=thumbnails), CARD, POINT))
    assert "0.10 · low" in only
    assert "Could not be read" in only
    assert only.count("no image") == 2


def test_a_rejected_image_has_no_number() -> None:
    refused = (Thumbnail("odd.jpg", "rejected", 0.93, None),)
    (only,) = pages(batch_pdf(replace(summary(blocks=0), thumbnails=refused), CARD, POINT))
    assert "NOT ASSESSED odd.jpg" in only
    assert "0.93" not in only


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        batch_pdf(summary(created=datetime(2026, 1, 1)), CARD, POINT)  # noqa: DTZ001


def test_a_model_that_was_not_released_is_named_so_on_the_first_page() -> None:
    first, *_ = pages(batch_pdf(summary(), CARD.model_copy(update={"unverified": True}), POINT))
    assert UNVERIFIED in first
    assert f"{CARD.name} (unverified)" in first
    assert UNVERIFIED not in " ".join(pages(batch_pdf(summary(), CARD, POINT)))


def test_names_in_any_script_are_shown_and_what_no_font_has_is_counted() -> None:
    names = ("ไฝ.jpg", "तिल.jpg", "黒子.jpg", "\U00012031.jpg")
    thumbnails = tuple(Thumbnail(name, "refer", 0.9, drawn_lesion(60, 40)) for name in names)
    text = " ".join(pages(batch_pdf(summary(title="회진", thumbnails=0, blocks=0), CARD, POINT)))
    assert "회진" in text
    assert "could not be shown" not in text

    text = " ".join(pages(batch_pdf(replace(summary(), thumbnails=thumbnails), CARD, POINT)))
    assert all(name in text for name in names[:3])
    assert (
        "1 character could not be shown, because no font on this computer has it. It is marked \ufffd: U+12031" in text
    )
