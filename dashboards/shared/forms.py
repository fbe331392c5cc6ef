"""A fresh form each time a dialog is opened: what was typed for one patient never stands in another's dialog.

Streamlit keeps a widget's state by its key, and dismissing a dialog reruns nothing: with fixed keys the next dialog
would open with the last one's words in it.
"""

from __future__ import annotations

import streamlit as st


def fresh_form(name: str) -> str:
    """A key prefix of this opening's own. Call it when the dialog is opened, not inside it."""
    opened = st.session_state.get("forms_opened", 0) + 1
    st.session_state["forms_opened"] = opened
    return f"{name}-{opened}"
