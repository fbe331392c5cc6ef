"""Finds times at which a provider and everything else that a type needs are free: one statement, ranked.

Rules, exceptions and holidays open the wall clock of a site; bookings, blocks and holds take from it. A start lies on
the type's grid, counted from each opening. Daylight saving makes a day shorter or longer, never a visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text

from data_contracts.api.calendars import AppointmentType
from data_contracts.api.scheduling import BookedResource, FindSlots, OpenTime, Slot
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.scheduling.calendars import calendar, sites

OWN_CLINICIAN_IS_WORTH_DAYS = 3
"""The patient's own clinician is ranked as if this much sooner: continuity of care, within reason. A choice of ours."""

PARTS_OF_DAY = {"any": (0, 24), "morning": (0, 12), "afternoon": (12, 24)}
"""First hour and the hour after the last, on the site's wall clock."""

OPENINGS = """
wanted_day AS (
  SELECT CAST(:first_day AS date) + n AS day FROM generate_series(0, CAST(:days AS int) - 1) AS n
), opening AS (
  SELECT c.actor, c.name, s.site_id, s.name AS site_name, s.time_zone,
    (d.day + r.opens) AT TIME ZONE s.time_zone AS opens_at,
    greatest((d.day + r.opens) AT TIME ZONE s.time_zone, (d.day + r.closes) AT TIME ZONE s.time_zone) AS closes_at
  FROM wanted_day AS d
  JOIN scheduling.availability AS r ON r.weekday = extract(isodow FROM d.day)
    AND d.day >= coalesce(r.valid_from, '-infinity') AND d.day <= coalesce(r.valid_until, 'infinity')
  JOIN scheduling.calendar AS c ON c.actor = r.actor AND c.active
  JOIN scheduling.site AS s ON s.site_id = r.site_id AND s.active
  WHERE (CAST(:type_code AS text) IS NULL OR r.type_codes IS NULL OR :type_code = ANY(r.type_codes))
    AND NOT EXISTS (SELECT FROM scheduling.holiday AS h
                    WHERE h.on_day = d.day AND (h.site_id IS NULL OR h.site_id = r.site_id))
  UNION ALL
  SELECT c.actor, c.name, s.site_id, s.name, s.time_zone,
    (d.day + e.opens) AT TIME ZONE s.time_zone,
    greatest((d.day + e.opens) AT TIME ZONE s.time_zone, (d.day + e.closes) AT TIME ZONE s.time_zone)
  FROM wanted_day AS d
  JOIN scheduling.exception AS e ON e.kind = 'open' AND d.day BETWEEN e.first_day AND e.last_day
  JOIN scheduling.calendar AS c ON c.actor = e.actor AND c.active
  JOIN scheduling.site AS s ON s.site_id = e.site_id AND s.active
), closed AS MATERIALIZED (
  SELECT e.actor, range_agg(tstzrange((d.day + e.opens) AT TIME ZONE s.time_zone,
                                      (d.day + e.closes) AT TIME ZONE s.time_zone)) AS during
  FROM wanted_day AS d
  JOIN scheduling.exception AS e ON e.kind = 'closed' AND d.day BETWEEN e.first_day AND e.last_day
  JOIN scheduling.site AS s ON s.site_id = e.site_id
  WHERE (d.day + e.opens) AT TIME ZONE s.time_zone < (d.day + e.closes) AT TIME ZONE s.time_zone
  GROUP BY e.actor
), busy AS MATERIALIZED (
  SELECT b.actor, range_agg(b.during) AS during FROM scheduling.booking AS b
  WHERE b.during && tstzrange(CAST(:from_at AS timestamptz), CAST(:until_at AS timestamptz) + interval '1 day')
    AND (b.held_until IS NULL OR b.held_until > :now) AND b.source_id <> ALL(CAST(:aside AS text[]))
    AND (b.actor NOT LIKE 'Patient/%' OR b.actor = :patient)
  GROUP BY b.actor
)
"""
"""`aside` are bookings that do not count: the hold or the visit that is to be moved.

Of the patients only the one who is booked for is looked at: thousands of others would be walked through for each start.
Where the clocks skip both ends of an opening, it has no length.
"""

