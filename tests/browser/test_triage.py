"""A clinician's first minute, in a real browser: drop, read, move the slider, take the PDF."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from skinlens.explain.heatmap import heatmap_of
from skinlens.imaging.decode import decode
from skinlens.runtime.predictor import Predictor
from skinlens.triage.risk import one_in, risk_of, risk_words
from skinlens.triage.wording import DISCLAIMER
from tests.browser.visiting import SECONDS, downloaded, settle
from tests.drawn import familiar_pixels

DROP = """
([encoded, name]) => {
  const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type: "image/png"}));
  const target = document.querySelector('[data-testid="stFileUploaderDropzone"]');
  for (const kind of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: transfer}));
}
"""


def lesion(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(familiar_pixels(seed, malignant_look=True)).save(stream, "PNG")
    return stream.getvalue()


def drop(page: Page, name: str, content: bytes) -> None:
    page.evaluate(DROP, [base64.b64encode(content).decode(), name])


def pixels_of(page: Page, number: int) -> np.ndarray:
    shown = page.locator(".viewer .pane").nth(number)
    return np.asarray(Image.open(io.BytesIO(shown.screenshot())).convert("RGB"), dtype=float)


def test_drop_read_slide_and_take_the_pdf(page: Page, predictor: Predictor, tmp_path: Path) -> None:
    content = lesion(11)
    prediction = predictor.predict([decode(content)])[0]
    drop(page, "dropped.png", content)

    shown = page.get_by_test_id("stMetricValue")
    risk = risk_of(prediction.score, predictor.card, 0.02)
    assert risk is not None
    assert risk.value is not None
    expect(shown).to_have_text(one_in(risk.value), timeout=90 * SECONDS)
    box = shown.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 800, "the risk is below the fold at 1280x800"
    expect(page.locator(".viewer img").nth(1)).to_be_visible()

    before = pixels_of(page, 1)
    slider = page.get_by_role("slider", name="Opacity")
    slider.focus()
    for _ in range(8):
        slider.press("ArrowRight")
    expect(slider).to_have_value("100")
    assert heatmap_of(prediction, predictor.card).max() > 0.2, "draw a lesion that gives the model something to look at"
    settle(page)
    for _ in range(40):
        if np.abs(pixels_of(page, 1) - before).max() > 3:
            break
        page.wait_for_timeout(250)
    else:
        pytest.fail("the heatmap did not change with its opacity")

    page.get_by_label("Pseudonymous id").fill("Case Ω-7")
    page.get_by_label("Pseudonymous id").press("Tab")
    target = downloaded(page, page.get_by_role("button", name="Download PDF"), tmp_path)
    text = "\n".join(part.extract_text() for part in PdfReader(target).pages)
    assert "Case Ω-7" in text
    assert risk_words(risk) in " ".join(text.split())
    assert f"score {prediction.score:.2f}" in text
    assert predictor.model.sha256 in text


def test_a_bad_file_then_a_good_one(page: Page) -> None:
    drop(page, "broken.png", lesion(3)[:5000])
    expect(page.get_by_text("broken.png is incomplete or damaged")).to_be_visible(timeout=90 * SECONDS)
    expect(page.get_by_test_id("stMetricValue")).to_have_count(0)
    page.get_by_role("button", name="Try a synthetic example").click()
    expect(page.get_by_test_id("stMetricValue")).to_be_visible(timeout=90 * SECONDS)
    expect(page.get_by_text("a drawn image, not a patient")).to_be_visible()


def test_a_pages_own_address_leads_through_the_router(first_visit: tuple[str, str]) -> None:
    """The first visit of a new server, by the address of a page, must not lose the disclaimer."""
    _, text = first_visit
    assert text.count(DISCLAIMER) == 1
    assert "Triage" in text
