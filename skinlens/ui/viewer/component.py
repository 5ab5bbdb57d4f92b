"""The viewer as a Streamlit component: our own script and style, served by this server.

A script that is passed inline would be run from a `blob:` address, which the content security policy does not allow.
So the script is served from `assets`, a folder that Streamlit otherwise learns of only from the metadata of an
installed package.
"""

import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import streamlit as st
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

from skinlens import __version__

ASSETS: Final = Path(__file__).parent / "assets"
NAME: Final = "skinlens.viewer"

_lock = threading.Lock()
# One server has one manager; under Streamlit's test driver every app has one.
_renderers: WeakKeyDictionary[BidiComponentManager, ComponentRenderer] = WeakKeyDictionary()


def mount(data: Mapping[str, Any], *, key: str) -> None:
    """Draw a viewer.

    Args:
        data: As `assets/viewer.js` reads it; JSON.
        key: Of the widget. A viewer that stays keeps its zoom and its look when its data change.
    """
    _renderer()(key=key, data=dict(data))


def _renderer() -> ComponentRenderer:
    manager = get_bidi_component_manager()
    with _lock:
        if manager not in _renderers:
            package, _, component = NAME.partition(".")
            config = ComponentConfig(component, ASSETS.relative_to(ASSETS.parents[2]).as_posix())
            manager.register_from_manifest(ComponentManifest(package, __version__, [config]), ASSETS.parents[2])
            _renderers[manager] = st.components.v2.component(NAME, css=_style(), js="viewer.js")
        return _renderers[manager]


@cache
def _style() -> str:
    return (ASSETS / "viewer.css").read_text("utf-8")
