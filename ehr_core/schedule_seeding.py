"""Gives the demonstration its calendars: clinics, clinicians, rooms, hours, types, and a day that is under way."""

from __future__ import annotations

import tomllib
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from data_contracts.api.calendars import AvailabilityRule, Holiday, NewCalendar, NewSite
from data_contracts.api.visit_flow import MoveOnBoard
from data_contracts.api.waitlist import WaitlistWish
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.population.site import (
    clinician_key,
    clinician_reference,
    clinicians_for,
    location_reference,
    site_id,
)
from ehr_core.scheduling import calendars, forms, opening_hours, types, waitlist
from ehr_core.scheduling.cards import cards_between
from ehr_core.scheduling.rules import day_bounds
from ehr_core.store.repository import Store
from ehr_core.workflows.visit_flow import move_on_board, present

FILE = Path(__file__).parent / "scheduling" / "demonstration.toml"
UNDER_WAY = ("checked_out", "with_clinician", "roomed", "arrived", "arrived")
"""Where the first visits of today stand, at every clinician but the first: that one's day begins untouched."""
STEPS = ("arrived", "roomed", "with_clinician", "checked_out")
WAITING = 3


def seed_schedule(work: UnitOfWork, patients: int) -> int:
    """Once; says how many calendars there are now, 0 when they were there already."""
    work.actor.require("schedule.manage")
    if work.connection.execute(text("SELECT EXISTS (SELECT FROM scheduling.site)")).scalar_one():
        return 0
    plan = tomllib.loads(FILE.read_text(encoding="utf-8"))
    homes = {number: _clinic_of(number) for number in range(clinicians_for(patients))}
    for clinic in sorted(set(homes.values())):
        calendars.add_site(work, NewSite(site_id=clinic, time_zone=work.site_time_zone))
        providers = sum(1 for home in homes.values() if home == clinic)
        _add_resources(work, plan, clinic, providers)
    for number, clinic in homes.items():
        _add_provider(work, plan, number, clinic)
    _add_holidays(work, plan)
    types.ensure_shipped_types(work)
    forms.ensure_shipped_forms(work)
    _begin_the_day(work)
    _let_some_wait(work)
    return len(calendars.calendars(work))


def _clinic_of(number: int) -> str:
    return location_reference(number)["reference"].partition("/")[2]


def _add_resources(work: UnitOfWork, plan: dict[str, Any], clinic: str, providers: int) -> None:
    rooms = max(plan["fewest_rooms"], plan["rooms_for_each_provider"] * providers)
    listed = [
        {"key": f"room-{one}", "name": f"Room {one}", "kind": "room", "resource_kind": "exam_room"}
        for one in range(1, rooms + 1)
    ]
    for row in [*listed, *plan["resource"]]:
        wanted = NewCalendar(
            kind=row["kind"], site_id=clinic, name=row["name"], resource_kind=row["resource_kind"]
        )
        calendars.add_calendar(work, wanted, actor=_thing(work, row, clinic))


def _thing(work: UnitOfWork, row: dict[str, Any], clinic: str) -> str:
    """The room or device of the record, under the same id in every demonstration."""
    place = {"reference": f"Location/{clinic}"}
    if row["kind"] == "room":
        identity = site_id("Location", f"{clinic}/{row['key']}")
        body = {
            "resourceType": "Location",
            "id": identity,
            "status": "active",
            "name": row["name"],
            "physicalType": {"coding": [calendars.ROOM_TYPE]},
            "partOf": place,
        }
        return Store(work).update("Location", identity, body).reference
    identity = site_id("Device", f"{clinic}/{row['key']}")
    name = [{"name": row["name"], "type": "user-friendly-name"}]
    body = {
        "resourceType": "Device",
        "id": identity,
        "status": "active",
        "deviceName": name,
        "location": place,
    }
    return Store(work).update("Device", identity, body).reference


def _add_provider(work: UnitOfWork, plan: dict[str, Any], number: int, clinic: str) -> None:
    practitioner_id = site_id("Practitioner", clinician_key(number))
    name = clinician_reference(number)["display"]
    wanted = NewCalendar(kind="provider", site_id=clinic, name=name, practitioner_id=practitioner_id)
    actor = calendars.add_calendar(work, wanted).actor
    for weekday in plan["weekdays"]:
        for opens, closes in plan["hours"]:
            opening_hours.add_rule(
                work,
                AvailabilityRule(
                    actor=actor,
                    site_id=clinic,
                    weekday=weekday,
                    opens=time.fromisoformat(opens),
                    closes=time.fromisoformat(closes),
                ),
            )


def _add_holidays(work: UnitOfWork, plan: dict[str, Any]) -> None:
    today = work.today()
    for row in plan["holiday"]:
        for year in (today.year, today.year + 1):
            day = date.fromisoformat(f"{year}-{row['on']}")
            if day >= today:
                opening_hours.add_holiday(work, Holiday(on_day=day, name=row["name"]))


def _begin_the_day(work: UnitOfWork) -> None:
    """Moves the first visits of today along, as if the morning had begun."""
    first = f"Practitioner/{site_id('Practitioner', clinician_key(0))}"
    begin, end = day_bounds(work.today(), work.site_time_zone)
    by_provider: dict[str, list[str]] = {}
    for visit in cards_between(work, begin, end, ("booked",)):
        if visit.provider not in (None, first):
            by_provider.setdefault(str(visit.provider), []).append(visit.appointment_id)
    for visits in by_provider.values():
        for appointment_id, stage in zip(visits, UNDER_WAY, strict=False):
            for step in STEPS[: STEPS.index(stage) + 1]:
                version = present(work, appointment_id).version
                move_on_board(work, appointment_id, MoveOnBoard(version=version, to=step))


def _let_some_wait(work: UnitOfWork) -> None:
    """A few people who would like to come sooner than they are booked."""
    today = work.today()
    far, latest = day_bounds(today + timedelta(days=21), work.site_time_zone)
    visits = cards_between(work, far, latest + timedelta(days=20), ("booked",))[:WAITING]
    for number, visit in enumerate(visits):
        wish = WaitlistWish(
            patient_id=str(visit.patient_id),
            type_code="office_visit",
            first_day=today + timedelta(days=1),
            last_day=today + timedelta(days=20),
            urgency=number + 1,
            moves_appointment_id=visit.appointment_id,
        )
        waitlist.join_waitlist(work, wish)
