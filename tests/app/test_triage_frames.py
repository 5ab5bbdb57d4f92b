"""A file that holds several images on the Triage page: each can be chosen, and each is an image of its own."""

import io

import pytest
import tifffile
from streamlit.testing.v1 import AppTest

from skinlens.imaging.image import identity_of
from skinlens.triage.pipeline import Assessed
from skinlens.ui import session
from skinlens.ui.case_store import case_store
from tests.app.test_triage_page import texts, upload
from tests.drawn import familiar_pixels

PAGES = 3
SIDE = 160


@pytest.fixture(scope="module")
def pages() -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for number in range(PAGES):
            writer.write(familiar_pixels(number, height=SIDE, width=SIDE), photometric="rgb", metadata=None)
    return stream.getvalue()


def choose(app: AppTest, number: int) -> AppTest:
    (field,) = [each for each in app.number_input if (each.key or "").startswith("frame-")]
    return field.set_value(number).run()


def shown(app: AppTest) -> Assessed:
    results = app.session_state[session._RESULTS]
    result: Assessed = results[results.current]
    return result


def test_each_image_of_a_file_has_its_own_result(app: AppTest, pages: bytes) -> None:
    upload(app.run(), "three.tif", pages)
    assert "three.tif, frame 1 of 3" in texts(app)
    first = shown(app)
    assert first.image.identity == first.image.sha256
    choose(app, 3)
    assert not app.exception
    assert "three.tif, frame 3 of 3" in texts(app)
    third = shown(app)
    assert (third.image.frame, third.image.sha256) == (2, first.image.sha256)
    assert third.prediction.score != first.prediction.score
    assert third.is_complete, "the check in eight orientations follows"
    # What was entered of one image never moves to another.
    assert app.text_input(key=f"id-{third.image.identity}").value == ""
    choose(app, 1)
    assert shown(app).prediction is first.prediction or shown(app).prediction.score == first.prediction.score


def test_two_images_of_a_file_are_two_cases(app: AppTest, pages: bytes) -> None:
    upload(app.run(), "three.tif", pages)
    for number in (1, 2, 2):
        choose(app, number)
        app.text_input(key=f"id-{shown(app).image.identity}").set_value("P-frames").run()
        lesion = next(each for each in app.selectbox if (each.key or "").startswith("lesion-"))
        if lesion.value is None:
            lesion.set_value("").run()
        next(button for button in app.button if button.label == "Save").click().run()
    assert any("saved already" in text for text in texts(app)), "the second image was saved once"
    lines = case_store().search("P-frames").lines
    assert sorted(line.image_name for line in lines) == ["three.tif, frame 1 of 3", "three.tif, frame 2 of 3"]
    assert len({line.image_sha256 for line in lines}) == 1
    assert {line.lesion for line in lines} == {"L1", "L2"}


def test_one_image_leaves_nothing_to_choose(app: AppTest) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, familiar_pixels(1, height=SIDE, width=SIDE), photometric="rgb", metadata=None)
    upload(app.run(), "one.tif", stream.getvalue())
    assert "one.tif" in texts(app)
    assert not [each for each in app.number_input if (each.key or "").startswith("frame-")]


def test_a_frame_that_is_damaged_leaves_the_way_back(app: AppTest) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        pixels = familiar_pixels(1, height=SIDE, width=SIDE)
        for page in (pixels, pixels.astype("float32") / 255):
            writer.write(page, photometric="rgb", metadata=None)
    upload(app.run(), "two.tif", stream.getvalue())
    first = shown(app)
    choose(app, 2)
    assert any("cannot be used" in text for text in texts(app))
    app.button(key="frame-back").click().run()
    assert "two.tif, frame 1 of 2" in texts(app)
    assert shown(app).image.identity == first.image.identity == identity_of(first.image.sha256, 0)
