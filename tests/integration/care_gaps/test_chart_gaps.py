"""Gaps at the chart: why this patient, one click to order, exclude, decline, snooze, undo; each told and audited."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from data_contracts.api.care_gaps import DeclineGap, ExcludeGap, GapAct, OrderGap, SnoozeGap
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, NotFound, StaleVersion
from tests.integration.care_gaps.conftest import later
from tests.integration.chart_records import body_of, put, put_flag, put_patient
from tests.integration.loop.records import gap_row

TODAY = date(2026, 11, 20)

pytestmark = pytest.mark.usefixtures("gaps")


def glycemic(client, patient_id="ana"):
    found = client.care_gaps.of_patient(patient_id).gaps
    return next(gap for gap in found if gap.source_id == "glycemic_control")


def events(api, gap_id):
    with api.work() as work:
        rows = work.connection.execute(
            text(
                "SELECT act, from_status, to_status FROM care_gaps.event WHERE gap_id = :id ORDER BY event_id"
            ),
            {"id": gap_id},
        )
        return [tuple(row) for row in rows]


def test_a_gap_says_why_this_patient_with_value_date_source_and_the_next_step(clinician):
    gap = glycemic(clinician)
    assert gap.status == "open"
    assert "10.2 % on 01-Nov-2026" in gap.why
    assert gap.overdue
    assert gap.evidence.resource_id == "a1c"
    assert gap.evidence.value == "10.2 %"
    assert gap.evidence.what
    assert [order.code for order in gap.next_step.orders] == ["4548-4"]
    assert gap.source_name
    assert not gap.patient_visible


def test_what_wants_action_first_stands_first(clinician):
    assert [gap.source_id for gap in clinician.care_gaps.of_patient("ana").gaps] == [
        "glycemic_control",
        "breast_cancer_screening",
    ]


def test_a_change_that_is_on_its_way_is_said(api, clinician):
    put_patient(api, "ben", "Young", "Ben", "1990-01-02")
    assert clinician.care_gaps.of_patient("ben").being_computed


def test_an_order_makes_the_gap_wait_for_its_result_and_is_no_evidence(api, clinician):
    gap = glycemic(clinician)
    ordered = clinician.care_gaps.order(gap.gap_id, OrderGap(version=gap.version))
    assert ordered.gap.status == "result_pending"
    assert ordered.gap.computed_status == "open"
    assert ordered.gap.status_until == TODAY + timedelta(days=30)
    body = body_of(api, "ServiceRequest", ordered.service_request_id)
    assert body["code"]["coding"][0]["code"] == "4548-4"
    with pytest.raises(Conflict):
        clinician.care_gaps.order(gap.gap_id, OrderGap(version=ordered.gap.version))
    assert glycemic(later(api, clinician, 30)).status == "open"


def test_an_older_version_is_refused(clinician):
    gap = glycemic(clinician)
    clinician.care_gaps.snooze(gap.gap_id, SnoozeGap(version=gap.version, until=TODAY + timedelta(days=7)))
    with pytest.raises(StaleVersion):
        clinician.care_gaps.order(gap.gap_id, OrderGap(version=gap.version))


def test_an_exclusion_has_a_reason_and_an_end_and_can_be_taken_back(api, clinician):
    gap = glycemic(clinician)
    ends = TODAY + timedelta(days=90)
    act = ExcludeGap(version=gap.version, reason="clinical_contraindication", expires_on=ends, note="frail")
    excluded = clinician.care_gaps.exclude(gap.gap_id, act)
    assert (excluded.status, excluded.status_until) == ("excluded", ends)
    assert excluded.status_reason == "Contraindicated: frail"
    assert excluded.status_by == "Okafor"
    assert excluded.computed_status == "open"
    assert excluded.can_undo
    back = clinician.care_gaps.undo(gap.gap_id, GapAct(version=excluded.version))
    assert (back.status, back.status_reason) == ("open", None)
    assert events(api, gap.gap_id) == [("excluded", "open", "excluded"), ("undone", "excluded", "open")]


def test_an_exclusion_ends_by_itself(api, clinician):
    gap = glycemic(clinician)
    act = ExcludeGap(version=gap.version, reason="moved_away", expires_on=TODAY + timedelta(days=10))
    clinician.care_gaps.exclude(gap.gap_id, act)
    assert glycemic(later(api, clinician, 10)).status == "open"


def test_a_care_manager_excludes_for_administrative_reasons_only_and_cannot_undo_a_clinical_one(
    clinician, manager
):
    gap = glycemic(manager)
    ends = TODAY + timedelta(days=90)
    clinical = ExcludeGap(version=gap.version, reason="limited_life_expectancy", expires_on=ends)
    with pytest.raises(Forbidden):
        manager.care_gaps.exclude(gap.gap_id, clinical)
    excluded = clinician.care_gaps.exclude(gap.gap_id, clinical)
    with pytest.raises(Forbidden):
        manager.care_gaps.undo(gap.gap_id, GapAct(version=excluded.version))


def test_undo_is_possible_for_thirty_days(api, clinician):
    gap = glycemic(clinician)
    act = ExcludeGap(version=gap.version, reason="moved_away", expires_on=TODAY + timedelta(days=90))
    excluded = clinician.care_gaps.exclude(gap.gap_id, act)
    clinician = later(api, clinician, 31)
    with pytest.raises(Conflict):
        clinician.care_gaps.undo(gap.gap_id, GapAct(version=excluded.version))


@pytest.mark.parametrize("days", [0, -1, 2000])
def test_an_end_that_is_past_or_too_far_is_refused(clinician, days):
    gap = glycemic(clinician)
    with pytest.raises(BadRequest):
        clinician.care_gaps.decline(
            gap.gap_id, DeclineGap(version=gap.version, re_ask_on=TODAY + timedelta(days=days))
        )


def test_somebody_who_died_in_the_meantime_is_not_acted_on(api, clinician):
    gap = glycemic(clinician)
    put_patient(api, "ana", deceasedDateTime="2026-11-19")
    with pytest.raises(Conflict, match="deceased"):
        clinician.care_gaps.order(gap.gap_id, OrderGap(version=gap.version))


def test_a_record_that_was_merged_away_is_not_acted_on(api, clinician):
    gap = glycemic(clinician)
    put(
        api,
        "Patient",
        "ana",
        link=[{"other": {"reference": "Patient/anna"}, "type": "replaced-by"}],
        active=False,
    )
    with pytest.raises(Conflict, match="merged"):
        clinician.care_gaps.snooze(
            gap.gap_id, SnoozeGap(version=gap.version, until=TODAY + timedelta(days=7))
        )


def test_an_opt_out_that_has_ended_no_longer_stops_anybody(api, clinician):
    put_flag(api, "ana", "outreach-opt-out", period={"start": "2026-01-01", "end": "2026-02-01"})
    gap = glycemic(clinician)
    assert clinician.care_gaps.order(gap.gap_id, OrderGap(version=gap.version)).gap.status == "result_pending"


def test_a_gap_that_the_last_run_no_longer_says_is_gone(clinician, write_back, key):
    gap = glycemic(clinician)
    write_back(gap_row(key, "ana", "breast_cancer_screening"), gap_row(key, "ben"), gap_row(key, "anna"))
    with pytest.raises(NotFound):
        clinician.care_gaps.get(gap.gap_id)


def test_patients_and_front_desk_do_not_read_staff_gaps(api):
    patient = api.signed_in("pat", "patient", patient_id="ana")
    desk = api.signed_in("desk", "front_desk")
    for client in (patient, desk):
        with pytest.raises(Forbidden):
            client.care_gaps.of_patient("ana")


def test_unknown_patients_and_gaps_are_not_found(clinician):
    for unknown in ("nobody", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(NotFound):
            clinician.care_gaps.get(unknown)
    with pytest.raises(NotFound):
        clinician.care_gaps.of_patient("nobody")


def test_reading_and_acting_are_audited(api, clinician):
    gap = glycemic(clinician)
    clinician.care_gaps.snooze(gap.gap_id, SnoozeGap(version=gap.version, until=TODAY + timedelta(days=7)))
    with api.work() as work:
        acts = work.connection.execute(
            text(
                "SELECT act FROM audit.event WHERE patient_id = 'ana' AND act LIKE 'care_gaps.%' ORDER BY at, id"
            )
        ).scalars()
        assert acts.all() == ["care_gaps.read", "care_gaps.snoozed"]


def test_gaps_of_a_quarantined_record_say_so(api, clinician):
    with api.work() as work:
        work.connection.execute(
            text("UPDATE care_gaps.measured_patient SET quarantined = true WHERE patient_id = 'ana'")
        )
    assert "could not be computed" in clinician.care_gaps.of_patient("ana").unavailable
    assert clinician.care_gaps.of_patient("ben").unavailable is None
