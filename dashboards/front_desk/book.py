"""Book a visit: the patient, the type, one of the free times, done. A time that is chosen is held while one asks."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.front_desk.people import chosen_patient, identity_html, visit_line
from dashboards.front_desk.slots import alternatives, show_slots
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.calendars import AppointmentType, SchedulingSetup
from data_contracts.api.patients import PatientBanner
from data_contracts.api.scheduling import (
    Authorization,
    BookedVisits,
    BookVisit,
    FindSlots,
    Hold,
    HoldSlot,
    Repeat,
    Slot,
)
from ehr_core.client.streamlit_app import app_settings
from ehr_core.display import show_instant, show_name
from ehr_core.kernel.errors import TimeTaken

SHOWN_SLOTS = 16
PARTS = {"any": "Any time", "morning": "Morning", "afternoon": "Afternoon"}
REPEATS = {
    "no": "Once",
    "week": "Every week",
    "two_weeks": "Every two weeks",
    "four_weeks": "Every four weeks",
}
AUTHORIZATIONS = {"obtained": "Obtained", "requested": "Requested", "not_needed": "Not needed"}


def book_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Book a visit")
    tell_remembered()
    with told_errors():
        setup = session.client.scheduling.setup()
        if not setup.types or not any(one.kind == "provider" for one in setup.calendars):
            st.info(
                "No calendars or appointment types yet. Somebody who manages the schedule adds them first."
            )
            return
        patient = chosen_patient(session)
        kind = _choose_type(setup)
        if patient is None or kind is None:
            return
        wish = _wishes(setup, patient, kind)
        _wanted_time(session, patient, kind)
        found = session.client.scheduling.find(wish)
        if not found.slots:
            st.info("Nothing is free with these wishes in the next weeks. Widen them, or use the waitlist.")
        show_slots(found.slots, lambda slot: hold_and_confirm(session, patient, kind, slot), key="slot")
        if any(slot.own_clinician for slot in found.slots):
            st.caption("★ the patient's own clinician, ranked as if three days sooner")


def _choose_type(setup: SchedulingSetup) -> AppointmentType | None:
    kinds = {kind.code: kind for kind in setup.types}
    code = st.pills(
        "Type",
        list(kinds),
        format_func=lambda one: f"{kinds[one].name} ({kinds[one].minutes} min)",
        default=next(iter(kinds)) if "office_visit" not in kinds else "office_visit",
        required=True,
        key="book_type",
    )
    return kinds.get(code or "")


def _wishes(setup: SchedulingSetup, patient: PatientBanner, kind: AppointmentType) -> FindSlots:
    providers = {one.actor: one.name for one in setup.calendars if one.kind == "provider"}
    sites = {site.site_id: site.name for site in setup.sites}
    with st.expander("Wishes: clinician, site, day, time of day"):
        chosen = st.multiselect(
            "Clinicians",
            list(providers),
            format_func=providers.get,
            key="book_providers",
            placeholder="Anybody",
        )
        places = st.multiselect(
            "Sites", list(sites), format_func=sites.get, key="book_sites", placeholder="Any site"
        )
        first = st.date_input("From", value=_today(), key="book_from", format="YYYY-MM-DD")
        part = st.segmented_control(
            "Time of day", list(PARTS), format_func=PARTS.get, default="any", required=True, key="book_part"
        )
    return FindSlots(
        type_code=kind.code,
        patient_id=patient.patient_id,
        providers=chosen or None,
        site_ids=places or None,
        first_day=first,
        part_of_day=part or "any",
        limit=SHOWN_SLOTS,
    )


def _today() -> date:
    return datetime.now(ZoneInfo(app_settings().site_time_zone)).date()


def _wanted_time(session: StaffSession, patient: PatientBanner, kind: AppointmentType) -> None:
    """The place in the calendar that was pressed before the patient was chosen."""
    wanted = st.session_state.get("book_at")
    if wanted is None:
        return
    words = f"{show_instant(wanted['starts_at'], app_settings().site_time_zone)} with {wanted['name']}"
    take, leave = st.columns([4, 1])
    if take.button(f"Book {words}", type="primary", width="stretch"):
        st.session_state.pop("book_at")
        slot = Slot(
            type_code=kind.code,
            provider=wanted["actor"],
            provider_name=wanted["name"],
            site_id=wanted["site_id"],
            site_name="",
            time_zone=app_settings().site_time_zone,
            starts_at=wanted["starts_at"],
            ends_at=wanted["starts_at"],
            resources=[],
        )
        hold_and_confirm(session, patient, kind, slot)
    if leave.button("Another time", width="stretch"):
        st.session_state.pop("book_at")
        st.rerun()


def hold_and_confirm(
    session: StaffSession, patient: PatientBanner, kind: AppointmentType, slot: Slot
) -> None:
    """Holds the time for this patient and asks once; a time that is gone is answered with the nearest ones."""
    try:
        hold = session.client.scheduling.hold(_hold_of(kind, slot, patient))
    except TimeTaken as error:
        _nearest_dialog(session, patient, kind, error, fresh_form("nearest"))
        return
    _confirm_dialog(session, patient, kind, hold, fresh_form("book"))


def _hold_of(kind: AppointmentType, slot: Slot, patient: PatientBanner) -> HoldSlot:
    return HoldSlot(
        type_code=kind.code,
        provider=slot.provider,
        site_id=slot.site_id,
        starts_at=slot.starts_at,
        patient_id=patient.patient_id,
    )


@st.dialog("This time is taken")
def _nearest_dialog(
    session: StaffSession, patient: PatientBanner, kind: AppointmentType, error: TimeTaken, form: str
) -> None:
    st.html(identity_html(show_name(patient.name), patient.birth_date, patient.mrn))
    st.warning(error.message)
    chosen: list[Slot] = []
    show_slots(alternatives(error), chosen.append, key=form)
    if chosen:
        slot = chosen[0]
        with told_errors():
            hold = session.client.scheduling.hold(_hold_of(kind, slot, patient))
            done = session.client.scheduling.book(
                BookVisit(patient_id=patient.patient_id, type_code=kind.code, hold_id=hold.hold_id)
            )
            remember(booked_words(done))
            st.rerun()


@st.dialog("Book this visit?")
def _confirm_dialog(
    session: StaffSession, patient: PatientBanner, kind: AppointmentType, hold: Hold, form: str
) -> None:
    st.html(identity_html(show_name(patient.name), patient.birth_date, patient.mrn))
    rooms = ", ".join(one.name for one in hold.slot.resources)
    st.write(
        f"{kind.name}, {kind.minutes} minutes · {show_instant(hold.slot.starts_at, hold.slot.time_zone)} · "
        f"{hold.slot.provider_name}{' · ' + rooms if rooms else ''}"
    )
    if kind.preparation:
        st.info(f"Tell the patient: {kind.preparation}")
    reason = st.text_input("Reason (optional)", max_chars=200, key=f"{form}-reason")
    authorization = _authorization(kind, form)
    repeat = _repeat(form)
    st.caption(f"Held for this patient until {show_instant(hold.until, app_settings().site_time_zone)}.")
    book, leave = st.columns(2)
    with told_errors():
        waits = kind.needs_authorization and authorization is None
        if book.button("Book", type="primary", width="stretch", disabled=waits, key=f"{form}-go"):
            done = session.client.scheduling.book(
                BookVisit(
                    patient_id=patient.patient_id,
                    type_code=kind.code,
                    hold_id=hold.hold_id,
                    reason=reason.strip() or None,
                    authorization=authorization,
                    repeat=repeat,
                )
            )
            remember(booked_words(done))
            st.rerun()
        if leave.button("Let it go", width="stretch", key=f"{form}-leave"):
            session.client.scheduling.release(hold.hold_id)
            st.rerun()


def _authorization(kind: AppointmentType, form: str) -> Authorization | None:
    if not kind.needs_authorization:
        return None
    state = st.segmented_control(
        "Payer's authorization",
        list(AUTHORIZATIONS),
        format_func=AUTHORIZATIONS.get,
        key=f"{form}-authorization",
    )
    number = st.text_input("Authorization number", max_chars=60, key=f"{form}-number")
    return Authorization(state=state, number=number.strip() or None) if state else None


def _repeat(form: str) -> Repeat | None:
    every = st.selectbox("Repeat", list(REPEATS), format_func=REPEATS.get, key=f"{form}-repeat")
    if every == "no":
        return None
    times = st.number_input("How many visits in all", 2, 52, value=4, key=f"{form}-count")
    skip = st.checkbox("Leave out dates that are taken", key=f"{form}-skip")
    return Repeat(every=every, count=int(times), skip_taken=skip)


def booked_words(done: BookedVisits) -> str:
    """What was booked for whom, and whether they will be told."""
    visit = done.visits[0]
    more = f" and {len(done.visits) - 1} more" if len(done.visits) > 1 else ""
    told = (
        f"A message goes out by {', '.join(done.told_by)}."
        if done.told_by
        else "No message: no consent to one."
    )
    left = f" {len(done.skipped)} dates were taken and left out." if done.skipped else ""
    return f"Booked: {visit.patient_name or 'the patient'} · {visit_line(visit)}{more}. {told}{left}"
