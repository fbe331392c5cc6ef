"""Alerts: what the watch over the audit log found, until somebody has looked into it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards.admin.whose import named_html
from dashboards.shared.markup import lines, table, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from dashboards.shared.to_audit import audit_button
from data_contracts.api.alerts import ALERT_OUTCOMES, ALERT_RULES, Alert


def alerts_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Alerts")
    tell_remembered()
    st.caption("What stands out in the audit log. Nobody decides about themselves; every step is audited.")
    with told_errors():
        closed = st.toggle("Show closed alerts", key="closed", bind="query-params")
        found = session.client.alerts.all(closed=closed)
        if not found:
            st.info("There are no closed alerts." if closed else "Nothing stands out.")
        elif closed:
            st.html(closed_html(found))
        else:
            for one in found:
                _open_alert(session, one)


def alert_html(one: Alert) -> str:
    """What was found, about whom, how often, when, and whose charts."""
    severity = "Serious" if one.severity == "serious" else "To look at"
    acts = "1 act" if one.acts == 1 else f"{one.acts:,} acts"
    taken = f" · taken by {text(one.acknowledged_by)}" if one.acknowledged_by else ""
    first, last = text(show_instant(one.first_at)), text(show_instant(one.last_at))
    when = f"at {first}" if first == last else f"from {first} to {last}"
    return (
        f"<p><b>{text(severity)}: {text(ALERT_RULES.get(one.rule, one.rule))}</b></p>"
        f"<p>{text(who(one))} · {acts} {when}{taken}</p>{_patients(one)}"
    )


def who(one: Alert) -> str:
    if one.account_name:
        return one.account_name
    return f"Address {one.address}" if one.address else one.about


def closed_html(found: Sequence[Alert]) -> str:
    return table(
        ["Closed", "What", "Who", "Patients", "Outcome", "By", "Note"],
        (
            [
                text(show_instant(one.closed_at)) if one.closed_at else "",
                text(ALERT_RULES.get(one.rule, one.rule)),
                text(who(one)),
                _patients(one),
                text(ALERT_OUTCOMES.get(one.outcome or "", "")),
                text(one.closed_by, ""),
                text(one.words, ""),
            ]
            for one in found
        ),
        caption="Closed alerts",
    )


def _patients(one: Alert) -> str:
    if not one.patient_ids:
        return ""
    more = len(one.patient_ids) - len(one.patients)
    last = [f"and {more:,} more; the audit log names them"] if more else []
    return lines([*map(named_html, one.patients), *last], "")


def _open_alert(session: StaffSession, one: Alert) -> None:
    mine = one.account_id == session.me.account_id
    with st.container(border=True):
        st.html(alert_html(one))
        if mine:
            st.caption("This alert is about you: another administrator decides.")
            return
        with st.container(horizontal=True):
            taken = one.state == "raised" and st.button("I look into it", key=f"take_{one.alert_id}")
            audit_button(
                session,
                key=f"audit_{one.alert_id}",
                actor_id=one.account_id,
                patient_id=one.patient_ids[0] if len(one.patient_ids) == 1 else None,
                since=one.first_at,
            )
        if taken:
            session.client.alerts.acknowledge(one.alert_id)
            remember("The alert is yours to look into.")
            st.rerun()
        with st.form(f"close_{one.alert_id}", border=False):
            outcome = st.radio(
                "Outcome", ALERT_OUTCOMES, format_func=ALERT_OUTCOMES.get, horizontal=True, index=None
            )
            words = st.text_input("Note for the file (optional)", max_chars=500)
            asked = st.form_submit_button("Close the alert", type="primary")
        if asked and outcome is None:
            st.error("Choose an outcome first.")
        elif asked:
            session.client.alerts.close(one.alert_id, outcome, words or None)
            remember("The alert is closed.")
            st.rerun()
