"""Reports as results, and results of every kind: in the chart, counted as unreviewed, and in the portal."""

from __future__ import annotations

import pytest

from data_contracts.api.chart import ReviewResult
from ehr_core.charting.queries import count_unreviewed
from ehr_core.charting.series import Reading, Versioned, result_series
from ehr_core.kernel.fhir_json import decode
from tests.integration.chart_records import (
    CATEGORY,
    LOINC,
    SENSITIVITY,
    of,
    put,
    put_observation,
    put_patient,
    put_site,
)
from tests.lib.api import running_api

SERVICE = "http://terminology.hl7.org/CodeSystem/v2-0074"
ABNORMAL = "Suspicious mass in the left breast, BI-RADS 4."


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "teen", "Lane", "Kim", "2011-04-02")
        yield running


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def ana(api):
    return api.signed_in("ana", "patient", patient_id="ana")


@pytest.fixture
def teen(api):
    return api.signed_in("teen", "patient", patient_id="teen")


def put_report(api, identity="mammogram", code="24606-6", *, service=(SERVICE, "RAD"), **more):
    system, category = service or (None, None)
    listed = {"category": [{"coding": [{"system": system, "code": category}]}]} if service else {}
    elements = {
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}], "text": "MG Breast Screening"},
        "subject": of("ana"),
        "effectiveDateTime": "2026-11-10T09:00:00-05:00",
        **listed,
        **more,
    }
    put(api, "DiagnosticReport", identity, **elements)


def test_an_abnormal_report_is_a_result_that_awaits_review_and_can_be_reviewed(api, clinician, ana):
    put_report(api, conclusion=ABNORMAL, conclusionCode=[{"text": "Abnormal finding"}])
    (series,) = clinician.charting.results("ana").series
    (point,) = series.points
    assert (series.category, series.name) == ("imaging", "MG Breast Screening")
    assert point.text == f"{ABNORMAL}; Abnormal finding"
    assert (point.resource_type, point.status, point.awaits_review) == ("DiagnosticReport", "final", True)
    assert clinician.scheduling.today().unreviewed_results == 1
    (told,) = ana.portal.results("en").results
    assert (told.is_report, told.awaits_review, told.reviewed) == (True, True, False)
    assert (told.name, told.text) == ("Breast X-ray picture", point.text)
    assert ana.portal.home().new_results == 1

    review = ReviewResult(version_id=point.version_id, comment_to_patient="Please call us today.")
    clinician.charting.review_result(point.result_id, review, "DiagnosticReport")
    assert clinician.scheduling.today().unreviewed_results == 0
    (told,) = ana.portal.results("en").results
    assert (told.reviewed, told.awaits_review, told.comment) == (True, False, "Please call us today.")


def test_a_report_and_an_observation_of_one_test_are_one_line(api, clinician):
    put_report(api, conclusion="BI-RADS 1.")
    put_observation(api, "older", "ana", "24606-6", category="imaging", at="2024-11-01", valueString="normal")
    (series,) = clinician.charting.results("ana").series
    assert [point.text for point in series.points] == ["BI-RADS 1.", "normal"]


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"result": [{"reference": "Observation/o1"}]}, False),
        ({"result": [{"reference": "Observation/o1"}], "conclusion": "Anemia."}, True),
        ({}, True),
        ({"service": (LOINC, "34117-2"), "conclusion": "Well."}, False),
        ({"service": (LOINC, "LP29684-5"), "conclusion": "Well."}, True),
        ({"service": None, "conclusion": "Well."}, True),
        ({"status": "entered-in-error", "conclusion": "Well."}, True),
        ({"status": "appended", "conclusion": "Well."}, True),
    ],
)
def test_a_report_that_only_groups_results_or_is_a_note_is_no_result(api, clinician, more, shown):
    put_report(api, **more)
    assert bool(clinician.charting.results("ana").series) is shown


