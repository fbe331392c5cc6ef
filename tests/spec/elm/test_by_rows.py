"""Random expressions over random visits: all at once, patient by patient, and by a plain reading of the reference."""

import random

import pytest

from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import Package
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.program import Program
from pipelines.measures.elm.records import Records
from tests.lib.elm import FHIR, PERIOD, query
from tests.lib.elm_rows import Both, Expressions, random_visit
from tests.lib.made_measure import library

EXPRESSIONS, PATIENTS = 40, 12


def answers(engine: Engine, patients: list[list[dict]], count: int) -> list[list]:
    """Of each expression, of each patient, the values for the visits."""
    records = Records(engine.texts)
    for visits in patients:
        records.add_patient(visits)
    program, run = Program(engine.package, engine.nodes), engine.run(records, PERIOD, strict=True)
    made = program.library("Made")
    columns = [run.patient_column(program.definition(made, str(at))) for at in range(count)]
    assert not program.unsupported
    return [[plain(column, row, engine.texts) for row in range(len(patients))] for column in columns]


def checked(seed: int, expressions: int, patients: int) -> None:
    draw = random.Random(seed)
    people = [
        [random_visit(draw, f"{at}-{visit}") for visit in range(draw.randint(1, 4))] for at in range(patients)
    ]
    drawn: list[Both] = [
        Expressions(draw).truth(draw.randint(0, 3)) if at % 4 else Expressions(draw).query()
        for at in range(expressions)
    ]
    visits = {"type": "Retrieve", "dataType": f"{FHIR}Encounter"}
    wrapped = {
        str(at): query(visits, **{"return": {"expression": _boxed(one.elm), "distinct": False}})
        for at, one in enumerate(drawn)
    }
    engine = Engine(Package(libraries={("Made", "1"): library(wrapped)}))
    together = answers(engine, people, expressions)
    alone = [answers(engine, [person], expressions) for person in people]
    for at, one in enumerate(drawn):
        for row, person in enumerate(people):
            plainly = [_seen(one.value({"X": visit, "all": person})) for visit in person]
            found = [_seen(value["it"]) if "it" in value else None for value in together[at][row]]
            assert found == plainly, (seed, at, one.elm, person)
            assert together[at][row] == alone[row][at][0], (seed, at, one.elm)


def _boxed(elm: dict) -> dict:
    """In a tuple, so that a null is an item of the list like any other."""
    return {"type": "Tuple", "element": [{"name": "it", "value": elm}]}


def _seen(value):
    return round(value, 6) if isinstance(value, float) else value


@pytest.mark.parametrize("seed", [1, 2])
def test_random_expressions_have_the_values_of_the_reference(seed):
    checked(seed, EXPRESSIONS, PATIENTS)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 30))
def test_many_random_expressions_have_the_values_of_the_reference(seed):
    checked(seed, 200, 30)
