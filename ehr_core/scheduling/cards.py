"""Bookings as lists and calendars show them, read by their promoted columns: any number in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Row, text

from data_contracts.api.scheduling import VisitCard
from ehr_core.access.sensitivity import labels, may_see
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.scheduling.appointment import CONFIRMED_URL, TYPE_SYSTEM

SELECT = """
SELECT a.id, a.version_id, a.status, a.date_low, a.date_high, a.patient_id, a.body, a.reference_tokens, a.code_tokens,
  p.body AS patient_body
FROM fhir.appointment AS a LEFT JOIN fhir.patient AS p ON p.id = a.patient_id AND NOT p.deleted
WHERE NOT a.deleted AND """

BY_IDS = text(f"{SELECT} a.id = ANY(:ids) ORDER BY a.date_low, a.id")
BY_TIME = text(
    f"{SELECT} a.date_low >= :begin AND a.date_low < :end AND a.status = ANY(:statuses) ORDER BY a.date_low, a.id"
)
OF_PATIENT = text(
    f"{SELECT} a.patient_id = :patient_id AND a.date_low >= :begin AND a.status = ANY(:statuses) "
    "ORDER BY a.date_low, a.id"
)
SERIES = text(
    "SELECT appointment_id, CAST(series_id AS text) FROM scheduling.series_member WHERE appointment_id = ANY(:ids)"
)
DOUBLE = text("""
SELECT DISTINCT b.source_id FROM scheduling.booking AS b
JOIN scheduling.booking AS other
  ON other.actor = b.actor AND other.during && b.during AND other.booking_id <> b.booking_id
