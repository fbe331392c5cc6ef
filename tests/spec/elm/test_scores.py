"""Scores of a whole population: of all observations together, by strata, without those who could not be judged."""

from __future__ import annotations

from datetime import date

import pytest

from pipelines.measures.elm.counted import Counted, counted
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.packages import package_of
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.reports import summary_report
from pipelines.measures.elm.results import Period, measure_table
from pipelines.run.importing import judge
from tests.lib.elm import op, part, retrieve
from tests.lib.made_measure import NAME, PATIENT, helper, library, measure, named, population, text, written

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))
UNIT = {"url": "http://example.org/cqfm-scoringUnit", "valueCodeableConcept": {"coding": [{"code": "min"}]}}
VALUE = helper("ToQuantity", part({"type": "OperandRef", "name": "x"}, "value"))
LOGIC = library(
    {
        "All": retrieve("Observation"),
        "Value(x)": VALUE,
        "Sex": text(named("Patient"), "gender"),
        "Only One": op("Not", op("IsNull", op("SingletonFrom", retrieve("Procedure")))),
    }
)
BY_SEX = [{"id": "s", "criteria": {"expression": "Sex"}}]


def waiting(method: str = "Median", exclusion: str | None = None) -> tuple[Engine, Compiled]:
    made = measure(
        population("initial-population", "All", "ip"),
        population("measure-population", "All", "mp"),
        *([population("measure-population-exclusion", exclusion, "mpx")] if exclusion else []),
        population("measure-observation", "Value", "o", criteriaReference="mp", aggregateMethod=method),
        scoring="continuous-variable",
        basis="Observation",
        stratifier=BY_SEX,
    )
    made["group"][0]["extension"].append(UNIT)
    engine = Engine(package_of([made, LOGIC]))
    return engine, engine.compile(NAME)


def person(name: str, gender: str, *minutes: float, twice: bool = False) -> list[dict]:
    waited = [
        {
            "resourceType": "Observation",
            "id": f"{name}{at}",
            "status": "final",
            "valueQuantity": {"value": value},
        }
        for at, value in enumerate(minutes)
    ]
    both = [{"resourceType": "Procedure", "id": f"{name}{at}"} for at in range(2)] if twice else []
    return [{**PATIENT, "id": name, "gender": gender}, *waited, *both]


def batch(engine: Engine, compiled: Compiled, *people: list[dict]):
    records = Records(engine.texts)
    for one in people:
        records.add_patient(one)
    return engine.evaluate(compiled, engine.run(records, ("2026-01-01", "2026-12-31")))


def together(engine: Engine, compiled: Compiled, *batches: list[list[dict]]) -> dict:
    total = Counted()
    for people in batches:
        result = batch(engine, compiled, *people)
        total.add(counted(result.groups[0], result.failed()))
    (group,) = summary_report(compiled.measure, {"g": total}, YEAR)["group"]
    return group


def test_the_median_of_batches_is_that_of_all_observations_and_not_of_medians():
    engine, compiled = waiting()
    first = [person("a", "female", 1), person("b", "male", 2)]
    group = together(engine, compiled, first, [person("c", "female", 30, 40, 50)])
    assert group["measureScore"] == {"value": 30, "unit": "min"}
    by_sex = {one["value"]["text"]: one for one in group["stratifier"][0]["stratum"]}
    assert {name: one["measureScore"]["value"] for name, one in by_sex.items()} == {"female": 35, "male": 2}


def test_nobody_observed_is_no_score_and_not_zero():
    engine, compiled = waiting("Count")
    group = together(engine, compiled, [person("a", "female")])
    assert "measureScore" not in group
    assert group["population"][0]["count"] == 0


def test_who_could_not_be_judged_is_told_and_counted_nowhere():
    engine, compiled = waiting("Sum", exclusion="Only One")
    people = [person("a", "female", 1), person("b", "female", 100, twice=True)]
    group = together(engine, compiled, people)
    (told,) = group["extension"]
    assert (told["url"].rpartition("/")[2], told["valueInteger"]) == ("not-evaluable", 1)
    assert group["population"][0]["count"] == 1
    assert group["measureScore"]["value"] == 1
    table = measure_table(batch(engine, compiled, *people), ["a", "b"], "k", YEAR, YEAR.end)
    assert table["population_counts"].to_pylist()[1] is None
    assert '"observed/o":[1.0]' in table["population_counts"].to_pylist()[0]


@pytest.mark.parametrize("method", ["Product", ""])
def test_a_method_that_is_not_known_gives_no_score(method):
    engine, compiled = waiting(method)
    assert "measureScore" not in together(engine, compiled, [person("a", "female", 1)])


@pytest.mark.parametrize(
    ("scoring", "method", "problem", "note"),
    [
        ("continuous-variable", "Product", None, "the aggregate method 'Product', which is not known"),
        ("continuous-variable", None, None, "names no aggregate method"),
        ("linear", "Sum", "is scored as 'linear'", None),
        ("composite", "Sum", "is a composite, which is not supported", None),
    ],
)
def test_the_import_tells_what_will_have_no_score_and_refuses_what_it_cannot_score(
    tmp_path, scoring, method, problem, note
):
    said = {"criteriaReference": "mp", **({"aggregateMethod": method} if method else {})}
    made = measure(
        population("initial-population", "All", "ip"),
        population("measure-population", "All", "mp"),
        population("measure-observation", "Value", "o", **said),
        scoring=scoring,
    )
    found = judge(written(tmp_path, {"made.json": {**made, "version": "1"}, "elm.json": {"library": LOGIC}}))
    assert (len(found.problems), len(found.notes)) == (bool(problem), bool(note))
    assert (problem or note) in "".join(found.problems + found.notes)
