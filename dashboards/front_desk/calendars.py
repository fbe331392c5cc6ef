"""Calendars: who and what can be booked, when it is open, closures, holidays, types of appointments, calendar feeds."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.shared.markup import text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.calendars import (
    AppointmentType,
    AvailabilityRule,
    Calendar,
    CalendarException,
    CalendarRules,
    Holiday,
    NewCalendar,
    NewSite,
    SchedulingSetup,
)
from ehr_core.client.streamlit_app import app_settings

WEEKDAYS = {1: "Monday", 2: "Tuesday", 3: "Wednesday", 4: "Thursday", 5: "Friday", 6: "Saturday", 7: "Sunday"}
KINDS = {"provider": "Clinicians", "room": "Rooms", "equipment": "Equipment"}
MIDNIGHT = time(0, 0)


def calendars_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Calendars")
    tell_remembered()
    with told_errors():
        setup = session.client.scheduling.setup()
        hours, holidays, types, add = st.tabs(
            ["Hours and closures", "Holidays", "Appointment types", "Sites, people and rooms"]
        )
        with hours:
            _hours(session, setup)
        with holidays:
            _holidays(session, setup)
        with types:
            _types(session, setup)
        with add:
            _resources(session, setup)


def rule_words(rule: AvailabilityRule) -> str:
    closes = "24:00" if rule.closes == MIDNIGHT else f"{rule.closes:%H:%M}"
    parts = [f"{WEEKDAYS[rule.weekday]} {rule.opens:%H:%M} to {closes}"]
    parts += [f"from {show_date(rule.valid_from)}"] if rule.valid_from else []
    parts += [f"until {show_date(rule.valid_until)}"] if rule.valid_until else []
    parts += [f"only {', '.join(rule.type_codes)}"] if rule.type_codes else []
    return ", ".join(parts)


def exception_words(one: CalendarException) -> str:
    days = show_date(one.first_day)
    days += f" to {show_date(one.last_day)}" if one.last_day != one.first_day else ""
    closes = "24:00" if one.closes in (None, MIDNIGHT) else f"{one.closes:%H:%M}"
    clock = f"{one.opens or MIDNIGHT:%H:%M} to {closes}"
    return f"{one.kind.capitalize()} {days}, {clock}" + (f" ({one.reason})" if one.reason else "")


def _hours(session: StaffSession, setup: SchedulingSetup) -> None:
    names = {one.actor: f"{one.name} ({KINDS[one.kind].lower()})" for one in setup.calendars}
    if not names:
        st.info("No calendars yet.")
        return
    actor = st.selectbox("Calendar", list(names), format_func=names.get, key="calendar_of")
    rules = session.client.scheduling.rules(actor)
    _rules(session, setup, rules)
    _exceptions(session, rules)
    if rules.calendar.kind == "provider":
        _feed(session, rules)


def _rules(session: StaffSession, setup: SchedulingSetup, rules: CalendarRules) -> None:
    st.subheader("Weekly hours", anchor=False)
    zone = next(
        (one.time_zone for one in setup.sites if one.site_id == rules.calendar.site_id), setup.time_zone
    )
    st.caption(f"On the wall clock of the site ({zone}), whatever daylight saving does.")
    if not rules.rules:
        st.info(
            "No hours: nothing can be booked here."
            if rules.calendar.kind == "provider"
            else "Open at any time."
        )
    for rule in rules.rules:
        words, go = st.columns([5, 1], vertical_alignment="center")
        words.html(f"<p>{text(rule_words(rule))}</p>")
        if go.button("Remove", key=f"rule-{rule.rule_id}", width="stretch"):
            session.client.scheduling.remove_rule(rule.rule_id)
            st.rerun()
    with st.form(f"add-rule-{rules.calendar.actor}", border=True):
        days = st.multiselect("Weekdays", list(WEEKDAYS), format_func=WEEKDAYS.get, default=[1, 2, 3, 4, 5])
        begin, end = st.columns(2)
        opens = begin.time_input("Opens", value=time(8, 0))
        closes = end.time_input("Closes", value=time(12, 0))
        if st.form_submit_button("Add hours") and opens and closes:
            for weekday in days:
                session.client.scheduling.add_rule(
                    AvailabilityRule(
                        actor=rules.calendar.actor,
                        site_id=rules.calendar.site_id,
                        weekday=weekday,
                        opens=opens,
                        closes=closes,
                    )
                )
            remember("Hours added.")
            st.rerun()


def _exceptions(session: StaffSession, rules: CalendarRules) -> None:
    st.subheader("Closures and extra hours", anchor=False)
    for one in rules.exceptions:
        words, go = st.columns([5, 1], vertical_alignment="center")
        words.html(f"<p>{text(exception_words(one))}</p>")
        if go.button("Remove", key=f"exception-{one.exception_id}", width="stretch"):
            session.client.scheduling.remove_exception(one.exception_id)
            st.rerun()
    with st.form(f"add-exception-{rules.calendar.actor}", border=True):
        kind = st.segmented_control("Kind", ["closed", "open"], default="closed", required=True)
        since, until, begin, end = st.columns(4)
        first = since.date_input("From", value=_today(), format="YYYY-MM-DD")
        last = until.date_input("To", value=_today(), format="YYYY-MM-DD")
        opens = begin.time_input("From time (empty: all day)", value=None)
        closes = end.time_input("To time (empty: all day)", value=None)
        reason = st.text_input("Reason (optional)", max_chars=200)
        if st.form_submit_button("Add") and first and last:
            session.client.scheduling.add_exception(
                CalendarException(
                    actor=rules.calendar.actor,
                    site_id=rules.calendar.site_id,
                    kind=kind or "closed",
                    first_day=first,
                    last_day=last,
                    opens=opens,
                    closes=closes,
                    reason=reason.strip() or None,
                )
            )
            remember("Added. What was booked in that time stays: move it in the schedule.")
            st.rerun()


def _feed(session: StaffSession, rules: CalendarRules) -> None:
    st.subheader("Calendar feed", anchor=False)
    st.caption(
        "A secret address for a calendar program. It holds times, kinds and rooms, never a patient's name."
    )
    actor = rules.calendar.actor
    if rules.feed_since:
        st.write(f"In use since {show_date(rules.feed_since)}.")
    make, end = st.columns(2)
    if make.button("Make a new address", width="stretch"):
        feed = session.client.messaging.make_feed(actor)
        st.session_state["feed_address"] = (actor, f"{app_settings().api_url}{feed.path}")
    if rules.feed_since and end.button("End the address", width="stretch"):
        session.client.messaging.revoke_feed(actor)
        st.session_state.pop("feed_address", None)
        remember("The address has ended.")
        st.rerun()
    shown = st.session_state.get("feed_address")
    if shown and shown[0] == actor:
        st.warning("Copy it now: it is not shown again. Whoever has it sees this calendar.")
        st.code(shown[1], language=None)


def _holidays(session: StaffSession, setup: SchedulingSetup) -> None:
    sites = {site.site_id: site.name for site in setup.sites}
    for one in session.client.scheduling.holidays():
        words, go = st.columns([5, 1], vertical_alignment="center")
        where = sites.get(one.site_id or "", "every site")
        words.html(f"<p>{text(show_date(one.on_day))} · {text(one.name)} · {text(where)}</p>")
        if go.button("Remove", key=f"holiday-{one.holiday_id}", width="stretch"):
            session.client.scheduling.remove_holiday(one.holiday_id)
            st.rerun()
    with st.form("add-holiday", border=True):
        on = st.date_input("Day", value=_today(), format="YYYY-MM-DD")
        name = st.text_input("Name", max_chars=80)
        site_id = st.selectbox(
            "Site", list(sites), index=None, format_func=sites.get, placeholder="Every site"
        )
        if st.form_submit_button("Add holiday") and on and name.strip():
            session.client.scheduling.add_holiday(Holiday(site_id=site_id, on_day=on, name=name.strip()))
            remember("Holiday added.")
            st.rerun()


def _types(session: StaffSession, setup: SchedulingSetup) -> None:
    if not setup.types:
        st.info("No appointment types yet.")
        if st.button("Add the usual types"):
            session.client.scheduling.add_shipped_types()
            st.rerun()
        return
    kinds = {kind.code: kind for kind in setup.types}
    code = st.selectbox("Type", list(kinds), format_func=lambda one: kinds[one].name, key="type_of")
    kind = kinds[code]
    resources = sorted({one.resource_kind for one in setup.calendars if one.resource_kind})
    with st.form(f"type-{kind.code}-{kind.version}", border=True):
        name = st.text_input("Name", value=kind.name, max_chars=80)
        length, grid = st.columns(2)
        minutes = length.number_input("Minutes", 5, 480, value=kind.minutes, step=5)
        every = grid.number_input("A start every … minutes", 5, 240, value=kind.every_minutes, step=5)
        needs = st.multiselect(
            "Needs a room or device of each kind",
            resources,
            default=[one for one in kind.resource_kinds if one in resources],
        )
        preparation = st.text_area("What staff tell the patient", value=kind.preparation or "", max_chars=500)
        authorized = st.checkbox("Needs the payer's authorization", value=kind.needs_authorization)
        patients = st.checkbox("Patients may book it in the portal", value=kind.patient_may_book)
        active = st.checkbox("Offered", value=kind.active)
        if st.form_submit_button("Save"):
            changed = kind.model_copy(
                update={
                    "name": name.strip(),
                    "minutes": int(minutes),
                    "every_minutes": int(every),
                    "resource_kinds": needs,
                    "preparation": preparation.strip() or None,
                    "needs_authorization": authorized,
                    "patient_may_book": patients,
                    "active": active,
                }
            )
            session.client.scheduling.save_type(AppointmentType(**changed.model_dump()))
            remember("Saved.")
            st.rerun()


def _resources(session: StaffSession, setup: SchedulingSetup) -> None:
    for kind, title in KINDS.items():
        listed = [one for one in setup.calendars if one.kind == kind]
        st.subheader(title, anchor=False)
        for one in listed:
            _resource(session, one)
    _from_the_record(session, setup)
    sites = {site.site_id: site.name for site in setup.sites}
    if not sites:
        return
    st.subheader("A new room or device", anchor=False)
    with st.form("add-resource", border=True):
        what, where = st.columns(2)
        kind = what.selectbox("What", ["room", "equipment"], format_func=lambda one: KINDS[one])
        site_id = where.selectbox("Site", list(sites), format_func=sites.get)
        name = st.text_input("Name", max_chars=80, placeholder="Room 4")
        of_kind = st.text_input(
            "Kind, as appointment types ask for it", max_chars=40, placeholder="exam_room"
        )
        if st.form_submit_button("Add") and name.strip() and of_kind.strip():
            session.client.scheduling.add_calendar(
                NewCalendar(kind=kind, site_id=site_id, name=name.strip(), resource_kind=of_kind.strip())
            )
            remember(f"Added: {name.strip()}.")
            st.rerun()


def _from_the_record(session: StaffSession, setup: SchedulingSetup) -> None:
    """Places become sites, and people get a calendar, once the record knows them."""
    offered = session.client.scheduling.candidates()
    places, people = dict(offered.places), dict(offered.people)
    sites = {site.site_id: site.name for site in setup.sites}
    if places:
        with st.form("add-site", border=True):
            place = st.selectbox("A place where visits are booked", list(places), format_func=places.get)
            zone = st.text_input("Time zone", value=setup.time_zone)
            if st.form_submit_button("Add site"):
                session.client.scheduling.add_site(NewSite(site_id=place, time_zone=zone.strip()))
                remember(f"Site added: {places[place]}.")
                st.rerun()
    if people and sites:
        with st.form("add-provider", border=True):
            person = st.selectbox("A person who gets a calendar", list(people), format_func=people.get)
            site_id = st.selectbox("At", list(sites), format_func=sites.get)
            if st.form_submit_button("Add calendar"):
                wanted = NewCalendar(
                    kind="provider", site_id=site_id, name=people[person], practitioner_id=person
                )
                session.client.scheduling.add_calendar(wanted)
                remember(f"Calendar added: {people[person]}. Add hours to it.")
                st.rerun()


def _resource(session: StaffSession, one: Calendar) -> None:
    words, go = st.columns([5, 1], vertical_alignment="center")
    words.html(f"<p>{text(one.name)} {text((one.resource_kind or '').replace('_', ' '), '')}</p>")
    if go.button("Close", key=f"close-{one.actor}-{one.version}", width="stretch"):
        session.client.scheduling.set_active(one.model_copy(update={"active": False}))
        remember(f"{one.name} takes no new bookings. What is booked stays.")
        st.rerun()


def _today() -> date:
    return datetime.now(ZoneInfo(app_settings().site_time_zone)).date()
