"""What somebody said about a routine never hides something worse, and what is not known is never shown as nothing."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from data_contracts.api.care_gaps import DeclineGap, LogContact, OrderGap, SnoozeGap, WorklistQuery
from ehr_core.care_gaps.queries import measured_patients
from tests.integration.chart_records import put_patient
from tests.integration.loop.records import gap_row

TODAY = date(2026, 11, 20)

pytestmark = pytest.mark.usefixtures("gaps")


def breast(client):
    found = client.care_gaps.of_patient("ana").gaps
    return next(gap for gap in found if gap.source_id == "breast_cancer_screening")


def suspicious(key, evidence: str) -> dict:
    return gap_row(
        key,
        "ana",
        "breast_cancer_screening",
        gap_kind="follow_up_due",
        reason_code="abnormal_result",
        priority=1,
        due_on=date(2026, 12, 1),
        evidence_type="Observation",
        evidence_key=key.pseudonym("Observation", evidence),
        evidence_on=date(2026, 11, 15),
    )


def rest(key, above_goal) -> list[dict]:
    return [above_goal, gap_row(key, "anna"), gap_row(key, "ben")]


@pytest.mark.parametrize("act", ["decline", "snooze"])
def test_a_suspicious_result_shows_although_the_routine_was_set_aside(
    clinician, write_back, key, above_goal, act
):
    gap = breast(clinician)
    if act == "decline":
        decline = DeclineGap(version=gap.version, re_ask_on=TODAY + timedelta(days=180))
        clinician.care_gaps.decline(gap.gap_id, decline)
    else:
        clinician.care_gaps.snooze(
            gap.gap_id, SnoozeGap(version=gap.version, until=TODAY + timedelta(days=30))
        )
    assert breast(clinician).status != "open"
    write_back(suspicious(key, "a1c"), *rest(key, above_goal), run_id="next")
    after = breast(clinician)
    assert (after.status, after.gap_kind) == ("open", "follow_up_due")
    [row] = [row for row in clinician.worklist.page(WorklistQuery()).rows if row.patient_id == "ana"]
    assert "breast_cancer_screening" in {shown.source_id for shown in row.gaps}


def test_setting_the_follow_up_itself_aside_holds_until_new_evidence(clinician, write_back, key, above_goal):
    write_back(suspicious(key, "a1c"), *rest(key, above_goal), run_id="second")
    gap = breast(clinician)
    until = TODAY + timedelta(days=30)
    clinician.care_gaps.snooze(gap.gap_id, SnoozeGap(version=gap.version, until=until))
    write_back(suspicious(key, "a1c"), *rest(key, above_goal), run_id="third")
    assert breast(clinician).status == "snoozed"


def test_a_call_about_something_ordered_does_not_take_it_back_to_outreach(clinician):
    gap = next(
        gap for gap in clinician.care_gaps.of_patient("ana").gaps if gap.source_id == "glycemic_control"
    )
    clinician.care_gaps.order(gap.gap_id, OrderGap(version=gap.version))
    contact = LogContact(channel="phone", outcome="reached", gap_ids=[gap.gap_id])
    clinician.worklist.log_contact("ana", contact)
    after = clinician.care_gaps.get(gap.gap_id)
    assert after.status == "result_pending"
    assert after.attempts == 1


def test_somebody_who_was_never_measured_has_no_as_of_whatever_ran_since(api, clinician):
    put_patient(api, "new", "Newman", "Nell", "1980-01-01")
    listed = clinician.care_gaps.of_patient("new")
    assert listed.gaps == []
    assert listed.as_of is None


def test_a_name_is_found_on_the_worklist_with_and_without_its_accents(
    api, clinician, write_back, key, above_goal
):
    put_patient(api, "ben", "Núñez", "José", "1990-01-01")
    for typed in ("Núñez", "nunez", "JOSÉ"):
        page = clinician.worklist.page(WorklistQuery(name=typed))
        assert [row.patient_id for row in page.rows] == ["ben"], typed


def test_a_patient_who_could_not_be_checked_is_not_shown_as_current(api, clinician):
    with api.work() as work:
        work.connection.execute(
            text(
                "INSERT INTO care_gaps.measured_patient (patient_id, computed_at, quarantined) "
                "VALUES ('ana', now(), true) "
                "ON CONFLICT (patient_id) DO UPDATE SET quarantined = true"
            )
        )
        assert "ana" not in measured_patients(work, ["ana", "ben"])
