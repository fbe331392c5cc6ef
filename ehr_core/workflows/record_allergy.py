"""Records allergies at the chart, by the names that the checks know; 'no known allergies' never stands beside one.

Crosses charting (the record), medications (names of drugs) and the classes that decision support knows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from cds.allergens import groups
from data_contracts.api.allergies import (
    CorrectAllergy,
    RecordAllergy,
    RecordedAllergies,
    RecordedAllergy,
    RemoveAllergy,
    Substance,
    SubstancesFound,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting import allergy_recording as build
from ehr_core.charting.allergies import judge_allergies
from ehr_core.charting.parts import instant, person
from ehr_core.charting.provenance import Activity, build_provenance
from ehr_core.charting.reading import require_reading
from ehr_core.kernel.errors import BadRequest, Conflict, InvalidResource, Issue, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.medications.products import RXNORM
from ehr_core.medications.substances import Named, find_substances, substance_of
from ehr_core.store.locks import identity_lock
from ehr_core.store.repository import Store
from ehr_core.store.tokens import identifier_token
from ehr_core.workflows.prescribe import require_in_use

Resource = dict[str, Any]

CLASS_SYSTEM = "https://almoner.dev/fhir/CodeSystem/allergen-class"
MOST = 12
OF_PATIENT = text("""
SELECT id, version_id, identifier_tokens, body FROM fhir.allergy_intolerance
 WHERE patient_id = :id AND NOT deleted ORDER BY last_updated, id
""")
CHANGED_FIRST = "Somebody else changed this first. Look at what it says now, then make your change."
BESIDE_AN_ALLERGY = (
    "'No known allergies' cannot stand beside a recorded allergy. "
    "Remove the allergy with a reason if it is wrong."
)


def search_substances(work: UnitOfWork, *, typed: str) -> SubstancesFound:
    """Classes first, then ingredients, then brands; empty for less than two letters. No patient data."""
    work.actor.require("chart.read")
    wanted = typed.strip().lower()
    if len(wanted) < 2:
        return SubstancesFound(items=[])
    classes = [
        Substance(kind="class", code=one.id, name=class_name(one), note="class of drugs")
        for one in groups()
        if any(word.startswith(wanted) for word in (one.title.lower(), *one.words))
    ]
    named = [_substance(one) for one in find_substances(wanted, most=MOST)]
    return SubstancesFound(items=[*classes, *named][:MOST])


def class_name(group) -> str:
    """The words by which the checks know the class again."""
    return group.title if group.title in group.words else min(group.words, default=group.title)


def _substance(named: Named) -> Substance:
    return Substance(kind=named.kind, code=named.rxcui, name=named.name, note=named.note)


def read_allergies(work: UnitOfWork, *, patient_id: str) -> RecordedAllergies:
    """What is recorded and true now, with the version that a change must name."""
    require_reading(work, patient_id)
    rows = [(decode(row.body), row.version_id) for row in _rows(work, patient_id)]
    work.audit("read_allergies", patient_id=patient_id, detail={"entries": len(rows)})
    return _answer(rows)


def record_allergy(work: UnitOfWork, *, patient_id: str, record: RecordAllergy) -> RecordedAllergies:
    """Records it once, and sets aside every denial that it contradicts. Raises Conflict for one that stands already."""
    work.actor.require("chart.write")
    require_in_use(work, patient_id)
    coding = _coding(record)
    _one_at_a_time(work, patient_id)
    rows = _rows(work, patient_id)
    token = identifier_token(build.REQUEST_IDENTIFIER, record.request_id)
    if not any(token in (row.identifier_tokens or ()) for row in rows):
        _refuse_a_second(rows, coding, record.name)
        made = build.build_allergy(
            record,
            coding=coding,
            patient_id=patient_id,
            recorder=person(work.actor),
            recorded_on=instant(work.now()),
        )
        Store(work).create("AllergyIntolerance", encode(made))
        _set_denials_aside(work, rows)
    return _answer([(decode(row.body), row.version_id) for row in _rows(work, patient_id)])


def _refuse_a_second(rows: list[Any], coding: Resource | None, name: str) -> None:
    """The same code, or the same words, on the list already: two entries would go apart."""
    for row in rows:
        found = decode(row.body)
        if build.counts(found) and not build.is_denial(found) and build.is_of(found, coding, name):
            raise Conflict(f"An allergy to {name.strip()} is recorded already. Correct that entry instead.")


def _one_at_a_time(work: UnitOfWork, patient_id: str) -> None:
    """Two who record for one patient see each other's entry: neither a second one nor a denial slips in beside it."""
    identity_lock(work.connection, "AllergyIntolerance", [("patient", patient_id)])


