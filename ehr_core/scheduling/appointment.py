"""Writes an Appointment: as it is booked, moved, cancelled, arrives. Pure; what else stands in it is kept."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.api.calendars import AppointmentType
from data_contracts.api.scheduling import Authorization, CancelReason, Slot
from ehr_core.kernel.fhir_json import without_empty

Resource = dict[str, Any]

OWN = "https://almoner.dev/fhir"
TYPE_SYSTEM = f"{OWN}/CodeSystem/appointment-type"
SERIES_URL = f"{OWN}/StructureDefinition/appointment-series"
CONFIRMED_URL = f"{OWN}/StructureDefinition/appointment-confirmed"
AUTHORIZATION_URL = f"{OWN}/StructureDefinition/appointment-authorization"
CANCEL_SYSTEM = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
KIND_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0276"
KINDS = {"ROUTINE": "Routine appointment", "WALKIN": "A previously unscheduled walk-in visit"}


@dataclass(frozen=True)
class Time:
    """From when to when, with whom, where and in what; as references."""

    starts_at: datetime
    ends_at: datetime
    time_zone: str
    provider: str | None
    provider_name: str | None
    site_id: str
    resources: Sequence[tuple[str, str]] = ()

    @property
    def actors(self) -> list[str]:
        """What it occupies beside the patient."""
        return [actor for actor in (self.provider, *(actor for actor, _ in self.resources)) if actor]


def booked(
    patient_id: str,
    kind: AppointmentType,
    time: Time,
    *,
    reason: str | None,
    created: datetime,
    authorization: Authorization | None = None,
    series_id: str | None = None,
    walk_in: bool = False,
) -> Resource:
    """A new booking; a walk-in has arrived already."""
    coded = "WALKIN" if walk_in else "ROUTINE"
    resource = {
        "resourceType": "Appointment",
        "extension": [*_authorization(authorization), *_series(series_id)],
        "status": "arrived" if walk_in else "booked",
        "serviceType": [
            {"coding": [{"system": TYPE_SYSTEM, "code": kind.code, "display": kind.name}], "text": kind.name}
        ],
        "appointmentType": {"coding": [{"system": KIND_SYSTEM, "code": coded, "display": KINDS[coded]}]},
        "reasonCode": [{"text": reason}] if reason else [],
        "description": reason or kind.name,
        "created": created.isoformat(),
        "patientInstruction": kind.preparation,
        "participant": [{"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}],
    }
    return without_empty(at_time(resource, time))


def at_time(appointment: Resource, time: Time) -> Resource:
    """The same appointment at another time, with whom and where that says. Who else takes part stays."""
    zone = ZoneInfo(time.time_zone)
    replaced = ("Practitioner/", "PractitionerRole/", "Location/", "Device/")
    kept = [
        one
        for one in appointment.get("participant") or ()
        if not ((one.get("actor") or {}).get("reference") or "").startswith(replaced)
    ]
    named = [(time.provider, time.provider_name), *time.resources, (f"Location/{time.site_id}", None)]
    added = [
        without_empty({"actor": {"reference": actor, "display": name}, "status": "accepted"})
        for actor, name in named
        if actor
    ]
    return appointment | {
        "start": time.starts_at.astimezone(zone).isoformat(),
        "end": time.ends_at.astimezone(zone).isoformat(),
        "minutesDuration": int((time.ends_at - time.starts_at).total_seconds() // 60),
        "participant": [*kept, *added],
    }


def unanswered(appointment: Resource) -> Resource:
    """A visit that was moved: that the patient comes has to be asked again."""
    asked = _with_patient_status(appointment, "needs-action")
    return without_empty(asked | {"extension": _other_extensions(asked)})


def confirmed(appointment: Resource) -> Resource:
    """The patient has said that they come."""
    marked = _with_patient_status(appointment, "accepted")
    kept = _other_extensions(marked)
    return marked | {"extension": [*kept, {"url": CONFIRMED_URL, "valueBoolean": True}]}


def is_confirmed(appointment: Resource) -> bool:
    return any(
        one.get("url") == CONFIRMED_URL and one.get("valueBoolean")
        for one in appointment.get("extension") or ()
    )


def cancelled(appointment: Resource, reason: CancelReason, words: str | None) -> Resource:
    """Off, with the coded reason; other words stand beside it."""
    row = cancel_reasons()[reason]
    coded = {"coding": [{"system": CANCEL_SYSTEM, "code": row["code"]}], "text": words}
    return appointment | {"status": "cancelled", "cancelationReason": without_empty(coded)}


def with_status(appointment: Resource, status: str) -> Resource:
    return appointment | {"status": status}


@cache
def cancel_reasons() -> dict[str, dict[str, str]]:
    path = Path(__file__).with_name("cancel_reasons.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _other_extensions(appointment: Resource) -> list[Resource]:
    return [one for one in appointment.get("extension") or () if one.get("url") != CONFIRMED_URL]


def _with_patient_status(appointment: Resource, status: str) -> Resource:
    def answered(one: Resource) -> Resource:
        is_patient = ((one.get("actor") or {}).get("reference") or "").startswith("Patient/")
        return one | {"status": status} if is_patient else one

    return appointment | {"participant": [answered(one) for one in appointment.get("participant") or ()]}


def _authorization(given: Authorization | None) -> list[Resource]:
    if given is None:
        return []
    parts = [{"url": "state", "valueCode": given.state}]
    if given.number:
        parts.append({"url": "number", "valueString": given.number})
    return [{"url": AUTHORIZATION_URL, "extension": parts}]


def _series(series_id: str | None) -> list[Resource]:
    if series_id is None:
        return []
    return [
        {"url": SERIES_URL, "valueIdentifier": {"system": f"{OWN}/NamingSystem/series", "value": series_id}}
    ]


def time_of(slot: Slot) -> Time:
    return Time(
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        time_zone=slot.time_zone,
        provider=slot.provider,
        provider_name=slot.provider_name,
        site_id=slot.site_id,
        resources=[(one.actor, one.name) for one in slot.resources],
    )
