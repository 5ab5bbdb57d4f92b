"""Lesions in a real browser: three on one body site stay three, a follow-up joins its own lesion, deletion asks."""

import io
import re
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.visiting import SECONDS, settle
from tests.drawn import familiar_pixels


@pytest.fixture
def patient() -> str:
    """A pseudonym of its own, since the server is shared."""
    return f"P-{uuid4().hex[:6]}"


def photograph(folder: Path, seed: int, day: str) -> Path:
    """A file whose EXIF states the day."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = f"{day.replace('-', ':')} 10:11:12"
    stream = io.BytesIO()
    Image.fromarray(familiar_pixels(seed)).save(stream, "JPEG", quality=95, exif=exif)
    path = folder / f"lesion-{seed}.jpg"
    path.write_bytes(stream.getvalue())
    return path


def drop(page: Page, path: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(path)
    # The form of the image before goes once that of this one is there.
    settle(page)
    expect(page.get_by_text(path.name).first).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_label("Pseudonymous id")).to_have_count(1, timeout=60 * SECONDS)
    expect(page.get_by_label("Pseudonymous id").first).to_have_value("", timeout=20 * SECONDS)


def pick(page: Page, label: str, option: str) -> None:
    """Choose by typing how the option begins, as one does in a long list."""
    page.get_by_label(label, exact=True).click()
    page.keyboard.type(option)
    page.get_by_role("option", name=re.compile(f"^{option}")).first.click()
    settle(page)


def fill_patient(page: Page, patient: str) -> None:
    page.get_by_label("Pseudonymous id").first.fill(patient)
    page.keyboard.press("Tab")
    settle(page)


def save(page: Page, expected: str) -> None:
    page.get_by_role("button", name="Save case").click()
    box = page.get_by_role("checkbox", name="Save the image too")
    if not box.is_checked():
        page.get_by_text("Save the image too").click()
        settle(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(expected)).to_be_visible(timeout=20 * SECONDS)
    settle(page)
    page.keyboard.press("Escape")


def test_three_lesions_on_one_site_stay_three_and_a_follow_up_joins_its_own(
    page: Page, patient: str, tmp_path: Path
) -> None:
    for number, seed in enumerate((1, 2, 3), 1):
        drop(page, photograph(tmp_path, seed, f"2026-0{number}-11"))
        fill_patient(page, patient)
        if number > 1:
            pick(page, "Lesion", "New lesion")
        pick(page, "Body site", "Upper back")
        pick(page, "Side", "left")
        page.get_by_role("button", name=f"Use 2026-0{number}-11 from the file").click()
        settle(page)
        save(page, f"It is L{number} of {patient}.")
    # Saved earlier than the photograph of L2 by the calendar, later by the clock.
    drop(page, photograph(tmp_path, 4, "2025-06-01"))
    fill_patient(page, patient)
    pick(page, "Lesion", "L2, Upper back, left")
    expect(page.get_by_label("Body site of L2")).to_have_value("Upper back, left")
    page.get_by_role("button", name="Use 2025-06-01 from the file").click()
    settle(page)
    save(page, f"It is L2 of {patient}.")
    save_again = page.get_by_role("button", name="Save case")
    save_again.click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This case is saved already")).to_be_visible(timeout=20 * SECONDS)
    page.keyboard.press("Escape")

    page.get_by_role("link", name="Cases", exact=True).click()
    expect(page.get_by_text(f"{patient}: L2, Upper back, left")).to_be_visible(timeout=20 * SECONDS)
    days = page.get_by_role("button", name=re.compile(r"^\d\. \d{4}"))
    expect(days.first).to_contain_text("1. 2025-06-01", timeout=20 * SECONDS)
    expect(days.nth(1)).to_contain_text("2. 2026-02-11")
    expect(days).to_have_count(2)
    expect(page.get_by_text("months lie between them")).to_be_visible()

    delete = page.get_by_role("button", name="Delete…")
    delete.click()
    settle(page)
    page.locator("label", has_text="the lesion L2").click()
    settle(page)
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text(f"{patient}: L2, Upper back, left")).to_be_visible(timeout=20 * SECONDS)
    delete.click()
    settle(page)
    page.locator("label", has_text="the lesion L2").click()
    settle(page)
    page.get_by_role("button", name="Delete permanently").first.click()
    expect(page.get_by_text(re.compile("^Deleted 7 records"))).to_be_visible(timeout=20 * SECONDS)
    page.get_by_role("link", name="Triage", exact=True).click()
    expect(page.get_by_label("Pseudonymous id").first).to_be_visible(timeout=20 * SECONDS)
    # What was typed is there again, and of the lesions the other two.
    expect(page.get_by_label("Pseudonymous id").first).to_have_value(patient, timeout=20 * SECONDS)
    expect(page.get_by_text("Details: reasons")).to_be_visible(timeout=20 * SECONDS)
    settle(page)
    options = page.get_by_role("listbox").get_by_role("option")
    # A list that is open while the page is still drawn is closed again.
    for _ in range(5):
        page.get_by_label("Lesion", exact=True).press("ArrowDown")
        with suppress(AssertionError):
            expect(options).to_have_count(3, timeout=2 * SECONDS)
            break
    assert not [name for name in options.all_inner_texts() if name.startswith("L2,")]
    assert options.count() == 3
