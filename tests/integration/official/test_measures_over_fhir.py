"""$evaluate-measure and $care-gaps: R4 answers under the reader's sight, audited; and what they refuse."""

from __future__ import annotations

import json

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.measurereport import MeasureReport
from fhir.resources.R4B.parameters import Parameters

from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound
from ehr_core.store.validation import validate
from tests.integration.official.conftest import A1C, COLDS, GLYCEMIC, KIDNEYS
from tests.integration.official.house import patient_of
from tests.integration.official.test_a_night_with_official_measures import FAILING_A1C, expected, of

EVALUATE, GAPS = "/fhir/Measure/$evaluate-measure", "/fhir/Measure/$care-gaps"


@pytest.fixture(scope="module")
def clinician(measured):
    return measured.api.signed_in("olu", "clinician")


@pytest.fixture(scope="module")
def analyst(measured):
    return measured.api.signed_in("anders", "analyst")


def asked(client, path: str, **parameters: str | list[str]) -> dict:
    answer = client.transport.request("GET", path, params=parameters)
    body = json.loads(answer.content)
    if body["resourceType"] != "Parameters":
        validate(body["resourceType"], answer.content)
    return body


def counts(report: dict) -> dict[str, int]:
    (group,) = report["group"]
    return {one["code"]["coding"][0]["code"]: one["count"] for one in group["population"]}


def test_a_summary_report_counts_everybody_as_the_page_does(clinician):
    report = asked(clinician, EVALUATE, measure=GLYCEMIC, periodStart="2026-01-01", periodEnd="2026-12-31")
    MeasureReport.model_validate(report)
    page = clinician.quality.measure(GLYCEMIC).line.counts
    found = counts(report)
    assert report["type"] == "summary"
    assert report["measure"] == f"https://madie.cms.gov/Measure/{GLYCEMIC}|1.0.000"
    assert found["initial-population"] == page.initial_population
    assert found["numerator"] == page.numerator
    assert report["group"][0]["measureScore"]["value"] == pytest.approx(page.rate, abs=1e-6)
    assert report["improvementNotation"]["coding"][0]["code"] == "decrease"
    assert any(one["resourceType"] == "Observation" for one in report["contained"])


def test_a_report_of_one_subject_names_the_resources_that_it_rests_on(clinician, cases):
    case = next(one for one in of(cases, A1C) if expected(one, "numerator"))
    subject = f"Patient/{patient_of(case)}"
    report = asked(clinician, f"/fhir/Measure/{GLYCEMIC}/$evaluate-measure", subject=subject)
    MeasureReport.model_validate(report)
    assert report["type"] == "individual"
    assert report["subject"]["reference"] == subject
    assert report["reporter"]["display"]
    assert counts(report)["numerator"] == 1
    populations = {one["id"] for one in report["group"][0]["population"]}
    named = [
        {one["valueString"] for one in each.get("extension", [])} for each in report["evaluatedResource"]
    ]
    assert {name for names in named for name in names} <= populations
    assert any("InitialPopulation-1" in names for names in named), "a fact says for what it counts"
    for one in report["evaluatedResource"]:
        kind, _, identity = one["reference"].partition("/")
        assert clinician.fhir.read(kind, identity).body


def test_a_subject_list_names_who_is_in_each_population(clinician, cases):
    report = asked(clinician, EVALUATE, measure=GLYCEMIC, reportType="subject-list")
    MeasureReport.model_validate(report)
    lists = {one["id"]: one for one in report["contained"]}
    (group,) = report["group"]
    for population in group["population"]:
        listed = lists[population["subjectResults"]["reference"].removeprefix("#")]
        assert len(listed.get("entry", [])) == population["count"]


def test_our_own_measures_are_reported_alike(clinician):
    report = asked(clinician, "/fhir/Measure/glycemic-control/$evaluate-measure")
    MeasureReport.model_validate(report)
    page = clinician.quality.measure("glycemic_control").line.counts
    assert counts(report)["initial-population"] == page.initial_population
    assert counts(report)["denominator-exclusion"] == page.exclusions


