"""Official measures on the screens: page, facts, chart, worklist, portal, CSV; and what each reader may not see."""

from __future__ import annotations

import csv
import io
import json

import pytest

from data_contracts.api.care_gaps import WorklistQuery
from ehr_core.kernel.errors import Forbidden, NotFound
from tests.integration.official.conftest import A1C, COLDS, GLYCEMIC, KIDNEYS
from tests.integration.official.house import patient_of
from tests.integration.official.test_a_night_with_official_measures import FAILING_A1C, expected, of
from tests.lib.app_pages import SECONDS, opened, session_of, shown

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def clinician(measured):
    return measured.api.signed_in("okafor", "clinician")


@pytest.fixture(scope="module")
def analyst(measured):
    return measured.api.signed_in("ana", "analyst")


def test_the_list_shows_official_measures_beside_our_own(clinician):
    listed = {line.measure_id: line for line in clinician.quality.measures().measures}
    assert {line.official for line in listed.values()} == {True, False}
    line = listed[GLYCEMIC]
    assert line.title == "Diabetes: Glycemic Status Assessment Greater Than 9%"
    assert line.improvement == "decrease"
    assert line.counts.rate == line.counts.numerator / line.counts.denominator


def test_the_page_says_why_whose_logic_and_what_is_not_loaded(clinician):
    page = clinician.quality.measure(GLYCEMIC)
    assert "9.0%" in page.definition.why_it_matters
    assert "CPT" in page.definition.code_systems_not_loaded
    assert FAILING_A1C in page.definition.logic["Numerator"]
    assert page.definition.value_sets_cut
    assert page.provenance["Package"].startswith("ecqm (")
    assert page.trend
    assert any(stratum.kind == "sex" for stratum in page.strata)
    assert page.score is None, "people are counted, so the rate says it"


def test_a_measure_that_counts_visits_says_what_its_publisher_counts(clinician, cases):
    score = clinician.quality.measure(COLDS).score
    found = [one for one in cases if one.measure == COLDS]
    assert score.counts["initial-population"] == sum(expected(one, "initial-population") for one in found)
    assert score.counts["numerator"] == sum(expected(one, "numerator") for one in found)


def test_from_the_page_one_comes_to_the_people_and_to_the_facts_that_decided(clinician, cases):
    people = clinician.quality.patients(GLYCEMIC, membership="numerator", size=100)
    assert people.page.total == clinician.quality.measure(GLYCEMIC).line.counts.numerator
    high = next(one for one in people.rows if one.reason == f"Decided by '{FAILING_A1C}'.")
    facts = clinician.quality.facts(GLYCEMIC, high.patient_id)
    assert facts.decided_by == FAILING_A1C
    (deciding,) = [fact for fact in facts.facts if fact.definition == FAILING_A1C]
    stored = clinician.fhir.read(deciding.resource_type, deciding.resource_id)
    assert str(json.loads(stored.body)["valueQuantity"]["value"]) == deciding.value.removesuffix(" %")
    assert high.evidence_value == deciding.value


def test_reading_the_facts_is_audited_with_whose_they_are(measured, clinician, cases):
    patient_id = next(patient_of(one) for one in of(cases, A1C) if expected(one, "numerator"))
    clinician.quality.facts(GLYCEMIC, patient_id)
    rows = measured.rows(
        "SELECT 1 FROM audit.event WHERE act = 'quality.measure_evidence.read' AND patient_id = :p",
        p=patient_id,
    )
    assert rows


def test_who_sees_aggregates_only_comes_to_no_person(analyst, cases):
    with pytest.raises(Forbidden):
        analyst.quality.patients(GLYCEMIC)
    with pytest.raises(Forbidden):
        analyst.quality.facts(GLYCEMIC, patient_of(cases[0]))
    assert analyst.quality.measure(KIDNEYS).line.counts.suppressed in (True, False)


def test_the_csv_holds_what_the_page_shows(clinician):
    rows = list(csv.DictReader(io.StringIO(clinician.quality.csv(GLYCEMIC).decode())))
    everyone = next(row for row in rows if row["stratum_kind"] == "all")
    counts = clinician.quality.measure(GLYCEMIC).line.counts
    assert int(everyone["denominator"]) == counts.denominator
    assert int(everyone["numerator"]) == counts.numerator


def test_the_chart_shows_the_gap_with_the_condition_the_value_and_the_source(clinician, measured):
    (row,) = measured.rows(
        "SELECT patient_id FROM care_gaps.gap WHERE present AND source_id = :m AND reason_code = :r LIMIT 1",
        m=GLYCEMIC,
        r=FAILING_A1C,
    )
    gap = next(
        one for one in clinician.care_gaps.of_patient(row["patient_id"]).gaps if one.source_id == GLYCEMIC
    )
    assert gap.title == "Diabetes: Glycemic Status Assessment Greater Than 9%"
    assert gap.why.startswith(f"Counts against the measure: '{FAILING_A1C}'.")
    assert "9.1 %" in gap.why
    assert gap.source_kind == "measure"
    assert gap.source_name == "madie.cms.gov, version 1.0.000"
    assert gap.next_step.label
    assert gap.evidence.resource_id


def test_the_worklist_lists_the_gap_and_can_be_narrowed_to_the_measure(clinician):
    choices = clinician.worklist.choices()
    assert (GLYCEMIC, "Diabetes: Glycemic Status Assessment Greater Than 9%") in [
        tuple(one) for one in choices.sources
    ]
    page = clinician.worklist.page(WorklistQuery(source_id=GLYCEMIC))
    assert page.rows
    assert all(any(gap.source_id == GLYCEMIC for gap in row.gaps) for row in page.rows)


def test_the_portal_shows_it_in_the_plain_words_of_the_guideline_that_asks_alike(measured):
    (row,) = measured.rows(
        "SELECT patient_id FROM care_gaps.gap WHERE present AND source_id = :m AND computed_status = 'open' LIMIT 1",
        m=GLYCEMIC,
    )
    person = measured.api.signed_in("pat", "patient", patient_id=row["patient_id"])
    things = person.portal.home().things_to_do
    said = " ".join(f"{thing.title} {thing.text}" for thing in things)
    assert "Glycemic Status Assessment" not in said
    assert "diabetes" in said.lower() or "sugar" in said.lower()


def test_the_page_in_the_workspace_shows_the_measure_and_on_request_the_facts_of_a_person(clinician):
    page = opened(session_of(clinician), "dashboards.quality.measures", "measures_page", measure=GLYCEMIC)
    said = shown(page)
    assert "Glycemic Status Assessment Greater Than 9%" in said
    assert "CPT is not loaded here. The package brings the codes that it counts" in said
    assert "Active since" in said
    assert "Counts against (numerator)" in said
    kidneys = opened(session_of(clinician), "dashboards.quality.measures", "measures_page", measure=KIDNEYS)
    toggles = [one for one in kidneys.toggle if one.label == "Facts"]
    assert toggles, "nobody whom the measure asks something of"
    opened_facts = shown(toggles[0].set_value(True).run(timeout=SECONDS))
    assert "Decided by" in opened_facts
    assert "Facts behind this answer" in opened_facts or "No fact was found" in opened_facts


def test_a_measure_that_is_not_there_is_not_found(clinician):
    with pytest.raises(NotFound):
        clinician.quality.measure("CMS999Nothing")
