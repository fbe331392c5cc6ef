"""A night measures by official measures as by our own: results, facts, gaps and rates, none of them twice."""

from __future__ import annotations

import json

from pipelines.measures.elm.cases import Case
from tests.integration.loop.panel import Panel
from tests.integration.official.conftest import A1C, CERVICAL, COLDS, GLYCEMIC, KIDNEY, KIDNEYS, VISITS
from tests.integration.official.house import patient_of

FAILING_A1C = "Has Most Recent Elevated Glycemic Status Assessment"
NO_A1C = "Has No Record Of Glycemic Status Assessment"


def expected(case: Case, code: str) -> int:
    return int(
        sum(count for name, count in case.expected[0].populations.items() if name.endswith(f"|{code}"))
    )


def of(cases: list[Case], measure: str) -> list[Case]:
    return [one for one in cases if one.measure.startswith(measure)]


def flag_of(panel: Panel, case: Case, measure_id: str) -> dict | None:
    rows = panel.rows(
        "SELECT * FROM quality.measure_flag WHERE measure_id = :m AND patient_id = :p",
        m=measure_id,
        p=patient_of(case),
    )
    return rows[0] if rows else None


def test_a_night_says_of_every_published_case_what_is_published(measured, cases):
    for measure_id, name in ((GLYCEMIC, A1C), (KIDNEYS, KIDNEY)):
        for case in of(cases, name):
            flag = flag_of(measured, case, measure_id)
            assert bool(flag and flag["initial_population"]) == bool(expected(case, "initial-population"))
            assert bool(flag and flag["numerator"]) == bool(expected(case, "numerator")), case.name
            assert bool(flag and flag["denominator_exclusion"]) == bool(
                expected(case, "denominator-exclusion")
            )


def test_the_visits_of_an_encounter_measure_are_counted_and_not_only_its_people(measured, cases):
    for case in of(cases, VISITS):
        flag = flag_of(measured, case, COLDS)
        counts = json.loads(flag["population_counts"]) if flag else {}
        assert counts.get("InitialPopulation_1", 0) == expected(case, "initial-population"), case.name
        assert counts.get("Numerator_1", 0) == expected(case, "numerator"), case.name


def test_the_official_measures_are_a_run_of_their_own_that_keeps_their_rates(measured):
    (run,) = measured.rows("SELECT * FROM quality.run WHERE kind = 'official'")
    assert run["failure"] is None
    flags = measured.rows("SELECT 1 FROM quality.measure_flag WHERE official")
    assert run["counts"]["official_results"] == len(flags)
    assert measured.rows("SELECT 1 FROM quality.rate_point WHERE measure_id = :m", m=GLYCEMIC)


def test_each_answer_rests_on_facts_of_the_persons_own_record(measured):
    facts = measured.rows("SELECT * FROM quality.measure_evidence")
    assert facts
    assert all(fact["evidence_id"] for fact in facts)
    high = [fact for fact in facts if fact["definition"] == FAILING_A1C]
    assert {fact["evidence_type"] for fact in high} == {"Observation"}
    assert all(float(fact["evidence_value"].removesuffix(" %")) > 9 for fact in high)
    assert all(fact["population"] == "numerator" and fact["holds"] for fact in high)
    undecided = measured.rows(
        "SELECT flag.patient_id FROM quality.measure_flag AS flag WHERE official AND initial_population AND NOT EXISTS "
        "("
        "SELECT 1 FROM quality.measure_evidence AS fact WHERE fact.patient_id = flag.patient_id "
        "AND fact.measure_id = flag.measure_id AND fact.holds)"
    )
    assert undecided == []


def test_every_fact_without_a_row_is_named_and_found_in_the_chart(measured):
    answers = "SELECT rests_also_on, rests_also_on_ids FROM quality.measure_flag WHERE official AND rests_also_on <> ''"
    rows = measured.rows(answers)
    assert rows, "nobody with more facts of a definition than have rows: the rule was not tried"
    for row in rows:
        assert len(row["rests_also_on_ids"]) == len(row["rests_also_on"].split(","))
    (labelled,) = measured.rows(
        "SELECT count(*) AS twice FROM quality.measure_flag AS flag JOIN quality.measure_evidence AS fact "
        "USING (patient_id, measure_id, period_begin) "
        "WHERE fact.evidence_type || '/' || fact.evidence_id = ANY (flag.rests_also_on_ids)"
    )
    assert labelled["twice"] == 0


def test_where_the_numerator_is_the_failure_a_gap_is_open_for_who_is_in_it_and_names_the_condition(
    measured, cases
):
    reasons = set()
    for case in of(cases, A1C):
        gap = measured.gap(patient_of(case), GLYCEMIC)
        if gap and gap["computed_status"] == "open":
            assert expected(case, "numerator") == 1
            reasons.add(gap["reason_code"])
    assert reasons == {FAILING_A1C, NO_A1C}


def test_where_the_numerator_is_the_care_a_gap_names_the_first_condition_that_is_not_met(measured, cases):
    open_gaps = measured.rows(
        "SELECT reason_code, patient_id FROM care_gaps.gap WHERE present AND source_id = :m "
        "AND computed_status = 'open'",
        m=KIDNEYS,
    )
    assert {row["reason_code"] for row in open_gaps} == {
        "Kidney Panel Performed During Measurement Period",
        "Has Estimated Glomerular Filtration Rate Performed During Measurement Period",
    } & {row["reason_code"] for row in open_gaps}
    missing = {patient_of(case) for case in of(cases, KIDNEY) if not expected(case, "numerator")}
    assert {row["patient_id"] for row in open_gaps} <= missing


def test_no_gap_stands_beside_one_of_our_own_that_asks_for_the_same(measured):
    twice = measured.rows(
        "SELECT official.patient_id FROM care_gaps.gap AS official JOIN care_gaps.gap AS own USING (patient_id) "
        "WHERE official.present AND own.present AND own.computed_status = 'open' "
        "AND (official.source_id, own.source_id) IN ((:a1c, 'glycemic_control'), "
        "(:pap, 'cervical_cancer_screening'), (:kidney, 'kidney_health_diabetes'))",
        a1c=GLYCEMIC,
        pap=CERVICAL,
        kidney=KIDNEYS,
    )
    assert twice == []
    asked = measured.rows(
        "SELECT 1 FROM quality.measure_flag AS flag JOIN care_gaps.gap AS own USING (patient_id) WHERE measure_id = :m "
        "AND denominator AND NOT denominator_exclusion AND NOT numerator "
        "AND own.source_id = 'cervical_cancer_screening' AND own.present AND own.computed_status = 'open'",
        m=CERVICAL,
    )
    assert asked, "nobody whom both ask for the same: the rule was not tried"


def test_no_one_who_died_has_a_gap_and_nobody_outside_a_denominator(measured):
    strange = measured.rows(
        "SELECT 1 FROM care_gaps.gap AS gap LEFT JOIN quality.measure_flag AS flag ON flag.patient_id = gap.patient_id "
        "AND flag.measure_id = gap.source_id JOIN fhir.patient AS person ON person.id = gap.patient_id "
        "WHERE gap.present AND gap.source_kind = 'measure' "
        "AND (person.deceased OR NOT coalesce(flag.denominator, false))"
    )
    assert strange == []
