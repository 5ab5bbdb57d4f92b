"""The name of the processor, on which it depends how quick and how exact an engine is."""

import platform
from pathlib import Path


def processor_name() -> str:
    """Return the processor's name as its maker writes it, or as much as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
