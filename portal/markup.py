"""Our own HTML on the page: a block that says its language."""

from __future__ import annotations

import streamlit as st


def show(language: str, html: str) -> None:
    """`html` must be escaped already."""
    st.html(f'<div lang="{language}">{html}</div>')
