"""The panel looks like one: shares within believable bounds, and the oddities that the loop must bear."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter, defaultdict
from datetime import date

import orjson
import pytest

from ehr_core.population import generate
from ehr_core.population.facts.long_term import egfr_2021

AS_OF = date(2026, 11, 22)
PEOPLE = 1000


@pytest.fixture(scope="module")
def by_type() -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = defaultdict(list)
    for resource_type, line in generate(PEOPLE, seed=2026, as_of=AS_OF, time_zone="America/New_York"):
        found[resource_type].append(orjson.loads(line))
    return found


def years(patient: dict) -> int:
    born = date.fromisoformat(patient.get("birthDate", "1980-01-01"))
    return AS_OF.year - born.year - ((AS_OF.month, AS_OF.day) < (born.month, born.day))


def share_with(by_type, prefix: str, low: int, high: int) -> float:
    whole = {f"Patient/{p['id']}" for p in by_type["Patient"] if low <= years(p) <= high}
    have = {
        found["subject"]["reference"]
        for found in by_type["Condition"]
        if found["code"]["coding"][0]["code"].startswith(prefix)
    }
    return len(whole & have) / len(whole)


@pytest.mark.parametrize(
    ("prefix", "low", "high", "least", "most"),
    [
        ("E11", 18, 64, 0.06, 0.19),
        ("E11", 65, 99, 0.17, 0.40),
        ("I10", 18, 44, 0.03, 0.20),
        ("I10", 65, 99, 0.50, 0.80),
        ("E66", 18, 99, 0.28, 0.50),
        ("J44", 0, 17, 0.0, 0.0),
        ("I25", 0, 30, 0.0, 0.0),
    ],
)
def test_conditions_are_as_common_as_they_should_be(by_type, prefix, low, high, least, most):
    assert least <= share_with(by_type, prefix, low, high) <= most


def test_people_are_as_mixed_as_a_panel_is(by_type):
    people = by_type["Patient"]
    language = Counter(p["communication"][0]["language"]["coding"][0]["code"] for p in people)
    gender = Counter(p.get("gender") for p in people)
    assert 0.48 < gender["female"] / PEOPLE < 0.60
    assert 0.06 < language["es"] / PEOPLE < 0.18
    assert len(language) >= 6
    assert 0.15 < sum(years(p) < 18 for p in people) / PEOPLE < 0.27
    assert any(years(p) >= 90 for p in people)


def test_each_clinician_has_a_panel_and_a_day(by_type):
    panels = Counter(p["generalPractitioner"][0]["reference"] for p in by_type["Patient"])
    assert set(panels.values()) == {200}
    today = Counter(
        a["participant"][1]["actor"]["reference"]
        for a in by_type["Appointment"]
        if a["start"].startswith("2026-11-22")
    )
    assert set(today) == set(panels)
    assert all(10 <= visits <= 14 for visits in today.values())
    assert any(a["start"] > "2026-11-23" for a in by_type["Appointment"])


def test_records_hold_what_is_no_evidence(by_type):
    observed = Counter(o["status"] for o in by_type["Observation"])
    assert observed["preliminary"]
    assert observed["entered-in-error"]
    assert observed["corrected"]
    assert Counter(p["status"] for p in by_type["Procedure"])["not-done"]
    assert Counter(i["status"] for i in by_type["Immunization"])["not-done"]
    assert by_type["ServiceRequest"]


def test_units_are_mixed_and_sometimes_missing(by_type):
    codes = Counter(
        o["valueQuantity"].get("code")
        for o in by_type["Observation"]
        if o["code"]["coding"][0]["code"] in ("4548-4", "59261-8", "2345-7", "14749-6")
        and "valueQuantity" in o
    )
    assert codes["%"] > codes["mmol/mol"] > 0
    assert codes["mmol/L"] > 0
    assert codes[None] > 0


def test_allergies_are_known_none_known_or_not_recorded(by_type):
    stated = {a["patient"]["reference"] for a in by_type["AllergyIntolerance"]}
    absent = [a for a in by_type["AllergyIntolerance"] if "reaction" not in a]
    assert 0.7 * PEOPLE < len(stated) < 0.95 * PEOPLE
    assert absent
    assert len(absent) < len(by_type["AllergyIntolerance"])


def test_sensitive_items_are_labelled(by_type):
    labels = Counter(
        coding["code"]
        for found in by_type["Condition"] + by_type["MedicationRequest"] + by_type["Observation"]
        for coding in found.get("meta", {}).get("security", [])
    )
    assert labels["R"]
    assert labels["SEX"]
    assert labels["PSY"]
    for condition in by_type["Condition"]:
        if condition["code"]["coding"][0]["code"].startswith(("B20", "F11", "F20", "F31")):
            assert condition["meta"]["security"]


def test_consent_is_given_refused_or_not_recorded_by_channel(by_type):
    said = Counter(
        (c["provision"]["code"][0]["coding"][0]["code"], c["provision"]["type"])
        for c in by_type["Consent"]
        if "provision" in c
    )
    for channel in ("phone", "sms", "email", "portal"):
        assert said[channel, "permit"]
        assert said[channel, "deny"]
        assert said[channel, "permit"] + said[channel, "deny"] < PEOPLE


def test_recent_results_mostly_have_been_reviewed_and_some_wait(by_type):
    recent = [
        o
        for o in by_type["Observation"]
        if o["category"][0]["coding"][0]["code"] == "laboratory"
        and "2026-09-30" < o["effectiveDateTime"][:10] < "2026-11-18"
    ]
    reviewed = sum("extension" in o for o in recent)
    assert 0.6 < reviewed / len(recent) < 0.95


def extension(patient: dict, name: str) -> dict | None:
    return next((found for found in patient["extension"] if found["url"].endswith(f"/{name}")), None)


def test_pronouns_are_said_and_do_not_always_follow_the_sex(by_type):
    said = Counter()
    for patient in by_type["Patient"]:
        pronouns = extension(patient, "individual-pronouns")
        if pronouns:
            coding = pronouns["extension"][0]["valueCodeableConcept"]["coding"][0]
            assert coding["system"] == "http://loinc.org"
            said[patient["gender"], coding["display"].partition("/")[0]] += 1
    assert sum(said.values()) > 0.9 * PEOPLE
    assert said["female", "she"] > 0.9 * sum(n for (sex, _), n in said.items() if sex == "female")
    assert said["male", "he"] > 0.9 * sum(n for (sex, _), n in said.items() if sex == "male")
    assert said["female", "they"] + said["male", "they"] > 0


def answers(by_type, code: str) -> dict[str, list[str]]:
    """Every answer to a question by person, oldest first, as the LOINC answer's words."""
    found: dict[str, list[str]] = defaultdict(list)
    for asked in sorted(by_type["Observation"], key=lambda o: o.get("effectiveDateTime", "")):
        if asked["code"]["coding"][0]["code"] == code:
            coding = asked["valueCodeableConcept"]["coding"][0]
            assert coding["system"] == "http://loinc.org"
            found[asked["subject"]["reference"]].append(coding["display"])
    return found