def test_visits_are_counted_where_the_measure_counts_visits(clinician, cases):
    report = asked(clinician, EVALUATE, measure=COLDS, reportType="population")
    found = [one for one in cases if one.measure == COLDS]
    assert counts(report)["denominator"] == sum(expected(one, "denominator") for one in found)
    assert counts(report)["denominator"] > len(found) or counts(report)["denominator"] > 0


def test_the_parameters_may_come_in_the_body(clinician):
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "measure", "valueString": f"https://madie.cms.gov/Measure/{KIDNEYS}"},
            {"name": "periodStart", "valueDate": "2026-01-01"},
        ],
    }
    answer = clinician.transport.request(
        "POST", EVALUATE, content=json.dumps(body).encode(), headers={"Content-Type": "application/fhir+json"}
    )
    assert json.loads(answer.content)["measure"].startswith(f"https://madie.cms.gov/Measure/{KIDNEYS}|")


def test_what_is_asked_wrongly_is_refused_with_what_to_do(clinician, cases):
    subject = f"Patient/{patient_of(cases[0])}"
    for refused, parameters in (
        (BadRequest, {}),
        (NotFound, {"measure": "CMS999"}),
        (NotFound, {"measure": f"{GLYCEMIC}|9.9.9"}),
        (BadRequest, {"measure": GLYCEMIC, "periodStart": "2019-01-01"}),
        (BadRequest, {"measure": GLYCEMIC, "periodStart": "soon"}),
        (BadRequest, {"measure": GLYCEMIC, "reportType": "everything"}),
        (BadRequest, {"measure": GLYCEMIC, "reportType": "summary", "subject": subject}),
        (BadRequest, {"measure": GLYCEMIC, "reportType": "individual"}),
        (BadRequest, {"measure": GLYCEMIC, "subject": "Group/all"}),
        (NotFound, {"measure": GLYCEMIC, "subject": "Patient/nobody"}),
        (BadRequest, {"measure": GLYCEMIC, "sql": "1; DROP TABLE quality.run"}),
    ):
        with pytest.raises(refused):
            asked(clinician, EVALUATE, **parameters)


def test_who_sees_aggregates_only_gets_no_person_and_no_small_count(measured, analyst, cases):
    with pytest.raises(Forbidden):
        asked(analyst, EVALUATE, measure=GLYCEMIC, reportType="subject-list")
    with pytest.raises(Forbidden):
        asked(analyst, EVALUATE, measure=GLYCEMIC, subject=f"Patient/{patient_of(cases[0])}")
    with pytest.raises(Forbidden):
        asked(analyst, GAPS, status="open-gap", subject=f"Patient/{patient_of(cases[0])}")
    report = asked(analyst, EVALUATE, measure=COLDS)
    assert all("count" not in one for one in report["group"][0]["population"])
    assert "measureScore" not in report["group"][0]


def test_a_patient_gets_no_report(measured, cases):
    person = measured.api.signed_in("own", "patient", patient_id=patient_of(cases[1]))
    with pytest.raises(Forbidden):
        asked(person, EVALUATE, measure=GLYCEMIC)
    with pytest.raises(Forbidden):
        asked(person, GAPS, status="open-gap", subject=f"Patient/{patient_of(cases[1])}")


