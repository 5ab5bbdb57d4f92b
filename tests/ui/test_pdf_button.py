"""The PDF button: named by the image, and made only when it is pressed."""

from streamlit.testing.v1 import AppTest


def draw(*, disabled: bool) -> None:
    from skinlens.ui.pdf_button import pdf_button

    def make() -> bytes:
        raise AssertionError("made before it was asked for")

    pdf_button(make, "0123456789abcdef" * 4, disabled=disabled)


def test_it_is_offered_without_being_made() -> None:
    app = AppTest.from_function(draw, kwargs={"disabled": False}, default_timeout=60).run()
    assert not app.exception
    (button,) = app.get("download_button")
    assert button.proto.label == "Download PDF"
    assert not button.proto.disabled


def test_it_can_be_disabled() -> None:
    (button,) = AppTest.from_function(draw, kwargs={"disabled": True}, default_timeout=60).run().get("download_button")
    assert button.proto.disabled
