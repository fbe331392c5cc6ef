"""Outside applications that can be opened from this chart."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession


def chart_apps_panel(session: StaffSession, patient_id: str) -> None:
    """Nothing where no application is registered for charts."""
    with told_errors():
        apps = session.client.apps.of_chart()
        if not apps:
            return
        with st.popover("Apps"):
            st.caption("Each asks you to sign in and to allow it.")
            for one in apps:
                if st.button(f"Prepare {one.name}", key=f"launch_{one.client_id}"):
                    address = session.client.apps.launch(one.client_id, patient_id)
                    st.link_button(f"Open {one.name} for this patient", address)