def test_care_gaps_are_documents_with_an_issue_and_a_report_for_each(clinician, measured):
    (row,) = measured.rows(
        "SELECT patient_id FROM quality.measure_flag WHERE measure_id = :m AND unmet_condition = :c LIMIT 1",
        m=GLYCEMIC,
        c=FAILING_A1C,
    )
    answer = asked(
        clinician, GAPS, status="open-gap", subject=f"Patient/{row['patient_id']}", measureId=GLYCEMIC
    )
    (parameter,) = answer["parameter"]
    bundle = parameter["resource"]
    Parameters.model_validate(answer)
    Bundle.model_validate(bundle)
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds == ["Composition", "MeasureReport", "DetectedIssue"]
    for entry in bundle["entry"]:
        validate(entry["resource"]["resourceType"], json.dumps(entry["resource"]).encode())
    composition, report, issue = (entry["resource"] for entry in bundle["entry"])
    assert issue["modifierExtension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "open-gap"
    assert FAILING_A1C in issue["detail"]
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    (section,) = composition["section"]
    assert {section["focus"]["reference"], section["entry"][0]["reference"]} <= urls
    assert issue["evidence"][0]["detail"][0]["reference"] in urls
    assert report["subject"]["reference"] == f"Patient/{row['patient_id']}"


def test_a_gap_is_open_or_closed_and_the_excluded_have_none(clinician, cases):
    for case in of(cases, A1C):
        answer = asked(
            clinician,
            GAPS,
            status=["open-gap", "closed-gap"],
            subject=f"Patient/{patient_of(case)}",
            measureId=GLYCEMIC,
        )
        entries = answer["parameter"][0]["resource"]["entry"]
        issues = [one["resource"] for one in entries if one["resource"]["resourceType"] == "DetectedIssue"]
        found = [one["modifierExtension"][0]["valueCodeableConcept"]["coding"][0]["code"] for one in issues]
        asked_of = expected(case, "denominator") and not expected(case, "denominator-exclusion")
        status = "open-gap" if expected(case, "numerator") else "closed-gap"
        assert found == ([status] if asked_of else []), case.name


def test_every_gap_of_a_person_comes_without_naming_a_measure(clinician, measured):
    (row,) = measured.rows(
        "SELECT patient_id FROM quality.measure_flag WHERE measure_id = 'glycemic_control' AND denominator "
        "AND NOT denominator_exclusion LIMIT 1"
    )
    answer = asked(clinician, GAPS, status=["open-gap", "closed-gap"], subject=f"Patient/{row['patient_id']}")
    (parameter,) = answer["parameter"]
    assert len(parameter["resource"]["entry"]) > 3


def test_care_gaps_refuse_what_they_cannot_answer(clinician):
    for parameters in (
        {"subject": "Patient/x"},
        {"status": "maybe", "subject": "Patient/x"},
        {"status": "open-gap"},
        {"status": "open-gap", "organization": "none", "periodStart": "1990-01-01"},
    ):
        with pytest.raises(BadRequest):
            asked(clinician, GAPS, **parameters)
    with pytest.raises(NotFound):
        asked(clinician, GAPS, status="open-gap", subject="Patient/nobody")


def test_both_operations_are_in_the_statement_and_each_call_in_the_audit_log(measured, clinician):
    statement = json.loads(clinician.fhir.capabilities())
    (measure,) = [one for one in statement["rest"][0]["resource"] if one["type"] == "Measure"]
    assert {one["name"] for one in measure["operation"]} == {"evaluate-measure", "care-gaps"}
    acts = measured.rows("SELECT DISTINCT act FROM audit.event WHERE act LIKE 'quality.%'")
    assert {"quality.measure_report.made", "quality.care_gaps.reported"} <= {row["act"] for row in acts}


def test_the_figures_and_the_lines_of_people_for_quality_reporting_agree(clinician, analyst):
    transport = clinician.transport
    (figures,) = json.loads(transport.request("GET", f"/api/measures/{GLYCEMIC}/export/figures.json").content)
    lines = transport.request("GET", f"/api/measures/{GLYCEMIC}/export/people.ndjson").content.splitlines()
    people = [json.loads(line) for line in lines]
    by_code = {one["population"]: one for one in figures["populations"]}
    for code in ("IPOP", "DENOM", "DENEX", "NUMER"):
        assert sum(one["populations"][code] for one in people) == by_code[code]["count"]
        assert sum(by_code[code]["supplemental"]["sex"].values()) == by_code[code]["count"]
    assert figures["performance_rate"] == pytest.approx(clinician.quality.measure(GLYCEMIC).line.counts.rate)
    assert all(one["facts"] for one in people)
    with pytest.raises(Forbidden):
        analyst.transport.request("GET", f"/api/measures/{GLYCEMIC}/export/people.ndjson")
