"""The way from what stands out to the lines of the log that tell of it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from ehr_core.client.streamlit_app import app_settings


def audit_button(
    session: StaffSession,
    *,
    key: str,
    actor_id: str | None = None,
    patient_id: str | None = None,
    since: datetime | None = None,
) -> None:
    """Opens the log for this person, this patient, from that day on; nothing to who may not read it."""
    if session.may("audit.read") and st.button("See it in the audit log", key=key):
        day = since.astimezone(ZoneInfo(app_settings().site_time_zone)).date() if since else None
        asked = {"actor": actor_id, "patient": patient_id, "since": day.isoformat() if day else None}
        go_to("audit", **{name: value for name, value in asked.items() if value})
