"""Facts behind an official answer, and the condition that decides: records in, rows out, of a measure made by hand."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from datetime import date
from typing import Any

import pytest

from data_contracts.api.official_measures import ActiveMeasures
from data_contracts.official import known_measures, known_of
from ehr_core.kernel.errors import BadRequest
from pipelines.measures.official.contents import expanded, packed
from pipelines.measures.official.evaluate import evaluate_lines
from pipelines.measures.official.facts import Facts
from pipelines.measures.official.kept import KeptPackages, Ready
from tests.lib.elm import literal, op
from tests.lib.elm_package import LOINC, library, pressures, small_package

AS_OF = date(2026, 11, 20)
ID = "CMS999Adults"
NEW_YORK = "America/New_York"
CONFIDENTIAL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


def ready(package: list[dict] | None = None) -> Ready:
    content = packed(expanded(package or small_package())[0])
    digest = hashlib.sha256(content).hexdigest()
    return KeptPackages().ready(ActiveMeasures(packages={digest: [ID]}), lambda _: content)[0]


@pytest.fixture(scope="module")
def adults() -> Ready:
    return ready()


def person(name: str, **more: Any) -> dict:
    return {"resourceType": "Patient", "id": name, "birthDate": "1960-01-01", **more}


def pressure(name: str, whose: str, on: str, code: str = "85354-9", **more: Any) -> dict:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "subject": {"reference": f"Patient/{whose}"},
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectiveDateTime": on,
        **more,
    }


def measured(package: Ready, *records: dict) -> tuple[dict[str, dict], list[dict]]:
    """Results by person, and facts."""
    lines = defaultdict(list)
    for one in records:
        lines[one["resourceType"]].append(json.dumps(one).encode())
    results, facts = evaluate_lines(package, lines, key_id="k", as_of=AS_OF, time_zone=NEW_YORK)
    return {row["patient_key"]: row for row in results.to_pylist()}, facts.to_pylist()


def test_who_is_met_rests_on_the_newest_fact_and_on_how_many_there_were(adults):
    days = [f"2026-0{month}-01" for month in range(1, 6)]
    results, facts = measured(adults, person("ana"), *(pressure(f"o{day}", "ana", day) for day in days))
    assert (results["ana"]["numerator"], results["ana"]["evidence_on"]) == (True, date(2026, 5, 1))
    found = [fact for fact in facts if fact["population"] == "numerator"]
    assert [fact["evidence_on"].month for fact in found] == [5, 4, 3]
    assert {(fact["definition"], fact["facts_found"], fact["holds"]) for fact in found} == {
        ("Pressures Taken", 5, True)
    }


def test_who_is_not_met_says_which_condition(adults):
    results, facts = measured(adults, person("ben"), pressure("old", "ben", "2024-05-05"))
    assert results["ben"]["unmet_condition"] == "Pressures Taken"
    (looked_at,) = [fact for fact in facts if fact["population"] == "numerator"]
    assert (looked_at["evidence_key"], looked_at["holds"]) == ("old", False)
    assert results["ben"]["evidence_on"] == date(2024, 5, 5), "what there is, although it is not enough"


def test_who_is_outside_has_no_row_and_a_child_of_an_unknown_day_is_as_the_logic_says(adults):
    results, _ = measured(adults, person("child", birthDate="2015-01-01"), person("unknown", birthDate=None))
    assert results == {}


@pytest.mark.parametrize(
    "left_out", [{"active": False}, {"link": [{"type": "replaced-by", "other": {"reference": "Patient/x"}}]}]
)
def test_the_inactive_and_the_merged_away_are_not_counted(adults, left_out):
    results, facts = measured(adults, person("gone", **left_out), person("here"))
    assert set(results) == {"here"}
    assert {fact["patient_key"] for fact in facts} == {"here"}


def test_a_fact_carries_its_label_and_the_answer_the_strictest(adults):
    records = (
        person("ana"),
        pressure("open", "ana", "2026-06-01"),
        pressure("shut", "ana", "2026-01-01", meta={"security": [CONFIDENTIAL]}),
    )
    results, facts = measured(adults, *records)
    labels = {fact["evidence_key"]: fact["evidence_sensitivity"] for fact in facts}
    assert (labels["open"], labels["shut"]) == (None, "R")
    assert results["ana"]["evidence_sensitivity"] == "R"


def test_the_answer_names_every_fact_that_has_no_row_of_its_own(adults):
    days = [f"2026-0{month}-01" for month in range(1, 7)]
    records = [person("ana"), *(pressure(f"o{day}", "ana", day) for day in days), person("ben")]
    results, facts = measured(adults, *records, pressure("only", "ben", "2026-01-01"))
    kept = {fact["evidence_key"] for fact in facts if fact["patient_key"] == "ana"}
    named = results["ana"]["rests_also_on"].split(",")
    assert named == [f"Observation/o{day}/{day}" for day in days[:3]]
    assert kept.isdisjoint(f"o{day}" for day in days[:3])
    assert results["ben"]["rests_also_on"] is None
    again, _ = measured(adults, *reversed(records))
    assert again["ana"]["rests_also_on"] == results["ana"]["rests_also_on"]


def test_a_fact_that_another_definition_keeps_is_not_named_again():
    winter = pressures()
    taken, march = (
        winter["where"]["operand"][0],
        {"type": "DateTime", "year": literal(2026), "month": literal(3)},
    )
    winter["where"] = op("And", winter["where"], op("Less", taken, march))
    parts = [op("Exists", {"type": "ExpressionRef", "name": name}) for name in ("Pressures Taken", "Winter")]
    package = small_package()
    package[1] = library(op("And", *parts), more={"Winter": winter})
    days = [f"2026-0{month}-01" for month in range(1, 7)]
    results, facts = measured(
        ready(package), person("ana"), *(pressure(f"o{day}", "ana", day) for day in days)
    )
    assert {fact["evidence_key"] for fact in facts if fact["definition"] == "Winter"} == {
        "o2026-01-01",
        "o2026-02-01",
    }
    assert results["ana"]["rests_also_on"] == "Observation/o2026-03-01/2026-03-01"


def test_the_order_and_the_company_of_a_record_change_nothing(adults):
    ana = [person("ana"), pressure("b", "ana", "2026-06-01"), pressure("a", "ana", "2026-06-01")]
    ben = [person("ben"), pressure("c", "ben", "2026-02-01")]
    alone, facts_alone = measured(adults, *ana)
    together, facts_together = measured(adults, *ben, *reversed(ana))
    assert alone["ana"] == together["ana"]
    assert facts_alone == [fact for fact in facts_together if fact["patient_key"] == "ana"]


def test_of_two_conditions_the_first_that_fails_is_named_and_a_missing_one_is_not_a_fact():
    both = op("And", {"type": "ExpressionRef", "name": "First"}, {"type": "ExpressionRef", "name": "Second"})
    package = small_package()
    package[1] = library(
        both,
        more={"First": op("Exists", pressures()), "Second": op("Not", op("Exists", pressures()))},
    )
    made = ready(package)
    results, _ = measured(made, person("none"), person("some"), pressure("o", "some", "2026-03-03"))
    assert {name: row["unmet_condition"] for name, row in results.items()} == {
        "none": "First",
        "some": "Second",
    }


def test_where_lower_is_better_the_condition_that_holds_is_named():
    package = small_package()
    package[0]["improvementNotation"]["coding"][0]["code"] = "decrease"
    results, _ = measured(ready(package), person("a"), pressure("o", "a", "2026-03-03"), person("b"))
    assert {name: row["unmet_condition"] for name, row in results.items()} == {
        "a": "Pressures Taken",
        "b": None,
    }


def test_a_stratum_is_counted_beside_its_population():
    package = small_package()
    package[0]["group"][0]["stratifier"] = [{"id": "taken", "criteria": {"expression": "Numerator"}}]
    results, _ = measured(ready(package), person("a"), pressure("o", "a", "2026-03-03"), person("b"))
    counts = {name: json.loads(row["population_counts"]) for name, row in results.items()}
    assert counts["a"]["taken/denominator"] == 1
    assert "taken/denominator" not in counts["b"]
    assert counts["b"]["denominator"] == 1


def test_logic_that_fails_makes_one_person_not_evaluable_and_nobody_else():
    package = small_package()
    package[1] = library(op("Exists", {"type": "SingletonFrom", "operand": pressures()}))
    results, _ = measured(
        ready(package),
        person("twice"),
        pressure("a", "twice", "2026-03-03"),
        pressure("b", "twice", "2026-03-04"),
        person("once"),
        pressure("c", "once", "2026-03-03"),
    )
    assert not results["twice"]["evaluable"]
    assert results["twice"]["not_evaluable_reason"] == "run_time_error"
    assert not results["twice"]["initial_population"]
    assert results["once"]["evaluable"]


PERCENT, PRESSURE = {"value": 9.1, "code": "%"}, {"code": "mm[Hg]"}
BOTH = [{"valueQuantity": {"value": 152, **PRESSURE}}, {"valueQuantity": {"value": 94, **PRESSURE}}]
NEGATIVE = {"coding": [{"code": "260385009", "display": "Negative"}]}
SAID = [
    ({"effectiveDateTime": "2026-03-01T02:00:00Z", "valueQuantity": PERCENT}, date(2026, 2, 28), "9.1 %"),
    ({"effectivePeriod": {"start": "2026-03"}, "valueInteger": 3}, date(2026, 3, 1), "3"),
    ({"performedDateTime": "2026"}, date(2026, 1, 1), None),
    ({"effectiveDateTime": "soon", "issued": "2026-04-01T12:00:00Z"}, date(2026, 4, 1), None),
    ({"valueQuantity": {"comparator": "<", "value": 7, "unit": "mg/dL"}}, None, "< 7 mg/dL"),
    ({"valueCodeableConcept": NEGATIVE}, None, "Negative"),
    ({"component": BOTH}, None, "152/94 mm[Hg]"),
    ({"valueQuantity": {"unit": "%"}}, None, None),
]


@pytest.mark.parametrize(("resource", "on", "value"), SAID)
def test_a_resource_says_its_day_at_the_site_and_its_value_in_words(resource, on, value):
    class Table:
        def value(self, _: int) -> dict:
            return {"resourceType": "Observation", "id": "o", **resource}

    fact = Facts(NEW_YORK).of(Table(), 0)
    assert (fact.on, fact.value) == (on, value)


def test_a_package_that_is_not_the_one_of_its_name_is_refused():
    content = packed(expanded(small_package())[0])
    digest = hashlib.sha256(content).hexdigest()
    for spoiled in (content[:-3], content + b"x", b""):
        with pytest.raises(BadRequest, match="not the one that was imported"):
            KeptPackages().ready(ActiveMeasures(packages={digest: [ID]}), lambda _, given=spoiled: given)
    with pytest.raises(BadRequest, match="does not hold it"):
        KeptPackages().ready(ActiveMeasures(packages={digest: [ID, "CMS1Else"]}), lambda _: content)


def test_a_package_is_compiled_once_and_let_go_of_when_it_is_no_longer_active():
    content, asked = packed(expanded(small_package())[0]), []
    active = ActiveMeasures(packages={hashlib.sha256(content).hexdigest(): [ID]})
    kept = KeptPackages()

    def fetch(package_id: str) -> bytes:
        asked.append(package_id)
        return content

    first, second = kept.ready(active, fetch), kept.ready(active, fetch)
    assert first[0].engine is second[0].engine
    assert kept.ready(ActiveMeasures(), fetch) == []
    kept.ready(active, fetch)
    assert len(asked) == 2


def test_what_is_known_of_a_measure_goes_by_its_number_alone():
    assert known_of("CMS122FHIRDiabetesAssessGT9Pct").improvement == "decrease"
    assert known_of("CMSFHIR122v14").asks_like == "glycemic_control"
    assert known_of("CMS1226Other").asks_like is None
    assert known_of("Adults").asks_like is None
    assert all(one.why for one in known_measures().values() if one.improvement)
