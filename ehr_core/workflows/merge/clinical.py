"""What a merge does to allergies and medications: denials give way to allergies, medicines wait to be reconciled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text

from data_contracts.code_systems import OWN
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.allergies import contradicted_denials
from ehr_core.charting.parts import instant, person
from ehr_core.charting.summary import CURRENT_PRESCRIPTIONS, CURRENT_STATEMENTS
from ehr_core.kernel.fhir_json import codings, decode, encode, words
from ehr_core.store.moving import Moved
from ehr_core.store.repository import Store

Resource = dict[str, Any]

ALLERGY_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
FLAG_CATEGORY = "http://terminology.hl7.org/CodeSystem/flag-category"
RECORD_FLAG = f"{OWN}/CodeSystem/record-flag"
RECONCILE = "reconcile-medications"
RECONCILE_WORDS = "Medications must be reconciled: two records were brought together"
SET_ASIDE_WORDS = (
    "Set aside when two records of this person were brought together: the other one holds an allergy."
)

ALLERGIES = text("SELECT body FROM fhir.allergy_intolerance WHERE patient_id = ANY(:ids) AND NOT deleted")
MEDICATIONS = text("""
SELECT patient_id, body FROM fhir.medication_request
 WHERE patient_id = ANY(:ids) AND NOT deleted AND status = ANY(:prescriptions)
UNION ALL
SELECT patient_id, body FROM fhir.medication_statement
 WHERE patient_id = ANY(:ids) AND NOT deleted AND status = ANY(:statements)
""")
OPEN_FLAGS = text("""
SELECT id FROM fhir.flag WHERE patient_id = :id AND NOT deleted AND status = 'active' AND code_tokens && :tokens
ORDER BY id
""")


@dataclass(frozen=True)
class Medicines:
    """Current medicines of two records: whether anything must be reconciled, and how many stand on both sides."""

    must_be_reconciled: bool
    on_both_sides: int


def denials(work: UnitOfWork, patient_ids: Sequence[str]) -> list[Resource]:
    """Entries that deny an allergy which these records, together, hold."""
    rows = work.connection.execute(ALLERGIES, {"ids": list(patient_ids)}).scalars()
    return contradicted_denials(map(decode, rows))


def set_denials_aside(work: UnitOfWork, patient_id: str) -> list[Moved]:
    """'No known allergies' beside an allergy is inactive from now on; it stays in the record with the reason."""
    done = []
    for denial in denials(work, [patient_id]):
        body = denial | {
            "clinicalStatus": {"coding": [{"system": ALLERGY_CLINICAL, "code": "inactive"}]},
            "note": [
                *(denial.get("note") or ()),
                {"authorString": work.actor.name, "time": instant(work.now()), "text": SET_ASIDE_WORDS},
            ],
        }
        written = Store(work).update("AllergyIntolerance", denial["id"], encode(body))
        done.append(Moved("AllergyIntolerance", denial["id"], written.version_id - 1, written.version_id))
    return done


def compare_medicines(work: UnitOfWork, one_id: str, other_id: str) -> Medicines:
    """Two lists that become one must be looked at by somebody, whether or not anything stands on both."""
    rows = work.connection.execute(
        MEDICATIONS,
        {
            "ids": [one_id, other_id],
            "prescriptions": sorted(CURRENT_PRESCRIPTIONS),
            "statements": sorted(CURRENT_STATEMENTS),
        },
    ).all()
    ours, theirs = (_medicines(rows, patient_id) for patient_id in (one_id, other_id))
    twice = sum(any(medicine & other for other in theirs) for medicine in ours)
    return Medicines(bool(ours and theirs), twice)


def _medicines(rows: Sequence[Row], patient_id: str) -> list[frozenset[str]]:
    """Each medicine as the keys that it may be known by: codes, a Medication, or its words."""
    return [_keys(decode(row.body)) for row in rows if row.patient_id == patient_id]


def _keys(resource: Resource) -> frozenset[str]:
    concept = resource.get("medicationCodeableConcept")
    keys = {f"{system}|{code}" for system, code in codings(concept)}
    keys |= {said.lower() for said in [words(concept)] if said}
    if reference := (resource.get("medicationReference") or {}).get("reference"):
        keys.add(reference)
    return frozenset(keys)


def flag_to_reconcile(work: UnitOfWork, patient_id: str) -> Moved:
    """A flag in the banner until somebody has reconciled the medicines."""
    concept = {"coding": [{"system": RECORD_FLAG, "code": RECONCILE}], "text": RECONCILE_WORDS}
    flag = {
        "resourceType": "Flag",
        "status": "active",
        "category": [{"coding": [{"system": FLAG_CATEGORY, "code": "drug"}]}],
        "code": concept,
        "subject": {"reference": f"Patient/{patient_id}"},
        "period": {"start": instant(work.now())},
        "author": person(work.actor),
    }
    written = Store(work).create("Flag", encode(flag))
    return Moved("Flag", written.id, 0, written.version_id)


def flags_to_reconcile(work: UnitOfWork, patient_id: str) -> list[str]:
    """The ids of the flags that still ask for it."""
    tokens = [f"{RECORD_FLAG}|{RECONCILE}"]
    return list(work.connection.execute(OPEN_FLAGS, {"id": patient_id, "tokens": tokens}).scalars())


def end_flag(work: UnitOfWork, flag_id: str) -> None:
    stored = Store(work).read("Flag", flag_id)
    flag = decode(stored.body)
    ended = flag | {
        "status": "inactive",
        "period": {**(flag.get("period") or {}), "end": instant(work.now())},
    }
    Store(work).update("Flag", flag_id, encode(ended), if_match=stored.version_id)
