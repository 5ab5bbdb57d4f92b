"""Components with a script of our own, served from the package under the app's own address.

The content policy of `server` lets no other script run, so none is handed to the browser inline, as Streamlit would do
with a string.
"""

import base64
from pathlib import Path
from weakref import WeakKeyDictionary

import streamlit as st
from streamlit import runtime
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

from skinlens import __version__

_FOLDER = Path(__file__).parent / "components"
# By the registry of the server, which a program has one of: it reads files each time that it is told of a component.
_made: WeakKeyDictionary[object, dict[str, ComponentRenderer]] = WeakKeyDictionary()


def own_component(name: str) -> ComponentRenderer:
    """Return the function that puts a component on the page; call it where the component is drawn.

    Args:
        name: Of a folder in `components/` with `index.js`, `index.css` and `index.html`.
    """
    manager = get_bidi_component_manager()
    made = _made.setdefault(manager, {})
    if name in made:
        return made[name]
    whole = f"skinlens.{name}"
    # Streamlit finds components by itself only in packages that were installed, which a checkout is not.
    if manager.get_component_asset_root(whole) is None:
        manifest = ComponentManifest("skinlens", __version__, [ComponentConfig(name, name)])
        manager.register_from_manifest(manifest, _FOLDER)
    html = (_FOLDER / name / "index.html").read_text("utf-8")
    made[name] = st.components.v2.component(whole, html=html, css="index.css", js="index.js")
    return made[name]


def address_of(jpeg: bytes, place: str) -> str:
    """Return the address under which the browser gets an image from this server, as it gets those of `st.image`.

    The image is not part of what a run of the page sends, so it crosses to the browser once. The server forgets it when
    a later run of the page does not show it, or the browser session ends.

    Args:
        jpeg: The image.
        place: Names what shows it; another image in the same place takes its place.

    Returns:
        A path on this server; a `data:` address outside a server.
    """
    if not runtime.exists():
        return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    path = runtime.get_instance().media_file_mgr.add(jpeg, "image/jpeg", f"skinlens-{place}")
    return f"{st.get_option('server.baseUrlPath').rstrip('/')}{path}"
