"""What the dialogs of a profile's other parts share: the save button, and what they are refused with."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboards.shared.page import remember, told_errors


def save_button(form: str, act: Callable[[], object], done: str, *, label: str = "Save") -> None:
    """A refusal stands in the dialog, and what was typed stays; the page below shows the newest state afterwards."""
    if st.button(label, type="primary", key=f"{form}-save"):
        with told_errors():
            act()
            remember(done)
            st.rerun()
