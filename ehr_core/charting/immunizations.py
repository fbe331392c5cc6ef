"""Builds a vaccination that was given here, or that was offered and not given. Pure."""

from __future__ import annotations

from decimal import Decimal

from data_contracts.api.chart import RecordImmunization
from data_contracts.code_systems import CVX
from ehr_core.charting.history_words import words_of
from ehr_core.charting.parts import Resource, concept, day, instant, quantity, reference
from ehr_core.charting.recordable import find_recordable, refused
from ehr_core.kernel.fhir_json import without_empty

SITES = "http://terminology.hl7.org/CodeSystem/v2-0163"
ROUTES = "http://terminology.hl7.org/CodeSystem/v2-0162"
FUNDING = "http://terminology.hl7.org/CodeSystem/v2-0064"


def build_immunization(
    given: RecordImmunization, *, patient_id: str, performer: Resource, recorded_at: str
) -> Resource:
    """Raises InvalidResource for a code that is no vaccine of the list, or a lot past its last day.

    What is not known is left out: a registry is told only what was recorded.
    """
    item = find_recordable(given.code, system=CVX.uri, kind="immunization")
    if given.expires_on is not None and given.expires_on < given.at.date():
        raise refused("expires_on", "This lot was past its last day. Check the vial; do not give it.")
    resource = {
        "resourceType": "Immunization",
        "status": "not-done" if given.not_given_reason else "completed",
        "vaccineCode": concept(item.system.uri, item.code, item.name),
        "patient": reference("Patient", patient_id),
        "encounter": reference("Encounter", given.encounter_id) if given.encounter_id else None,
        "occurrenceDateTime": instant(given.at),
        "recorded": recorded_at,
        "primarySource": True,
        "performer": [{"actor": performer}],
    }
    if given.not_given_reason:
        return without_empty({**resource, "statusReason": {"text": given.not_given_reason.strip()}})
    return without_empty({**resource, **_as_given(given)})


def _as_given(given: RecordImmunization) -> Resource:
    """Lot, site, statement and the other fields that a registry asks for."""
    dose = quantity(Decimal(f"{given.dose_ml:f}"), "mL") if given.dose_ml is not None else None
    statement = {
        "documentType": "Vaccine Information Statement",
        "publicationDate": day(given.vis_date) if given.vis_date else None,
        "presentationDate": instant(given.at),
    }
    return {
        "lotNumber": (given.lot or "").strip() or None,
        "expirationDate": day(given.expires_on) if given.expires_on else None,
        "manufacturer": {"display": given.manufacturer.strip()} if given.manufacturer else None,
        "site": _coded(SITES, "vaccine_sites", given.site, "site"),
        "route": _coded(ROUTES, "vaccine_routes", given.route, "route"),
        "doseQuantity": dose,
        "education": [statement] if given.vis_date else [],
        "programEligibility": [
            funded for funded in [_coded(FUNDING, "vaccine_funding", given.funding, "funding")] if funded
        ],
    }


def _coded(system: str, group: str, code: str | None, field: str) -> Resource | None:
    return concept(system, code, words_of(group, code, field)) if code else None
