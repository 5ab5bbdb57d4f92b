"""The result of one image: the operating point, the prevalence, and a rejected image."""

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.triage.risk import LESION_CLINIC, PRIMARY_CARE


def draw_choices(names: tuple[str, ...]) -> None:
    import streamlit as st

    from skinlens.ui.triage.result import choose_point, choose_prevalence
    from tests.made_up_cases import CARD, POINT

    points = tuple(POINT.model_copy(update={"name": name}) for name in names)
    card = CARD.model_copy(update={"operating_points": points, "default_point": names[-1]})
    st.text(choose_point(card, None).name)
    st.text(repr(choose_prevalence()))


def chosen(app: AppTest) -> list[str]:
    assert not app.exception
    return [each.value for each in app.text]


def test_a_single_operating_point_is_no_choice() -> None:
    app = AppTest.from_function(draw_choices, kwargs={"names": ("only",)}, default_timeout=60).run()
    assert chosen(app)[0] == "only"
    assert not app.radio


def test_the_default_point_is_chosen_at_first() -> None:
    app = AppTest.from_function(draw_choices, kwargs={"names": ("screening", "balanced")}, default_timeout=60).run()
    assert chosen(app)[0] == "balanced"
    app.radio(key="point").set_value("screening").run()
    assert chosen(app)[0] == "screening"


@pytest.mark.parametrize(
    ("setting", "prevalence"), [("2 %: primary care", PRIMARY_CARE), ("10 %: pigmented-lesion clinic", LESION_CLINIC)]
)
def test_a_known_prevalence(setting: str, prevalence: float) -> None:
    app = AppTest.from_function(draw_choices, kwargs={"names": ("only",)}, default_timeout=60).run()
    app.selectbox(key="prevalence").set_value(setting).run()
    assert chosen(app)[1] == repr(prevalence)
    assert not app.number_input


def test_another_prevalence_is_typed_in_per_cent() -> None:
    app = AppTest.from_function(draw_choices, kwargs={"names": ("only",)}, default_timeout=60).run()
    app.selectbox(key="prevalence").set_value("Other percentage").run()
    app.number_input(key="own-prevalence").set_value(7.5).run()
    assert chosen(app)[1] == "0.075"


def draw_rejected(*, score: float) -> None:
    import streamlit as st

    from skinlens.imaging.quality import assess_quality
    from skinlens.imaging.synthetic import draw_pixels
    from skinlens.triage.admission import admit
    from skinlens.triage.decision import assess
    from skinlens.triage.pipeline import Assessed
    from skinlens.ui import session
    from skinlens.ui.triage.result import show_verdict
    from tests.made_up_cases import CARD, POINT, lesion_image, prediction

    grey = draw_pixels(9, height=240, width=320)
    grey[:] = grey.mean(axis=2, keepdims=True).astype("uint8")
    admission = admit(assess_quality(grey))
    assessment = assess(prediction(score), CARD, POINT, admission=admission)
    result = Assessed(lesion_image(), assessment, CARD)
    show_verdict(result, assessment, None)
    st.caption(f"override: {session.override(result)}")


def test_a_reason_is_kept_once_it_was_typed() -> None:
    app = AppTest.from_function(draw_rejected, kwargs={"score": 0.4}, default_timeout=60).run()
    assert not app.exception
    app.button[0].click().run()
    assert [each.value for each in app.warning] == ["Enter a reason first."]
    app.text_input[0].set_value("  known camera ")
    app.button[0].click().run()
    assert app.caption[-1].value == "override: known camera"


def test_no_reason_helps_where_there_is_no_number() -> None:
    app = AppTest.from_function(draw_rejected, kwargs={"score": float("nan")}, default_timeout=60).run()
    assert not app.exception
    assert not app.button
    assert not app.text_input