def record_none_known(work: UnitOfWork, *, patient_id: str) -> RecordedAllergies:
    """The answer to having asked. Raises Conflict beside an allergy; said already, it changes nothing."""
    work.actor.require("chart.write")
    require_in_use(work, patient_id)
    _one_at_a_time(work, patient_id)
    found = [decode(row.body) for row in _rows(work, patient_id)]
    if any(build.counts(one) and not build.is_denial(one) for one in found):
        raise Conflict(BESIDE_AN_ALLERGY)
    if judge_allergies(found)[0] != "none_known":
        made = build.build_none_known(
            patient_id=patient_id, recorder=person(work.actor), recorded_on=instant(work.now())
        )
        Store(work).create("AllergyIntolerance", encode(made))
    return _answer([(decode(row.body), row.version_id) for row in _rows(work, patient_id)])


def correct_allergy(work: UnitOfWork, *, allergy_id: str, act: CorrectAllergy) -> RecordedAllergy:
    """Other details in the place of these; the reason stands in the Provenance, the old version in the history."""
    allergy, version_id = _to_write(work, allergy_id, act.version_id)
    if build.is_denial(allergy):
        raise BadRequest("This says that there is no allergy. Remove it, or record the allergy.")
    return _written(
        work, allergy_id, version_id, build.with_details(allergy, act.details), "UPDATE", act.reason
    )


def remove_allergy(work: UnitOfWork, *, allergy_id: str, act: RemoveAllergy) -> RecordedAllergy:
    """Marks it as entered in error. It stays in the history and counts for nothing."""
    allergy, version_id = _to_write(work, allergy_id, act.version_id)
    return _written(work, allergy_id, version_id, build.removed(allergy), "NULLIFY", act.reason)


def _to_write(work: UnitOfWork, allergy_id: str, seen: int) -> tuple[Resource, int]:
    work.actor.require("chart.write")
    found = Store(work).read("AllergyIntolerance", allergy_id)
    if found.version_id != seen:
        raise StaleVersion(CHANGED_FIRST)
    allergy = decode(found.body)
    if not build.counts(allergy):
        raise BadRequest("This entry is over or was removed already.")
    return allergy, found.version_id


def _written(
    work: UnitOfWork, allergy_id: str, version_id: int, allergy: Resource, activity: Activity, reason: str
) -> RecordedAllergy:
    store = Store(work)
    written = store.update("AllergyIntolerance", allergy_id, encode(allergy), if_match=version_id)
    provenance = build_provenance(
        [("AllergyIntolerance", allergy_id, written.version_id)],
        activity=activity,
        who=person(work.actor),
        recorded_at=instant(work.now()),
        reason=reason,
    )
    store.create("Provenance", encode(provenance))
    return build.recorded(decode(written.body), written.version_id)


def _coding(record: RecordAllergy) -> Resource | None:
    """The code as the checks know it. Raises InvalidResource for one that they do not."""
    if record.kind == "words" or record.code is None:
        return None
    if record.kind == "class":
        known = next((one for one in groups() if one.id == record.code), None)
        name = class_name(known) if known else None
        system = CLASS_SYSTEM
    else:
        name, system = substance_of(record.code), RXNORM
    if name is None:
        raise InvalidResource([Issue("code", "is not on the list. Choose from the search.", "code-invalid")])
    return {"system": system, "code": record.code, "display": name}


def _set_denials_aside(work: UnitOfWork, rows: list[Any]) -> None:
    store = Store(work)
    for row in rows:
        found = decode(row.body)
        if build.is_denial(found) and build.counts(found):
            store.update(
                "AllergyIntolerance", row.id, encode(build.set_aside(found)), if_match=row.version_id
            )


def _rows(work: UnitOfWork, patient_id: str) -> list[Any]:
    return list(work.connection.execute(OF_PATIENT, {"id": patient_id}))


def _answer(rows: list[tuple[Resource, int]]) -> RecordedAllergies:
    state, _ = judge_allergies([found for found, _ in rows])
    return RecordedAllergies(
        state=state,
        items=[build.recorded(found, version) for found, version in rows if build.counts(found)],
    )
