"""The named stories hold what docs and other tests say of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from data_contracts.guidelines import definitions
from ehr_core.population import demo_people, generate, stories, story_patient_id
from ehr_core.population.commands import commands
from ehr_core.population.site import npi_shaped, site_id
from ehr_core.population.stories.page import story_page

AS_OF = date(2026, 11, 22)
PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "stories.md"


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, list[dict]]]:
    """Every story's resources by type."""
    names = {story_patient_id(key): key for key in stories()}
    found: dict[str, dict[str, list[dict]]] = {key: defaultdict(list) for key in stories()}
    current = None
    for resource_type, line in generate(len(names), seed=1, as_of=AS_OF, time_zone="America/New_York"):
        resource = orjson.loads(line)
        current = names[resource["id"]] if resource_type == "Patient" else current
        if current:
            found[current][resource_type].append(resource)
    return found


def results(record, loinc: str) -> list[dict]:
    found = [o for o in record["Observation"] if o["code"]["coding"][0]["code"] == loinc]
    return sorted(found, key=lambda o: o["effectiveDateTime"])


def diagnoses(record) -> set[str]:
    return {c["code"]["coding"][0]["code"] for c in record["Condition"]}


def test_there_are_at_least_a_dozen_each_in_its_own_place():
    places = [story["place"] for story in stories().values()]
    assert len(places) >= 12
    assert places == list(range(len(places)))


def test_the_page_in_the_docs_tells_the_stories_as_they_are():
    assert PAGE.read_text(encoding="utf-8") == story_page()


def test_the_command_prints_the_page():
    assert CliRunner().invoke(commands, ["stories"]).output == story_page()


def test_ids_do_not_change_and_hold_no_name():
    assert story_patient_id("ana-reyes") == "dfd05607-c51d-5d2f-a3ae-0c22b3184cee"


def test_expected_answers_name_real_recommendations():
    for story in stories().values():
        assert set(story.get("expected", {})) | set(story.get("decisions", {})) <= set(definitions())


def test_ana_has_an_old_hba1c_an_interpreter_and_a_visit_today_with_dr_okafor(told):
    record = told["ana-reyes"]
    patient = record["Patient"][0]
    newest = results(record, "4548-4")[-1]
    assert newest["effectiveDateTime"][:10] == "2025-09-22"
    assert newest["valueQuantity"]["value"] == 9.1
    assert patient["communication"][0]["language"]["coding"][0]["code"] == "es"
    interpreter = next(e for e in patient["extension"] if e["url"].endswith("interpreterRequired"))
    assert interpreter["valueBoolean"] is True
    today = [a for a in record["Appointment"] if a["start"].startswith(AS_OF.isoformat())]
    assert today[0]["participant"][1]["actor"]["display"] == "Dr. Maya Okafor"
    assert {"E11.9", "E11.65", "E11.22", "E11.42"} & diagnoses(record)


@pytest.mark.parametrize("key", ["ana-reyes", "priya-nair", "maria-garcia-younger"])
def test_some_stories_come_today(told, key):
    assert any(a["start"].startswith(AS_OF.isoformat()) for a in told[key]["Appointment"])


def test_a_name_in_use_stands_beside_the_official_one(told):
    names = told["eleanor-whitcombe"]["Patient"][0]["name"]
    assert [(n["use"], n["given"]) for n in names] == [("official", ["Eleanor", "Maud"]), ("usual", ["Nell"])]


def test_demo_sign_ins_point_at_people_of_the_panel(told):
    people = {person.role: person for person in demo_people()}
    assert set(people) == {
        "clinician",
        "nurse",
        "pharmacist",
        "care_manager",
        "front_desk",
        "admin",
        "analyst",
        "patient",
    }
    assert people["patient"].patient_id == told["ana-reyes"]["Patient"][0]["id"]
    doctor = told["ana-reyes"]["Patient"][0]["generalPractitioner"][0]["reference"]
    assert doctor == f"Practitioner/{people['clinician'].practitioner_id}"
    assert people["care_manager"].practitioner_id == site_id("Practitioner", "care-manager")
    assert people["admin"].practitioner_id is None


def test_the_oldest_is_94_and_one_lives_in_a_restricted_zip(told):
    assert told["eleanor-whitcombe"]["Patient"][0]["birthDate"] == "1932-04-26"
    assert told["silas-hargrove"]["Patient"][0]["address"][0]["postalCode"].startswith("059")


