"""Small records for chart tests, written through the store as a service would."""

from __future__ import annotations

from typing import Any

from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.store.repository import Store
from tests.lib.api import RunningApi

MRN = "https://almoner.dev/fhir/NamingSystem/mrn"
LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
PANEL_STATUS = "https://almoner.dev/fhir/CodeSystem/panel-status"
SENSITIVITY = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def put(api: RunningApi, resource_type: str, identity: str, **body: Any) -> None:
    resource = {"resourceType": resource_type, "id": identity, **body}
    with api.work() as work:
        Store(work).update(resource_type, identity, encode(resource))


def body_of(api: RunningApi, resource_type: str, identity: str) -> dict[str, Any]:
    with api.work() as work:
        return decode(Store(work).read(resource_type, identity).body)


def put_site(api: RunningApi) -> None:
    put(api, "Organization", "north", name="North Clinic", active=True)
    for identity, family in (("okafor", "Okafor"), ("chen", "Chen")):
        put(
            api,
            "Practitioner",
            identity,
            name=[{"family": family, "given": ["Ada"], "text": f"Dr Ada {family}"}],
        )


def put_patient(
    api: RunningApi,
    identity: str,
    family: str | None = "Reyes",
    given: str = "Ana",
    birth: str | None = "1972-03-14",
    **more: Any,
) -> None:
    more = {
        "identifier": [{"system": MRN, "value": f"M-{identity.upper()}"}],
        "gender": "female",
        "managingOrganization": {"reference": "Organization/north"},
        "generalPractitioner": [{"reference": "Practitioner/okafor"}],
    } | more
    name = [{"use": "official", "family": family, "given": given.split()}] if family else []
    dated = {"birthDate": birth} if birth else {}
    named = {"name": name} if name else {}
    put(api, "Patient", identity, **named, **dated, **more)


def of(patient: str) -> dict[str, str]:
    return {"reference": f"Patient/{patient}"}


def put_observation(
    api: RunningApi,
    identity: str,
    patient: str,
    code: str = "4548-4",
    *,
    category: str = "laboratory",
    at: str = "2026-11-01T09:00:00-05:00",
    **more: Any,
) -> None:
    put(
        api,
        "Observation",
        identity,
        status=more.pop("status", "final"),
        category=[{"coding": [{"system": CATEGORY, "code": category}]}],
        code={"coding": [{"system": LOINC, "code": code}], "text": f"Test {code}"},
        subject=of(patient),
        effectiveDateTime=at,
        **more,
    )


def put_flag(api: RunningApi, patient: str, code: str, **more: Any) -> None:
    put(
        api,
        "Flag",
        f"{patient}-{code}",
        status=more.pop("status", "active"),
        code={"coding": [{"system": PANEL_STATUS, "code": code}]},
        subject=of(patient),
        **more,
    )


def put_appointment(
    api: RunningApi,
    identity: str,
    patient: str,
    start: str,
    *,
    status: str = "booked",
    who: str = "okafor",
    **more: Any,
) -> None:
    put(
        api,
        "Appointment",
        identity,
        status=status,
        start=start,
        description=more.pop("description", "Follow-up"),
        participant=[
            {"actor": of(patient), "status": "accepted"},
            {"actor": {"reference": f"Practitioner/{who}"}, "status": "accepted"},
        ],
        **more,
    )
