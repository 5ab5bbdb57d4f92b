"""A model card, and a builder of case records with drawn images."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

import pytest

from skinlens.imaging.image import LesionImage
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.triage.case import CaseRecord
from tests import made_up_cases

RecordBuilder = Callable[..., CaseRecord]


@pytest.fixture
def turn_the_page(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let fpdf2, which writes times into files, believe from then on that it is the next day."""

    class AnyTime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Tomorrow(datetime, metaclass=AnyTime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(days=1)

    def turn() -> None:
        for module in ("fpdf.fpdf", "fpdf.output"):
            monkeypatch.setattr(f"{module}.datetime", Tomorrow)

    return turn


@pytest.fixture
def point() -> OperatingPoint:
    return made_up_cases.POINT


@pytest.fixture
def card() -> ModelCard:
    return made_up_cases.CARD


@pytest.fixture
def lesion() -> Callable[..., LesionImage]:
    """Build an image: `lesion(width, height, name=, notes=, synthetic=)`."""
    return made_up_cases.lesion_image


@pytest.fixture
def build_record() -> RecordBuilder:
    """Build a record: `build_record(score=, image=, facts=, assessment=, created=)`."""
    return made_up_cases.build_record
