"""Reconciles what is taken at home with the chart: every decision of one sitting is saved as one act.

Crosses registration (who this is), medications (both lists), charting (allergies) and decision support (the review).
What was decided stands in a FHIR List with who and when; what asks for a signature waits as a draft.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from data_contracts.api.chart import ALLERGY_STATE_WORDS
from data_contracts.api.decision_support import CheckedCards
from data_contracts.api.medications import MedicationEntry
from data_contracts.api.reconciliation import (
    DECISION_WORDS,
    Decided,
    Decision,
    Reconciled,
    Reconciliation,
    ReconciliationRow,
    RecordHomeMedication,
    SaveReconciliation,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import instant, person, reference
from ehr_core.decision_support.service import review_list
from ehr_core.kernel.errors import BadRequest, Forbidden, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode, without_empty
from ehr_core.medications.home import HOME_IDENTIFIER, build_home_medication
from ehr_core.medications.imported import lookup_for
from ehr_core.medications.listing import medication_entries, reports_of
from ehr_core.medications.prescriptions import changed
from ehr_core.medications.products import Lookup
from ehr_core.medications.queries import Kept, codes_on_list, home_medication_of_request, medication_records
from ehr_core.medications.reconciliation import reconciliation_rows, seen
from ehr_core.registration.presenters import present_banner
from ehr_core.registration.service import person_by_id
from ehr_core.store.locks import identity_lock
from ehr_core.store.repository import Store
from ehr_core.workflows.medication_list import MERGED_FLAG, must_be_reconciled
from ehr_core.workflows.patient_facts import PatientFacts, build_facts
from ehr_core.workflows.prescribe import require_in_use

Resource = dict[str, Any]

RECONCILED = {"system": "https://almoner.dev/fhir/CodeSystem/list", "code": "medications-reconciled"}
ALLERGY_WORDS = {"recorded": "known", "none_known": "none_known", "not_asked": "not_recorded"}
NOT_TAKEN = {"text": "Stopped at reconciliation: the patient does not take it, or should not"}
LAST = text("""
SELECT body FROM fhir.list WHERE patient_id = :id AND NOT deleted AND code_tokens @> ARRAY[:code]
 ORDER BY last_updated DESC LIMIT 1
