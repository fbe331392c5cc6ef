"""Whom a worklist row is about: name, age, number, language, how they may be reached, and their next visit.

Read from the patients' own resources for one page of people at a time. What is not recorded stays null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import text

from data_contracts.api.patients import ContactFacts, NextAppointment, PatientName
from ehr_core.access.unit_of_work import UnitOfWork

MRN_SYSTEM = "https://almoner.dev/fhir/NamingSystem/mrn"
CHANNEL_SYSTEM = "https://almoner.dev/fhir/CodeSystem/outreach-channel"
INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
CHANNELS = ("phone", "sms", "email", "portal")
BOOKED = ("booked", "pending", "arrived", "checked-in")
"""Appointment.status of a visit that is still meant to happen."""


@dataclass(frozen=True)
class PersonFacts:
    """What a list shows of one person."""

    patient_id: str
    name: PatientName = field(default_factory=PatientName)
    birth_date: str | None = None
    age_years: int | None = None
    sex: str | None = None
    mrn: str | None = None
    language: str | None = None
    interpreter_required: bool | None = None
    phone: str | None = None
    email: str | None = None


def people(work: UnitOfWork, patient_ids: Sequence[str]) -> dict[str, PersonFacts]:
    """The persons by id; somebody whom the actor may not see is absent."""
    rows = work.connection.execute(
        text("SELECT id, body FROM fhir.patient WHERE id = ANY(:ids) AND NOT deleted"),
        {"ids": list(patient_ids)},
    )
    return {row.id: person_facts(row.id, orjson.loads(row.body), work.today()) for row in rows}


def person_facts(patient_id: str, body: Mapping[str, Any], today: date) -> PersonFacts:
    """The facts of one Patient resource."""
    telecom = {entry.get("system"): entry.get("value") for entry in reversed(body.get("telecom") or [])}
    return PersonFacts(
        patient_id=patient_id,
        name=_name(body.get("name") or []),
        birth_date=body.get("birthDate"),
        age_years=_age(body.get("birthDate"), today),
        sex=body.get("gender"),
        mrn=next(
            (
                entry.get("value")
                for entry in body.get("identifier") or ()
                if entry.get("system") == MRN_SYSTEM
            ),
            None,
        ),
        language=_language(body.get("communication") or []),
        interpreter_required=next(
            (
                entry.get("valueBoolean")
                for entry in body.get("extension") or ()
                if entry.get("url") == INTERPRETER
            ),
            None,
        ),
        phone=telecom.get("phone"),
        email=telecom.get("email"),
    )


def consents(work: UnitOfWork, patient_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """What each person said about each channel: the newest active Consent counts; silence is "not_recorded"."""
    said = {patient_id: dict.fromkeys(CHANNELS, "not_recorded") for patient_id in patient_ids}
    rows = work.connection.execute(
        text(
            "SELECT patient_id, body FROM fhir.consent WHERE patient_id = ANY(:ids) AND NOT deleted "
            "AND status = 'active' ORDER BY date_low NULLS FIRST, last_updated"
        ),
        {"ids": list(patient_ids)},
    )
    for row in rows:
        provision = orjson.loads(row.body).get("provision") or {}
        word = {"permit": "given", "deny": "refused"}.get(provision.get("type"))
        for channel in _channels(provision):
            if word and channel in CHANNELS:
                said[row.patient_id][channel] = word
    return said


def contact_facts(person: PersonFacts, said: Mapping[str, str]) -> ContactFacts:
    return ContactFacts(phone=person.phone, email=person.email, consent=dict(said))


def next_appointments(work: UnitOfWork, patient_ids: Sequence[str]) -> dict[str, NextAppointment]:
    """The first visit from now on that is still meant to happen, per person."""
    rows = work.connection.execute(
        text(
            "SELECT DISTINCT ON (patient_id) patient_id, id, date_low, body FROM fhir.appointment "
            "WHERE patient_id = ANY(:ids) AND NOT deleted AND status = ANY(:booked) AND date_low >= :now "
            "ORDER BY patient_id, date_low"
        ),
        {"ids": list(patient_ids), "booked": list(BOOKED), "now": work.now()},
    ).all()
    bodies = {row.patient_id: orjson.loads(row.body) for row in rows}
    names = practitioner_names(work, (_practitioner_id(body) for body in bodies.values()))
    zone = ZoneInfo(work.site_time_zone)
    return {
        row.patient_id: NextAppointment(
            appointment_id=row.id,
            starts_at=bodies[row.patient_id].get("start") or row.date_low.isoformat(),
            with_whom=names.get(_practitioner_id(bodies[row.patient_id]) or ""),
            reason=_reason(bodies[row.patient_id]),
            on=row.date_low.astimezone(zone).date(),
        )
        for row in rows
    }


def practitioner_names(work: UnitOfWork, ids: Iterable[str | None]) -> dict[str, str]:
    rows = work.connection.execute(
        text(
            "SELECT id, display_name FROM fhir.practitioner WHERE id = ANY(:ids) AND display_name IS NOT NULL"
        ),
        {"ids": sorted({id_ for id_ in ids if id_})},
    )
    return {row.id: row.display_name for row in rows}


def organization_names(work: UnitOfWork, ids: Iterable[str | None]) -> dict[str, str]:
    rows = work.connection.execute(
        text(
            "SELECT id, display_name FROM fhir.organization WHERE id = ANY(:ids) AND display_name IS NOT NULL"
        ),
        {"ids": sorted({id_ for id_ in ids if id_})},
    )
    return {row.id: row.display_name for row in rows}


def _name(names: Sequence[Mapping[str, Any]]) -> PatientName:
    if not names:
        return PatientName()
    by_use = {name.get("use"): name for name in reversed(names)}
    legal = by_use.get("official") or names[0]
    usual = by_use.get("usual")
    used = None
    if usual is not None and usual is not legal:
        used = " ".join(part for part in (*(usual.get("given") or ()), usual.get("family")) if part) or None
    return PatientName(
        family=legal.get("family"),
        given=" ".join(part for part in legal.get("given") or () if part) or None,
        prefix=next(iter(legal.get("prefix") or ()), None),
        used=used,
    )


def _age(birth_date: str | None, today: date) -> int | None:
    """Completed years; null when the day of birth is not recorded exactly."""
    if birth_date is None or len(birth_date) != len("2000-01-01"):
        return None
    born = date.fromisoformat(birth_date)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _language(communication: Sequence[Mapping[str, Any]]) -> str | None:
    preferred = [entry for entry in communication if entry.get("preferred")] or communication
    for entry in preferred:
        for coding in (entry.get("language") or {}).get("coding") or ():
            if coding.get("code"):
                return coding["code"]
    return None


def _channels(provision: Mapping[str, Any]) -> list[str]:
    return [
        coding.get("code", "")
        for concept in provision.get("code") or ()
        for coding in concept.get("coding") or ()
        if coding.get("system") == CHANNEL_SYSTEM
    ]


def _practitioner_id(appointment: Mapping[str, Any]) -> str | None:
    for participant in appointment.get("participant") or ():
        reference = (participant.get("actor") or {}).get("reference", "")
        if reference.startswith("Practitioner/"):
            return reference.removeprefix("Practitioner/")
    return None


def _reason(appointment: Mapping[str, Any]) -> str | None:
    for concept in appointment.get("reasonCode") or ():
        if concept.get("text"):
            return concept["text"]
    return appointment.get("description")
