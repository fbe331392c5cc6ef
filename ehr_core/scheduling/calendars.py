"""Sites and calendars: who and what can be booked."""

from __future__ import annotations

import uuid
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from data_contracts.api.calendars import (
    Calendar,
    Candidates,
    NewCalendar,
    NewSite,
    SchedulingSetup,
    Site,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import without_empty
from ehr_core.scheduling.types import appointment_types
from ehr_core.store.repository import Store

ROOM_TYPE = {
    "system": "http://terminology.hl7.org/CodeSystem/location-physical-type",
    "code": "ro",
    "display": "Room",
}


def read_setup(work: UnitOfWork) -> SchedulingSetup:
    """Sites, calendars and types in use. For anybody who sees the schedule, and for patients who book."""
    if work.actor.kind == "patient":
        work.actor.require("own.book")
    else:
        work.actor.require("schedule.read")
    return SchedulingSetup(
        sites=sites(work),
        calendars=calendars(work),
        types=appointment_types(work),
        time_zone=work.site_time_zone,
    )


def read_candidates(work: UnitOfWork) -> Candidates:
    """Places and people of the record that could be booked. None of it is a patient's."""
    work.actor.require("schedule.manage")
    places = work.connection.execute(
        text(
            "SELECT id, coalesce(display_name, 'Name not recorded') AS name FROM fhir.location AS l WHERE NOT deleted "
            "AND NOT EXISTS (SELECT FROM scheduling.site AS s WHERE s.site_id = l.id) "
            "AND NOT EXISTS (SELECT FROM scheduling.calendar AS c WHERE c.actor = 'Location/' || l.id) "
            "ORDER BY name, id LIMIT 500"
        )
    )
    people = work.connection.execute(
        text(
            "SELECT id, coalesce(display_name, 'Name not recorded') AS name FROM fhir.practitioner AS p "
            "WHERE NOT deleted AND active IS NOT FALSE "
            "AND NOT EXISTS (SELECT FROM scheduling.calendar AS c WHERE c.actor = 'Practitioner/' || p.id) "
            "ORDER BY name, id LIMIT 500"
        )
    )
    return Candidates(
        places=[(row.id, row.name) for row in places], people=[(row.id, row.name) for row in people]
    )


def sites(work: UnitOfWork) -> list[Site]:
    rows = work.connection.execute(
        text("SELECT site_id, name, time_zone FROM scheduling.site WHERE active ORDER BY name, site_id")
    )
    return [Site(**row._asdict()) for row in rows]


def site_zone(work: UnitOfWork, site_id: str | None) -> str:
    """The site's own zone; the installation's for a place that is no site."""
    found = work.connection.execute(
        text("SELECT time_zone FROM scheduling.site WHERE site_id = :id"), {"id": site_id}
    ).scalar_one_or_none()
    return found or work.site_time_zone


def calendars(work: UnitOfWork, *, active_only: bool = True) -> list[Calendar]:
    rows = work.connection.execute(
        text(
            "SELECT actor, kind, site_id, name, resource_kind, active, version FROM scheduling.calendar "
            "WHERE active OR NOT :only "
            "ORDER BY array_position(ARRAY['provider', 'room', 'equipment'], kind), name, actor"
        ),
        {"only": active_only},
    )
    return [Calendar(**row._asdict()) for row in rows]


def calendar(work: UnitOfWork, actor: str) -> Calendar:
    """Raises NotFound."""
    found = {one.actor: one for one in calendars(work, active_only=False)}.get(actor)
    if found is None:
        raise NotFound("There is no such calendar. Reload the page.")
    return found


def add_site(work: UnitOfWork, wanted: NewSite) -> Site:
    """A Location of the record becomes a place where visits are booked; its zone may be set anew."""
    work.actor.require("schedule.manage")
    _check_zone(wanted.time_zone)
    name = work.connection.execute(
        text("SELECT display_name FROM fhir.location WHERE id = :id AND NOT deleted"), {"id": wanted.site_id}
    ).one_or_none()
    if name is None:
        raise BadRequest("site_id: there is no such place in the record. Add the Location first.")
    work.connection.execute(
        text(
            "INSERT INTO scheduling.site (site_id, name, time_zone) VALUES (:id, :name, :zone) "
            "ON CONFLICT (site_id) DO UPDATE SET name = :name, time_zone = :zone, version = scheduling.site.version + 1"
        ),
        {"id": wanted.site_id, "name": name.display_name or "Name not recorded", "zone": wanted.time_zone},
    )
    work.audit("scheduling.site_saved", resource_type="Location", resource_id=wanted.site_id)
    return Site(
        site_id=wanted.site_id, name=name.display_name or "Name not recorded", time_zone=wanted.time_zone
    )


def add_calendar(work: UnitOfWork, wanted: NewCalendar, *, actor: str | None = None) -> Calendar:
    """A provider of the record, or a new room or device of a site, with a Schedule in the record.

    `actor` names a room or device that the record holds already. What is booked on it by then is taken in.
    """
    work.actor.require("schedule.manage")
    _check_calendar(work, wanted)
    reference = actor or _actor_of(work, wanted)
    schedule = Store(work).create("Schedule", _schedule(wanted, reference))
    done = work.connection.execute(
        text(
            "INSERT INTO scheduling.calendar (actor, kind, site_id, name, resource_kind, schedule_id) VALUES "
            "(:actor, :kind, :site_id, :name, :resource_kind, :schedule_id) ON CONFLICT DO NOTHING"
        ),
        {"actor": reference, "schedule_id": schedule.id} | wanted.model_dump(exclude={"practitioner_id"}),
    )
    if not done.rowcount:
        raise Conflict("This person has a calendar already. Change that one.")
    work.connection.execute(text("SELECT scheduling.take_in(:actor)"), {"actor": reference})
    work.audit("scheduling.calendar_added", resource_type="Schedule", resource_id=schedule.id)
    return calendar(work, reference)


def set_active(work: UnitOfWork, actor: str, *, active: bool, version: int) -> Calendar:
    """Closes a calendar to new bookings, or opens it again. What is booked stays."""
    work.actor.require("schedule.manage")
    done = work.connection.execute(
        text(
            "UPDATE scheduling.calendar SET active = :active, version = version + 1 "
            "WHERE actor = :actor AND version = :version"
        ),
        {"active": active, "actor": actor, "version": version},
    )
    if not done.rowcount:
        calendar(work, actor)
        raise StaleVersion("Somebody else changed this calendar a moment ago. Look at it again.")
    work.audit("scheduling.calendar_changed", detail={"actor": actor, "active": active})
    return calendar(work, actor)


def checked_uuid(value: str, what: str) -> str:
    """Raises NotFound for an id that cannot be one of ours."""
    try:
        return str(uuid.UUID(value))
    except ValueError as error:
        raise NotFound(f"There is no such {what}. Reload the page.") from error


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise BadRequest("time_zone: write an IANA name such as America/New_York.") from error


def check_site(work: UnitOfWork, site_id: str) -> None:
    if site_id not in {site.site_id for site in sites(work)}:
        raise BadRequest("site_id: choose one of the sites of this installation.")


def _check_calendar(work: UnitOfWork, wanted: NewCalendar) -> None:
    check_site(work, wanted.site_id)
    if (wanted.kind == "provider") != (wanted.practitioner_id is not None):
        raise BadRequest("practitioner_id: a provider needs one, a room or device has none.")
    if (wanted.kind == "provider") == (wanted.resource_kind is not None):
        raise BadRequest("resource_kind: a room or device needs one, such as exam_room; a provider has none.")


def _actor_of(work: UnitOfWork, wanted: NewCalendar) -> str:
    """The provider's reference, or that of a room or device that is made in the record."""
    if wanted.practitioner_id is not None:
        return Store(work).read("Practitioner", wanted.practitioner_id).reference
    if wanted.kind == "room":
        room = {
            "resourceType": "Location",
            "status": "active",
            "name": wanted.name,
            "physicalType": {"coding": [ROOM_TYPE]},
            "partOf": {"reference": f"Location/{wanted.site_id}"},
        }
        return Store(work).create("Location", room).reference
    device = {
        "resourceType": "Device",
        "status": "active",
        "deviceName": [{"name": wanted.name, "type": "user-friendly-name"}],
        "location": {"reference": f"Location/{wanted.site_id}"},
    }
    return Store(work).create("Device", device).reference


def _schedule(wanted: NewCalendar, actor: str) -> dict[str, Any]:
    return without_empty(
        {
            "resourceType": "Schedule",
            "active": True,
            "actor": [
                {"reference": actor, "display": wanted.name},
                {"reference": f"Location/{wanted.site_id}"},
            ],
            "comment": f"Calendar of {wanted.name}",
        }
    )
