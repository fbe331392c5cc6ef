"""Reads bookings by their promoted columns: a day of the site, or the next one of many patients, in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import text

from data_contracts.api.patients import NextAppointment
from ehr_core.access.chart_policy import LabelSieve
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.clock import FixedClock, site_date
from ehr_core.kernel.fhir_json import decode
from ehr_core.scheduling.model import Visit
from ehr_core.scheduling.rules import SHOWN_TODAY, STILL_TO_COME, day_bounds, visit_minutes, visit_reason

ACTOR = "actor:Practitioner/"

WITH_PRACTITIONER = f"""
LEFT JOIN LATERAL (
  SELECT c.id AS practitioner_id, c.display_name AS practitioner
  FROM unnest(a.reference_tokens) WITH ORDINALITY AS t(token, place)
  JOIN fhir.practitioner c ON c.id = substr(token, length('{ACTOR}') + 1)
  WHERE token LIKE '{ACTOR}%' AND NOT c.deleted ORDER BY place LIMIT 1) who ON true"""

DAY = text(f"""
SELECT a.id, a.patient_id, a.date_low, a.status, a.body, who.practitioner_id, who.practitioner
FROM fhir.appointment a {WITH_PRACTITIONER}
WHERE NOT a.deleted AND a.patient_id IS NOT NULL AND a.status = ANY(:statuses)
  AND a.date_low >= :begin AND a.date_low < :end
ORDER BY a.date_low, a.id
""")

NEXT = text(f"""
SELECT a.id, a.patient_id, a.date_low, a.status, a.body, who.practitioner_id, who.practitioner
FROM (
  SELECT DISTINCT ON (patient_id) * FROM fhir.appointment
  WHERE patient_id = ANY(:ids) AND NOT deleted AND status = ANY(:statuses) AND date_low >= :now
    AND NOT id = ANY(:besides)
  ORDER BY patient_id, date_low, id) a {WITH_PRACTITIONER}
""")


def visits_of_day(work: UnitOfWork, day: date) -> list[Visit]:
    """The site's visits of a day in order of time, cancelled ones left out. Audits nothing: its caller does."""
    begin, end = day_bounds(day, work.site_time_zone)
    rows = work.connection.execute(DAY, {"statuses": list(SHOWN_TODAY), "begin": begin, "end": end})
    return [_visit(row, decode(row.body)) for row in rows]


def next_appointments(
    work: UnitOfWork, patient_ids: Iterable[str], *, besides: Iterable[str] = ()
) -> dict[str, NextAppointment]:
    """Each patient's next booking from now on, the ids `besides` left out; a patient without one is not in the answer.

    Held-back bookings (a sensitivity label) are not told to a patient. Audits nothing: its caller does.
    """
    wanted = sorted(set(patient_ids))
    if not wanted:
        return {}
    asked = {"ids": wanted, "statuses": list(STILL_TO_COME), "now": work.now(), "besides": list(besides)}
    rows = work.connection.execute(NEXT, asked)
    found: dict[str, NextAppointment] = {}
    sight = LabelSieve(work)
    for row in rows:
        visible, _ = sight.split([decode(row.body)])
        if visible:
            found[row.patient_id] = _next(_visit(row, visible[0]), work.site_time_zone)
    return found


def _visit(row: Any, appointment: dict[str, Any]) -> Visit:
    return Visit(
        appointment_id=row.id,
        patient_id=row.patient_id,
        starts_at=row.date_low,
        minutes=visit_minutes(appointment),
        status=row.status,
        reason=visit_reason(appointment),
        practitioner_id=row.practitioner_id,
        practitioner=row.practitioner,
    )


def _next(visit: Visit, time_zone: str) -> NextAppointment:
    return NextAppointment(
        appointment_id=visit.appointment_id,
        starts_at=visit.starts_at.isoformat(),
        with_whom=visit.practitioner,
        reason=visit.reason,
        on=site_date(FixedClock(visit.starts_at), time_zone),
    )
