"""The medication list: what is in force and what has ended, each line with its state and refills. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from data_contracts.api.medications import MedicationEntry
from ehr_core.kernel.fhir_json import codings, reference_id, words
from ehr_core.medications.prescriptions import RXNORM, is_in_force, refills_left, state_of
from ehr_core.medications.products import product
from ehr_core.medications.queries import Kept
from ehr_core.medications.tall_man import tall_man

Resource = dict[str, Any]

CURRENT_STATEMENTS = frozenset({"active", "intended", "on-hold", "unknown"})


def medication_entries(
    records: Iterable[Kept], today: date
) -> tuple[list[MedicationEntry], list[MedicationEntry]]:
    """(current, past), by name and then newest first. Drafts belong to neither: they are not on the list yet."""
    listed = list(records)
    named = {kept.id: kept.resource.get("code") for kept in listed if kept.kind == "Medication"}
    given = _dispensed(listed)
    current, past = [], []
    for kept in listed:
        if kept.kind == "MedicationRequest" and kept.resource.get("status") not in (
            "draft",
            "entered-in-error",
        ):
            entry = _prescribed(kept, named, given.get(kept.id, []))
            (current if is_in_force(kept.resource, today) else past).append(entry)
        elif kept.kind == "MedicationStatement" and kept.resource.get("status") != "entered-in-error":
            (current if kept.resource.get("status") in CURRENT_STATEMENTS else past).append(
                _reported(kept, named)
            )
    current.sort(key=lambda entry: entry.name.lower())
    past.sort(key=lambda entry: entry.since or "", reverse=True)
    return current, past


def _dispensed(listed: list[Kept]) -> Mapping[str, list[str]]:
    """The days on which each prescription was given out, oldest first."""
    given: dict[str, list[str]] = defaultdict(list)
    for kept in listed:
        if kept.kind != "MedicationDispense":
            continue
        day = (kept.resource.get("whenHandedOver") or kept.resource.get("whenPrepared") or "")[:10]
        for authorising in kept.resource.get("authorizingPrescription") or ():
            if found := reference_id(authorising, "MedicationRequest"):
                given[found].append(day)
    return {key: sorted(days) for key, days in given.items()}


def _prescribed(kept: Kept, named: Mapping[str, Resource | None], given: list[str]) -> MedicationEntry:
    request = kept.resource
    concept = _concept(request, named)
    rxcui = rxcui_of(concept)
    days = [day for day in given if day]
    return MedicationEntry(
        prescription_id=kept.id,
        version_id=kept.version_id,
        kind="prescribed",
        state=state_of(request, dispensed=bool(given)),
        name=tall_man(medication_name(request, concept)),
        sig="; ".join(one["text"] for one in request.get("dosageInstruction") or () if one.get("text"))
        or None,
        rxcui=rxcui,
        ingredients_known=bool(rxcui and product(rxcui)),
        written_on=request.get("authoredOn"),
        written_by=(request.get("requester") or {}).get("display"),
        indication=next(filter(None, map(words, request.get("reasonCode") or ())), None),
        pharmacy=((request.get("dispenseRequest") or {}).get("performer") or {}).get("display"),
        refills_left=refills_left(request, len(given)),
        last_dispensed_on=date.fromisoformat(days[-1]) if days else None,
        stop_reason=words(request.get("statusReason")),
        since=request.get("authoredOn"),
    )


def _reported(kept: Kept, named: Mapping[str, Resource | None]) -> MedicationEntry:
    statement = kept.resource
    concept = _concept(statement, named)
    rxcui = rxcui_of(concept)
    return MedicationEntry(
        prescription_id=kept.id,
        version_id=kept.version_id,
        kind="reported",
        state="on_hold" if statement.get("status") == "on-hold" else None,
        name=tall_man(medication_name(statement, concept)),
        sig="; ".join(one["text"] for one in statement.get("dosage") or () if one.get("text")) or None,
        rxcui=rxcui,
        ingredients_known=bool(rxcui and product(rxcui)),
        written_on=statement.get("dateAsserted"),
        written_by=(statement.get("informationSource") or {}).get("display"),
        indication=next(filter(None, map(words, statement.get("reasonCode") or ())), None),
        pharmacy=None,
        refills_left=None,
        last_dispensed_on=None,
        stop_reason=next(filter(None, map(words, statement.get("statusReason") or ())), None),
        since=statement.get("effectiveDateTime") or (statement.get("effectivePeriod") or {}).get("start"),
    )


def _concept(resource: Resource, named: Mapping[str, Resource | None]) -> Resource | None:
    referred = named.get(reference_id(resource.get("medicationReference"), "Medication") or "")
    return resource.get("medicationCodeableConcept") or referred


def medication_name(resource: Resource, concept: Resource | None) -> str:
    return (
        words(concept) or (resource.get("medicationReference") or {}).get("display") or "medication not named"
    )


def rxcui_of(concept: Resource | None) -> str | None:
    return next((code for system, code in codings(concept) if system == RXNORM), None)