RESOURCES = """
  SELECT array_agg(one.actor ORDER BY need.place) AS actors, array_agg(one.name ORDER BY need.place) AS names,
    count(*) AS found
  FROM unnest(CAST(:kinds AS text[])) WITH ORDINALITY AS need (kind, place)
  CROSS JOIN LATERAL (
    SELECT c.actor, c.name FROM scheduling.calendar AS c
    LEFT JOIN busy ON busy.actor = c.actor LEFT JOIN closed ON closed.actor = c.actor
    WHERE c.resource_kind = need.kind AND c.site_id = k.site_id AND c.active
      AND NOT coalesce(busy.during && tstzrange(k.starts_at, k.ends_at), false)
      AND NOT coalesce(closed.during && tstzrange(k.starts_at, k.ends_at), false)
      AND c.actor <> ALL(CAST(:not_these AS text[]))
      AND (NOT EXISTS (SELECT FROM scheduling.availability AS r WHERE r.actor = c.actor)
           OR EXISTS (SELECT FROM opening AS o WHERE o.actor = c.actor
                      AND tstzrange(o.opens_at, o.closes_at) @> tstzrange(k.starts_at, k.ends_at)))
    ORDER BY md5(c.actor || k.actor) LIMIT 1) AS one
"""
"""A free room or device of each kind; each provider tends to another one, so that two desks seldom want the same."""

FIND = text(f"""
WITH {OPENINGS}, free AS MATERIALIZED (
  SELECT o.*, tstzmultirange(tstzrange(o.opens_at, o.closes_at)) - coalesce(busy.during, '{{}}')
    - coalesce(closed.during, '{{}}') - coalesce(mine.during, '{{}}') AS during
  FROM opening AS o
  LEFT JOIN busy ON busy.actor = o.actor
  LEFT JOIN closed ON closed.actor = o.actor
  LEFT JOIN busy AS mine ON mine.actor = :patient
  WHERE o.actor LIKE 'Practitioner/%'
    AND (CAST(:providers AS text[]) IS NULL OR o.actor = ANY(:providers))
    AND (CAST(:site_ids AS text[]) IS NULL OR o.site_id = ANY(:site_ids))
), candidate AS MATERIALIZED (
  SELECT f.actor, f.name, f.site_id, f.site_name, f.time_zone, start AS starts_at,
    start + make_interval(mins => :minutes) AS ends_at,
    abs(extract(epoch FROM start - CAST(:near AS timestamptz))) / 86400
      - CASE WHEN f.actor = :own_clinician THEN {OWN_CLINICIAN_IS_WORTH_DAYS} ELSE 0 END AS rank
  FROM free AS f
  CROSS JOIN LATERAL generate_series(
    f.opens_at, f.closes_at - make_interval(mins => :minutes), make_interval(mins => :every_minutes)) AS start
  WHERE start >= :from_at AND start < :until_at
    AND (CAST(:exactly AS timestamptz) IS NULL OR start = :exactly)
    AND f.during @> tstzrange(start, start + make_interval(mins => :minutes))
    AND extract(hour FROM start AT TIME ZONE f.time_zone) >= :first_hour
    AND extract(hour FROM start AT TIME ZONE f.time_zone) < :last_hour
    AND (CAST(:weekdays AS int[]) IS NULL OR extract(isodow FROM start AT TIME ZONE f.time_zone) = ANY(:weekdays))
)
SELECT k.*, picked.actors, picked.names
FROM (SELECT * FROM candidate ORDER BY rank, starts_at, name, actor) AS k
CROSS JOIN LATERAL ({RESOURCES}) AS picked
WHERE picked.found = cardinality(CAST(:kinds AS text[]))
ORDER BY k.rank, k.starts_at, k.name, k.actor
LIMIT :limit
""")

OPEN_TIMES = text(f"""
WITH {OPENINGS}
SELECT o.actor, unnest(range_agg(tstzrange(o.opens_at, o.closes_at))
                       - coalesce(closed.during, CAST('{{}}' AS tstzmultirange))) AS during
FROM opening AS o LEFT JOIN closed ON closed.actor = o.actor
WHERE o.actor = ANY(:actors) AND o.opens_at < o.closes_at
GROUP BY o.actor, closed.during ORDER BY o.actor, during
""")

PICK = text(f"""
WITH {OPENINGS}, k AS (
  SELECT CAST(:provider AS text) AS actor, CAST(:site_id AS text) AS site_id,
    CAST(:from_at AS timestamptz) AS starts_at, CAST(:until_at AS timestamptz) AS ends_at)
SELECT picked.actors, picked.names, picked.found FROM k CROSS JOIN LATERAL ({RESOURCES}) AS picked
""")


@dataclass(frozen=True)
class Search:
    """A request with what the record adds: the patient's own clinician, what does not count as busy."""

    kind: AppointmentType
    wish: FindSlots
    own_clinician: str | None = None
    aside: Sequence[str] = ()
    exactly: datetime | None = None
    not_resources: Sequence[str] = ()


