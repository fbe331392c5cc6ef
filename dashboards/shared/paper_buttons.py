"""The two ways to paper: a page for the printer in a tab of its own, and a PDF."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.print_route import hold_for_print
from dashboards.shared.printing import Paper, as_html, as_pdf


def paper_buttons(paper: Paper, *, key: str, name: str) -> None:
    """For the printer in a tab of its own, and as PDF. Both are made when they are asked for."""
    with st.container(horizontal=True, key=f"paper-{key}"):
        if st.button("Open for printing", key=f"print-{key}"):
            st.session_state[f"printed-{key}"] = hold_for_print(as_html(paper))
        st.download_button(
            "Save as PDF",
            data=lambda: as_pdf(paper),
            file_name=f"{name}.pdf",
            mime="application/pdf",
            on_click="ignore",
            key=f"pdf-{key}",
        )
        if address := st.session_state.pop(f"printed-{key}", None):
            st.link_button("The page is ready: open it", address)
