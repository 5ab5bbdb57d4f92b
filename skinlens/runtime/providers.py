"""Where a model runs: CUDA where a device is present, else the CPU."""

import ctypes
import sys

import onnxruntime

from skinlens.runtime.provider_words import CPU, CUDA, provider_in_words

__all__ = ["CPU", "CUDA", "available_providers", "cuda_devices", "provider_in_words"]


def available_providers() -> list[str]:
    """ONNX Runtime's providers to ask for, best first.

    CUDA is asked for only where the driver reports a device: asking elsewhere prints a page of errors.
    """
    if CUDA in onnxruntime.get_available_providers() and cuda_devices() > 0:
        # Finds the CUDA libraries that came with torch or the nvidia packages.
        onnxruntime.preload_dlls()
        return [CUDA, CPU]
    return [CPU]


def cuda_devices() -> int:
    """CUDA devices according to the driver; 0 without one."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
