"""Merging and un-merging: nothing is lost, nothing is left behind, and taking it back restores exactly what moved."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from data_contracts.api.merging import MergePatients, UndoMerge
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, InvalidResource, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import encode
from ehr_core.store.repository import Store
from ehr_core.workflows import merge_patients as workflow
from ehr_core.workflows.merge.rooms import room_tables
from tests.integration.chart_records import (
    MRN,
    body_of,
    of,
    put,
    put_appointment,
    put_observation,
    put_patient,
)

IPS = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
SAME = "Same person, registered twice"


def allergy(api, identity, patient, *, system=RXNORM, code="7980", text="Penicillin", **more):
    put(
        api, "AllergyIntolerance", identity, patient=of(patient),
        clinicalStatus={"coding": [{"system": CLINICAL, "code": "active"}]},
        code={"coding": [{"system": system, "code": code}], "text": text}, **more,
    )  # fmt: skip


def prescription(api, identity, patient, code="6809", text="metFORMIN 500 mg"):
    put(
        api, "MedicationRequest", identity, status="active", intent="order", subject=of(patient),
        medicationCodeableConcept={"coding": [{"system": RXNORM, "code": code}], "text": text},
    )  # fmt: skip


@pytest.fixture
def pair(api):
    """Jonathan, and Jon who is the same man."""
    put_patient(
        api, "jonathan", "Petersen", "Jonathan", "1970-05-01", gender="male",
        telecom=[{"system": "phone", "value": "716-555-0101"}],
    )  # fmt: skip
    put_patient(
        api, "jon", "Petersen", "Jon", "1970-05-01", gender="male",
        telecom=[{"system": "phone", "value": "716-555-0102"}],
        address=[{"line": ["12 Elm St"], "city": "Buffalo", "state": "NY", "postalCode": "14201"}],
        communication=[{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "da"}]}}],
    )  # fmt: skip
    allergy(api, "none-known", "jonathan", system=IPS, code="no-known-allergies", text="No known allergies")
    allergy(api, "penicillin", "jon")
    prescription(api, "ours", "jonathan")
    prescription(api, "theirs", "jon")
    put_observation(api, "a1c", "jon", valueQuantity={"value": 7, "unit": "%"})
    put_appointment(api, "visit", "jon", "2026-12-01T15:00:00Z")
    put(api, "Group", "study", type="person", actual=True, member=[{"entity": of("jon")}])
    return api


def asked(client, survivor="jonathan", other="jon", **more):
    preview = client.merges.preview(survivor, other)
    return MergePatients(
        survivor_id=survivor,
        survivor_version=preview.survivor.version_id,
        other_id=other,
        other_version=preview.other.version_id,
        **{"reason": SAME, "same_person": True} | more,
    )


def record(rows, patient):
    """Everything current in a record: (type, id, hash of the content)."""
    tables = rows(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'fhir' "
        "AND column_name = 'identifier_tokens' ORDER BY 1"
    )
    found = set()
    for table in (row["table_name"] for row in tables):
        for row in rows(
            f'SELECT id, content_hash FROM fhir."{table}" WHERE patient_id = %s AND NOT deleted', patient
        ):
            if table not in ("provenance",):
                found.add((table, row["id"], bytes(row["content_hash"])))
    return found


def test_the_preview_shows_both_sides_what_moves_and_what_to_know(pair, desk):
    preview = desk.merges.preview("jonathan", "jon")
    assert (preview.grade, preview.moving, preview.why_not) == ("possible", 4, None)
    assert {count.words: count.number for count in preview.other.records} == {
        "Allergies": 1,
        "Appointments": 1,
        "Prescriptions": 1,
        "Results and vital signs": 1,
    }
    assert (preview.denials_set_aside, preview.medications_to_reconcile, preview.duplicate_medications) == (
        1,
        True,
        1,
    )
    fields = {field.key: field for field in preview.fields}
    assert fields["birth_date"].same
    assert (fields["name"].survivor, fields["name"].other) == (
        "Petersen, Jonathan (official)",
        "Petersen, Jon (official)",
    )
    assert (fields["language"].proposed, fields["phone"].proposed) == ("other", "both")
    assert "race" not in fields, "a fact that neither has is no choice"


def test_everything_moves_and_nothing_is_lost(pair, desk, rows):
    before = record(rows, "jon")
    done = desk.merges.merge(asked(desk))
    assert (done.moved, done.denials_set_aside, done.medications_to_reconcile) == (5, 1, True)
    left = {(table, identity) for table, identity, _ in record(rows, "jon")}
    assert left == {("patient", "jon")}
    survivor = {(table, identity) for table, identity, _ in record(rows, "jonathan")}
    assert {(table, identity) for table, identity, _ in before} - {("patient", "jon")} <= survivor
    assert body_of(pair, "Observation", "a1c")["subject"] == of("jonathan")
    assert body_of(pair, "Group", "study")["member"][0]["entity"] == of("jonathan")
    with pair.work() as work:
        versions = Store(work).history("Observation", "a1c")
        found = Store(work).search("Appointment", "actor=Patient/jonathan").resources
    assert [version.patient_id for version in versions] == ["jonathan", "jon"]
    assert [resource.id for resource in found] == ["visit"]


def test_the_two_patients_point_at_each_other_and_the_chosen_facts_survive(pair, desk):
    desk.merges.merge(asked(desk, choices={"name": "other", "phone": "survivor"}))
    survivor, other = body_of(pair, "Patient", "jonathan"), body_of(pair, "Patient", "jon")
    assert survivor["link"] == [{"other": of("jon"), "type": "replaces"}]
    assert other["link"] == [{"other": of("jonathan"), "type": "replaced-by"}]
    assert other["active"] is False
    assert [(name["use"], name["given"]) for name in survivor["name"]] == [
        ("official", ["Jon"]),
        ("old", ["Jonathan"]),
    ]
    assert [item["value"] for item in survivor["telecom"]] == ["716-555-0101"]
    assert survivor["address"][0]["line"] == ["12 Elm St"], "what only the other had is kept"
    numbers = {item["value"]: item.get("use") for item in survivor["identifier"] if item["system"] == MRN}
    assert numbers == {"M-JONATHAN": None, "M-JON": "old"}
    banner = desk.registration.banner("jonathan")
    assert banner.mrn == "M-JONATHAN"
    assert desk.registration.banner("jon").replaced_by == "jonathan"
    assert [hit.patient_id for hit in desk.registration.search("M-JON").hits] == ["jonathan", "jon"]


def test_no_known_allergies_never_survives_beside_an_allergy(pair, desk):
    desk.merges.merge(asked(desk))
    chart = pair.signed_in("chen", "clinician").charting.summary("jonathan")
    assert chart.allergy_state == "known"
    assert [line.substance for line in chart.allergies] == ["Penicillin"]
    denied = body_of(pair, "AllergyIntolerance", "none-known")
    assert denied["clinicalStatus"]["coding"][0]["code"] == "inactive"
    assert "brought together" in denied["note"][0]["text"]


def test_no_known_drug_allergies_stays_beside_peanuts(api, desk):
    put_patient(api, "one", "Hill", "Ann")
    put_patient(api, "two", "Hill", "Ann")
    drugs = {"system": IPS, "code": "no-known-medication-allergies", "text": "No known drug allergies"}
    allergy(api, "no-drugs", "one", **drugs)
    allergy(api, "peanut", "two", text="Peanut", code="1", category=["food"])
    assert desk.merges.merge(asked(desk, "one", "two")).denials_set_aside == 0


def test_medicines_on_both_sides_ask_to_be_reconciled_until_somebody_does(pair, desk):
    desk.merges.merge(asked(desk))
    clinician = pair.signed_in("chen", "clinician")
    words = "Medications must be reconciled: two records were brought together"
    assert words in clinician.registration.banner("jonathan").statuses
    with pytest.raises(Forbidden):
        desk.merges.medications_reconciled("jonathan")
    clinician.merges.medications_reconciled("jonathan")
    assert clinician.registration.banner("jonathan").statuses == []
    with pytest.raises(Conflict):
        clinician.merges.medications_reconciled("jonathan")


def test_both_records_are_measured_again_whole_and_the_act_is_told(pair, desk, rows):
    done = desk.merges.merge(asked(desk))
    (told,) = rows("SELECT * FROM core.outbox WHERE act = 'merge'")
    assert (told["patient_ids"], told["resource_type"]) == (["jon", "jonathan"], None)
    (audited,) = rows("SELECT * FROM audit.event WHERE act = 'patients_merged'")
    assert audited["detail"] == {"merge_id": done.merge_id, "resources": 6}
    with pair.work() as work:
        told = Store(work).search("Provenance", "target=Observation/a1c").resources
    (proof,) = [body_of(pair, "Provenance", resource.id) for resource in told]
    assert proof["activity"]["coding"][0]["code"] == "merge"
    assert proof["reason"] == [{"text": SAME}]
    assert {"reference": "Observation/a1c/_history/2"} in proof["target"]


def test_the_portal_account_of_the_person_opens_the_surviving_record(pair, desk, rows):
    jon = pair.signed_in("jon.p", "patient", patient_id="jon")
    done = desk.merges.merge(asked(desk))
    assert jon.registration.banner("jonathan").patient_id == "jonathan"
    desk.merges.undo(done.merge_id, UndoMerge(version=1, reason="Two people after all"))
    assert jon.registration.banner("jon").patient_id == "jon"


def test_taking_it_back_restores_exactly_what_moved(pair, desk, rows):
    before = {who: record(rows, who) for who in ("jon", "jonathan")}
    done = desk.merges.merge(asked(desk, choices={"name": "other"}))
    undone = desk.merges.undo(done.merge_id, UndoMerge(version=1, reason="Father and son after all"))
    assert (undone.restored, undone.changed_since, undone.left_behind) == (5, 0, 0)
    assert not undone.demographics_to_check
    after = {who: record(rows, who) for who in ("jon", "jonathan")}
    assert after["jon"] == before["jon"]
    ours = {(table, identity) for table, identity, _ in after["jonathan"] - before["jonathan"]}
    assert {table for table, _ in ours} <= {"flag", "allergy_intolerance"}, (
        "a flag that ended, a denial with its note"
    )
    chart = pair.signed_in("chen", "clinician").charting.summary("jonathan")
    assert (chart.allergy_state, chart.banner.statuses) == ("none_known", [])
    assert body_of(pair, "Group", "study")["member"][0]["entity"] == of("jon")
    assert desk.registration.banner("jon").replaced_by is None
    with pytest.raises(Conflict, match="already"):
        desk.merges.undo(done.merge_id, UndoMerge(version=2, reason="Again"))
    again = desk.merges.merge(asked(desk))
    assert again.merge_id != done.merge_id


def test_what_was_added_since_stays_and_a_person_assigns_it(pair, desk, rows):
    done = desk.merges.merge(asked(desk))
    pair.clock.instant += timedelta(minutes=5)
    put_observation(pair, "later", "jonathan", code="2345-7")
    put_observation(pair, "theirs-later", "jonathan", code="2093-3")
    put_observation(pair, "a1c", "jonathan", status="corrected", valueQuantity={"value": 8, "unit": "%"})
    with pair.work() as work:
        Store(work).delete("MedicationRequest", "theirs")
    clinician_and_desk = pair.signed_in("both", "clinician", "front_desk")
    listed = clinician_and_desk.merges.read(done.merge_id).added_later
    assert [(fact.resource_id, fact.words) for fact in listed] == [
        ("later", "Test 2345-7"),
        ("theirs-later", "Test 2093-3"),
    ]
    assert {fact.words for fact in desk.merges.read(done.merge_id).added_later} == {None}
    with pytest.raises(Conflict, match="are merged"):
        desk.merges.assign(done.merge_id, [("Observation", "later")])

    undone = desk.merges.undo(done.merge_id, UndoMerge(version=1, reason="Two people"))
    assert (undone.restored, undone.changed_since, undone.left_behind) == (3, 1, 1)
    assert body_of(pair, "Observation", "a1c")["subject"] == of("jon")
    assert body_of(pair, "Observation", "a1c")["valueQuantity"]["value"] == 8
    assert body_of(pair, "Observation", "later")["subject"] == of("jonathan")

    pair.clock.instant += timedelta(minutes=5)
    put_observation(pair, "much-later", "jonathan", code="1-1")
    with pytest.raises(Conflict, match="not open"):
        desk.merges.assign(done.merge_id, [("Observation", "much-later")])
    assigned = desk.merges.assign(done.merge_id, [("Observation", "theirs-later")])
    assert assigned.assigned == 1
    assert [fact.resource_id for fact in assigned.merge.added_later] == ["later"]
    assert body_of(pair, "Observation", "theirs-later")["subject"] == of("jon")


def test_demographics_that_were_changed_since_are_left_to_a_person(pair, desk):
    done = desk.merges.merge(asked(desk))
    changed = body_of(pair, "Patient", "jonathan") | {"gender": "other"}
    put(
        pair,
        "Patient",
        "jonathan",
        **{key: value for key, value in changed.items() if key not in ("resourceType", "id")},
    )
    undone = desk.merges.undo(done.merge_id, UndoMerge(version=1, reason="Two people"))
    assert undone.demographics_to_check
    survivor = body_of(pair, "Patient", "jonathan")
    assert survivor["gender"] == "other"
    assert "link" not in survivor
    assert [item["value"] for item in survivor["identifier"]] == ["M-JONATHAN"]


def test_a_chain_is_taken_back_from_its_end(pair, desk):
    put_patient(pair, "jp", "Petersen", "J", "1970-05-01", gender="male")
    first = desk.merges.merge(asked(desk, "jonathan", "jon"))
    second = desk.merges.merge(asked(desk, "jp", "jonathan"))
    with pytest.raises(Conflict, match="first"):
        desk.merges.undo(first.merge_id, UndoMerge(version=1, reason="Two people"))
    desk.merges.undo(second.merge_id, UndoMerge(version=1, reason="Two people"))
    assert desk.merges.undo(first.merge_id, UndoMerge(version=1, reason="Two people")).restored == 5
    assert body_of(pair, "Observation", "a1c")["subject"] == of("jon")


def test_what_cannot_be_merged_is_refused_in_a_sentence(pair, desk):
    put_patient(pair, "third", "Petersen", "Jo", "1970-05-01")
    with pytest.raises(BadRequest, match="itself"):
        desk.merges.preview("jon", "jon")
    with pytest.raises(NotFound):
        desk.merges.preview("jon", "nobody")
    with pytest.raises(BadRequest, match="same_person"):
        desk.merges.merge(asked(desk, same_person=False))
    with pytest.raises(BadRequest, match="shoe_size"):
        desk.merges.merge(asked(desk, choices={"shoe_size": "other"}))
    stale = asked(desk)
    desk.merges.merge(asked(desk))
    with pytest.raises(Conflict, match="second time"):
        desk.merges.merge(stale)
    assert "second time" in desk.merges.preview("third", "jon").why_not
    with pytest.raises(Conflict, match="survived it"):
        desk.merges.merge(asked(desk, "jon", "third"))


def test_a_record_that_changed_after_it_was_compared_is_not_merged(pair, desk):
    compared = asked(desk)
    put_patient(pair, "jon", "Petersen", "Jonas", "1970-05-02", gender="male")
    with pytest.raises(StaleVersion):
        desk.merges.merge(compared)


def test_only_who_may_merge_does(pair):
    for role in ("clinician", "nurse", "care_manager", "analyst"):
        client = pair.signed_in(role, role)
        for act in (lambda c=client: c.merges.pairs(), lambda c=client: c.merges.preview("jonathan", "jon")):
            with pytest.raises(Forbidden):
                act()


def test_of_two_merges_at_once_one_is_done_and_the_second_is_told(pair, rows):
    put_patient(pair, "jp", "Petersen", "J", "1970-05-01", gender="male")
    clerks = [pair.signed_in(f"desk{number}", "front_desk") for number in range(4)]
    pairs = [("jonathan", "jon"), ("jp", "jon"), ("jon", "jonathan"), ("jon", "jp")]
    wanted = [asked(clerk, *two) for clerk, two in zip(clerks, pairs, strict=True)]

    def merge(clerk, body):
        try:
            return clerk.merges.merge(body).merge_id
        except Conflict as told:
            return told

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(merge, clerks, wanted))
    done = [answer for answer in answers if isinstance(answer, str)]
    assert 1 <= len(done) <= 2
    assert all(str(answer) for answer in answers)
    replaced = {row["id"]: row["replaced_by"] for row in rows("SELECT id, replaced_by FROM fhir.patient")}
    ends = [identity for identity, onward in replaced.items() if onward is None]
    assert ends, "no ring: somebody survives"
    assert len(ends) == 3 - len(done)


def test_a_result_that_arrives_during_the_merge_is_in_the_survivor_or_refused(pair, desk, rows):
    compared = asked(desk)

    def arrive(number):
        try:
            put_observation(pair, f"arriving-{number}", "jon", code="1-1")
        except Conflict as told:
            return told.message
        return "stored"

    with ThreadPoolExecutor(4) as pool:
        arriving = [pool.submit(arrive, number) for number in range(12)]
        merging = pool.submit(desk.merges.merge, compared)
        answers = [future.result() for future in arriving]
        merging.result()
    left = rows("SELECT id FROM fhir.observation WHERE patient_id = 'jon'")
    assert left == [], "nothing joins a record that nobody looks at any more"
    stored = rows("SELECT count(*) AS number FROM fhir.observation WHERE patient_id = 'jonathan'")[0][
        "number"
    ]
    assert stored == 1 + answers.count("stored")
    assert all("Patient/jonathan" in answer for answer in answers if answer != "stored")


def test_a_merge_that_dies_in_the_middle_leaves_both_records_as_they_were(pair, desk, rows, monkeypatch):
    before = {who: record(rows, who) for who in ("jon", "jonathan")}
    audited = len(rows("SELECT FROM core.outbox"))

    def die(*_):
        raise RuntimeError("the process was killed")

    monkeypatch.setattr(workflow, "flag_to_reconcile", die)
    with pytest.raises(Exception, match=r"killed|went wrong|500"):
        desk.merges.merge(asked(desk))
    assert {who: record(rows, who) for who in ("jon", "jonathan")} == before
    assert rows("SELECT FROM registration.merge") == []
    assert len(rows("SELECT FROM core.outbox")) == audited


@pytest.mark.parametrize("kind", ["replaced-by", "replaces", "seealso", "refer"])
def test_the_store_refuses_a_patient_that_is_linked_to_itself(api, kind):
    put_patient(api, "ana")
    with pytest.raises(InvalidResource, match=r"Patient\.link\[0\]\.other: must be another record"):
        put_patient(api, "ana", link=[{"other": of("ana"), "type": kind}])


def test_the_store_refuses_a_ring_of_records_and_what_is_written_to_a_merged_one(api):
    put_patient(api, "a")
    put_patient(api, "b", link=[{"other": of("a"), "type": "replaced-by"}])
    put_patient(api, "c", link=[{"other": of("b"), "type": "replaced-by"}])
    with pytest.raises(InvalidResource, match="leads back to this record"):
        put_patient(api, "a", link=[{"other": of("c"), "type": "replaced-by"}])
    with pytest.raises(Conflict, match="Patient/a"):
        put_observation(api, "late", "b")
    with api.work() as work:
        page = Store(work).transaction(
            encode(
                {
                    "resourceType": "Bundle", "type": "batch",
                    "entry": [{"request": {"method": "PUT", "url": "Patient/d"}, "resource":
                              {"resourceType": "Patient", "id": "d", "link": [{"other": of("d"), "type": "seealso"}]}}],
                }
            )
        )  # fmt: skip
    assert b"422" in page


def test_every_table_that_names_a_patient_says_what_a_merge_does_with_it(rows):
    found = rows(
        "SELECT c.table_schema || '.' || c.table_name AS name FROM information_schema.columns c "
        "JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE c.column_name = 'patient_id' AND t.table_type = 'BASE TABLE' AND c.table_schema <> 'fhir'"
    )
    named = {*room_tables()["follows"], *room_tables()["stays"]}
    assert {row["name"] for row in found} == named


def test_pairs_that_may_be_one_person_are_offered_until_somebody_says_they_are_two(pair, desk):
    put_patient(pair, "twin", "Petersen", "Karen", "1970-05-01")
    listed = desk.merges.pairs()
    ((first),) = [
        one for one in listed.pairs if {one.one.patient_id, one.other.patient_id} == {"jon", "jonathan"}
    ]
    assert first.grade == "possible"
    assert (listed.looked_at, listed.records) == (3, 3)
    desk.merges.not_the_same("jonathan", "jon", "Father and son, seen together")
    left = [{one.one.patient_id, one.other.patient_id} for one in desk.merges.pairs().pairs]
    assert {"jon", "jonathan"} not in left
