"""Roles: whose charts each opens and which sensitive labels it sees here; a change counts from the next click on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards.admin.accounts import ROLES
from dashboards.shared.markup import table, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.access import RolePolicyInfo

REACHES = {
    "all": "Every chart that no rule shuts",
    "site": "Patients of their sites",
    "panel": "Own panel and care teams",
    "none": "No chart",
}
LABELS = {
    "*": "All",
    "HIV": "HIV",
    "SEX": "Sexual and reproductive health",
    "SUD": "Substance use",
    "PSY": "Mental health",
    "adolescent-confidential": "Told in confidence by a young person",
    "R": "Restricted",
    "V": "Very restricted",
}


def roles_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Roles")
    tell_remembered()
    st.caption(
        "How far a role reaches before any rule about one patient. What it may do is in the reference pages."
    )
    with told_errors():
        found = session.client.access.roles()
        st.html(roles_html(found))
        _change(session, found)


def roles_html(found: Sequence[RolePolicyInfo]) -> str:
    return table(
        ["Role", "Charts", "Sensitive items", "Said by"],
        (
            [
                text(ROLES.get(one.role, one.role)),
                text(REACHES.get(one.reach, one.reach)),
                text(", ".join(LABELS.get(label, label) for label in one.labels), "None"),
                text("This site" if one.said_here else "The product"),
            ]
            for one in found
        ),
        caption="Roles",
    )


def _change(session: StaffSession, found: Sequence[RolePolicyInfo]) -> None:
    st.header("Change a role")
    known = {one.role: one for one in found}
    role = st.selectbox(
        "Role", list(known), format_func=lambda one: ROLES.get(one, one), key="role", width=560
    )
    now = known[role]
    with st.form(f"role_{role}", width=560):
        reach = st.radio("Charts", REACHES, index=list(REACHES).index(now.reach), format_func=REACHES.get)
        labels = st.multiselect(
            "Sensitive items", {**LABELS, **{one: one for one in now.labels if one not in LABELS}},
            default=now.labels, format_func=lambda one: LABELS.get(one, one),
        )  # fmt: skip
        asked = st.form_submit_button("Save")
    if asked:
        with told_errors():
            session.client.access.set_role(RolePolicyInfo(role=role, reach=reach, labels=labels))
            remember(f"{ROLES.get(role, role)}: changed, from everybody's next click on.")
            st.rerun()