def test_a_teenagers_confidential_items_are_labelled(told):
    record = told["jada-whitlock"]
    labelled = [
        resource["resourceType"]
        for found in record.values()
        for resource in found
        if any(c["code"] == "SEX" for c in resource.get("meta", {}).get("security", []))
    ]
    assert sorted(labelled) == ["Condition", "MedicationRequest", "Observation"]


def test_death_merge_opt_out_and_transfer_are_recorded(told):
    assert told["ruth-abernathy"]["Patient"][0]["deceasedDateTime"] == "2026-08-22"
    merged, survivor = told["jon-petersen"]["Patient"][0], told["jonathan-petersen"]["Patient"][0]
    assert merged["active"] is False
    assert merged["link"] == [{"other": {"reference": f"Patient/{survivor['id']}"}, "type": "replaced-by"}]
    assert survivor["link"][0]["type"] == "replaces"
    assert told["beatrix-holloway"]["Patient"][0]["active"] is False
    for key, code in (("priya-nair", "outreach-opt-out"), ("marcus-bell", "transferred-out")):
        flag = told[key]["Flag"][0]
        assert (flag["status"], flag["code"]["coding"][0]["code"]) == ("active", code)


def test_a_missing_birth_date_and_a_missing_sex_are_missing(told):
    assert "birthDate" not in told["amina-yusuf"]["Patient"][0]
    quinn = told["taylor-quinn"]["Patient"][0]
    assert "gender" not in quinn
    assert not any(e["url"].endswith(("birthsex", "us-core-sex")) for e in quinn["extension"])


def test_birthdays_fall_today_and_on_29_february(told):
    assert told["grace-kim"]["Patient"][0]["birthDate"] == "1981-11-22"
    assert told["leo-martin"]["Patient"][0]["birthDate"] == "1976-02-29"


def test_86_mmol_per_mol_and_a_value_without_unit(told):
    ifcc = results(told["ingrid-solberg"], "59261-8")[-1]["valueQuantity"]
    assert (ifcc["value"], ifcc["code"]) == (86, "mmol/mol")
    assert results(told["samuel-ortiz"], "4548-4")[-1]["valueQuantity"] == {"value": 7.4}


def test_the_stool_test_was_positive_and_no_colonoscopy_followed(told):
    record = told["luis-cabrera"]
    assert results(record, "57905-2")[-1]["interpretation"][0]["coding"][0]["code"] == "POS"
    assert not record["Procedure"]


def test_item_9_was_not_answered_not_at_all_and_nobody_was_seen_since(told):
    record = told["kevin-tran"]
    score = results(record, "44261-6")[-1]
    assert score["valueQuantity"]["value"] == 19
    assert score["component"][0]["valueCodeableConcept"]["coding"][0]["code"] in ("LA6569-3", "LA6570-1")
    assert max(e["period"]["start"][:10] for e in record["Encounter"]) <= score["effectiveDateTime"][:10]


@pytest.mark.parametrize(
    ("key", "resource_type", "code"),
    [
        ("helen-markarian", "Procedure", "0HTV0ZZ"),
        ("thomas-lindgren", "Procedure", "0DTE0ZZ"),
        ("denise-okonjo", "Procedure", "0UTC4ZZ"),
        ("earl-jennings", "Condition", "N18.6"),
        ("caleb-warner", "Condition", "F31.9"),
        ("maria-garcia-younger", "Condition", "Z34.90"),
        ("albert-zielinski", "Condition", "G30.9"),
    ],
)
def test_what_excludes_is_in_the_record(told, key, resource_type, code):
    assert code in {found["code"]["coding"][0]["code"] for found in told[key][resource_type]}


def test_a_statin_was_not_tolerated_and_hospice_began(told):
    intolerance = told["margaret-doyle"]["AllergyIntolerance"]
    assert any(a.get("type") == "intolerance" for a in intolerance)
    finch = told["harold-finch"]
    types = {c["code"] for e in finch["Encounter"] for t in e["type"] for c in t.get("coding", [])}
    assert "T2042" in types


def test_two_people_share_a_name(told):
    names = {
        (n["family"], tuple(n["given"]))
        for key in ("maria-garcia-elder", "maria-garcia-younger")
        for n in told[key]["Patient"][0]["name"]
    }
    assert names == {("Garcia", ("Maria",))}


@pytest.mark.parametrize("number", [0, 1, 7, 4999])
def test_provider_numbers_have_the_shape_and_check_digit_of_real_ones(number):
    digits = [int(d) for d in "80840" + npi_shaped(number)]
    doubled = [d * 2 if place % 2 else d for place, d in enumerate(reversed(digits))]
    assert sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
    assert len(npi_shaped(number)) == 10
