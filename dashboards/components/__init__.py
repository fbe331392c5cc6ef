"""Components of our own, packaged: their files are served from this machine, under a content security policy.

Streamlit finds a component's files by the manifest of an installed distribution. Ours stand inside the workspace's own
package, so the manifest is handed over here; nothing is compiled and nothing is fetched.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent
PACKAGE = "almoner"
NOTE_EDITOR = "note_editor"


def mount(name: str) -> ComponentRenderer:
    """The component whose `NAME.js` and `NAME.css` stand in the folder of that name, on the running app."""
    manager = get_bidi_component_manager()
    full_name = f"{PACKAGE}.{name}"
    if manager.get_component_asset_root(full_name) is None:
        manifest = ComponentManifest(PACKAGE, "1", [ComponentConfig(name, name)])
        manager.register_from_manifest(manifest, HERE)
    return st.components.v2.component(full_name, js=f"{name}.js", css=f"{name}.css")


def forget_copies() -> None:
    """Removes the copies of notes that this browser holds: drawn where somebody has signed out."""
    mount(NOTE_EDITOR)(key="forget-copies", data={"forget": True}, height=1)
