"""The medication list: what is in force and what has ended, each line with its state and refills. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from data_contracts.api.medications import MedicationEntry
from ehr_core.kernel.fhir_json import codings, reference_id, words
from ehr_core.medications.prescriptions import is_in_force, refills_left, state_of
from ehr_core.medications.products import RXNORM, SHIPPED, Lookup
from ehr_core.medications.queries import Kept
from ehr_core.medications.tall_man import tall_man

Resource = dict[str, Any]

CURRENT_STATEMENTS = frozenset({"active", "intended", "on-hold", "unknown"})


@dataclass
class Listed:
    """Current ones by name, past ones newest first; drafts oldest first, on no list before somebody signs them."""

    current: list[MedicationEntry] = field(default_factory=list)
    past: list[MedicationEntry] = field(default_factory=list)
    drafts: list[tuple[Kept, MedicationEntry]] = field(default_factory=list)


def medication_entries(records: Iterable[Kept], today: date, lookup: Lookup = SHIPPED) -> Listed:
    records = [kept for kept in records if kept.resource.get("status") != "entered-in-error"]
    named = {kept.id: kept.resource.get("code") for kept in records if kept.kind == "Medication"}
    given, told_of = _dispensed(records), reports_of(records, ("active", "on-hold"))
    found = Listed()
    for kept in records:
        if kept.kind == "MedicationRequest":
            entry = _prescribed(kept, named, given.get(kept.id, []), lookup)
            if kept.resource.get("status") == "draft":
                found.drafts.append((kept, entry))
            else:
                (found.current if is_in_force(kept.resource, today) else found.past).append(entry)
        elif kept.kind == "MedicationStatement" and kept.id not in told_of:
            is_taken = kept.resource.get("status") in CURRENT_STATEMENTS
            (found.current if is_taken else found.past).append(_reported(kept, named, lookup))
    found.current.sort(key=lambda entry: entry.name.lower())
    found.past.sort(key=lambda entry: entry.since or "", reverse=True)
    found.drafts.sort(key=lambda pair: pair[1].written_on or "")
    return found


def reports_of(records: Iterable[Kept], statuses: tuple[str, ...]) -> set[str]:
    """Ids of the reports that only say what a prescription of this record in one of these states says."""
    listed = list(records)
    orders = {
        kept.id
        for kept in listed
        if kept.kind == "MedicationRequest" and kept.resource.get("status") in statuses
    }
    return {
        kept.id
        for kept in listed
        if kept.kind == "MedicationStatement"
        and any(
            reference_id(one, "MedicationRequest") in orders for one in kept.resource.get("basedOn") or ()
        )
    }


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


def _prescribed(
    kept: Kept, named: Mapping[str, Resource | None], given: list[str], lookup: Lookup
) -> MedicationEntry:
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
        ingredients_known=bool(lookup.ingredients(rxcui)),
        written_on=request.get("authoredOn"),
        written_by=(request.get("requester") or request.get("recorder") or {}).get("display"),
        indication=next(filter(None, map(words, request.get("reasonCode") or ())), None),
        pharmacy=((request.get("dispenseRequest") or {}).get("performer") or {}).get("display"),
        refills_left=refills_left(request, len(given)),
        last_dispensed_on=date.fromisoformat(days[-1]) if days else None,
        stop_reason=words(request.get("statusReason")),
        since=request.get("authoredOn"),
    )


def _reported(kept: Kept, named: Mapping[str, Resource | None], lookup: Lookup) -> MedicationEntry:
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
        ingredients_known=bool(lookup.ingredients(rxcui)),
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