WHERE b.double_booked AND b.source = 'appointment' AND b.source_id = ANY(:ids)
""")
NAMES = text("""
SELECT 'calendar' AS what, actor AS id, name, kind AS more FROM scheduling.calendar
UNION ALL SELECT 'site', site_id, name, time_zone FROM scheduling.site
UNION ALL SELECT 'type', code, name, NULL FROM scheduling.appointment_type
""")
PEOPLE = text("SELECT id, display_name FROM fhir.practitioner WHERE id = ANY(:ids)")


class _Words(msgspec.Struct):
    text: str | None = None


class _Appointment(msgspec.Struct):
    """Of an Appointment, what has no column."""

    description: str | None = None
    reasonCode: list[_Words] = []


class _Identifier(msgspec.Struct):
    system: str | None = None
    value: str | None = None


class _Name(msgspec.Struct):
    use: str | None = None
    family: str | None = None
    given: list[str] = []
    text: str | None = None


@dataclass(frozen=True)
class Person:
    """Who it is, as every list of visits says it."""

    name: str | None
    birth_date: str | None
    mrn: str | None


class _Patient(msgspec.Struct):
    name: list[_Name] = []
    identifier: list[_Identifier] = []
    birthDate: str | None = None


_appointment = msgspec.json.Decoder(_Appointment)
_patient = msgspec.json.Decoder(_Patient)
MRN_SYSTEM = "https://almoner.dev/fhir/NamingSystem/mrn"


def cards_by_id(work: UnitOfWork, appointment_ids: Sequence[str]) -> list[VisitCard]:
    """In order of time; what does not exist is not in the answer. Audits nothing: callers do."""
    if not appointment_ids:
        return []
    return _cards(work, BY_IDS, {"ids": list(appointment_ids)})


def card(work: UnitOfWork, appointment_id: str) -> VisitCard:
    """Raises NotFound."""
    found = cards_by_id(work, [appointment_id])
    if not found:
        raise NotFound("There is no such visit. It may have been deleted; reload the page.")
    return found[0]


def cards_between(
    work: UnitOfWork, begin: datetime, end: datetime, statuses: Sequence[str]
) -> list[VisitCard]:
    """What begins in that time, in order. Audits nothing: callers do."""
    return _cards(work, BY_TIME, {"begin": begin, "end": end, "statuses": list(statuses)})


def cards_of_patient(
    work: UnitOfWork, patient_id: str, begin: datetime, statuses: Sequence[str]
) -> list[VisitCard]:
    return _cards(work, OF_PATIENT, {"patient_id": patient_id, "begin": begin, "statuses": list(statuses)})


def _cards(work: UnitOfWork, query: Any, values: dict[str, Any]) -> list[VisitCard]:
    """A handful of statements, however many visits there are."""
    rows = [row for row in work.connection.execute(query, values) if _may_see(work, row.body)]
    if not rows:
        return []
    actors = [_actors(row) for row in rows]
    names = _names(work, [row.id for row in rows], actors)
    return [_card(row, of_row, names) for row, of_row in zip(rows, actors, strict=True)]


@dataclass
class _Names:
    """What the cards of one answer say of calendars, sites, types and people, by id."""

    time_zone: str
    calendars: dict[str, tuple[str, str]]
    sites: dict[str, str]
    types: dict[str, str]
    people: dict[str, str | None]
    series: dict[str, str]
    double: set[str]


def _names(work: UnitOfWork, ids: Sequence[str], actors: Sequence[Sequence[str]]) -> _Names:
    names = _Names(work.site_time_zone, {}, {}, {}, {}, {}, set())
    for row in work.connection.execute(NAMES):
        if row.what == "calendar":
            names.calendars[row.id] = (row.name, row.more)
        elif row.what == "site":
            names.sites[row.id] = row.more
        else:
            names.types[row.id] = row.name
    strangers = {one[13:] for one in set(chain.from_iterable(actors)) if _is_stranger(one, names)}
    if strangers:
        found = work.connection.execute(PEOPLE, {"ids": sorted(strangers)})
        names.people = {f"Practitioner/{row.id}": row.display_name for row in found}
    names.series = {row[0]: row[1] for row in work.connection.execute(SERIES, {"ids": ids})}
    names.double = set(work.connection.execute(DOUBLE, {"ids": ids}).scalars())
    return names


def _actors(row: Row) -> list[str]:
    return [token[6:] for token in row.reference_tokens or () if token.startswith("actor:")]


def _is_stranger(actor: str, names: _Names) -> bool:
    """A clinician without a calendar here."""
    return actor.startswith("Practitioner/") and actor not in names.calendars


def _may_see(work: UnitOfWork, body: str) -> bool:
    """A booking with a label that a patient or proxy does not see is not shown to them."""
    actor = work.actor
    return actor.kind != "patient" or may_see(actor.kind, actor.labels_seen, labels(decode(body)))


def _card(row: Row, actors: Sequence[str], names: _Names) -> VisitCard:
    """Checked as a whole: that is faster than to construct it unchecked, and safer."""
    written = _appointment.decode(row.body)
    person = read_person(row.patient_body)
    reason = written.description or next((one.text for one in written.reasonCode if one.text), None)
    provider = next((actor for actor in actors if actor.startswith("Practitioner/")), None)
    known = names.calendars.get(provider or "")
    site_id = next((actor[9:] for actor in actors if actor[9:] in names.sites), None)
    type_code = next(
        (code for token in row.code_tokens or () if (code := _type_code(token)) in names.types), None
    )
    type_name = names.types.get(type_code or "")
    return VisitCard.model_validate(
        {
            "appointment_id": row.id,
            "version": row.version_id,
            "status": row.status,
            "starts_at": row.date_low,
            "ends_at": row.date_high,
            "time_zone": names.sites.get(site_id or "", names.time_zone),
            "type_code": type_code,
            "type_name": type_name,
            "reason": reason if reason != type_name else None,
            "patient_id": row.patient_id,
            "patient_name": person.name,
            "birth_date": person.birth_date,
            "mrn": person.mrn,
            "provider": provider,
            "provider_name": known[0] if known else names.people.get(provider or ""),
            "site_id": site_id,
            "resources": _booked_resources(actors, names),
            "series_id": names.series.get(row.id),
            "confirmed": CONFIRMED_URL in row.body,
            "double_booked": row.id in names.double,
        }
    )


def _booked_resources(actors: Sequence[str], names: _Names) -> list[dict[str, str]]:
    known = ((actor, names.calendars.get(actor)) for actor in actors)
    return [{"actor": actor, "name": one[0]} for actor, one in known if one and one[1] != "provider"]


def _type_code(token: str) -> str | None:
    system, _, code = token.rpartition("|")
    return code if system == TYPE_SYSTEM else None


def read_person(body: str | None) -> Person:
    """Of a Patient resource; everything null where there is none."""
    written = _patient.decode(body) if body else _Patient()
    mrn = next((one.value for one in written.identifier if one.system == MRN_SYSTEM), None)
    return Person(_name(written), written.birthDate, mrn)


def _name(person: _Patient) -> str | None:
    """'FAMILY, Given' of the official name, else of the first; None when none is recorded."""
    found = next((one for one in person.name if one.use == "official"), None) or next(iter(person.name), None)
    if found is None:
        return None
    parts = [found.family.upper() if found.family else None, " ".join(found.given) or None]
    return ", ".join(part for part in parts if part) or found.text
