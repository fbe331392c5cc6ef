"""What outreach knew of a record that was merged: both are measured again, and nobody is asked twice."""

from __future__ import annotations

from datetime import timedelta

from data_contracts.api.care_gaps import DeclineGap, LogContact
from data_contracts.api.merging import MergePatients, UndoMerge
from tests.integration.care_gaps.conftest import TODAY


def merge(api, survivor="ana", other="anna"):
    desk = api.signed_in("desk", "front_desk")
    preview = desk.merges.preview(survivor, other)
    done = desk.merges.merge(
        MergePatients(
            survivor_id=survivor,
            survivor_version=preview.survivor.version_id,
            other_id=other,
            other_version=preview.other.version_id,
            reason="One woman",
            same_person=True,
        )
    )
    return desk, done.merge_id


def hba1c_of(client, patient_id):
    found = client.care_gaps.of_patient(patient_id).gaps
    return next(gap for gap in found if gap.source_id == "glycemic_control")


def test_a_no_that_was_said_on_the_merged_record_is_not_asked_again(api, gaps, clinician, manager):
    gap = hba1c_of(clinician, "anna")
    again = TODAY + timedelta(days=90)
    clinician.care_gaps.decline(gap.gap_id, DeclineGap(version=gap.version, re_ask_on=again, note="Not now"))
    manager.worklist.log_contact(
        "anna", LogContact(channel="phone", outcome="no_answer", gap_ids=[gap.gap_id], note="Rang long")
    )
    desk, merge_id = merge(api)
    carried = hba1c_of(clinician, "ana")
    assert (carried.status, carried.status_until) == ("declined", again)
    assert [attempt.note for attempt in manager.worklist.contact_attempts("ana")] == ["Rang long"]
    desk.merges.undo(merge_id, UndoMerge(version=1, reason="Two women"))
    assert hba1c_of(clinician, "ana").status == "open"
    assert hba1c_of(clinician, "anna").status == "declined"


def test_both_records_are_taken_up_whole_by_the_re_measure_worker(api, gaps):
    worker = api.service("remeasure").pipeline
    worker.done(worker.claim(500).batch_id)
    merge(api)
    changed = {patient.patient_id: patient for patient in worker.claim(500).patients}
    assert {"ana", "anna"} <= set(changed)
    assert changed["ana"].definitions_all
    assert changed["anna"].definitions_all
