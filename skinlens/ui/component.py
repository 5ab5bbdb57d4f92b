"""Components with a script of our own, served from the package under the app's own address.

The content policy of `server` lets no other script run, so none is handed to the browser inline, as Streamlit would do
with a string.
"""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

from skinlens import __version__

_FOLDER = Path(__file__).parent / "components"


def own_component(name: str) -> ComponentRenderer:
    """Return the function that puts a component on the page; call it where the component is drawn.

    Args:
        name: Of a folder in `components/` with `index.js`, `index.css` and `index.html`.
    """
    whole = f"skinlens.{name}"
    manager = get_bidi_component_manager()
    # Streamlit finds components by itself only in packages that were installed, which a checkout is not.
    if manager.get_component_asset_root(whole) is None:
        manifest = ComponentManifest("skinlens", __version__, [ComponentConfig(name, name)])
        manager.register_from_manifest(manifest, _FOLDER)
    html = (_FOLDER / name / "index.html").read_text("utf-8")
    return st.components.v2.component(whole, html=html, css="index.css", js="index.js")
