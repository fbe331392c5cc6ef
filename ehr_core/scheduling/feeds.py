"""A provider's calendar feed (iCalendar, RFC 5545): a secret address that can be revoked, and no patient in it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from data_contracts.api.calendars import NewFeed
from data_contracts.api.scheduling import VisitCard
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.ids import new_id
from ehr_core.scheduling.calendars import calendar, sites
from ehr_core.scheduling.cards import cards_between

DAYS_BACK, DAYS_AHEAD = 7, 90
SHOWN = ("pending", "booked", "arrived", "checked-in", "fulfilled")
LONGEST_LINE_BYTES = 75
"""RFC 5545, 3.1: longer lines are folded."""


def make_feed(work: UnitOfWork, actor: str) -> NewFeed:
    """A new secret address; the one before stops working. The provider makes their own, a manager anybody's."""
    _require(work, actor)
    calendar(work, actor)
    secret = secrets.token_urlsafe(32)
    _revoke(work, actor)
    work.connection.execute(
        text(
            "INSERT INTO scheduling.feed (feed_id, actor, secret_hash, made_at, made_by) "
            "VALUES (CAST(:id AS uuid), :actor, :hash, :now, :by)"
        ),
        {
            "id": new_id(),
            "actor": actor,
            "hash": _hash(secret),
            "now": work.now(),
            "by": work.actor.actor_id,
        },
    )
    work.audit("scheduling.feed_made", detail={"actor": actor})
    return NewFeed(path=f"/feeds/{secret}.ics")


def revoke_feed(work: UnitOfWork, actor: str) -> None:
    """The address stops working at once."""
    _require(work, actor)
    _revoke(work, actor)
    work.audit("scheduling.feed_revoked", detail={"actor": actor})


def read_feed(work: UnitOfWork, secret: str) -> str:
    """The provider's visits as iCalendar. Raises NotFound for an address that is not, or no longer, in use. Audited."""
    actor = work.connection.execute(
        text("SELECT actor FROM scheduling.feed WHERE secret_hash = :hash AND revoked_at IS NULL"),
        {"hash": _hash(secret)},
    ).scalar_one_or_none()
    if actor is None:
        raise NotFound("There is no calendar at this address. Ask for a new one in the staff workspace.")
    now = work.now()
    found = cards_between(work, now - timedelta(days=DAYS_BACK), now + timedelta(days=DAYS_AHEAD), SHOWN)
    visits = [visit for visit in found if visit.provider == actor]
    work.audit(
        "scheduling.feed_read",
        patient_ids=[visit.patient_id for visit in visits if visit.patient_id],
        detail={"actor": actor, "visits": len(visits)},
    )
    places = {site.site_id: site.name for site in sites(work)}
    return as_icalendar(visits, places, now)


def as_icalendar(visits: list[VisitCard], places: dict[str, str], now: datetime) -> str:
    """Times in UTC. What kind of visit, where; never who comes or why."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Almoner//Schedule//EN", "CALSCALE:GREGORIAN"]
    for visit in visits:
        lines += _event(visit, places, now)
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _event(visit: VisitCard, places: dict[str, str], now: datetime) -> list[str]:
    where = ", ".join(filter(None, [places.get(visit.site_id or ""), *(one.name for one in visit.resources)]))
    ends = visit.ends_at or visit.starts_at + timedelta(minutes=15)
    lines = [
        "BEGIN:VEVENT",
        f"UID:{visit.appointment_id}@almoner",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(visit.starts_at)}",
        f"DTEND:{_utc(ends)}",
        f"SEQUENCE:{visit.version}",
        f"SUMMARY:{_escaped(visit.type_name or 'Visit')}",
        f"STATUS:{'TENTATIVE' if visit.status == 'pending' else 'CONFIRMED'}",
        "CLASS:PRIVATE",
    ]
    if where:
        lines.append(f"LOCATION:{_escaped(where)}")
    return [*lines, "END:VEVENT"]


def _require(work: UnitOfWork, actor: str) -> None:
    if actor != f"Practitioner/{work.actor.practitioner_id}":
        work.actor.require("schedule.manage")


def _revoke(work: UnitOfWork, actor: str) -> None:
    work.connection.execute(
        text("UPDATE scheduling.feed SET revoked_at = :now WHERE actor = :actor AND revoked_at IS NULL"),
        {"now": work.now(), "actor": actor},
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(words: str) -> str:
    kept = words.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return kept.replace("\r", "").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """At most 75 bytes a line, never within a character; what follows begins with a space."""
    part = ""
    for character in line:
        if len((part + character).encode()) > LONGEST_LINE_BYTES:
            yield part
            part = " "
        part += character
    yield part
