"""The waitlist: who wants an earlier time. A freed time is offered by message; who cannot be written to is called."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.front_desk.people import chosen_patient, identity_html, show_line
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.calendars import SchedulingSetup
from data_contracts.api.waitlist import WaitlistEntry, WaitlistWish
from ehr_core.client.streamlit_app import app_settings
from ehr_core.display import show_instant

URGENCIES = {1: "First", 2: "Usual", 3: "When it suits"}
PARTS = {"any": "Any time", "morning": "Morning", "afternoon": "Afternoon"}
WEEKS_AHEAD = 4


def waitlist_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Waitlist")
    tell_remembered()
    with told_errors():
        setup = session.client.scheduling.setup()
        _join(session, setup)
        entries = session.client.messaging.waitlist().entries
        st.caption(
            f"{len(entries)} people wait or have an offer. A freed time goes to the best match by itself."
        )
        if not entries:
            st.info("Nobody waits. Put somebody on the list above when no time suits them.")
        for entry in entries:
            _entry(session, entry)


def entry_html(entry: WaitlistEntry, time_zone: str) -> str:
    wish = entry.wish
    mark = tag("Offered", "closed") if entry.state == "offered" else tag(URGENCIES[wish.urgency], "waiting")
    offered = ""
    if entry.offered is not None:
        offered = (
            f"<p>Offered: <b>{text(show_instant(entry.offered.starts_at, time_zone))}</b> with "
            f"{text(entry.offered.provider_name)}, until {text(show_instant(entry.offered_until, time_zone))}</p>"
        )
    return (
        f'<div class="card"><h4>{text(entry.patient_name, "Name not recorded")} {mark}</h4>'
        f'<p class="quiet">Born {text(show_date(entry.birth_date))} · MRN {text(entry.mrn)}</p>'
        f"<p>{text(entry.type_name, wish.type_code)} · {text(show_date(wish.first_day))} to "
        f"{text(show_date(wish.last_day))} · {text(PARTS[wish.part_of_day].lower())}"
        f"{' · moves a later booking' if wish.moves_appointment_id else ''}</p>{offered}"
        f'<p class="quiet">waiting since {text(show_instant(entry.made_at, time_zone))} · '
        f"{entry.offers} offers so far</p></div>"
    )


def _entry(session: StaffSession, entry: WaitlistEntry) -> None:
    with st.container(border=True, key=f"wait-{entry.entry_id}"):
        who, go = st.columns([6, 1.6], vertical_alignment="center")
        who.html(entry_html(entry, app_settings().site_time_zone))
        if not session.may("schedule.book"):
            return
        if entry.offered and go.button(
            "Accept for them", key=f"accept-{entry.entry_id}-{entry.version}", width="stretch"
        ):
            _accept_dialog(session, entry, fresh_form("accept"))
        if go.button("Take off", key=f"off-{entry.entry_id}-{entry.version}", width="stretch"):
            session.client.messaging.withdraw(entry.entry_id, entry.version)
            remember(f"{entry.patient_name or 'The patient'} is off the waitlist.")
            st.rerun()


@st.dialog("Accept this offer for the patient?")
def _accept_dialog(session: StaffSession, entry: WaitlistEntry, form: str) -> None:
    st.html(identity_html(entry.patient_name, entry.birth_date, entry.mrn))
    if entry.offered:
        when = show_instant(entry.offered.starts_at, app_settings().site_time_zone)
        show_line(f"{when} · {entry.offered.provider_name}")
    with told_errors():
        if st.button("Book it", type="primary", key=f"{form}-go"):
            session.client.messaging.accept_for(entry.entry_id)
            remember(f"Booked: {entry.patient_name or 'the patient'}.")
            st.rerun()


def _join(session: StaffSession, setup: SchedulingSetup) -> None:
    if not session.may("schedule.book") or not setup.types:
        return
    with st.expander("Put somebody on the waitlist", expanded="patient" in st.query_params):
        patient = chosen_patient(session)
        if patient is None:
            return
        kinds = {kind.code: kind.name for kind in setup.types}
        providers = {one.actor: one.name for one in setup.calendars if one.kind == "provider"}
        what, since, until = st.columns(3)
        code = what.selectbox("Type", list(kinds), format_func=kinds.get, key="wait_type")
        today = _today()
        first = since.date_input("From", value=today, format="YYYY-MM-DD", key="wait_from")
        last = until.date_input(
            "Until", value=today + timedelta(weeks=WEEKS_AHEAD), format="YYYY-MM-DD", key="wait_until"
        )
        chosen = st.multiselect(
            "Clinicians", list(providers), format_func=providers.get, placeholder="Anybody", key="wait_with"
        )
        part = st.segmented_control(
            "Time of day", list(PARTS), format_func=PARTS.get, default="any", required=True, key="wait_part"
        )
        urgency = st.segmented_control(
            "How soon",
            list(URGENCIES),
            format_func=URGENCIES.get,
            default=2,
            required=True,
            key="wait_urgency",
        )
        with told_errors():
            if st.button("Put on the list", type="primary"):
                session.client.messaging.join_waitlist(
                    WaitlistWish(
                        patient_id=patient.patient_id,
                        type_code=code,
                        providers=chosen or None,
                        first_day=first or today,
                        last_day=last or today,
                        part_of_day=part or "any",
                        urgency=urgency or 2,
                    )
                )
                del st.query_params["patient"]
                remember("On the waitlist.")
                st.rerun()


def _today() -> date:
    return datetime.now(ZoneInfo(app_settings().site_time_zone)).date()
