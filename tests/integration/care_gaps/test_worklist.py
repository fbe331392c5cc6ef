"""The worklist: one row a patient, filters, safe paging, contact attempts with everything read again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from dashboards.care_manager.worklist_rows import gaps_html
from data_contracts.api.access import NewChartRule, RolePolicyInfo
from data_contracts.api.care_gaps import (
    AssignGaps,
    ExcludeGap,
    LogContact,
    SnoozeGap,
    WorklistQuery,
)
from data_contracts.code_systems import DISCHARGE, HCPCS
from data_contracts.tables.results import MEASURE_RESULTS
from ehr_core.care_gaps import reading
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, NotFound, StaleVersion
from ehr_core.workflows import measure_patients
from tests.integration.care_gaps.conftest import later
from tests.integration.chart_records import of, put, put_appointment, put_flag, put_patient
from tests.integration.loop.records import as_body, closed_by, flag_row, gap_row
from tests.lib.weakened import assert_guarded

TODAY = date(2026, 11, 20)
CHANNEL = "https://almoner.dev/fhir/CodeSystem/outreach-channel"
MRN = "https://almoner.dev/fhir/NamingSystem/mrn"

pytestmark = pytest.mark.usefixtures("gaps")


def names(page):
    return [row.patient_id for row in page.rows]


def consent(api, patient, channel, kind, at="2026-01-01", **more):
    put(
        api,
        "Consent",
        f"{patient}-{channel}-{at}",
        status="active",
        scope={"text": "privacy"},
        category=[{"text": "outreach"}],
        patient={"reference": f"Patient/{patient}"},
        dateTime=at,
        policyRule={"text": "opt"},
        provision={"type": kind, "code": [{"coding": [{"system": CHANNEL, "code": channel}]}], **more},
    )


def test_one_row_a_patient_with_all_gaps_and_how_to_reach_them(api, manager):
    put_appointment(api, "visit", "ana", "2026-11-27T09:00:00-05:00")
    consent(api, "ana", "sms", "deny")
    page = manager.worklist.page(WorklistQuery())
    assert names(page) == ["ana", "ben", "anna"]
    assert (page.page.total, page.gaps, page.overdue_gaps) == (3, 4, 1)
    ana = page.rows[0]
    assert [gap.source_id for gap in ana.gaps] == ["glycemic_control", "breast_cancer_screening"]
    assert ana.next_appointment.on == date(2026, 11, 27)
    assert ana.next_appointment.with_whom == "Dr Ada Okafor"
    assert (ana.clinic, ana.clinician) == ("North Clinic", "Dr Ada Okafor")
    assert ana.contact.consent == {
        "phone": "not_recorded",
        "sms": "refused",
        "email": "not_recorded",
        "portal": "not_recorded",
    }
    assert ana.language is None
    assert ana.interpreter_required is None
    assert [row.same_name for row in page.rows] == [True, False, True]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"source_id": "breast_cancer_screening"}, ["ana"]),
        ({"gap_kind": "above_goal"}, ["ana"]),
        ({"overdue_only": True}, ["ana"]),
        ({"language": "es"}, ["ben"]),
        ({"clinic_id": "north"}, ["ana", "ben", "anna"]),
        ({"clinic_id": "elsewhere"}, []),
        ({"clinician_id": "okafor", "name": "young"}, ["ben"]),
        ({"name": "REY an"}, ["ana", "anna"]),
        ({"name": "%"}, []),
        ({"sort": "name"}, ["ana", "anna", "ben"]),
        ({"sort": "due_on"}, ["ana", "anna", "ben"]),
        ({"status": "closed"}, []),
        ({"owner_id": "nobody"}, ["ana", "ben", "anna"]),
        ({"owner_id": "me"}, []),
    ],
)
def test_filters_and_orders(manager, query, expected):
    assert names(manager.worklist.page(WorklistQuery(**query))) == expected


def test_pages_do_not_overlap_and_one_behind_the_end_still_counts(manager):
    pages = [manager.worklist.page(WorklistQuery(page=number, size=2)) for number in (1, 2, 3)]
    assert [names(page) for page in pages] == [["ana", "ben"], ["anna"], []]
    assert [page.page.total for page in pages] == [3, 3, 3]
    assert pages[2].gaps == 4


def test_what_was_set_aside_or_waits_leaves_the_list_and_is_found_by_its_status(manager):
    for gap in manager.care_gaps.of_patient("ben").gaps:
        manager.care_gaps.snooze(gap.gap_id, SnoozeGap(version=gap.version, until=TODAY + timedelta(days=9)))
    assert names(manager.worklist.page(WorklistQuery())) == ["ana", "anna"]
    snoozed = manager.worklist.page(WorklistQuery(status="snoozed"))
    assert names(snoozed) == ["ben"]
    assert snoozed.rows[0].gaps[0].status == "snoozed"


def test_a_call_moves_the_gaps_that_it_was_about_and_is_remembered(api, manager):
    row = manager.worklist.page(WorklistQuery()).rows[0]
    call = LogContact(channel="phone", outcome="left_message", gap_ids=[gap.gap_id for gap in row.gaps])
    manager.worklist.log_contact("ana", call)
    assert "ana" not in names(manager.worklist.page(WorklistQuery()))
    waiting = manager.worklist.page(WorklistQuery(status="outreach_sent")).rows[0]
    assert (waiting.attempts, waiting.last_attempt_outcome) == (1, "left_message")
    assert [attempt.outcome for attempt in manager.worklist.contact_attempts("ana")] == ["left_message"]
    manager = later(api, manager, 14)
    assert "ana" in names(manager.worklist.page(WorklistQuery()))


def test_a_call_that_booked_a_visit_schedules_until_the_day_after_it(api, manager):
    put_appointment(api, "visit", "ben", "2026-12-01T09:00:00-05:00")
    gap = manager.care_gaps.of_patient("ben").gaps[0]
    manager.worklist.log_contact("ben", LogContact(channel="phone", outcome="booked", gap_ids=[gap.gap_id]))
    scheduled = manager.care_gaps.get(gap.gap_id)
    assert (scheduled.status, scheduled.status_until) == ("scheduled", date(2026, 12, 2))


def test_a_visit_that_is_called_off_opens_the_gap_again(api, manager):
    put_appointment(api, "visit", "ben", "2026-12-01T09:00:00-05:00")
    gap = manager.care_gaps.of_patient("ben").gaps[0]
    manager.worklist.log_contact("ben", LogContact(channel="phone", outcome="booked", gap_ids=[gap.gap_id]))
    put_appointment(api, "visit", "ben", "2026-12-01T09:00:00-05:00", status="cancelled")
    assert api.service("remeasure").pipeline.claim() is not None
    assert manager.care_gaps.get(gap.gap_id).status == "open"


def test_a_visit_booked_after_outreach_schedules_the_gap(api, manager):
    gap = manager.care_gaps.of_patient("ben").gaps[0]
    manager.worklist.log_contact("ben", LogContact(channel="phone", outcome="reached", gap_ids=[gap.gap_id]))
    put_appointment(api, "visit", "ben", "2026-12-01T09:00:00-05:00")
    api.service("remeasure").pipeline.claim()
    assert manager.care_gaps.get(gap.gap_id).status == "scheduled"


def test_a_refused_channel_is_refused_with_a_sentence_and_leaves_no_attempt(api, manager):
    consent(api, "ana", "sms", "permit", at="2026-01-01")
    consent(api, "ana", "sms", "deny", at="2026-10-01")
    with pytest.raises(Conflict, match="refused contact by sms"):
        manager.worklist.log_contact("ana", LogContact(channel="sms", outcome="reached"))
    assert manager.worklist.contact_attempts("ana") == []


def test_a_message_needs_consent_in_force_and_a_call_does_not(api, manager):
    sms = LogContact(channel="sms", outcome="reached")
    with pytest.raises(Conflict, match="not recorded"):
        manager.worklist.log_contact("ana", sms)
    manager.worklist.log_contact("ana", LogContact(channel="phone", outcome="no_answer"))
    consent(api, "ana", "sms", "permit", at="2026-01-01")
    manager.worklist.log_contact("ana", sms)
    consent(api, "ana", "sms", "permit", at="2026-02-01", period={"end": "2026-11-19"})
    with pytest.raises(Conflict, match="not recorded"):
        manager.worklist.log_contact("ana", sms)
    nested = [{"type": "deny", "code": [{"coding": [{"system": CHANNEL, "code": "sms"}]}]}]
    consent(api, "ana", "email", "permit", at="2026-03-01", provision=nested)
    with pytest.raises(Conflict, match="refused contact by sms"):
        manager.worklist.log_contact("ana", sms)


def test_the_row_names_the_person_as_the_chart_s_banner_does(api, manager, clinician):
    put_patient(
        api,
        "ana",
        None,
        name=[
            {"use": "old", "family": "Before", "given": ["Ana"]},
            {"use": "usual", "family": "Now", "given": ["Ana"]},
        ],
        telecom=[
            {"system": "phone", "value": "+12025550101", "use": "old"},
            {"system": "phone", "value": "+12025550102", "period": {"end": "2025-01-01"}},
            {"system": "phone", "value": "+12025550103", "use": "home"},
        ],
        identifier=[
            {"system": MRN, "value": "OLD1", "use": "old"},
            {"system": MRN, "value": "ENDED", "period": {"end": "2025"}},
            {"system": MRN, "value": "NOW1"},
        ],
    )
    row = next(row for row in manager.worklist.page(WorklistQuery()).rows if row.patient_id == "ana")
    banner = clinician.registration.banner("ana")
    assert (row.name, row.mrn, row.language) == (banner.name, banner.mrn, banner.language)
    assert (row.name.family, row.mrn) == ("Now", "NOW1")
    assert row.contact.phone.endswith("0103")


@pytest.mark.parametrize("code", ["outreach-opt-out", "transferred-out"])
def test_who_opted_out_or_moved_is_not_called_whatever_the_screen_still_shows(api, manager, code):
    put_flag(api, "ana", code)
    with pytest.raises(Conflict):
        manager.worklist.log_contact("ana", LogContact(channel="phone", outcome="reached"))


HOSPICE_AT_HOME = {
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
    "type": [{"coding": [{"system": HCPCS.uri, "code": "T2042"}]}],
}
TO_HOSPICE = {
    "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
    "hospitalization": {"dischargeDisposition": {"coding": [{"system": DISCHARGE.uri, "code": "hosp"}]}},
}


@pytest.mark.parametrize("stay", [HOSPICE_AT_HOME, TO_HOSPICE], ids=["at home", "discharged to hospice"])
@pytest.mark.parametrize(
    ("period", "is_called"),
    [
        ({"start": "2026-11-10"}, False),
        ({"start": "2026-02-01", "end": "2026-02-20"}, False),
        ({"start": "2025-02-01", "end": "2025-02-20"}, True),
    ],
    ids=["now", "this year", "long ago"],
)
def test_who_came_under_hospice_care_is_not_called_before_any_run_has_said_so(
    api, manager, stay, period, is_called
):
    put(api, "Encounter", "stay", subject=of("ana"), period=period, **stay)
    call = LogContact(channel="phone", outcome="reached")
    if is_called:
        manager.worklist.log_contact("ana", call)
        return
    with pytest.raises(Conflict, match="hospice"):
        manager.worklist.log_contact("ana", call)


def test_gaps_of_somebody_else_are_refused(manager):
    gap = manager.care_gaps.of_patient("ben").gaps[0]
    with pytest.raises(BadRequest):
        manager.worklist.log_contact(
            "ana", LogContact(channel="phone", outcome="reached", gap_ids=[gap.gap_id])
        )


def test_somebody_whose_record_could_not_be_checked_is_marked_and_nobody_else(api, manager):
    with api.work() as work:
        work.connection.execute(
            text(
                "INSERT INTO care_gaps.measured_patient (patient_id, computed_at, quarantined) "
                "VALUES ('ana', now(), true), ('ben', now(), false) "
                "ON CONFLICT (patient_id) DO UPDATE SET computed_at = now(), quarantined = excluded.quarantined"
            )
        )
    rows = {row.patient_id: row for row in manager.worklist.page(WorklistQuery()).rows}
    assert (rows["ana"].not_checked, rows["ben"].not_checked) == (True, False)
    assert "Not checked" in gaps_html(rows["ana"])
    assert "Not checked" not in gaps_html(rows["ben"])


def test_patients_are_given_to_an_owner_and_taken_away_again(api, manager, clinician):
    mine = manager.account.me().account_id
    done = manager.worklist.assign(AssignGaps(patient_ids=["ana", "ben"], owner_id=mine))
    assert (done.patients, done.gaps) == (2, 3)
    assert names(manager.worklist.page(WorklistQuery(owner_id="me"))) == ["ana", "ben"]
    assert names(clinician.worklist.page(WorklistQuery(owner_id="me"))) == []
    assert manager.worklist.page(WorklistQuery()).rows[0].owner == "Maria"
    assert dict(manager.worklist.choices().owners)[mine] == "Maria"
    manager.worklist.assign(AssignGaps(patient_ids=["ana"], owner_id=None))
    assert names(manager.worklist.page(WorklistQuery(owner_id="me"))) == ["ben"]
    with pytest.raises(NotFound):
        manager.worklist.assign(AssignGaps(patient_ids=["ana"], owner_id="nobody-here"))


def test_choices_are_what_the_panel_holds(manager):
    choices = manager.worklist.choices()
    assert choices.clinics == [("north", "North Clinic")]
    assert choices.clinicians == [("okafor", "Dr Ada Okafor")]
    assert choices.languages == [("en", "English"), ("es", "Spanish")]
    assert ("glycemic_control", "Glycemic control in diabetes") in choices.sources


def test_the_list_is_not_for_everybody(api):
    for role in ("front_desk", "analyst", "admin"):
        with pytest.raises(Forbidden):
            api.signed_in(role.replace("_", ""), role).worklist.page(WorklistQuery())


def test_the_page_is_audited_with_its_patients(api, manager):
    manager.worklist.page(WorklistQuery(size=2))
    with api.work() as work:
        seen = work.connection.execute(
            text("SELECT patient_ids FROM audit.event WHERE act = 'worklist.read'")
        ).scalar_one()
    assert seen == ["ana", "ben"]


def test_the_portal_does_not_show_what_is_for_staff_only_or_labelled(api, write_back, above_goal, key):
    ana = api.signed_in("ana", "patient", patient_id="ana")
    assert [thing.title for thing in ana.portal.home().things_to_do] == ["A mammogram"]
    write_back(
        above_goal,
        gap_row(key, "ana", "breast_cancer_screening", evidence_sensitivity="V"),
        gap_row(key, "ben"),
    )
    home = ana.portal.home()
    assert home.things_to_do == []
    assert home.hidden_items


def test_a_rule_about_one_patients_labels_masks_the_gaps_that_rest_on_them(api, write_back, above_goal, key):
    write_back(
        gap_row(key, "ana", "hiv_screening", evidence_type="Observation", evidence_sensitivity="HIV R"),
        gap_row(key, "ana"),
        gap_row(key, "ben", "hiv_screening", evidence_type="Observation", evidence_sensitivity="HIV R"),
        run_id="labelled",
    )
    nurse = api.signed_in("kim", "nurse")

    def masked(patient_id: str) -> dict[str, bool]:
        found = nurse.care_gaps.of_patient(patient_id).gaps
        return {gap.source_id: bool(gap.evidence and gap.evidence.masked) for gap in found}

    before = masked("ana")
    assert not any(before.values())
    deny = NewChartRule(
        patient_id="ana", effect="deny", subject_kind="role", subject="nurse", label="HIV", asked_by="patient",
        reason="Asked for it",
    )  # fmt: skip
    rule_id = api.signed_in("root", "admin").access.make_rule(deny)
    after = masked("ana")
    assert after["hiv_screening"], "the rule names one of its labels"
    assert [one for one, hidden in after.items() if hidden] == ["hiv_screening"]
    assert not any(masked("ben").values())
    assert_guarded(
        lambda: not masked("ana")["hiv_screening"],
        lambda patch: patch.setattr(
            reading, "evidence_open", lambda work, labels, _: work.actor.sees_labels(labels)
        ),
    )
    api.signed_in("officer", "admin").access.end_rule(rule_id)
    assert masked("ana") == before


def test_a_gap_of_two_labels_is_masked_from_who_may_see_one_of_them_alone(api, write_back, above_goal, key):
    write_back(
        gap_row(key, "ana", evidence_type="Observation", evidence_sensitivity="HIV SUD"), run_id="labelled"
    )
    admin, nurse = api.signed_in("root", "admin"), api.signed_in("kim", "nurse")

    def masked(*labels: str) -> bool:
        admin.access.set_role(RolePolicyInfo(role="nurse", reach="all", labels=list(labels)))
        [gap] = nurse.care_gaps.of_patient("ana").gaps
        return gap.evidence.masked

    assert (masked("HIV"), masked("HIV", "SUD")) == (True, False)
    seen = reading.evidence_open
    assert_guarded(
        lambda: not masked("SUD"),
        lambda patch: patch.setattr(
            reading, "evidence_open", lambda work, labels, whose: seen(work, labels.split()[-1], whose)
        ),
    )


def test_a_rule_about_one_patients_labels_masks_the_facts_behind_a_measures_answer(api, write_back, key):
    stamp = {"run_id": "labelled", "key_id": key.key_id, "as_of": TODAY, "outbox_transaction": 2**40}
    flags = as_body(MEASURE_RESULTS, [flag_row(key, "ana", numerator=True)])
    api.service("pipeline").pipeline.write_back("measure_results", flags, **stamp)
    with api.work() as work:
        work.connection.execute(
            text(
                "INSERT INTO quality.measure_evidence (patient_id, measure_id, period_begin, population, definition, "
                "holds, facts_found, key_id, evidence_type, evidence_key, evidence_id, evidence_sensitivity, as_of, "
                "computed_at, run_id) SELECT patient_id, measure_id, period_begin, 'numerator', 'Numerator', true, 1, "
                "key_id, 'Observation', 'a', 'a1c', 'HIV', as_of, computed_at, run_id FROM quality.measure_flag"
            )
        )
    clinician = api.signed_in("maya", "clinician")

    def told() -> bool:
        [fact] = clinician.quality.facts("glycemic_control", "ana").facts
        return not fact.masked

    assert told()
    deny = NewChartRule(
        patient_id="ana", effect="deny", subject_kind="role", subject="clinician", label="HIV", asked_by="patient",
        reason="Asked for it",
    )  # fmt: skip
    api.signed_in("root", "admin").access.make_rule(deny)
    assert_guarded(
        told,
        lambda patch: patch.setattr(
            measure_patients, "evidence_open", lambda work, labels, _: work.actor.sees_labels(labels)
        ),
    )


def test_a_no_to_a_follow_up_on_the_phone_is_confirmed_for_itself(manager, write_back, key):
    write_back(gap_row(key, "ana", gap_kind="follow_up_due"), gap_row(key, "ana", "breast_cancer_screening"))
    gaps = manager.care_gaps.of_patient("ana").gaps
    declined = LogContact(channel="phone", outcome="declined", gap_ids=[gap.gap_id for gap in gaps])
    with pytest.raises(BadRequest, match="abnormal result"):
        manager.worklist.log_contact("ana", declined)
    assert {gap.status for gap in manager.care_gaps.of_patient("ana").gaps} == {"open"}
    assert manager.worklist.contact_attempts("ana") == []
    manager.worklist.log_contact("ana", declined.model_copy(update={"follow_up_confirmed": True}))
    assert {gap.status for gap in manager.care_gaps.of_patient("ana").gaps} == {"declined"}


def test_a_no_leaves_the_gaps_that_were_not_talked_about_open(manager):
    row = manager.worklist.page(WorklistQuery()).rows[0]
    talked_about = row.gaps[0].gap_id
    manager.worklist.log_contact(
        "ana", LogContact(channel="phone", outcome="declined", gap_ids=[talked_about])
    )
    statuses = {gap.gap_id: gap.status for gap in manager.care_gaps.of_patient("ana").gaps}
    assert statuses.pop(talked_about) == "declined"
    assert set(statuses.values()) == {"open"}


def test_a_gap_is_excluded_from_the_row_with_the_version_that_the_row_carries(manager):
    gap = manager.worklist.page(WorklistQuery()).rows[0].gaps[0]
    until = TODAY + timedelta(days=90)
    moved = ExcludeGap(version=gap.version, reason="moved_away", expires_on=until)
    manager.care_gaps.exclude(gap.gap_id, moved)
    excluded = manager.worklist.page(WorklistQuery(status="excluded"))
    assert (names(excluded), excluded.gaps) == (["ana"], 1)
    with pytest.raises(StaleVersion):
        manager.care_gaps.exclude(gap.gap_id, moved)


def test_names_that_could_be_mistaken_for_each_other_are_marked_not_only_equal_ones(api, manager):
    put_patient(api, "ben", "Reyez", "Anna", "1990-01-01")
    assert [row.same_name for row in manager.worklist.page(WorklistQuery()).rows] == [True, True, True]


def test_who_opted_out_is_not_nudged_by_the_portal_either(api):
    put_flag(api, "ana", "outreach-opt-out")
    assert api.signed_in("ana", "patient", patient_id="ana").portal.home().things_to_do == []


def test_a_closed_gap_is_not_on_the_list(manager, write_back, key, above_goal):
    write_back(above_goal, closed_by(key, "ben", "x"), gap_row(key, "anna"))
    assert names(manager.worklist.page(WorklistQuery())) == ["ana", "anna"]
