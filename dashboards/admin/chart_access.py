"""Charts and proxies: the rules about one patient's chart, and who acts for the patient in the portal."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.admin.accounts import ROLES
from dashboards.admin.roles import LABELS
from dashboards.admin.whose import whose_record
from dashboards.shared.markup import text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.access import ChartRule, NewChartRule, NewProxy, ProxyInfo
from data_contracts.api.account import AccountInfo
from ehr_core.client.streamlit_app import app_settings

EFFECTS = {"deny": "Keep out", "allow": "Let in"}
ASKED_BY = {"patient": "The patient asked", "site": "The site decided", "law": "The law says so"}
WHOLE_CHART = "The whole chart"
EVERYONE = "Everyone of the staff"
RELATIONSHIPS = {
    "parent": "Parent",
    "guardian": "Guardian",
    "caregiver": "Caregiver",
    "power_of_attorney": "Power of attorney",
}
SCOPES = {"record": "See the record", "replies": "Reply", "appointments": "Appointments"}


def chart_access_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Charts and proxies")
    tell_remembered()
    named = whose_record(session, "see the rules about the chart and who acts for the patient")
    if named is None:
        return
    patient_id = named.patient_id
    with told_errors():
        accounts = {one.account_id: one for one in session.client.account.accounts() if not one.disabled}
        st.header("Rules about the chart")
        rules = session.client.access.rules(patient_id)
        if not rules:
            st.info("No rule: whoever's role opens charts opens this one.")
        for one in rules:
            _rule(session, one)
        _new_rule(session, patient_id, accounts)
        st.header("Who acts for the patient")
        proxies = session.client.access.proxies(patient_id)
        if not proxies:
            st.info("Nobody.")
        for one in proxies:
            _proxy(session, one)
        _new_proxy(session, patient_id, accounts)


def rule_html(one: ChartRule) -> str:
    """Whom the rule keeps out of what, why, and for how long."""
    whom = one.subject_name or ROLES.get(one.subject or "", one.subject or "") or EVERYONE
    what = LABELS.get(one.label, one.label) if one.label else WHOLE_CHART
    until = f" until {show_instant(one.ends_at)}" if one.ends_at else ""
    emergency = " · also in an emergency" if one.even_in_emergency else ""
    return (
        f"<p><b>{text(EFFECTS.get(one.effect, one.effect))}: {text(whom)}</b> · {text(what)}{text(emergency, '')}</p>"
        f"<p>{text(ASKED_BY.get(one.asked_by, one.asked_by))}: {text(one.reason)} "
        f"<span class='quiet'>since {text(show_instant(one.starts_at))}{text(until, '')}</span></p>"
    )


def proxy_html(one: ProxyInfo) -> str:
    """Who acts, as what, with what is left of the scope today."""
    left = (
        ", ".join(SCOPES.get(scope, scope) for scope in one.scope_today)
        or "nothing today: age or expiry ended it"
    )
    until = f" until {show_instant(one.ends_at)}" if one.ends_at else ""
    renewed = " · renewed by law" if one.legally_renewed else ""
    return (
        f"<p><b>{text(one.account_name)}</b> · {text(RELATIONSHIPS.get(one.relationship, one.relationship))}"
        f"{text(renewed, '')}{text(until, '')}</p><p>May: {text(left)}</p>"
    )


def _rule(session: StaffSession, one: ChartRule) -> None:
    with st.container(border=True):
        st.html(rule_html(one))
        with st.popover("End this rule", key=f"ending_rule_{one.rule_id}"):
            st.write("It counts no more from everybody's next click on. To have it back, make it anew.")
            ended = st.button("End the rule now", key=f"end_rule_{one.rule_id}")
        if ended:
            session.client.access.end_rule(one.rule_id)
            remember("The rule is ended.")
            st.rerun()


def _new_rule(session: StaffSession, patient_id: str, accounts: dict[str, AccountInfo]) -> None:
    staff = {
        key: one.name for key, one in accounts.items() if not one.patient_id and "proxy" not in one.roles
    }
    subjects = {"everyone": EVERYONE}
    subjects |= {f"role:{role}": words for role, words in ROLES.items() if role not in ("patient", "proxy")}
    subjects |= {f"account:{key}": name for key, name in staff.items()}
    with st.expander("Make a rule"), st.form("new_rule", border=False):
        effect = st.radio("Rule", EFFECTS, format_func=EFFECTS.get, horizontal=True)
        subject = st.selectbox("Whom", subjects, format_func=subjects.get)
        labels = {"": WHOLE_CHART} | {key: words for key, words in LABELS.items() if key != "*"}
        label = st.selectbox("Of what", labels, format_func=labels.get)
        asked_by = st.radio("Because", ASKED_BY, format_func=ASKED_BY.get, horizontal=True)
        reason = st.text_input("Reason, for the file", max_chars=500)
        emergency = st.checkbox("Also in an emergency: breaking the glass does not open it")
        until = st.date_input(
            "Until the end of (optional)", value=None, min_value=_today(), format="YYYY-MM-DD", width=200
        )
        asked = st.form_submit_button("Make the rule")
    if asked and not reason.strip():
        st.error("Give the reason: whoever reviews the rule has to know it.")
    elif asked:
        kind, _, whom = subject.partition(":")
        rule = NewChartRule(
            patient_id=patient_id,
            effect=effect,
            subject_kind=kind,
            subject=whom or None,
            label=label or None,
            asked_by=asked_by,
            reason=reason,
            even_in_emergency=emergency,
            ends_at=_end_of(until),
        )
        session.client.access.make_rule(rule)
        remember("The rule holds from everybody's next click on.")
        st.rerun()


def _proxy(session: StaffSession, one: ProxyInfo) -> None:
    with st.container(border=True):
        st.html(proxy_html(one))
        with (
            st.form(f"renew_{one.grant_id}", border=False),
            st.container(horizontal=True, vertical_alignment="bottom"),
        ):
            by_law = st.checkbox("Renewed by law or a court past the usual age", value=one.legally_renewed)
            end = (
                one.ends_at.astimezone(ZoneInfo(app_settings().site_time_zone)).date()
                if one.ends_at
                else None
            )
            until = st.date_input("Until the end of", value=end, format="YYYY-MM-DD", width=200)
            renewed = st.form_submit_button("Save")
        if renewed:
            session.client.access.renew_proxy(one.grant_id, legally_renewed=by_law, ends_at=_end_of(until))
            remember(f"{one.account_name}: saved.")
            st.rerun()
        with st.popover(f"End it for {one.account_name}", key=f"ending_proxy_{one.grant_id}"):
            st.write("They see this record no more from their next click on.")
            ended = st.button("End it now", key=f"end_proxy_{one.grant_id}")
        if ended:
            session.client.access.end_proxy(one.grant_id)
            remember(f"{one.account_name} acts for this patient no more.")
            st.rerun()


def _new_proxy(session: StaffSession, patient_id: str, accounts: dict[str, AccountInfo]) -> None:
    able = {key: f"{one.name} ({one.username})" for key, one in accounts.items() if "proxy" in one.roles}
    with st.expander("Let somebody act for the patient"):
        if not able:
            st.info("No account has the role proxy yet. Make one, or give the role, under Accounts.")
            return
        with st.form("new_proxy", border=False):
            account = st.selectbox("Account", able, format_func=able.get)
            relationship = st.selectbox("As", RELATIONSHIPS, format_func=RELATIONSHIPS.get)
            scope = st.multiselect("May", SCOPES, default=list(SCOPES), format_func=SCOPES.get)
            until = st.date_input(
                "Until the end of (optional)", value=None, min_value=_today(), format="YYYY-MM-DD", width=200
            )
            asked = st.form_submit_button("Let them act")
    if asked and not scope:
        st.error("Choose what they may do.")
    elif asked:
        proxy = NewProxy(
            account_id=account,
            patient_id=patient_id,
            relationship=relationship,
            scope=scope,
            ends_at=_end_of(until),
        )
        session.client.access.give_proxy(proxy)
        remember("They may act from their next click on.")
        st.rerun()


def _today() -> date:
    return datetime.now(ZoneInfo(app_settings().site_time_zone)).date()


def _end_of(day: date | None) -> datetime | None:
    """The last moment of a day of the site."""
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(app_settings().site_time_zone)) if day else None
