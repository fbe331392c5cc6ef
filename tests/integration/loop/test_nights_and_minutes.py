"""One definition, two speeds: what the night says and what the minutes say, over the population and its stories."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from data_contracts.api.care_gaps import ExcludeGap
from data_contracts.api.chart import (
    MarkInError,
    RecordImmunization,
    RecordOutsideResult,
    RecordResult,
    Reinstate,
)
from data_contracts.expectations import ContractBreached
from data_contracts.lake import Lake
from ehr_core.db.database import connect
from ehr_core.kernel.errors import Unavailable
from ehr_core.population import answer_key, people_without_gaps, story_patient_id
from pipelines.run import changed as changed_room
from pipelines.run import steps
from tests.integration.loop.panel import AS_OF, Panel, panel_of
from tests.lib import postgres

PATIENTS = 40
ANA = story_patient_id("ana-reyes")
TAYLOR, COLORECTAL = story_patient_id("taylor-quinn"), "colorectal_cancer_screening"

RXNORM, ATORVASTATIN, ASPIRIN = "http://www.nlm.nih.gov/research/umls/rxnorm", "617310", "1191"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
OPEN = {"due", "above_goal", "follow_up_due"}
COMPUTED = {**dict.fromkeys(OPEN, "open"), "up_to_date": "closed"}


@pytest.fixture(scope="module")
def panel(postgres_server, template_database, tmp_path_factory):
    """Forty people after a first night. Tests change them, and each leaves night and minutes agreeing."""
    with postgres.fresh_database(postgres_server, template=template_database) as admin_url:
        database = connect(postgres.app_url_of(admin_url))
        with panel_of(database, tmp_path_factory.mktemp("state"), PATIENTS) as made:
            made.night(deep_checks=True)
            yield made
        database.dispose()


def assert_the_night_changes_nothing(panel: Panel) -> None:
    before = panel.held()
    panel.night()
    after = panel.held()
    for name in before:
        assert set(after[name]) - set(before[name]) == set(), name
        assert set(before[name]) - set(after[name]) == set(), name


def test_the_gaps_say_what_the_answer_key_says(panel):
    stored = {
        (row["patient_id"], row["source_id"]): row["computed_status"]
        for row in panel.rows("SELECT * FROM care_gaps.gap WHERE present")
    }
    for line in answer_key(PATIENTS, seed=2026, as_of=AS_OF):
        expected = COMPUTED.get(line.status, line.status)
        found = stored.get((line.patient_id, line.recommendation_id), "not_applicable")
        assert found == expected, line


@pytest.mark.long
def test_a_prescription_follows_the_medicine_that_it_refers_to_by_minutes_and_by_night(panel):
    waiting = (
        "SELECT patient_id FROM care_gaps.gap WHERE present AND computed_status = 'open' AND source_id = :s"
    )
    patient_id = panel.rows(waiting + " ORDER BY 1", s="statin_therapy")[0]["patient_id"]

    def medicine_is(rxnorm: str) -> str:
        panel.put("Medication", "pills", code={"coding": [{"system": RXNORM, "code": rxnorm}]})
        panel.minutes()
        return panel.gap(patient_id, "statin_therapy")["computed_status"]

    assert medicine_is(ATORVASTATIN) == "open"
    panel.put(
        "MedicationRequest",
        "ordered",
        status="active",
        intent="order",
        subject={"reference": f"Patient/{patient_id}"},
        medicationReference={"reference": "Medication/pills"},
        authoredOn=AS_OF.isoformat(),
    )
    panel.minutes()
    assert panel.gap(patient_id, "statin_therapy")["computed_status"] == "closed"
    assert_the_night_changes_nothing(panel)
    assert medicine_is(ASPIRIN) == "open"
    assert medicine_is(ATORVASTATIN) == "closed"
    panel.delete("MedicationRequest", "ordered")
    panel.minutes()
    assert panel.gap(patient_id, "statin_therapy")["computed_status"] == "open"


def test_those_who_get_no_gap_have_none(panel):
    people = people_without_gaps(PATIENTS, seed=2026, as_of=AS_OF)
    assert people
    assert {person.patient_id for person in people if panel.gaps_of(person.patient_id)} == set()


def test_the_first_night_leaves_nothing_to_re_measure_and_a_second_one_changes_nothing(panel):
    assert panel.pipeline.pipeline is not None
    assert panel.api.service("remeasure").pipeline.waiting().rows == 0
    assert_the_night_changes_nothing(panel)


def test_every_closed_gap_names_its_evidence_in_the_chart(panel):
    unresolved = panel.rows(
        "SELECT patient_id, source_id FROM care_gaps.gap WHERE present AND evidence_key IS NOT NULL "
        "AND evidence_id IS NULL"
    )
    assert unresolved == []


def test_ana_s_gap_goes_round_the_loop(panel):
    panel.record_a1c("loop-1", ANA, "10.2", AS_OF - timedelta(days=1))
    panel.minutes()
    gap = panel.gap(ANA, "glycemic_control")
    assert (gap["computed_status"], gap["gap_kind"], gap["evidence_id"]) == ("open", "above_goal", "loop-1")
    panel.record_a1c("loop-2", ANA, "7.1", AS_OF)
    panel.minutes()
    gap = panel.gap(ANA, "glycemic_control")
    assert (gap["computed_status"], gap["evidence_id"]) == ("closed", "loop-2")
    panel.change("Observation", "loop-2", status="entered-in-error")
    panel.minutes()
    assert panel.gap(ANA, "glycemic_control")["evidence_id"] == "loop-1"
    assert_the_night_changes_nothing(panel)


def test_an_outside_colonoscopy_on_the_wrong_patient_gives_the_gap_back_when_it_is_retracted(panel):
    charting = panel.api.signed_in("okafor", "clinician").charting
    record = RecordOutsideResult(
        code_system=HCPCS, code="G0121", kind="procedure", on=AS_OF - timedelta(days=200), source="County"
    )
    assert panel.gap(TAYLOR, COLORECTAL)["computed_status"] == "open"
    charting.record_outside_result(TAYLOR, record)
    panel.minutes()
    assert panel.gap(TAYLOR, COLORECTAL)["computed_status"] == "closed"
    (line,) = charting.past_care(TAYLOR).procedures
    mark = MarkInError(version_id=line.version_id, reason="wrong patient")
    charting.mark_in_error(line.resource_id, mark, "Procedure")
    panel.minutes()
    assert panel.gap(TAYLOR, COLORECTAL)["computed_status"] == "open"
    back = Reinstate(version_id=line.version_id + 1, reason="it was theirs after all")
    charting.reinstate(line.resource_id, back, "Procedure")
    panel.minutes()
    assert panel.gap(TAYLOR, COLORECTAL)["computed_status"] == "closed"
    assert_the_night_changes_nothing(panel)


def test_a_tobacco_answer_and_a_vaccination_given_here_close_their_gaps(panel):
    charting = panel.api.signed_in("chen", "clinician").charting
    asked, vaccinated = open_gap(panel, "tobacco_screening"), open_gap(panel, "influenza_immunization")
    now = panel.api.clock.now()
    charting.record_result(asked, RecordResult(code="72166-2", at=now, value_code="LA18978-9"))
    charting.record_immunization(vaccinated, RecordImmunization(code="140", at=now))
    panel.minutes()
    assert panel.gap(asked, "tobacco_screening")["computed_status"] == "closed"
    assert panel.gap(vaccinated, "influenza_immunization")["computed_status"] == "closed"
    assert_the_night_changes_nothing(panel)


def open_gap(panel: Panel, source_id: str) -> str:
    """Somebody for whom that care is simply due."""
    rows = panel.rows(
        "SELECT patient_id FROM care_gaps.gap WHERE present AND source_id = :s AND computed_status = 'open' "
        "AND gap_kind = 'due' ORDER BY patient_id",
        s=source_id,
    )
    return rows[0]["patient_id"]


def some_patient(panel: Panel, number: int) -> str:
    """Somebody with gaps who is no story of another test."""
    rows = panel.rows(
        "SELECT patient_id FROM care_gaps.gap WHERE present AND computed_status = 'open' AND patient_id <> :ana "
        "GROUP BY patient_id HAVING count(*) > 2 ORDER BY patient_id",
        ana=ANA,
    )
    return rows[number % len(rows)]["patient_id"]


@pytest.mark.long
def test_events_take_gaps_away_and_bring_them_back(panel):
    people = {story: some_patient(panel, 3 + number) for number, story in enumerate(STORIES)}
    before = {patient: panel.gaps_of(patient) for patient in people.values()}
    for story, patient in people.items():
        STORIES[story][0](panel, patient)
    panel.minutes()
    in_hospice = {row["computed_status"] for row in panel.rows(GAPS_OF, p=people.pop("hospice"))}
    assert in_hospice == {"excluded"}
    assert {story: panel.gaps_of(patient) for story, patient in people.items()} == dict.fromkeys(people, 0)
    assert_the_night_changes_nothing(panel)
    for story, patient in zip(STORIES, before, strict=True):
        STORIES[story][1](panel, patient)
    panel.minutes()
    assert {patient: panel.gaps_of(patient) for patient in before} == before
    assert_the_night_changes_nothing(panel)


GAPS_OF = "SELECT computed_status FROM care_gaps.gap WHERE patient_id = :p AND present"

STORIES = {
    "death": (
        lambda panel, who: panel.change("Patient", who, deceasedDateTime=AS_OF.isoformat()),
        lambda panel, who: panel.change("Patient", who, deceasedDateTime=None),
    ),
    "inactive": (
        lambda panel, who: panel.change("Patient", who, active=False),
        lambda panel, who: panel.change("Patient", who, active=True),
    ),
    "merge": (
        lambda panel, who: panel.change(
            "Patient",
            who,
            link=[{"other": {"reference": f"Patient/{ANA}"}, "type": "replaced-by"}],
            active=False,
        ),
        lambda panel, who: panel.change("Patient", who, link=None, active=True),
    ),
    "opt_out": (
        lambda panel, who: panel.put_flag(who, "outreach-opt-out"),
        lambda panel, who: panel.put_flag(who, "outreach-opt-out", status="inactive"),
    ),
    "transfer": (
        lambda panel, who: panel.put_flag(who, "transferred-out"),
        lambda panel, who: panel.put_flag(who, "transferred-out", status="entered-in-error"),
    ),
    "hospice": (
        lambda panel, who: panel.put(
            "Encounter",
            "hospice-stay",
            status="in-progress",
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"}},
            type=[{"coding": [{"system": HCPCS, "code": "T2042"}]}],
            subject={"reference": f"Patient/{who}"},
            period={"start": AS_OF.isoformat()},
        ),
        lambda panel, who: panel.delete("Encounter", "hospice-stay"),
    ),
}


@pytest.mark.long
def test_an_opt_out_that_ends_on_a_day_to_come_brings_the_gaps_back_on_that_day(panel):
    patient = some_patient(panel, 4)
    before = panel.gaps_of(patient)
    last_day = panel.today + timedelta(days=5)
    panel.put_flag(patient, "outreach-opt-out", start=panel.today.isoformat(), end=last_day.isoformat())
    panel.minutes()
    assert panel.gaps_of(patient) == 0
    panel.pass_days(5)
    panel.minutes()
    assert panel.gaps_of(patient) == 0
    panel.pass_days(1)
    panel.minutes()
    assert panel.gaps_of(patient) >= before - 1
    assert_the_night_changes_nothing(panel)


@pytest.mark.long
def test_who_names_no_practitioner_is_counted_with_whom_they_see_by_minutes_and_by_night(panel):
    patient = some_patient(panel, 6)
    panel.put("Practitioner", "visiting", name=[{"family": "Visiting"}])

    def clinician() -> str | None:
        panel.minutes()
        found = panel.rows("SELECT clinician FROM quality.patient_stratum WHERE patient_id = :p", p=patient)
        return found[0]["clinician"]

    recorded = clinician()
    visits = [f"seen-{number:02}" for number in range(15)]
    for visit in visits:
        panel.put(
            "Encounter",
            visit,
            status="finished",
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
            subject={"reference": f"Patient/{patient}"},
            participant=[{"individual": {"reference": "Practitioner/visiting"}}],
            period={"start": AS_OF.isoformat()},
        )
    assert clinician() == recorded != "visiting"
    panel.change("Patient", patient, generalPractitioner=None)
    assert clinician() == "visiting"
    assert_the_night_changes_nothing(panel)
    for visit in visits:
        panel.delete("Encounter", visit)
    assert clinician() != "visiting"
    assert_the_night_changes_nothing(panel)


@pytest.mark.long
def test_a_manual_exclusion_hides_a_gap_and_never_alters_a_measure(panel):
    patient = some_patient(panel, 5)
    clinician = panel.api.signed_in(f"clinician-{panel.today}", "clinician")
    before = panel.held()
    for gap in clinician.care_gaps.of_patient(patient).gaps:
        if gap.status == "open":
            act = ExcludeGap(
                version=gap.version,
                reason="not_clinically_appropriate",
                expires_on=panel.today + timedelta(days=100),
            )
            clinician.care_gaps.exclude(gap.gap_id, act)
    assert {gap.status for gap in clinician.care_gaps.of_patient(patient).gaps} <= {
        "excluded",
        "closed",
        "not_evaluable",
    }
    panel.minutes()
    panel.night()
    after = panel.held()
    assert after == before
    hidden = panel.rows(
        "SELECT 1 FROM care_gaps.gap WHERE patient_id = :p AND human_state = 'excluded'", p=patient
    )
    assert hidden


def test_a_worker_that_dies_lets_go_and_the_next_one_heals(panel, monkeypatch):
    panel.record_a1c("orphan", ANA, "6.5", panel.today)
    assert panel.api.service("remeasure").pipeline.claim() is not None
    assert panel.minutes() == 0
    panel.api.clock.instant += timedelta(seconds=91)
    assert panel.minutes() == 1
    assert panel.gap(ANA, "glycemic_control")["evidence_id"] == "orphan"


def test_one_record_that_cannot_be_measured_does_not_stop_the_queue_and_is_told(panel, monkeypatch):
    others = some_patient(panel, 6)
    measure = changed_room.evaluate_gaps

    def failing(bench, lines, key, *arguments, **more):
        ana = key.pseudonym("Patient", ANA).encode()
        if any(ana in line for of_type in lines.values() for line in of_type):
            raise ZeroDivisionError("a record that breaks a definition")
        return measure(bench, lines, key, *arguments, **more)

    monkeypatch.setattr(changed_room, "evaluate_gaps", failing)
    panel.record_a1c("poison", ANA, "6.4", panel.today)
    panel.record_a1c("healthy", others, "6.4", panel.today)
    panel.minutes()
    clinician = panel.api.signed_in(f"second-{panel.today}", "clinician")
    assert clinician.care_gaps.of_patient(ANA).unavailable is not None
    assert clinician.care_gaps.of_patient(others).unavailable is None
    assert panel.api.service("remeasure").pipeline.waiting().rows == 0
    alerts = panel.rows("SELECT patient_id FROM audit.event WHERE act = 'pipeline.remeasure.quarantined'")
    assert [alert["patient_id"] for alert in alerts] == [ANA]
    monkeypatch.undo()
    panel.pass_days(1)
    panel.record_a1c("mended", ANA, "6.3", panel.today)
    panel.minutes()
    assert (
        panel.api.signed_in(f"third-{panel.today}", "clinician").care_gaps.of_patient(ANA).unavailable is None
    )
    assert panel.gap(ANA, "glycemic_control")["evidence_id"] == "mended"


UNKNOWN_MODIFIER = {"modifierExtension": [{"url": "https://other.example/never-seen", "valueBoolean": True}]}


def unavailable(panel: Panel, patient_id: str) -> str | None:
    staff = panel.api.signed_in(f"staff-{time.time_ns()}", "clinician")
    return staff.care_gaps.of_patient(patient_id).unavailable


@pytest.mark.long
def test_a_line_that_nobody_can_read_is_found_when_it_comes_and_a_good_one_elsewhere_does_not_hide_it(panel):
    """Of no definition's code: so only the look at what came shows it, and only a whole reading may end it."""
    patient = some_patient(panel, 7)
    vitals = {"code": {"coding": [{"system": "http://loinc.org", "code": "99999-9"}]}}
    observation = {"status": "final", "subject": {"reference": f"Patient/{patient}"}, **vitals}
    panel.put("Observation", "odd", **observation, **UNKNOWN_MODIFIER)
    panel.minutes()
    assert unavailable(panel, patient)
    panel.put(
        "Immunization",
        "good",
        status="completed",
        vaccineCode={"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]},
        patient={"reference": f"Patient/{patient}"},
        occurrenceDateTime=panel.today.isoformat(),
    )
    panel.minutes()
    assert unavailable(panel, patient)
    before = panel.held()
    panel.night()
    assert panel.held() == before
    panel.put("Observation", "odd", **observation)
    panel.minutes()
    assert unavailable(panel, patient) is None
    assert_the_night_changes_nothing(panel)


@pytest.mark.long
def test_somebody_who_comes_while_the_export_is_made_is_measured_by_that_night(panel, monkeypatch):
    """A new patient after the run has begun, and before its snapshot: exported, so known by name."""
    start = panel.pipeline.bulk.start

    def start_after_somebody_came(**more):
        monkeypatch.undo()
        birth = {"birthDate": "1970-05-05", "gender": "female"}
        panel.put("Patient", "came-late", name=[{"family": "Late"}], active=True, **birth)
        return start(**more)

    monkeypatch.setattr(panel.pipeline.bulk, "start", start_after_somebody_came)
    panel.night()
    assert panel.gaps_of("came-late") > 0
    assert panel.api.service("remeasure").pipeline.waiting().rows == 0


def test_a_breach_of_contract_stops_the_night_and_keeps_the_last_good_results(panel, monkeypatch):
    lake = Lake(panel.api.parts.settings.lake_folder)
    good, held = lake.current("results").snapshot_id, panel.held()
    derive = steps.gaps.derive

    def breaking(connection, *, as_of):
        derive(connection, as_of=as_of)
        connection.execute("UPDATE care_gaps SET evidence_key = NULL WHERE computed_status = 'closed'")

    monkeypatch.setattr(steps.gaps, "derive", breaking)
    with pytest.raises(ContractBreached) as breach:
        panel.night()
    assert "care_gaps" in breach.value.message
    assert lake.current("results").snapshot_id == good
    assert panel.held() == held
    quality = panel.api.signed_in(f"fourth-{panel.today}", "clinician").quality
    assert "care_gaps" in quality.measures().stale
    monkeypatch.undo()
    panel.night()
    assert "care_gaps" not in (quality.measures().stale or "")
    assert lake.current("results").snapshot_id != good


@pytest.mark.long
def test_a_night_that_is_cut_off_before_it_publishes_changes_no_screen_and_the_next_one_heals(
    panel, monkeypatch
):
    lake = Lake(panel.api.parts.settings.lake_folder)
    good = lake.current("results").snapshot_id
    send = steps.send_everything

    def cut_off(client, connection, stamp, **more):
        send(client, connection, stamp, **more)
        raise Unavailable("killed")

    monkeypatch.setattr(steps, "send_everything", cut_off)
    with pytest.raises(Unavailable):
        panel.night()
    assert lake.current("results").snapshot_id == good
    monkeypatch.undo()
    assert_the_night_changes_nothing(panel)
    assert lake.current("results").snapshot_id != good
