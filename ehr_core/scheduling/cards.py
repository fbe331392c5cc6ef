"""Bookings as lists and calendars show them, read by their promoted columns: any number in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, text

from data_contracts.api.scheduling import BookedResource, VisitCard
from ehr_core.access.sensitivity import labels, may_see
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.scheduling.appointment import CONFIRMED_URL, TYPE_SYSTEM

SELECT = f"""
SELECT a.id, a.version_id, a.status, a.date_low, a.date_high, a.patient_id, a.body,
  who.actor AS provider, who.name AS provider_name, place.site_id,
  coalesce(place.time_zone, :site_time_zone) AS time_zone, used.actors, used.names,
  kind.code AS type_code, kind.name AS type_name, series.series_id,
  p.body AS patient_body,
  EXISTS (SELECT FROM scheduling.booking AS b JOIN scheduling.booking AS other
          ON other.actor = b.actor AND other.during && b.during AND other.booking_id <> b.booking_id
          WHERE b.source = 'appointment' AND b.source_id = a.id AND b.double_booked) AS double_booked
FROM fhir.appointment AS a
LEFT JOIN fhir.patient AS p ON p.id = a.patient_id AND NOT p.deleted
LEFT JOIN scheduling.series_member AS series ON series.appointment_id = a.id
LEFT JOIN scheduling.appointment_type AS kind
  ON a.code_tokens IS NOT NULL AND ('{TYPE_SYSTEM}|' || kind.code) = ANY(a.code_tokens)
LEFT JOIN LATERAL (
  SELECT substr(token, 7) AS actor, coalesce(c.name, one.display_name) AS name
  FROM unnest(a.reference_tokens) WITH ORDINALITY AS t (token, place)
  LEFT JOIN scheduling.calendar AS c ON c.actor = substr(token, 7)
  LEFT JOIN fhir.practitioner AS one ON one.id = substr(token, 20)
  WHERE token LIKE 'actor:Practitioner/%' ORDER BY place LIMIT 1) AS who ON true
LEFT JOIN LATERAL (
  SELECT array_agg(c.actor ORDER BY c.name) AS actors, array_agg(c.name ORDER BY c.name) AS names
  FROM unnest(a.reference_tokens) AS token JOIN scheduling.calendar AS c ON c.actor = substr(token, 7)
  WHERE token LIKE 'actor:%' AND c.kind <> 'provider') AS used ON true
LEFT JOIN LATERAL (
  SELECT s.site_id, s.time_zone FROM unnest(a.reference_tokens) AS token
  JOIN scheduling.site AS s ON token = 'actor:Location/' || s.site_id LIMIT 1) AS place ON true
WHERE NOT a.deleted AND """

BY_IDS = text(f"{SELECT} a.id = ANY(:ids) ORDER BY a.date_low, a.id")
BY_TIME = text(
    f"{SELECT} a.date_low >= :begin AND a.date_low < :end AND a.status = ANY(:statuses) ORDER BY a.date_low, a.id"
)
OF_PATIENT = text(
    f"{SELECT} a.patient_id = :patient_id AND a.date_low >= :begin AND a.status = ANY(:statuses) "
    "ORDER BY a.date_low, a.id"
)


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
    rows = work.connection.execute(query, values | {"site_time_zone": work.site_time_zone})
    return [_card(row) for row in rows if _may_see(work, row.body)]


def _may_see(work: UnitOfWork, body: str) -> bool:
    """A booking with a sensitivity label is not shown to a patient."""
    return work.actor.kind != "patient" or may_see(work.actor.kind, labels(decode(body)))


def _card(row: Row) -> VisitCard:
    written = _appointment.decode(row.body)
    person = read_person(row.patient_body)
    reason = written.description or next((one.text for one in written.reasonCode if one.text), None)
    return VisitCard.model_construct(
        appointment_id=row.id,
        version=row.version_id,
        status=row.status,
        starts_at=row.date_low,
        ends_at=row.date_high,
        time_zone=row.time_zone,
        type_code=row.type_code,
        type_name=row.type_name,
        reason=reason if reason != row.type_name else None,
        patient_id=row.patient_id,
        patient_name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        provider=row.provider,
        provider_name=row.provider_name,
        site_id=row.site_id,
        resources=[
            BookedResource.model_construct(actor=actor, name=name)
            for actor, name in zip(row.actors or (), row.names or (), strict=True)
        ],
        series_id=str(row.series_id) if row.series_id else None,
        confirmed=CONFIRMED_URL in row.body,
        double_booked=row.double_booked,
    )


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
