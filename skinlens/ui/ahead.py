"""What the server does before anybody asks, so that neither the first page nor the first image waits for it."""

import gc
import importlib
import threading

from skinlens.imaging.workers import start_ahead
from skinlens.ui.model import load_ahead

# What a result needs and the first page does not: the database, the PDF and tables take a second to import.
_OF_A_RESULT = ("skinlens.ui.triage.case", "skinlens.ui.triage.details")

_is_drawn = threading.Event()


def begin() -> None:
    """Start a process that decodes, and a thread that loads the default model; returns at once."""
    start_ahead()
    threading.Thread(target=_work, name="skinlens-ahead", daemon=True).start()


def page_is_drawn() -> None:
    """Note that the first page is there, so that the rest may take the processor."""
    _is_drawn.set()


def _work() -> None:
    load_ahead()
    _is_drawn.wait()
    for module in _OF_A_RESULT:
        importlib.import_module(module)
    # Streamlit has all objects searched for garbage after every run of a page or fragment: those of the libraries stay.
    gc.collect()
    gc.freeze()
