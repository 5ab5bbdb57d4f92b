"""The command line as a person calls it, with the released model loaded once for all calls."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skinlens.cli import predict
from skinlens.cli.main import run
from skinlens.runtime.predictor import Predictor, load_predictor
from skinlens.studies import model_under_test


@dataclass(frozen=True)
class Call:
    """What a call of the command line left behind."""

    status: int
    out: str
    err: str


Caller = Callable[..., Call]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Caller:
    """Call `skinlens` with words, as `call("predict", path)`."""

    def calling(*words: object) -> Call:
        monkeypatch.setattr(sys, "argv", ["skinlens", *(str(word) for word in words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            run()
        said = capfd.readouterr()
        return Call(int(end.value.code or 0), said.out, said.err)

    return calling


@pytest.fixture
def loaded(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """The default model, which `predict` and `evaluate` then take as it is instead of loading it at every call."""

    def load(name: str, *folder: Path, **given: Any) -> Predictor:
        given.pop("engine", None)
        return predictor if name == predictor.model.name else load_predictor(name, *folder, **given)

    monkeypatch.setattr(predict, "quickest_predictor", load)
    monkeypatch.setattr(model_under_test, "load_predictor", load)
    return predictor