def test_a_preliminary_or_retracted_report_is_not_told_to_the_patient(api, ana):
    put_report(api, "p", status="preliminary", conclusion=ABNORMAL)
    put_report(api, "e", status="entered-in-error", conclusion=ABNORMAL)
    assert ana.portal.results().results == []


KINDS = [
    {},
    {"category": []},
    {"category": [{"coding": [{"system": CATEGORY, "code": "procedure"}]}]},
    {"category": [{"coding": [{"system": CATEGORY, "code": "exam"}]}]},
    {"category": [{"coding": [{"system": CATEGORY, "code": "survey"}]}]},
    {"category": [{"coding": [{"system": CATEGORY, "code": code}]} for code in ("survey", "laboratory")]},
    {"category": [{"coding": [{"system": "https://elsewhere.example", "code": "x"}]}]},
]


def put_kinds(api):
    for number, more in enumerate(KINDS):
        elements = {key: value for key, value in more.items() if value}
        put(
            api,
            "Observation",
            f"kind-{number}",
            status="final",
            code={"coding": [{"system": LOINC, "code": f"1000{number}-0"}], "text": f"Test {number}"},
            subject=of("ana"),
            effectiveDateTime="2026-11-10",
            valueString="x",
            **elements,
        )


def test_what_has_no_category_counts_as_a_result_in_the_portal(api, ana):
    put_kinds(api)
    own = ana.portal.results("en")
    assert {result.name for result in own.results} == {
        "Test 0",
        "Test 1",
        "Test 2",
        "Test 3",
        "Test 5",
        "Test 6",
    }
    assert not own.hidden_items


def test_the_count_of_unreviewed_results_is_that_of_the_results_that_await_review(api):
    put_kinds(api)
    put_report(api, conclusion=ABNORMAL)
    put_report(api, "old", conclusion="x", effectiveDateTime="2020-01-01")
    put_report(api, "panel", result=[{"reference": "Observation/kind-0"}])
    put_report(api, "note", service=(LOINC, "34117-2"), conclusion="x")
    put_report(api, "bare", service=None, status="appended")
    put_report(api, "waiting", status="preliminary", conclusion="x")
    with api.work() as work:
        stored = [
            Versioned(1, decode(body))
            for table in ("observation", "diagnostic_report")
            for (body,) in work.connection.exec_driver_sql(f"SELECT body FROM fhir.{table}")
        ]
        series = result_series(stored, Reading(work.today(), work.site_time_zone))
        awaited = {p.result_id for one in series for p in one.points if p.awaits_review}
        assert count_unreviewed(work) == len(awaited)
    assert awaited == {"kind-0", "kind-1", "kind-2", "kind-5", "kind-6", "mammogram", "bare"}


HIV, PREGNANCY, CHLAMYDIA = "56888-1", "2106-3", "21613-5"


@pytest.mark.parametrize("code", [HIV, PREGNANCY, CHLAMYDIA])
@pytest.mark.parametrize("labelled", [False, True])
def test_a_sensitive_result_of_a_minor_is_held_back_from_the_portal_with_or_without_a_label(
    api, clinician, teen, ana, code, labelled
):
    label = {"meta": {"security": [{"system": SENSITIVITY, "code": "SEX"}]}} if labelled else {}
    for who in ("teen", "ana"):
        put_observation(api, f"secret-{who}", who, code, valueString="Positive", **label)
        assert clinician.charting.results(who).series[0].points[0].text == "Positive"
    own = teen.portal.results("en")
    assert (own.results, own.hidden_items) == ([], True)
    assert teen.charting.results("teen").series == []
    grown_up = ana.portal.results("en")
    assert (len(grown_up.results), grown_up.hidden_items) == (1, False)


def test_a_sensitive_report_is_held_back_by_the_code_of_its_conclusion(api, teen):
    chlamydia = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "A56.02"}]}
    told = {"service": (SERVICE, "MB"), "conclusion": "Positive.", "conclusionCode": [chlamydia]}
    put_report(api, "sti", "99999-1", **told, subject=of("teen"))
    assert (teen.portal.results().results, teen.portal.results().hidden_items) == ([], True)
