"""Measures of shapes that no given package has, each made for the test: basis, observations, strata, odd ids."""

from datetime import date

import pytest

from pipelines.measures.elm.counted import counted
from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import package_of
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.reports import individual_reports, summary_report
from pipelines.measures.elm.results import Period
from tests.lib.elm import items, literal, op, part, query, ref, retrieve
from tests.lib.made_measure import (
    NAME,
    PATIENT,
    STRING,
    agrees,
    case,
    helper,
    judged,
    library,
    measure,
    named,
    of_status,
    population,
    text,
)


def procedure(name: str, status: str = "completed", day: str = "2026-03-01") -> dict:
    return {"resourceType": "Procedure", "id": name, "status": status, "performedDateTime": day}


def observation(name: str, value: float, status: str = "final") -> dict:
    quantity = {"value": value, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    return {"resourceType": "Observation", "id": name, "status": status, "valueQuantity": quantity}


VALUE = helper("ToQuantity", part({"type": "OperandRef", "name": "x"}, "value"))
MEASURED = library(
    {
        "All": retrieve("Observation"),
        "Final": of_status("Observation", "final"),
        "Value(x)": VALUE,
        "One(x)": literal(1),
    }
)
VALUES = [observation("a", 2), observation("b", 4), observation("c", 9), observation("d", 100, "preliminary")]


@pytest.mark.parametrize(
    ("basis", "resources", "count"),
    [
        ("Procedure", [procedure("a"), procedure("b"), procedure("c", "not-done")], 2),
        (None, [procedure("a"), procedure("b"), procedure("c", "not-done")], 2),
        ("boolean", [procedure("a"), procedure("b"), procedure("c", "not-done")], 1),
        ("boolean", [procedure("c", "not-done")], 0),
    ],
)
def test_populations_count_what_the_basis_says(tmp_path, basis, resources, count):
    elm = library({"Done": of_status("Procedure", "completed"), "All": retrieve("Procedure")})
    made = measure(
        population("initial-population", "All", "ip"),
        population("denominator", "All", "d"),
        population("numerator", "Done", "n"),
        basis=basis,
    )
    everybody = 1 if basis == "boolean" else len(resources)
    expected = {
        "ip|initial-population": everybody,
        "d|denominator": everybody,
        "n|numerator": count,
    }
    agrees(tmp_path, elm, made, case(expected, resources))


def test_items_of_several_types_are_the_same_in_every_population(tmp_path):
    both = op("Union", retrieve("Observation"), retrieve("Procedure"))
    elm = library(
        {"Both": both, "Some": op("Union", retrieve("Procedure"), of_status("Observation", "final"))}
    )
    made = measure(
        population("initial-population", "Both", "ip"),
        population("denominator", "Both", "d"),
        population("numerator", "Some", "n"),
        basis="Resource",
    )
    resources = [procedure("a"), procedure("b"), *VALUES]
    expected = {"ip|initial-population": 6, "d|denominator": 6, "n|numerator": 5}
    agrees(
        tmp_path, elm, made, case(expected, resources), case({**expected, "n|numerator": 5}, resources[::-1])
    )


def test_items_that_are_no_resources_are_told_apart_by_value(tmp_path):
    days = query(
        retrieve("Procedure"), **{"return": {"expression": helper("ToDateTime", part(ref("X"), "performed"))}}
    )
    late = query(named("Days"), where=op("After", ref("X"), op("ToDateTime", literal("2026-02-01"))))
    elm = library({"Days": days, "Late": late})
    made = measure(
        population("initial-population", "Days", "ip"),
        population("denominator", "Days", "d"),
        population("numerator", "Late", "n"),
        basis="dateTime",
    )
    resources = [
        procedure(str(at), day=day) for at, day in enumerate(("2026-01-05", "2026-03-05", "2026-03-05"))
    ]
    agrees(
        tmp_path,
        elm,
        made,
        case({"ip|initial-population": 2, "d|denominator": 2, "n|numerator": 1}, resources),
    )


def test_a_criterion_of_the_patient_counts_all_items_of_the_population_around_it(tmp_path):
    elm = library({"All": retrieve("Procedure"), "Yes": literal(True), "No": literal(False)})
    made = measure(
        population("initial-population", "All", "ip"),
        population("denominator", "Yes", "d"),
        population("denominator-exclusion", "No", "x"),
        population("numerator", "Yes", "n"),
        basis="Procedure",
    )
    counts = {"ip|initial-population": 2, "d|denominator": 2, "x|denominator-exclusion": 0, "n|numerator": 2}
    agrees(tmp_path, elm, made, case(counts, [procedure("a"), procedure("b")]))


def test_two_populations_of_one_code_without_ids_are_two(tmp_path):
    elm = library({"All": retrieve("Observation"), "Final": of_status("Observation", "final")})
    made = measure(
        population("initial-population", "All"),
        population("initial-population", "Final"),
        scoring="cohort",
        basis="Observation",
    )
    expected = {"initial-population|initial-population": 4, "initial-population_|initial-population": 3}
    agrees(tmp_path, elm, made, case(expected, VALUES))


@pytest.mark.parametrize(
    ("method", "score"),
    [("Sum", 15), ("Average", 5), ("Median", 4), ("Min", 2), ("Max", 9), ("Count", 3)],
)
def test_a_case_may_expect_a_continuous_variable_by_its_score_alone(tmp_path, method, score):
    made = measure(
        population("initial-population", "All", "ip"),
        population("measure-population", "Final", "mp"),
        population("measure-observation", "Value", "mo", aggregateMethod=method),
        scoring="continuous-variable",
        basis="Observation",
    )
    counts = {"ip|initial-population": 4, "mp|measure-population": 3}
    right = case(counts, VALUES, measureScore={"value": score})
    wrong = case(counts, VALUES, "wrong", measureScore={"value": score + 1})
    first, second = judged(tmp_path, MEASURED, made, right, wrong)
    assert first.agrees
    assert second.why == [
        f"mo: expected a score of {score + 1}.0, found {score}.0 ({method} of [2.0, 4.0, 9.0])."
    ]


def test_a_ratio_has_an_observation_of_each_side(tmp_path):
    made = measure(
        population("initial-population", "All", "ip"),
        population("denominator", "All", "d"),
        population("numerator", "Final", "n"),
        population("measure-observation", "Value", "od", criteriaReference="d", aggregateMethod="Sum"),
        population("measure-observation", "One", "on", criteriaReference="n", aggregateMethod="Count"),
        scoring="ratio",
        basis="Observation",
    )
    values = {f"od_{at}|measure-observation": value for at, value in enumerate((2, 4, 9, 100))}
    values |= {f"on_{at}|measure-observation": 1 for at in range(3)}
    counts = {"ip|initial-population": 4, "d|denominator": 4, "n|numerator": 3}
    agrees(tmp_path, MEASURED, made, case({**counts, **values}, VALUES))


STRATIFIED = library(
    {
        "All": retrieve("Observation"),
        "Final": of_status("Observation", "final"),
        "Woman": op(
            "Equal",
            text(named("Patient"), "gender"),
            {"type": "Literal", "valueType": STRING, "value": "female"},
        ),
        "Sex": text(named("Patient"), "gender"),
        "Active": literal(True),
    }
)


@pytest.mark.parametrize(
    ("stratifier", "values"),
    [
        ({"id": "s", "criteria": {"expression": "Woman"}}, {"": 4, "true": 4}),
        ({"id": "s", "criteria": {"expression": "Final"}}, {"": 3}),
        ({"id": "s", "criteria": {"expression": "Sex"}}, {"female": 4, "male": 0}),
        (
            {
                "id": "s",
                "component": [
                    {"id": "sex", "criteria": {"expression": "Sex"}},
                    {"id": "on", "criteria": {"expression": "Active"}},
                ],
            },
            {"sex=female, on=true": 4},
        ),
    ],
    ids=["true or false", "a list of members", "a value", "several components"],
)
def test_strata_are_by_truth_by_members_or_by_value(tmp_path, stratifier, values):
    made = measure(
        population("initial-population", "All", "ip"),
        scoring="cohort",
        basis="Observation",
        stratifier=[stratifier],
    )
    stratum = [
        {
            **({"value": {"text": value}} if value else {}),
            "population": [
                {"id": "ip", "code": {"coding": [{"code": "initial-population"}]}, "count": count}
            ],
        }
        for value, count in values.items()
    ]
    counts = {"ip|initial-population": 4}
    right = case(counts, VALUES, stratifier=[{"id": "s", "stratum": stratum}])
    off = [{**stratum[0], "population": [{**stratum[0]["population"][0], "count": 99}]}]
    wrong = case(counts, VALUES, "wrong", stratifier=[{"id": "s", "stratum": off}])
    first, second = judged(tmp_path, STRATIFIED, made, right, wrong)
    assert first.why == []
    assert "expected 99, found" in second.why[0]


def test_several_groups_with_scoring_of_their_own(tmp_path):
    made = measure(population("initial-population", "All", "ip"), scoring="cohort", basis="Observation")
    other = measure(
        population("initial-population", "All", "ip"),
        population("denominator", "All", "d"),
        population("numerator", "Final", "n"),
        basis="Observation",
    )["group"][0]
    made["group"].append({**other, "id": "second"})
    found = case({"ip|initial-population": 4}, VALUES)
    second = {"ip|initial-population": 4, "d|denominator": 4, "n|numerator": 3}
    found["expected"].append({"group": "second", "populations": second})
    agrees(tmp_path, MEASURED, made, found)


def test_supplemental_data_without_an_id_and_an_odd_improvement_notation_change_nothing(tmp_path):
    made = measure(population("initial-population", "All", "ip"), scoring="cohort", basis="Observation")
    made["supplementalData"] = [{"criteria": {"expression": "Final"}}, {"usage": [{}]}]
    made["improvementNotation"] = {"coding": [{"code": "Increased score indicates improvement"}]}
    agrees(tmp_path, MEASURED, made, case({"ip|initial-population": 4}, VALUES))


def test_a_quoted_criterion_is_the_definition_of_that_name(tmp_path):
    made = measure(population("initial-population", '"All"', "ip"), scoring="cohort", basis="Observation")
    agrees(tmp_path, MEASURED, made, case({"ip|initial-population": 4}, VALUES))


def test_a_criterion_that_is_no_definition_is_named_in_every_case(tmp_path):
    made = measure(population("initial-population", "exists [Encounter]", "ip"))
    found = judged(tmp_path, library({"All": items()}), made, case({"ip|initial-population": 0}))
    assert found[0].why == [f"The library '{NAME}' defines no 'exists [Encounter]'."]


@pytest.mark.parametrize(
    ("scoring", "methods", "score"),
    [("continuous-variable", ["Average"], 5.0), ("ratio", ["Sum", "Count"], 0.2), ("cohort", [], None)],
)
def test_a_persons_report_has_the_score_of_what_is_observed(scoring, methods, score):
    of = {"continuous-variable": ["mp"], "ratio": ["d", "n"], "cohort": []}[scoring]
    observations = [
        population(
            "measure-observation",
            "Value" if method != "Count" else "One",
            f"o{name}",
            criteriaReference=name,
            aggregateMethod=method,
        )
        for name, method in zip(of, methods, strict=True)
    ]
    inner = {
        "continuous-variable": [population("measure-population", "Final", "mp")],
        "ratio": [population("denominator", "Final", "d"), population("numerator", "Final", "n")],
        "cohort": [],
    }[scoring]
    made = measure(
        population("initial-population", "Final", "ip"),
        *inner,
        *observations,
        scoring=scoring,
        basis="Observation",
    )
    engine = Engine(package_of([made, MEASURED]))
    records = Records(engine.texts)
    records.add_patient([PATIENT, *VALUES])
    result = engine.evaluate(engine.compile(NAME), engine.run(records, ("2026-01-01", "2026-12-31")))
    (report,) = individual_reports(result, ["key"], Period(date(2026, 1, 1), date(2026, 12, 31)))
    assert report["group"][0].get("measureScore", {}).get("value") == score


def test_a_summary_shows_the_strata_by_their_values():
    stratifier = [
        {"id": "s", "criteria": {"expression": "Sex"}},
        {"id": "w", "criteria": {"expression": "Woman"}},
    ]
    made = measure(
        population("initial-population", "All", "ip"),
        scoring="cohort",
        basis="Observation",
        stratifier=stratifier,
    )
    engine = Engine(package_of([made, STRATIFIED]))
    records = Records(engine.texts)
    records.add_patient([PATIENT, *VALUES])
    records.add_patient([{**PATIENT, "id": "q", "gender": "male"}, VALUES[0]])
    records.add_patient([{"resourceType": "Patient", "id": "unsaid"}, VALUES[0]])
    compiled = engine.compile(NAME)
    result = engine.evaluate(compiled, engine.run(records, ("2026-01-01", "2026-12-31")))
    counts = {group.group.id: counted(group, result.failed()) for group in result.groups}
    report = summary_report(compiled.measure, counts, Period(date(2026, 1, 1), date(2026, 12, 31)))
    by_value, by_truth = report["group"][0]["stratifier"]
    assert [(one["value"]["text"], one["population"][0]["count"]) for one in by_value["stratum"]] == [
        ("female", 4),
        ("male", 1),
    ]
    assert [one["population"][0]["count"] for one in by_truth["stratum"]] == [4]
