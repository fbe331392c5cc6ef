"""Puts the stored record together as facts: what could not be read is named, never left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from cds import ingredients as known_ingredients
from cds.facts import (
    Allergy,
    AllergyList,
    Code,
    Condition,
    Facts,
    Immunization,
    Measurement,
    Part,
    Pregnancy,
    Result,
    Unknowable,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.allergies import absence_codes, judge_allergies
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import codes, codings, words
from ehr_core.medications.products import product
from ehr_core.workflows.patient_facts.days import day_in
from ehr_core.workflows.patient_facts.record import Record, read_record
from ehr_core.workflows.patient_facts.taken import RXNORM, taken

Resource = dict[str, Any]

LOINC = "http://loinc.org"
CVX = "http://hl7.org/fhir/sid/cvx"
NOT_TRUE = frozenset({"refuted", "entered-in-error"})
NOT_DRUGS = frozenset({"food", "environment"})
SEXES = frozenset({"female", "male"})
WEIGHT, HEIGHT = "29463-7", "8302-2"
IN_KG = {"kg": 1.0, "g": 0.001, "[lb_av]": 0.45359237, "lb": 0.45359237}
IN_CM = {"cm": 1.0, "m": 100.0, "[in_i]": 2.54, "in": 2.54}
PREGNANCY_STATUS, DUE_DATE = "82810-3", "11778-8"
PREGNANT = {
    "LA15173-0": "pregnant",
    "77386006": "pregnant",
    "LA26683-5": "not_pregnant",
    "60001007": "not_pregnant",
}
PREGNANCY_HOLDS_DAYS = 300
"""A recorded pregnancy status older than this is unknown again."""
SMOKING_STATUS = "72166-2"
SMOKES = {
    "LA18976-3": True,
    "LA18977-1": True,
    "LA18981-3": True,
    "LA18982-1": True,
    "LA15920-4": False,
    "LA18978-9": False,
    "449868002": True,
    "428041000124106": True,
    "428071000124103": True,
    "428061000124105": True,
    "8517006": False,
    "266919005": False,
    "77176002": True,
}
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
PARTS: dict[str, Part] = {
    "AllergyIntolerance": "allergies",
    "Condition": "conditions",
    "MedicationRequest": "medications",
    "MedicationStatement": "medications",
    "Medication": "medications",
    "Observation": "results",
    "Immunization": "immunizations",
}


def build_facts(work: UnitOfWork, patient_id: str) -> Facts:
    """The facts as of today at the site. Raises NotFound. Whoever asks writes the audit row of its own act."""
    record = read_record(work, patient_id)
    if not record.of("Patient"):
        raise NotFound("There is no such patient. Search again and open the record from the list.")
    return facts_of(record, work.today())


def facts_of(record: Record, today: date) -> Facts:
    """Pure: the record as facts."""
    patient = record.of("Patient")[0]
    current, stopped = taken(
        record.of("MedicationRequest"), record.of("MedicationStatement"), record.of("Medication")
    )
    results = tuple(result for one in record.of("Observation") for result in _results(one))
    gender = patient.get("gender")
    return Facts(
        as_of=today,
        birth_date=day_in(patient.get("birthDate")),
        sex=gender if gender in SEXES else None,
        races=tuple(_coded_in(patient, RACE)),
        ethnicity=next(_coded_in(patient, ETHNICITY), None),
        smokes=_smokes(results),
        pregnancy=_pregnancy(results, today),
        weights_kg=tuple(_measured(results, WEIGHT, IN_KG, "kg")),
        heights_cm=tuple(_measured(results, HEIGHT, IN_CM, "cm")),
        conditions=tuple(_conditions(record.of("Condition"))),
        medications=current,
        stopped_medications=stopped,
        allergies=tuple(_allergies(record.of("AllergyIntolerance"))),
        allergy_list=_list_state(record),
        results=results,
        immunizations=tuple(_immunizations(record.of("Immunization"))),
        unknowable=tuple(
            Unknowable(part, "could not be read")
            for part in sorted({PARTS[kind] for kind in record.unreadable if kind in PARTS})
        ),
    )


def _conditions(found: list[Resource]) -> Iterator[Condition]:
    for one in found:
        verification = next(iter(codes(one.get("verificationStatus"))), None)
        if verification in NOT_TRUE:
            continue
        status = next(iter(codes(one.get("clinicalStatus"))), None)
        yield Condition(
            codes=tuple(_codes(one.get("code"))),
            name=words(one.get("code")) or "a problem without a name",
            clinical_status=status,
            onset=day_in(one.get("onsetDateTime") or (one.get("onsetPeriod") or {}).get("start")),
            abated_on=day_in(one.get("abatementDateTime") or (one.get("abatementPeriod") or {}).get("end")),
            verification="confirmed"
            if verification == "confirmed"
            else "unconfirmed"
            if verification
            else None,
            reference=f"Condition/{one['id']}",
        )


def _allergies(found: list[Resource]) -> Iterator[Allergy]:
    """Allergies to drugs that are true and not resolved; one without a category may be to a drug, and is handed in."""
    for one in found:
        verification = next(iter(codes(one.get("verificationStatus"))), None)
        inactive = codes(one.get("clinicalStatus")) & {"inactive", "resolved"}
        kinds = set(one.get("category") or ())
        absent = any(coding in absence_codes() for coding in codings(one.get("code")))
        if verification in NOT_TRUE or inactive or absent or (kinds and kinds <= NOT_DRUGS):
            continue
        ingredients = tuple(dict.fromkeys(_ingredients(one.get("code"))))
        reactions = one.get("reaction") or ()
        severities = [reaction["severity"] for reaction in reactions if reaction.get("severity")]
        yield Allergy(
            name=words(one.get("code")) or "a substance without a name",
            ingredients=ingredients,
            codes=tuple(_codes(one.get("code"))),
            coded=bool(list(codings(one.get("code")))),
            reactions=tuple(
                said
                for reaction in reactions
                for one_of in reaction.get("manifestation") or ()
                if (said := words(one_of))
            ),
            severity=_worst(severities),
            criticality=one.get("criticality") if one.get("criticality") in ("low", "high") else None,
            intolerance=None if one.get("type") is None else one["type"] == "intolerance",
            verification="confirmed"
            if verification == "confirmed"
            else "unconfirmed"
            if verification
            else None,
            recorded_on=day_in(one.get("recordedDate")),
            last_reaction_on=day_in(one.get("lastOccurrence")),
            reference=f"AllergyIntolerance/{one['id']}",
        )


def _worst(severities: list[str]) -> Any:
    return next((one for one in ("severe", "moderate", "mild") if one in severities), None)


def _ingredients(concept: Resource | None) -> Iterator[str]:
    for system, code in codings(concept):
        if system != RXNORM:
            continue
        if code in known_ingredients.names():
            yield code
        elif found := product(code):
            yield from found.ingredients


def _list_state(record: Record) -> AllergyList:
    state, _ = judge_allergies(record.of("AllergyIntolerance"))
    if state == "known":
        return "recorded"
    return "none_known" if state == "none_known" else "not_asked"


def _immunizations(found: list[Resource]) -> Iterator[Immunization]:
    for one in found:
        on = day_in(one.get("occurrenceDateTime"))
        if on is not None:
            cvx = next((code for system, code in codings(one.get("vaccineCode")) if system == CVX), None)
            yield Immunization(cvx, on, words(one.get("vaccineCode")) or "", f"Immunization/{one['id']}")


def _results(observation: Resource) -> Iterator[Result]:
    """The value of an observation and of each component, for its LOINC codes; without a day it is no fact."""
    period = observation.get("effectivePeriod") or {}
    on = day_in(
        observation.get("effectiveDateTime") or observation.get("effectiveInstant") or period.get("start")
    )
    if on is None:
        return
    for part in (observation, *(observation.get("component") or ())):
        quantity = part.get("valueQuantity") or {}
        coded = part.get("valueCodeableConcept")
        for system, code in codings(part.get("code")):
            if system == LOINC:
                yield Result(
                    loinc=code,
                    value=None if quantity.get("value") is None else float(quantity["value"]),
                    unit=quantity.get("code") or quantity.get("unit"),
                    on=on,
                    status=observation.get("status", ""),
                    words=_said(part, coded),
                    comparator=quantity.get("comparator"),
                    name=words(part.get("code")) or "",
                    reference=f"Observation/{observation['id']}",
                )


def _said(part: Resource, coded: Resource | None) -> str | None:
    """A coded value as its code, for the few that are compared; else its words."""
    first = next(iter(codings(coded)), None)
    return first[1] if first else words(coded) or part.get("valueString") or part.get("valueDateTime")


def _measured(
    results: tuple[Result, ...], loinc: str, units: dict[str, float], unit: str
) -> Iterator[Measurement]:
    """Values in the one unit; what carries another unit than we can turn is left out rather than guessed."""
    for one in results:
        if one.loinc == loinc and one.value is not None and one.unit in units:
            yield Measurement(one.value * units[one.unit], unit, one.on, one.reference)


def _smokes(results: tuple[Result, ...]) -> bool | None:
    newest = max(
        (one for one in results if one.loinc == SMOKING_STATUS), key=lambda one: one.on, default=None
    )
    return None if newest is None else SMOKES.get(newest.words or "")


def _pregnancy(results: tuple[Result, ...], today: date) -> Pregnancy:
    newest = max(
        (one for one in results if one.loinc == PREGNANCY_STATUS), key=lambda one: one.on, default=None
    )
    if newest is None or (today - newest.on).days > PREGNANCY_HOLDS_DAYS:
        return Pregnancy()
    due = max((one for one in results if one.loinc == DUE_DATE), key=lambda one: one.on, default=None)
    return Pregnancy(
        state=PREGNANT.get(newest.words or "", "unknown"),
        due_on=day_in(due.words) if due and due.words else None,
    )


def _coded_in(patient: Resource, url: str) -> Iterator[str]:
    for outer in patient.get("extension") or ():
        if outer.get("url") == url:
            for inner in outer.get("extension") or ():
                if "valueCoding" in inner:
                    yield inner["valueCoding"].get("code", "")


def _codes(concept: Resource | None) -> Iterator[Code]:
    for coding in (concept or {}).get("coding") or ():
        if coding.get("code"):
            yield Code(coding.get("system", ""), coding["code"], coding.get("display", ""))
