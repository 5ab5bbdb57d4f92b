"""Two points a known distance apart give the lesion's diameter, on the page and in what is saved."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.ui.case_store import case_store
from skinlens.ui.triage import ruler
from skinlens.ui.triage.facts import Keys
from skinlens.ui.viewer import Measuring, take_points
from tests.app.test_triage_frames import shown
from tests.app.test_triage_page import png, texts, upload
from tests.quick_app import given_to_components


def said(app: AppTest) -> list[str]:
    return [text for text in texts(app) if "Largest diameter of the lesion" in text]


def enter(app: AppTest, *values: float) -> AppTest:
    key = Keys(shown(app).image.identity)
    for name, value in zip(("x1", "y1", "x2", "y2", "mm"), values, strict=True):
        app.number_input(key=key(f"ruler-{name}")).set_value(value)
    return app.run()


def test_a_diameter_by_a_ruler_is_shown_saved_and_gone_with_the_image(app: AppTest) -> None:
    upload(app.run(), "1.png", png(1))
    assert said(app) == []
    enter(app, 10, 10, 210, 10, 20.0)
    assert not app.exception
    # Under the images and among the details.
    assert len(said(app)) == 2
    assert "by two points that the reader chose" in said(app)[0]
    (viewer,) = given_to_components(app, "sides")
    assert viewer["points"] == [
        [pytest.approx(10 / 240, abs=1e-3)] * 2,
        [pytest.approx(210 / 240, abs=1e-3), pytest.approx(10 / 240, abs=1e-3)],
    ]
    app.text_input(key=Keys(shown(app).image.identity)("id")).set_value("P-ruler").run()
    next(button for button in app.button if button.label == "Save").click().run()
    (line,) = case_store().search("P-ruler").lines
    saved: Any = case_store().assessment(line.id).diameter
    assert (saved["source"], saved["pixel"]) == ("ruler", pytest.approx(0.1))
    assert f"about {saved['millimetres']:.1f} mm" in said(app)[0]
    upload(app, "2.png", png(2))
    assert said(app) == [], "the scale belongs to its image"
    (viewer,) = given_to_components(app, "sides")
    assert viewer["points"] == []


def test_points_that_were_clicked_get_into_the_fields(app: AppTest) -> None:
    upload(app.run(), "1.png", png(1))
    image = shown(app).image
    key = Keys(image.identity)
    # As the viewer does, which runs without the rest of the page.
    app.session_state[ruler._CLICKED] = {key(place): 30 * at for at, place in enumerate(ruler._PLACES, 1)}
    app.run()
    assert [app.number_input(key=key(place)).value for place in ruler._PLACES] == [30, 60, 90, 120]
    app.number_input(key=key(ruler._DISTANCE)).set_value(10.0).run()
    assert len(said(app)) == 2
    # A later run leaves them, also after the fields were changed.
    app.number_input(key=key(ruler._PLACES[0])).set_value(10).run()
    assert app.number_input(key=key(ruler._PLACES[0])).value == 10


def test_points_that_are_too_close_give_a_sentence(app: AppTest) -> None:
    upload(app.run(), "1.png", png(1))
    enter(app, 10, 10, 14, 10, 20.0)
    assert said(app) == []
    assert "The two points are too close to each other." in texts(app)
    app.button(key="ruler-clear").click().run()
    assert "The two points are too close to each other." not in texts(app)


POINTS = [[0.1, 0.2], [0.5, 0.6]]


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"image": "a", "points": POINTS}, True),
        ({"image": "b", "points": POINTS}, False),
        ({"image": "a", "points": POINTS[:1]}, False),
        ({"image": "a", "points": [[0.1, "x"], [0.5, 0.6]]}, False),
        ({"image": "a", "points": [[float("nan"), 0.2], [0.5, 0.6]]}, False),
        ({"image": "a", "points": 7}, False),
        (None, False),
    ],
)
def test_only_two_points_of_the_image_in_view_are_taken(sent: object, taken: bool) -> None:
    got: list[Any] = []
    assert take_points(sent, "a", Measuring((), got.append)) is taken
    assert got == ([[(0.1, 0.2), (0.5, 0.6)]] if taken else [])