""")
OPEN_FLAGS = text("""
SELECT id FROM fhir.flag WHERE patient_id = :id AND NOT deleted AND status = 'active' AND code_tokens @> ARRAY[:code]
""")


@dataclass(frozen=True)
class Lists:
    """Both lists of a patient as they stand now."""

    records: list[Kept]
    rows: list[ReconciliationRow]
    lookup: Lookup

    def resource(self, entry: MedicationEntry) -> Resource:
        return next(kept.resource for kept in self.records if kept.id == entry.prescription_id)


def read_reconciliation(work: UnitOfWork, *, patient_id: str) -> Reconciliation:
    """Both lists in columns, what could not be identified, and what the medications say of each other."""
    work.actor.require("chart.read")
    banner = present_banner(person_by_id(work, patient_id), work.today())
    lists = _lists(work, patient_id)
    facts = build_facts(work, patient_id)
    last = _last(work, patient_id)
    work.audit("read_reconciliation", patient_id=patient_id, detail={"rows": len(lists.rows)})
    return Reconciliation(
        banner=banner,
        seen=seen(lists.rows),
        rows=lists.rows,
        uncoded=_uncoded(facts),
        allergy_words=ALLERGY_STATE_WORDS[ALLERGY_WORDS[facts.visible.allergy_list]],
        must_be_reconciled=must_be_reconciled(work, patient_id),
        last_at=datetime.fromisoformat(last["date"]) if last else None,
        last_by=(last.get("source") or {}).get("display") if last else None,
        last_decisions=_decided(last) if last else [],
        cards=_review(work, patient_id, facts),
        as_of=work.now(),
    )


def save_reconciliation(work: UnitOfWork, *, patient_id: str, act: SaveReconciliation) -> Reconciled:
    """Carries every decision out, or none. Raises StaleVersion when either list has changed since it was drawn."""
    work.actor.require("medication.reconcile")
    require_in_use(work, patient_id)
    lists = _lists(work, patient_id)
    if seen(lists.rows) != act.seen:
        raise StaleVersion("One of the lists has changed since it was drawn, so nothing was saved.")
    rows = {row.key: row for row in lists.rows}
    decisions = {one.key: one.decision for one in act.decisions}
    for key, decision in decisions.items():
        if key not in rows or decision not in rows[key].offered:
            raise BadRequest(
                "One of the decisions is about a line that is not on the lists. Look at them again."
            )
    drafts = sum(_carry_out(work, patient_id, lists, rows[key], one) for key, one in decisions.items())
    _keep(work, patient_id, [(rows[key], one) for key, one in decisions.items()])
    left = len(rows) - len(decisions)
    if not left:
        _end_flags(work, patient_id)
    return Reconciled(decided=len(decisions), left=left, drafts=drafts)


def record_home_medication(
    work: UnitOfWork, *, patient_id: str, told: RecordHomeMedication
) -> MedicationEntry:
    """What the patient says that they take, coded where it was found; a repeated request changes nothing."""
    work.actor.require("medication.reconcile")
    require_in_use(work, patient_id)
    identity_lock(
        work.connection, "MedicationStatement", [("identifier", f"{HOME_IDENTIFIER}|{told.request_id}")]
    )
    statement_id = home_medication_of_request(work.connection, patient_id, told.request_id)
    if statement_id is None:
        lookup = lookup_for(work.connection, [told.rxcui] if told.rxcui else [])
        built = build_home_medication(
            told,
            patient_id=patient_id,
            asserted_on=instant(work.now()),
            recorder=person(work.actor),
            lookup=lookup,
        )
        statement_id = Store(work).create("MedicationStatement", encode(built)).id
    listed = medication_entries(medication_records(work.connection, patient_id), work.today())
    return next(one for one in (*listed.current, *listed.past) if one.prescription_id == statement_id)


def _lists(work: UnitOfWork, patient_id: str) -> Lists:
    records = medication_records(work.connection, patient_id)
    lookup = lookup_for(work.connection, codes_on_list(records))
    current = medication_entries(records, work.today(), lookup).current
    waiting = reports_of(records, ("active", "on-hold", "draft"))
    rows = reconciliation_rows(current, waiting, lookup)
    return Lists(records, rows, lookup)


def _carry_out(
    work: UnitOfWork, patient_id: str, lists: Lists, row: ReconciliationRow, decision: Decision
) -> bool:
    """One decision. True where a draft now waits for a signature."""
    if decision == "stop":
        _stop(work, lists, row)
        return False
    if decision == "continue":
        if row.home and row.chart:
            _match(work, lists, row.home, f"MedicationRequest/{row.chart.prescription_id}")
        return False
    if row.home is None:
        raise BadRequest("Only what is taken at home can be added to the chart.")
    written = Store(work).create("MedicationRequest", encode(_draft_of(work, patient_id, lists, row)))
    _match(work, lists, row.home, f"MedicationRequest/{written.id}")
    return True


def _stop(work: UnitOfWork, lists: Lists, row: ReconciliationRow) -> None:
    now = instant(work.now())
    if row.chart is not None:
        if not work.actor.may("medication.prescribe"):
            raise Forbidden(
                "Stopping a prescription needs a prescriber. Leave this line to them and save the others."
            )
        ended = changed(lists.resource(row.chart), status="stopped", reason=NOT_TAKEN, at=now)
        _update(work, "MedicationRequest", row.chart, ended)
    if row.home is not None:
        statement = lists.resource(row.home)
        period = {"start": row.home.since, "end": now}
        ended = {key: value for key, value in statement.items() if key != "effectiveDateTime"}
        ended |= {"status": "stopped", "effectivePeriod": period, "statusReason": [NOT_TAKEN]}
        _update(work, "MedicationStatement", row.home, without_empty(ended))


def _match(work: UnitOfWork, lists: Lists, home: MedicationEntry, order: str) -> None:
    """The report now says the same as that order: it is no second medication."""
    _update(work, "MedicationStatement", home, {**lists.resource(home), "basedOn": [{"reference": order}]})


def _draft_of(work: UnitOfWork, patient_id: str, lists: Lists, row: ReconciliationRow) -> Resource:
    """What is taken at home as a prescription to sign; it replaces the chart's where both are there."""
    home = lists.resource(row.home) if row.home else {}
    prior = None
    if row.chart is not None:
        prior = {
            "reference": f"MedicationRequest/{row.chart.prescription_id}/_history/{row.chart.version_id}"
        }
    return without_empty(
        {
            "resourceType": "MedicationRequest",
            "status": "draft",
            "intent": "order",
            "medicationCodeableConcept": home.get("medicationCodeableConcept"),
            "medicationReference": home.get("medicationReference"),
            "subject": reference("Patient", patient_id),
            "authoredOn": instant(work.now()),
            "recorder": person(work.actor),
            "reasonCode": home.get("reasonCode"),
            "dosageInstruction": home.get("dosage"),
            "priorPrescription": prior,
            "note": [{"text": "As taken at home, from the reconciliation"}],
        }
    )


