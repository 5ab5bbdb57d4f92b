"""Readers' verdicts: every one that can be saved can be chosen."""

from typing import get_args

from skinlens.storage.verdict import Verdict
from skinlens.ui.verdicts import VERDICTS


def test_every_verdict_is_offered_once_and_in_the_same_order() -> None:
    assert tuple(VERDICTS) == get_args(Verdict)
    assert len(set(VERDICTS.values())) == len(VERDICTS)
