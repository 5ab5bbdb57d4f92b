"""CUDA is asked for only where the driver reports a device."""

import ctypes
from typing import Any

import onnxruntime
import pytest

from skinlens.runtime import providers
from skinlens.runtime.providers import CPU, CUDA, available_providers, cuda_devices, provider_in_words


@pytest.fixture
def preloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Calls of `onnxruntime.preload_dlls`, which does nothing here."""
    calls: list[str] = []
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: calls.append("preloaded"))
    return calls


def offer(monkeypatch: pytest.MonkeyPatch, *, installed: list[str], devices: int) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: installed)
    monkeypatch.setattr(providers, "cuda_devices", lambda: devices)


def test_cuda_comes_first_where_a_device_is_present(monkeypatch: pytest.MonkeyPatch, preloads: list[str]) -> None:
    offer(monkeypatch, installed=[CUDA, CPU], devices=1)
    assert available_providers() == [CUDA, CPU]
    assert preloads == ["preloaded"]


@pytest.mark.parametrize(
    ("installed", "devices"),
    [([CUDA, CPU], 0), ([CPU], 1), ([CPU], 0)],
    ids=["no device", "package without CUDA", "neither"],
)
def test_cuda_is_not_asked_for_elsewhere(
    monkeypatch: pytest.MonkeyPatch, preloads: list[str], installed: list[str], devices: int
) -> None:
    offer(monkeypatch, installed=installed, devices=devices)
    assert available_providers() == [CPU]
    assert preloads == []


class Driver:
    """Stands for the CUDA driver's library."""

    def __init__(self, *, started: int, asked: int, devices: int) -> None:
        self.cuInit = lambda _flags: started
        self._asked, self._devices = asked, devices

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802 - the driver's own name
        count._obj.value = self._devices
        return self._asked


@pytest.mark.parametrize(
    ("driver", "devices"),
    [
        (Driver(started=0, asked=0, devices=2), 2),
        (Driver(started=0, asked=0, devices=0), 0),
        (Driver(started=100, asked=0, devices=2), 0),
        (Driver(started=0, asked=3, devices=2), 0),
    ],
    ids=["two devices", "none", "cannot start", "cannot count"],
)
def test_devices_are_counted_by_the_driver(monkeypatch: pytest.MonkeyPatch, driver: Driver, devices: int) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: driver)
    assert cuda_devices() == devices


def test_without_a_driver_there_are_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert cuda_devices() == 0


def test_providers_in_words() -> None:
    assert provider_in_words(CUDA) == "CUDA"
    assert provider_in_words(CPU) == "CPU"
    assert provider_in_words("NewExecutionProvider") == "New"
