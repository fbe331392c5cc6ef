"""Puts the stored record together as facts: what could not be read is named, never left out in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from cds.facts import Condition, Facts, Immunization, Part, Unknowable
from data_contracts.code_systems import CVX
from ehr_core.access.chart_policy import LabelSieve
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import codes, codings, words
from ehr_core.medications.imported import lookup_for
from ehr_core.medications.products import RXNORM, Lookup
from ehr_core.workflows.patient_facts import observed
from ehr_core.workflows.patient_facts.days import began, day_in
from ehr_core.workflows.patient_facts.drug_allergies import drug_allergies, list_state, other_allergies
from ehr_core.workflows.patient_facts.events import coded, events_of
from ehr_core.workflows.patient_facts.record import Record, read_records
from ehr_core.workflows.patient_facts.taken import taken

Resource = dict[str, Any]

NOT_TRUE = frozenset({"refuted", "entered-in-error"})
SEXES = frozenset({"female", "male"})
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
PARTS: dict[str, tuple[Part, ...]] = {
    "AllergyIntolerance": ("allergies",),
    "Condition": ("conditions",),
    "MedicationRequest": ("medications",),
    "MedicationStatement": ("medications",),
    "Medication": ("medications",),
    "MedicationDispense": ("events",),
    "MedicationAdministration": ("events",),
    "Observation": ("results", "weights"),
    "Immunization": ("immunizations",),
    "Procedure": ("events",),
    "Encounter": ("events",),
}
"""What the rules cannot see where a resource of that type cannot be read or is kept from the reader."""


@dataclass(frozen=True)
class PatientFacts:
    """One patient for the rules: the whole record, and the part that the reader may see (the same where all is)."""

    whole: Facts
    visible: Facts


def build_facts(work: UnitOfWork, patient_id: str) -> PatientFacts:
    """The facts as of today at the site. Raises NotFound. Whoever asks writes the audit row of its own act."""
    found = build_facts_of_all(work, [patient_id])
    if patient_id not in found:
        raise NotFound("There is no such patient. Search again and open the record from the list.")
    return found[patient_id]


def build_facts_of_all(work: UnitOfWork, patient_ids: Iterable[str]) -> dict[str, PatientFacts]:
    """The facts of some patients in one statement; who is not there is left out."""
    records = {
        patient_id: record
        for patient_id, record in read_records(work, patient_ids).items()
        if record.of("Patient")
    }
    lookup = lookup_for(work.connection, (code for one in records.values() for code in rxnorm_codes(one)))
    sight, today = LabelSieve(work), work.today()
    return {patient_id: _both(record, sight, today, lookup) for patient_id, record in records.items()}


def _both(record: Record, sight: LabelSieve, today: date, lookup: Lookup) -> PatientFacts:
    whole = facts_of(record, today, lookup)
    part = record.seen_by(sight.split)
    return PatientFacts(whole, facts_of(part, today, lookup) if part.withheld else whole)


def rxnorm_codes(record: Record) -> Iterator[str]:
    """Every RxNorm code by which the record names a drug."""
    for kind in (
        "MedicationRequest",
        "MedicationStatement",
        "MedicationDispense",
        "MedicationAdministration",
    ):
        for one in record.of(kind):
            yield from _rxnorm(one.get("medicationCodeableConcept"))
    for one in (*record.of("Medication"), *record.of("AllergyIntolerance")):
        yield from _rxnorm(one.get("code"))
        for reaction in one.get("reaction") or ():
            yield from _rxnorm(reaction.get("substance"))


def _rxnorm(concept: Resource | None) -> Iterator[str]:
    return (code for system, code in codings(concept) if system == RXNORM)


def facts_of(record: Record, today: date, lookup: Lookup) -> Facts:
    """Pure: the record as facts. Raises IndexError without a Patient."""
    patient = record.of("Patient")[0] if record.of("Patient") else {}
    current, stopped = taken(
        record.of("MedicationRequest"), record.of("MedicationStatement"), record.of("Medication"), lookup
    )
    observations = record.of("Observation")
    results = observed.results_of(observations)
    gender = patient.get("gender")
    return Facts(
        as_of=today,
        birth_date=day_in(patient.get("birthDate")),
        sex=gender if gender in SEXES else None,
        races=tuple(_coded_in(patient, RACE)),
        ethnicity=next(_coded_in(patient, ETHNICITY), None),
        smokes=observed.smokes(observations, today),
        pregnancy=observed.pregnancy(observations, today),
        weights_kg=observed.weights(results),
        heights_cm=observed.heights(results),
        conditions=tuple(_conditions(record.of("Condition"))),
        medications=current,
        stopped_medications=stopped,
        allergies=tuple(drug_allergies(record.of("AllergyIntolerance"), lookup)),
        other_allergies=tuple(other_allergies(record.of("AllergyIntolerance"), lookup)),
        allergy_list=list_state(record.of("AllergyIntolerance")),
        results=results,
        immunizations=tuple(_immunizations(record.of("Immunization"))),
        events=events_of(record, lookup),
        unknowable=(
            *_unknowable(record.unreadable, "could not be read"),
            *_unknowable(record.withheld, "restricted"),
        ),
    )


def _unknowable(kinds: Iterable[str], why: Any) -> Iterator[Unknowable]:
    parts = sorted({part for kind in kinds for part in PARTS.get(kind, ())})
    return (Unknowable(part, why) for part in parts)


def _conditions(found: list[Resource]) -> Iterator[Condition]:
    for one in found:
        verification = next(iter(codes(one.get("verificationStatus"))), None)
        if verification in NOT_TRUE:
            continue
        abated = one.get("abatementDateTime") or (one.get("abatementPeriod") or {}).get("end")
        yield Condition(
            codes=coded(one.get("code")),
            name=words(one.get("code")) or "a problem without a name",
            clinical_status=next(iter(codes(one.get("clinicalStatus"))), None),
            onset=began(one, "onset"),
            abated_on=day_in(abated),
            verification=None
            if verification is None
            else "confirmed"
            if verification == "confirmed"
            else "unconfirmed",
            reference=f"Condition/{one['id']}",
        )


def _immunizations(found: list[Resource]) -> Iterator[Immunization]:
    for one in found:
        on = day_in(one.get("occurrenceDateTime"))
        if on is not None:
            cvx = next((code for system, code in codings(one.get("vaccineCode")) if system == CVX.uri), None)
            yield Immunization(cvx, on, words(one.get("vaccineCode")) or "", f"Immunization/{one['id']}")


def _coded_in(patient: Resource, url: str) -> Iterator[str]:
    for outer in patient.get("extension") or ():
        if outer.get("url") == url:
            for inner in outer.get("extension") or ():
                if "valueCoding" in inner:
                    yield inner["valueCoding"].get("code", "")
