"""Opening a chart: summary and results, who may, what is hidden, what is audited."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ehr_core.db.database import connect
from ehr_core.kernel.errors import Forbidden, NotFound
from tests.integration.chart_records import (
    LOINC,
    SENSITIVITY,
    of,
    put,
    put_observation,
    put_patient,
    put_site,
)
from tests.lib.api import running_api
from tests.lib.statements import counted_statements

ACTIVE = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
}
PSYCHIATRIC = {"security": [{"system": SENSITIVITY, "code": "PSY"}]}
FOR_STAFF = {"security": [{"system": SENSITIVITY, "code": "TBOO"}]}


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben")
        yield running


@pytest.fixture
def clinician(api):
    return api.signed_in("chen", "clinician")


def quantity(value, unit="%"):
    return {
        "valueQuantity": {
            "value": Decimal(value),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        }
    }


def put_chart(api):
    put(
        api,
        "Condition",
        "diabetes",
        subject=of("ana"),
        clinicalStatus=ACTIVE,
        code={"text": "Type 2 diabetes"},
    )
    put(
        api,
        "Condition",
        "depression",
        subject=of("ana"),
        clinicalStatus=ACTIVE,
        code={"text": "Depression"},
        meta=PSYCHIATRIC,
    )
    put(api, "Medication", "m1", code={"text": "metFORMIN 500 MG"})
    put(
        api,
        "MedicationRequest",
        "r1",
        status="active",
        intent="order",
        subject=of("ana"),
        medicationReference={"reference": "Medication/m1"},
        dosageInstruction=[{"text": "1 tablet twice daily"}],
    )
    put(
        api,
        "Encounter",
        "e1",
        status="finished",
        subject=of("ana"),
        period={"start": "2026-05-01T09:00:00-04:00"},
        **{"class": {"code": "AMB"}},
    )
    put(
        api,
        "Immunization",
        "i1",
        status="completed",
        patient=of("ana"),
        vaccineCode={"text": "Influenza"},
        occurrenceDateTime="2026-10-12",
    )
    for number, (day, weight) in enumerate((("01", "70.0"), ("02", "71.50"), ("03", "72.0"))):
        at = f"2026-11-{day}T09:00:00-05:00"
        put_observation(
            api, f"w{number}", "ana", "29463-7", category="vital-signs", at=at, **quantity(weight, "kg")
        )
    put_observation(
        api,
        "wx",
        "ana",
        "29463-7",
        category="vital-signs",
        at="2026-11-04",
        status="entered-in-error",
        **quantity("7", "kg"),
    )


def test_the_summary_holds_what_is_current_and_the_two_newest_vital_signs(api, clinician):
    put_chart(api)
    summary = clinician.charting.summary("ana")
    assert summary.banner.name.family == "Reyes"
    assert summary.allergy_state == "not_recorded"
    assert {problem.name for problem in summary.problems} == {"Type 2 diabetes", "Depression"}
    assert [(drug.name, drug.dose) for drug in summary.medications] == [
        ("metFORMIN 500 MG", "1 tablet twice daily")
    ]
    (weight,) = summary.latest_vitals
    assert [point.text for point in weight.points] == ["72.0 kg", "71.50 kg"]
    assert [visit.kind for visit in summary.encounters] == ["Office visit"]
    assert summary.immunizations == ["Influenza, 12-Oct-2026"]
    assert summary.hidden_items == 0


def test_a_held_and_a_reported_drug_are_listed_with_their_standing(api, clinician):
    put_chart(api)
    warfarin = {"medicationCodeableConcept": {"text": "Warfarin 5 MG"}}
    put(api, "MedicationRequest", "r2", status="on-hold", intent="order", subject=of("ana"), **warfarin)
    taken = {"medicationReference": {"reference": "Medication/m2"}}
    put(api, "Medication", "m2", code={"text": "Ibuprofen 200 MG"})
    put(api, "MedicationStatement", "s1", status="active", subject=of("ana"), **taken)
    drugs = clinician.charting.summary("ana").medications
    assert [(drug.name, drug.kind, drug.status) for drug in drugs] == [
        ("Ibuprofen 200 MG", "reported", "active"),
        ("metFORMIN 500 MG", "prescribed", "active"),
        ("Warfarin 5 MG", "prescribed", "on-hold"),
    ]


SECTION_OF_TABLE = {
    "allergy_intolerance": "allergies",
    "condition": "problems",
    "medication_request": "medications",
    "observation": "vitals",
    "encounter": "encounters",
    "immunization": "immunizations",
}


@pytest.mark.parametrize("broken", ["{", "[7]"], ids=["no JSON", "no resource"])
@pytest.mark.parametrize(("table", "section"), SECTION_OF_TABLE.items())
def test_a_section_that_cannot_be_read_says_so_and_leaves_the_others(
    api, admin_url, clinician, table, section, broken
):
    put_chart(api)
    put(api, "AllergyIntolerance", "a1", patient=of("ana"), code={"text": "Penicillin"})
    whole = clinician.charting.summary("ana")
    with connect(admin_url).engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE fhir.{table} SET body = %s WHERE patient_id = 'ana'", (broken,))
    summary = clinician.charting.summary("ana")
    assert summary.unavailable == [section]
    assert summary.banner == whole.banner
    assert (summary.allergy_state == "unavailable") is (section == "allergies")
    kept = {"problems", "medications", "latest_vitals", "encounters", "immunizations", "allergies"}
    emptied = {name for name in kept if getattr(summary, name) != getattr(whole, name)}
    assert emptied == {"latest_vitals" if section == "vitals" else section}


def test_a_result_that_cannot_be_read_is_counted_and_leaves_the_others(api, admin_url, clinician):
    put_observation(api, "o1", "ana", **quantity("7.1"))
    put_observation(api, "o2", "ana", "2160-0", **quantity("1.0"))
    with connect(admin_url).engine.begin() as connection:
        connection.exec_driver_sql("UPDATE fhir.observation SET body = '{' WHERE id = 'o2'")
    found = clinician.charting.results("ana")
    assert ([series.code for series in found.series], found.unreadable_items) == (["4548-4"], 1)
    assert api.signed_in("ana", "patient", patient_id="ana").portal.results().hidden_items


def test_an_empty_chart_says_so_and_never_says_none(clinician):
    summary = clinician.charting.summary("ben")
    assert (summary.allergy_state, summary.allergies, summary.problems) == ("not_recorded", [], [])
    assert clinician.charting.results("ben").series == []


def test_a_patient_sees_their_chart_without_protected_items_and_is_told_that_some_are_held_back(api):
    put_chart(api)
    put_observation(api, "drug-screen", "ana", "19659-2", meta=FOR_STAFF, **quantity("1", "ng/mL"))
    ana = api.signed_in("ana", "patient", patient_id="ana")
    summary = ana.charting.summary("ana")
    assert [problem.name for problem in summary.problems] == ["Type 2 diabetes", "Depression"]
    assert summary.hidden_items == 0
    results = ana.charting.results("ana")
    assert (results.hidden_items, {series.code for series in results.series}) == (1, {"29463-7"})
    assert not any(point.can_correct for series in results.series for point in series.points)


def test_a_hidden_allergy_is_never_read_as_none(api):
    put(api, "AllergyIntolerance", "a1", patient=of("ana"), code={"text": "Disulfiram"}, meta=FOR_STAFF)
    assert api.signed_in("chen", "clinician").charting.summary("ana").allergy_state == "known"
    assert (
        api.signed_in("ana", "patient", patient_id="ana").charting.summary("ana").allergy_state
        == "unavailable"
    )


def test_a_chart_is_for_those_who_may_read_it(api):
    for name, role, error in (
        ("desk", "front_desk", Forbidden),
        ("lee", "analyst", Forbidden),
        ("root", "admin", Forbidden),
    ):
        client = api.signed_in(name, role)
        for read in (client.charting.summary, client.charting.results):
            with pytest.raises(error):
                read("ana")
    ben = api.signed_in("ben", "patient", patient_id="ben")
    for read in (ben.charting.summary, ben.charting.results):
        with pytest.raises(NotFound):
            read("ana")


def test_an_unknown_patient_is_not_found(clinician):
    for read in (clinician.charting.summary, clinician.charting.results):
        with pytest.raises(NotFound):
            read("nobody")


def test_every_read_and_every_refusal_is_audited(api, clinician):
    clinician.charting.summary("ana")
    clinician.charting.results("ana")
    with pytest.raises(Forbidden):
        api.signed_in("desk", "front_desk").charting.results("ana")
    events = api.signed_in("root", "admin").audit.events(patient_id="ana")
    told = [(event.act, event.outcome) for event in events if event.actor_id != "service:test-seeder"]
    assert told == [
        ("GET /api/patients/{patient_id}/results", "refused"),
        ("results_read", "success"),
        ("chart_summary_read", "success"),
    ]


def test_a_longer_chart_costs_no_statement_more(api, clinician):
    put_chart(api)
    clinician.account.me()
    counts = []
    for patient in ("ben", "ana"):
        with counted_statements(api.parts.database.engine) as sent:
            clinician.charting.summary(patient)
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_results_are_complete_exact_and_newest_first(api, clinician):
    put_observation(api, "o1", "ana", at="2026-05-01", **quantity("7.10"))
    put_observation(api, "o2", "ana", at="2026-11-10", **quantity("10.2"))
    put_observation(api, "o3", "ana", at="2026-11-12", status="preliminary", **quantity("9.9"))
    put_observation(
        api,
        "bp",
        "ana",
        "55284-4",
        category="vital-signs",
        component=[
            {"code": {"coding": [{"system": LOINC, "code": code}]}, **quantity(value, "mm[Hg]")}
            for code, value in (("8480-6", "128"), ("8462-4", "76"))
        ],
    )
    a1c, pressure = clinician.charting.results("ana").series
    assert [(point.text, point.status, point.awaits_review) for point in a1c.points] == [
        ("9.9 %", "preliminary", False),
        ("10.2 %", "final", True),
        ("7.10 %", "final", False),
    ]
    assert [point.text for point in pressure.points] == ["128/76 mmHg"]


def test_what_may_be_recorded_is_listed_with_units_or_answers(clinician):
    offered = {item.code: item for item in clinician.charting.recordable()}
    assert offered["4548-4"].units == ["%", "mmol/mol"]
    assert offered["4548-4"].source_ids == ["glycemic_control"]
    assert ("LA18978-9", "Never smoker") in offered["72166-2"].answers
