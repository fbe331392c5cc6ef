"""A small clinic: two providers at North, one at West (another time zone), rooms, a device, weekday hours."""

from __future__ import annotations

from datetime import time

import pytest

from data_contracts.api.calendars import AvailabilityRule, NewCalendar, NewSite
from ehr_core.access.actor import Actor
from ehr_core.scheduling import calendars, forms, opening_hours, types
from tests.integration.chart_records import put, put_patient, put_site
from tests.lib.api import RunningApi, running_api

MANAGER = Actor(
    "service:test-manager",
    "service",
    "Test manager",
    (),
    frozenset({"schedule.manage", "schedule.read", "schedule.book", "fhir.write"}),
)
NORTH, WEST = "north-place", "west-place"
OKAFOR, CHEN, DIAZ = "Practitioner/okafor", "Practitioner/chen", "Practitioner/diaz"
ROOM_1, ROOM_2, ECG = "Location/room-1", "Location/room-2", "Device/ecg-1"
WEEKDAYS = (1, 2, 3, 4, 5)


@pytest.fixture
def api(database, tmp_path):
    """Friday, 20 November 2026, nine in the morning in New York."""
    with running_api(database, tmp_path) as running:
        put_site(running)
        for identity, family, given in (
            ("ana", "Reyes", "Ana"),
            ("ben", "Young", "Ben"),
            ("cem", "Kaya", "Cem"),
        ):
            put_patient(running, identity, family, given)
        open_clinic(running)
        yield running


@pytest.fixture
def desk(api):
    return api.signed_in("desk", "front_desk")


def open_clinic(api: RunningApi) -> None:
    put(api, "Location", NORTH, name="North Clinic", status="active")
    put(api, "Location", WEST, name="West Clinic", status="active")
    put(api, "Practitioner", "diaz", name=[{"family": "Diaz", "given": ["Eva"], "text": "Dr Eva Diaz"}])
    for identity in ("room-1", "room-2"):
        put(api, "Location", identity, name=identity.title(), status="active")
    put(api, "Device", "ecg-1", status="active")
    with api.work(MANAGER) as work:
        calendars.add_site(work, NewSite(site_id=NORTH, time_zone="America/New_York"))
        calendars.add_site(work, NewSite(site_id=WEST, time_zone="America/Los_Angeles"))
        for person, name, site in (
            ("okafor", "Dr Ada Okafor", NORTH),
            ("chen", "Dr Ada Chen", NORTH),
            ("diaz", "Dr Eva Diaz", WEST),
        ):
            wanted = NewCalendar(kind="provider", site_id=site, name=name, practitioner_id=person)
            calendars.add_calendar(work, wanted)
            for weekday in WEEKDAYS:
                opening_hours.add_rule(work, hours(f"Practitioner/{person}", site, weekday))
        for actor, name, site in ((ROOM_1, "Room 1", NORTH), (ROOM_2, "Room 2", NORTH)):
            room = NewCalendar(kind="room", site_id=site, name=name, resource_kind="exam_room")
            calendars.add_calendar(work, room, actor=actor)
        device = NewCalendar(kind="equipment", site_id=NORTH, name="ECG", resource_kind="ecg")
        calendars.add_calendar(work, device, actor=ECG)
        types.ensure_shipped_types(work)
        forms.ensure_shipped_forms(work)


def hours(
    actor: str, site: str, weekday: int, opens: str = "09:00", closes: str = "12:00"
) -> AvailabilityRule:
    return AvailabilityRule(
        actor=actor,
        site_id=site,
        weekday=weekday,
        opens=time.fromisoformat(opens),
        closes=time.fromisoformat(closes),
    )
