"""Two lists, one act: what is decided is carried out together, bound to what was drawn, and kept with who and when."""

from __future__ import annotations

import pytest

from data_contracts.api.medications import ChangePrescription, SignPrepared
from data_contracts.api.reconciliation import RecordHomeMedication, RowDecision, SaveReconciliation
from ehr_core.kernel.errors import Forbidden, InvalidResource, StaleVersion
from tests.integration.chart_records import body_of, of, put, put_patient, put_site
from tests.integration.medications.test_prescribing import (
    ASPIRIN,
    METFORMIN,
    NO_KNOWN_ALLERGY,
    WARFARIN,
    taken,
)
from tests.lib.api import running_api

LISINOPRIL = "314076"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put(running, "AllergyIntolerance", "none", patient=of("ana"), **NO_KNOWN_ALLERGY)
        taken(running, "metformin", METFORMIN, dosageInstruction=[{"text": "1 tablet twice daily"}])
        taken(running, "warfarin", WARFARIN, dosageInstruction=[{"text": "1 tablet in the evening"}])
        taken(running, "lisinopril", LISINOPRIL, dosageInstruction=[{"text": "1 tablet daily"}])
        yield running


def says(client, number, name, rxcui=None, how=None):
    told = RecordHomeMedication(request_id=f"request-{number}", name=name, rxcui=rxcui, how=how)
    return client.medications.record_home("ana", told)


def decide(client, shown, **wanted):
    keys = {row.key: wanted[name] for row in shown.rows for name in wanted if name in row.key.split("+")}
    decisions = [RowDecision(key=key, decision=decision) for key, decision in keys.items()]
    return client.medications.reconcile("ana", SaveReconciliation(seen=shown.seen, decisions=decisions))


def test_rows_stand_in_their_columns_and_every_decision_is_carried_out(api):
    okafor = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    nurse = api.signed_in("joy", "nurse")
    same = says(nurse, 1, "metformin", METFORMIN, "1 tablet twice daily")
    differs = says(nurse, 2, "warfarin", WARFARIN, "half a tablet")
    home = says(nurse, 3, "aspirin", ASPIRIN, "one each morning")
    words = says(nurse, 4, "grandmother's drops")
    assert says(nurse, 4, "grandmother's drops").prescription_id == words.prescription_id
    shown = okafor.medications.reconciliation("ana")
    assert [(row.column, (row.home or row.chart).name) for row in shown.rows] == [
        ("differs", "warfarin sodium 5 MG Oral Tablet"),
        ("only_home", "aspirin 81 MG Oral Tablet"),
        ("only_home", "grandmother's drops"),
        ("only_chart", "lisinopril"),
        ("same", "metFORMIN hydrochloride 500 MG Oral Tablet"),
    ]
    assert shown.rows[0].differs_in == ["dose or timing"]
    assert shown.uncoded == ["grandmother's drops"]
    assert any("warfarin" in card.title.lower() for card in shown.cards.cards)
    done = decide(
        okafor,
        shown,
        **{
            same.prescription_id: "continue",
            differs.prescription_id: "change",
            home.prescription_id: "add",
            words.prescription_id: "stop",
            "lisinopril": "stop",
        },
    )
    assert (done.decided, done.left, done.drafts) == (5, 0, 2)
    stopped = body_of(api, "MedicationRequest", "lisinopril")
    assert (stopped["status"], "reconciliation" in stopped["statusReason"]["text"]) == ("stopped", True)
    assert body_of(api, "MedicationStatement", words.prescription_id)["status"] == "stopped"
    after = okafor.medications.reconciliation("ana")
    assert (after.last_by, len(after.last_decisions)) == ("Okafor", 5)
    listed = okafor.medications.of_patient("ana")
    assert len([one for one in listed.current if "metFORMIN" in one.name]) == 1
    change = next(one for one in listed.prepared if "warfarin" in one.entry.name)
    answers = [(card.key, card.override_reasons[0].code) for card in change.cards.interrupting]
    act = SignPrepared(
        version_id=change.entry.version_id,
        acknowledged=[{"card_key": key, "reason_code": code} for key, code in answers],
    )
    okafor.medications.sign_prepared(change.entry.prescription_id, act)
    assert body_of(api, "MedicationRequest", "warfarin")["status"] == "completed"


def test_lists_that_changed_since_they_were_drawn_are_refused_whole(api):
    okafor = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    nurse = api.signed_in("joy", "nurse")
    shown = nurse.medications.reconciliation("ana")
    okafor.medications.stop("lisinopril", ChangePrescription(version_id=1, reason="sintol"))
    with pytest.raises(StaleVersion):
        decide(nurse, shown, metformin="continue", warfarin="continue")
    fresh = nurse.medications.reconciliation("ana")
    with pytest.raises(Forbidden, match="needs a prescriber"):
        decide(nurse, fresh, metformin="continue", warfarin="stop")
    assert nurse.medications.reconciliation("ana").last_at is None
    assert decide(nurse, fresh, metformin="continue").left == 1


def test_a_merge_asks_for_it_until_every_line_is_decided(api):
    system = "https://almoner.dev/fhir/CodeSystem/record-flag"
    said = "Medications must be reconciled: two records were brought together"
    code = {"coding": [{"system": system, "code": "reconcile-medications"}], "text": said}
    put(api, "Flag", "merge", status="active", code=code, subject=of("ana"))
    nurse = api.signed_in("joy", "nurse")
    shown = nurse.medications.reconciliation("ana")
    assert shown.must_be_reconciled == nurse.medications.of_patient("ana").must_be_reconciled == said
    decide(nurse, shown, metformin="continue")
    assert nurse.medications.reconciliation("ana").must_be_reconciled == said
    decide(nurse, shown, metformin="continue", warfarin="continue", lisinopril="continue")
    assert nurse.medications.reconciliation("ana").must_be_reconciled is None


def test_a_code_that_nobody_knows_is_refused_and_readers_only_read(api):
    nurse, manager = api.signed_in("joy", "nurse"), api.signed_in("sam", "care_manager")
    with pytest.raises(InvalidResource, match="not on the list"):
        says(nurse, 1, "something", "999999999")
    with pytest.raises(Forbidden):
        says(manager, 1, "metformin", METFORMIN)
    assert manager.medications.reconciliation("ana").cards.cards == []