def _update(work: UnitOfWork, kind: str, entry: MedicationEntry, resource: Resource) -> None:
    Store(work).update(kind, entry.prescription_id, encode(resource), if_match=entry.version_id)


def _keep(work: UnitOfWork, patient_id: str, decided: list[tuple[ReconciliationRow, Decision]]) -> None:
    """The decisions as they were made, with who and when."""
    kept = {
        "resourceType": "List",
        "status": "current",
        "mode": "snapshot",
        "code": {"coding": [RECONCILED], "text": "Medications reconciled"},
        "subject": reference("Patient", patient_id),
        "date": instant(work.now()),
        "source": person(work.actor),
        "entry": [_entry(row, decision) for row, decision in decided],
    }
    Store(work).create("List", encode(kept))


def _entry(row: ReconciliationRow, decision: Decision) -> Resource:
    entry = row.chart or row.home
    kind = "MedicationRequest" if row.chart else "MedicationStatement"
    item = reference(kind, entry.prescription_id, entry.name) if entry else {}
    return {"flag": {"coding": [{"system": RECONCILED["system"], "code": decision}]}, "item": item}


def _last(work: UnitOfWork, patient_id: str) -> Resource | None:
    code = f"{RECONCILED['system']}|{RECONCILED['code']}"
    found = work.connection.execute(LAST, {"id": patient_id, "code": code}).first()
    return decode(found.body) if found else None


def _decided(kept: Resource) -> list[Decided]:
    return [
        Decided(
            name=(one.get("item") or {}).get("display") or "a medication",
            decision=DECISION_WORDS.get(one["flag"]["coding"][0]["code"], "decided"),
        )
        for one in kept.get("entry") or ()
    ]


def _end_flags(work: UnitOfWork, patient_id: str) -> None:
    """What asked for a reconciliation (two records were merged) no longer does."""
    store = Store(work)
    ids = work.connection.execute(OPEN_FLAGS, {"id": patient_id, "code": MERGED_FLAG}).scalars().all()
    for flag_id in ids:
        found = store.read("Flag", flag_id)
        flag = decode(found.body)
        period = {**(flag.get("period") or {}), "end": instant(work.now())}
        ended = {**flag, "status": "inactive", "period": period}
        store.update("Flag", flag_id, encode(ended), if_match=found.version_id)


def _uncoded(facts: PatientFacts) -> list[str]:
    drugs = [one.name for one in facts.visible.medications if not one.coded]
    return [*drugs, *(f"allergy: {one.name}" for one in facts.visible.allergies if not one.coded)]


def _review(work: UnitOfWork, patient_id: str, facts: PatientFacts) -> CheckedCards:
    if not work.actor.may("medication.reconcile"):
        return CheckedCards(cards=[], coverage="The list was not reviewed for you.")
    return review_list(work, patient_id=patient_id, whole=facts.whole, visible=facts.visible).shown()
