"""The calendar as a component of ours: drawn in the browser, laid out here. Nothing is fetched from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent

_calendar = st.components.v2.component(
    "almoner_calendar",
    html='<div class="root"></div>',
    css=(HERE / "calendar.css").read_text(encoding="utf-8"),
    js=(HERE / "calendar.js").read_text(encoding="utf-8"),
)


def show_calendar(layout: dict[str, Any], *, key: str) -> dict[str, Any] | None:
    """Draws the layout. What was pressed or dropped in this run: kind, and id and version as they were drawn."""
    return _calendar(data=layout, key=key, on_act_change=lambda: None).act
