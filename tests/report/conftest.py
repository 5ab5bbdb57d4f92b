"""A model card, and a builder of case records with drawn images."""

from collections.abc import Callable

import pytest

from skinlens.imaging.image import LesionImage
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.triage.case import CaseRecord
from tests import made_up_cases

RecordBuilder = Callable[..., CaseRecord]


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