def find_slots(work: UnitOfWork, search: Search) -> list[Slot]:
    """The best free times, best first. Audits nothing: no patient's data is in the answer."""
    wish, kind = search.wish, search.kind
    first = wish.first_day or work.today()
    begins = max(_midnight(first, work.site_time_zone) - timedelta(hours=14), work.now())
    first_hour, last_hour = PARTS_OF_DAY[wish.part_of_day]
    values = _times(work, first, wish.days, search.aside) | {
        "type_code": kind.code,
        "minutes": kind.minutes,
        "every_minutes": kind.every_minutes,
        "kinds": kind.resource_kinds,
        "near": wish.near or max(begins, _midnight(first, work.site_time_zone)),
        "own_clinician": search.own_clinician,
        "patient": f"Patient/{wish.patient_id}" if wish.patient_id else None,
        "providers": wish.providers,
        "site_ids": wish.site_ids,
        "from_at": begins,
        "exactly": search.exactly,
        "not_these": list(search.not_resources),
        "first_hour": first_hour,
        "last_hour": last_hour,
        "weekdays": wish.weekdays,
        "limit": wish.limit,
    }
    rows = work.connection.execute(FIND, values)
    return [_slot(kind, row, search.own_clinician) for row in rows]


def slot_at(
    work: UnitOfWork, search: Search, provider: str, site_id: str | None, starts_at: datetime
) -> Slot | None:
    """The one slot that begins then with that provider; None when it is not open, or something it needs is taken."""
    day = starts_at.astimezone(ZoneInfo(work.site_time_zone)).date() - timedelta(days=1)
    wish = FindSlots(
        type_code=search.kind.code,
        patient_id=search.wish.patient_id,
        providers=[provider],
        site_ids=[site_id] if site_id else None,
        first_day=day,
        days=3,
        limit=1,
    )
    exactly = Search(search.kind, wish, search.own_clinician, search.aside, starts_at, search.not_resources)
    return next(iter(find_slots(work, exactly)), None)


def free_resources(
    work: UnitOfWork,
    kind: AppointmentType,
    provider: str,
    site_id: str,
    starts_at: datetime,
    aside: Sequence[str] = (),
) -> list[BookedResource] | None:
    """A free room and device of each kind then, whether or not the provider is open; None when one is missing."""
    ends_at = starts_at + timedelta(minutes=kind.minutes)
    day = starts_at.astimezone(ZoneInfo(work.site_time_zone)).date() - timedelta(days=1)
    values = _times(work, day, 3, aside) | {
        "type_code": None,
        "kinds": kind.resource_kinds,
        "provider": provider,
        "site_id": site_id,
        "from_at": starts_at,
        "until_at": ends_at,
        "not_these": [],
    }
    row = work.connection.execute(PICK, values).one()
    if row.found < len(kind.resource_kinds):
        return None
    return _resources(row)


def open_times(work: UnitOfWork, actors: Sequence[str], first_day: date, days: int) -> list[OpenTime]:
    """When these calendars are open in those days: rules and exceptions, holidays left out."""
    values = _times(work, first_day, days, ()) | {"type_code": None, "actors": list(actors)}
    rows = work.connection.execute(OPEN_TIMES, values)
    return [OpenTime(actor=row.actor, starts_at=row.during.lower, ends_at=row.during.upper) for row in rows]


def _times(work: UnitOfWork, first: date, days: int, aside: Sequence[str]) -> dict[str, Any]:
    return {
        "first_day": first,
        "days": days,
        "from_at": _midnight(first, work.site_time_zone),
        "until_at": _midnight(first + timedelta(days=days), work.site_time_zone) + timedelta(hours=14),
        "now": work.now(),
        "aside": list(aside),
        "patient": None,
    }


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def _slot(kind: AppointmentType, row: Row, own_clinician: str | None) -> Slot:
    return Slot(
        type_code=kind.code,
        provider=row.actor,
        provider_name=row.name,
        site_id=row.site_id,
        site_name=row.site_name,
        time_zone=row.time_zone,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        resources=_resources(row),
        own_clinician=row.actor == own_clinician,
    )


def _resources(row: Row) -> list[BookedResource]:
    return [
        BookedResource(actor=actor, name=name)
        for actor, name in zip(row.actors or (), row.names or (), strict=True)
    ]


def outside_slot(
    work: UnitOfWork,
    kind: AppointmentType,
    provider: str,
    site_id: str | None,
    starts_at: datetime,
    aside: Sequence[str] = (),
) -> Slot | None:
    """The time although the calendar is not open then; None when a room or device is missing."""
    person = calendar(work, provider)
    site = next((one for one in sites(work) if one.site_id == (site_id or person.site_id)), None)
    if site is None:
        raise BadRequest("site_id: choose one of the sites of this installation.")
    resources = free_resources(work, kind, provider, site.site_id, starts_at, aside)
    if resources is None:
        return None
    return Slot(
        type_code=kind.code,
        provider=provider,
        provider_name=person.name,
        site_id=site.site_id,
        site_name=site.name,
        time_zone=site.time_zone,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=kind.minutes),
        resources=resources,
    )