def test_most_grown_people_have_said_whether_they_smoke(by_type):
    grown = {f"Patient/{p['id']}" for p in by_type["Patient"] if years(p) >= 18}
    told = answers(by_type, "72166-2")
    latest = Counter(said[-1] for said in told.values())
    assert set(latest) == {"Never smoker", "Former smoker", "Current every day smoker"}
    assert len(told.keys() & grown) / len(grown) > 0.7
    assert 0.06 < latest["Current every day smoker"] / len(told) < 0.22
    assert latest["Never smoker"] > latest["Former smoker"] > latest["Current every day smoker"]


def test_some_have_answered_about_food_and_the_risk_follows_from_the_answers(by_type):
    worry, lasted, risk = (answers(by_type, code) for code in ("88122-7", "88123-5", "88124-3"))
    assert worry.keys() == lasted.keys() == risk.keys()
    assert 0.15 * PEOPLE < len(risk) < 0.45 * PEOPLE
    for person, (said,) in risk.items():
        sometimes = {worry[person][0], lasted[person][0]} & {"Often true", "Sometimes true"}
        assert said == ("At risk" if sometimes else "No risk")
    assert 0.08 < sum(said == ["At risk"] for said in risk.values()) / len(risk) < 0.35


def test_what_passes_has_an_end_and_what_lasts_has_none(by_type):
    resolved = Counter()
    for condition in by_type["Condition"]:
        status = condition["clinicalStatus"]["coding"][0]["code"]
        assert (status == "resolved") == ("abatementDateTime" in condition)
        if status == "resolved":
            resolved[condition["code"]["coding"][0]["code"][0]] += 1
            assert condition["onsetDateTime"] <= condition["abatementDateTime"] <= AS_OF.isoformat()
    assert resolved["J"] > 0.2 * PEOPLE
    assert not resolved["E"] + resolved["I"]


def series(by_type, code: str, unit: str) -> list[list[float]]:
    """The values of everybody who has at least three, oldest first."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for measured in by_type["Observation"]:
        value = measured.get("valueQuantity", {})
        if (
            measured["code"]["coding"][0]["code"] == code
            and value.get("code") == unit
            and measured["status"] != "entered-in-error"
        ):
            found[measured["subject"]["reference"]].append((measured["effectiveDateTime"], value["value"]))
    return [[value for _, value in sorted(values)] for values in found.values() if len(values) >= 3]


@pytest.mark.parametrize(("code", "unit"), [("4548-4", "%"), ("29463-7", "kg")])
def test_values_of_one_person_go_together(by_type, code, unit):
    """A step between two neighbours is far smaller than the spread among people."""
    found = series(by_type, code, unit)
    assert len(found) > 100
    steps = [abs(after - before) for values in found for before, after in itertools.pairwise(values)]
    spread = statistics.pstdev(values[-1] for values in found)
    assert 0 < statistics.median(steps) < spread / 3


def test_glycated_haemoglobin_falls_over_the_years_for_most(by_type):
    found = series(by_type, "4548-4", "%")
    assert sum(values[-1] < values[0] for values in found) > 0.6 * len(found)


# Worked by hand from the published 2021 equation: creatinine (mg/dL), age, female, mL/min/1.73 m².
@pytest.mark.parametrize(
    ("creatinine", "age", "female", "expected"),
    [(0.7, 50, True, 105.3), (0.9, 50, False, 104.0), (1.8, 50, False, 45.3), (1.4, 70, True, 40.5)],
)
def test_filtration_follows_the_2021_equation(creatinine, age, female, expected):
    assert egfr_2021(creatinine, age, female=female) == pytest.approx(expected, abs=0.15)
