"""What an outside CDS Hooks service is told: the hook's context, the orders that wait, and what it asked to be sent.

Everything is read as the person at the chart may read it: what is held back from them is sent to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from data_contracts.api.outside import AskOutside, RenewedPrescription, WrittenPrescription
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import instant, person
from ehr_core.kernel.errors import AlmonerError, NotFound, Unavailable
from ehr_core.kernel.fhir_json import decode, reference_id
from ehr_core.medications.imported import lookup_for
from ehr_core.medications.prescriptions import build_prescription
from ehr_core.medications.refills import renewed
from ehr_core.medications.sig import with_quantity
from ehr_core.orders.drafts import details_of_row, ordered_of_row, waiting_rows
from ehr_core.orders.resources import build_order, requester_of
from ehr_core.store.repository import Store
from ehr_core.store.search_answers import answer_search

Resource = dict[str, Any]
MOST_OF_A_SEARCH = 500
MOST_PREPARED = 50


def context_of(work: UnitOfWork, asked: AskOutside) -> Resource:
    """The hook's context. Raises NotFound for a patient whose chart is not open to this person."""
    Store(work).read("Patient", asked.patient_id)
    context: Resource = {
        "userId": f"Practitioner/{work.actor.practitioner_id or work.actor.actor_id}",
        "patientId": asked.patient_id,
    }
    if asked.encounter_id:
        context["encounterId"] = asked.encounter_id
    if asked.hook == "patient-view":
        return context
    drafts = _drafts(work, asked.patient_id) + _prepared(work, asked.patient_id)
    if asked.prescription is not None:
        drafts.append(_being_written(work, asked.patient_id, asked.prescription))
    if asked.renewal is not None:
        drafts.append(_being_renewed(work, asked.patient_id, asked.renewal))
    context["draftOrders"] = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": draft} for draft in drafts],
    }
    if asked.hook == "order-select":
        context["selections"] = _selected(asked, drafts)
    return context


def _selected(asked: AskOutside, drafts: list[Resource]) -> list[str]:
    """What is being chosen at this moment, among the drafts."""
    chosen = asked.chosen
    if asked.prescription is not None:
        chosen = [asked.prescription.draft_id]
    elif asked.renewal is not None:
        chosen = [asked.renewal.request_id]
    types = {draft["id"]: draft["resourceType"] for draft in drafts}
    return [f"{types[one]}/{one}" for one in chosen if one in types]


def prefetch_of(work: UnitOfWork, templates: Mapping[str, str], context: Mapping[str, Any]) -> Resource:
    """By key; null for what this person may not read, or what is not there."""
    return {key: _fetched(work, _filled(work, template, context)) for key, template in templates.items()}


def _drafts(work: UnitOfWork, patient_id: str) -> list[Resource]:
    today = work.today()
    return [
        build_order(
            ordered_of_row(row),
            details_of_row(row),
            patient_id=patient_id,
            requester=requester_of(work.actor),
            authored_on=work.now().isoformat(timespec="seconds"),
            start=today,
            due=None,
        )
        | {"id": str(row.draft_id), "status": "draft"}
        for row in waiting_rows(work, patient_id)
    ]


def _prepared(work: UnitOfWork, patient_id: str) -> list[Resource]:
    """Prescriptions that somebody has put before a prescriber, as far as this person sees them."""
    asked = {"patient": patient_id, "status": "draft"}
    found = Store(work).search("MedicationRequest", asked, limit=MOST_PREPARED)
    return [decode(one.body) for one in found.resources]


def _being_written(work: UnitOfWork, patient_id: str, written: WrittenPrescription) -> Resource:
    """What stands in the form, as the order that it would become. Nothing is kept of it."""
    draft = written.draft
    built = build_prescription(
        with_quantity(draft),
        patient_id=patient_id,
        writer=person(work.actor),
        authored_on=instant(work.now()),
        request_id=written.draft_id,
        lookup=lookup_for(work.connection, [draft.rxcui] if draft.rxcui else []),
    )
    return built | {"id": written.draft_id, "status": "draft"}


def _being_renewed(work: UnitOfWork, patient_id: str, renewal: RenewedPrescription) -> Resource:
    """What approving the request would sign. Raises NotFound for one that is not this patient's, or is answered."""
    store = Store(work)
    task = decode(store.read("Task", renewal.request_id).body)
    prescription_id = reference_id(task.get("focus"), "MedicationRequest")
    whose = reference_id(task.get("for"), "Patient")
    if whose != patient_id or task.get("status") != "requested" or prescription_id is None:
        raise NotFound("There is no such request for a refill in this record.")
    built = renewed(
        decode(store.read("MedicationRequest", prescription_id).body),
        prescription_id=prescription_id,
        refills=renewal.refills,
        writer=person(work.actor),
        authored_on=instant(work.now()),
    )
    return built | {"id": renewal.request_id, "status": "draft"}


def _filled(work: UnitOfWork, template: str, context: Mapping[str, Any]) -> str:
    values = {
        "context.patientId": context["patientId"],
        "context.userId": context["userId"],
        "context.encounterId": context.get("encounterId", ""),
        "userPractitionerId": work.actor.practitioner_id or "",
        "today()": work.today().isoformat(),
    }
    for token, value in values.items():
        template = template.replace("{{" + token + "}}", value)
    return template


def _fetched(work: UnitOfWork, address: str) -> Resource | None:
    store = Store(work)
    path, question, query = address.partition("?")
    type_name, _, resource_id = path.partition("/")
    try:
        if not question:
            return decode(store.read(type_name, resource_id).body)
        given = [*parse_qsl(query, keep_blank_values=True), ("_count", str(MOST_OF_A_SEARCH))]
        answer = answer_search(store, type_name, given, store.asking())
    except Unavailable:
        raise
    except AlmonerError:
        return None
    entries = [
        {"resource": decode(found.body), "search": {"mode": mode}}
        for mode, listed in (("match", answer.matches), ("include", answer.included))
        for found in listed
    ]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": answer.total}
    return bundle | ({"entry": entries} if entries else {})
