"""What one patient's record says changes nothing of what is said of the others."""

import pytest

from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import Package
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.program import Program
from pipelines.measures.elm.records import Records
from tests.lib.elm import PERIOD, interval, items, literal, of_list, op, part, retrieve

VISIT = {"type": "SingletonFrom", "operand": retrieve("Encounter")}


def said(expression: dict, *visits: dict) -> list:
    """Of each patient with one visit what the expression says; "failed" where the patient is not evaluable."""
    elm = {"identifier": {"id": "L"}, "statements": {"def": [{"name": "It", "expression": expression}]}}
    engine = Engine(Package(libraries={("L", None): elm}))
    records = Records(engine.texts)
    for visit in visits:
        records.add_patient([{"resourceType": "Encounter", "id": "e", **visit}])
    program, run = Program(engine.package, engine.nodes), engine.run(records, PERIOD)
    node = program.definition(program.library("L"), "It")
    column = run.patient_column(node)
    failed = {row for error in run.errors_below(node) for row in error.patients}
    return [
        "failed" if row in failed else plain(column, row, engine.texts) for row in range(records.patients)
    ]


def days(visit: str) -> dict:
    return {"length": {"value": int(visit.split()[0]), "code": visit.split()[1]}}


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        ([days("2 d"), days("3 d"), {}], [2, 1, 4]),
        ([{}, days("2 d"), days("1 wk")], [4, 2, 0]),
    ],
)
def test_each_is_expanded_by_the_width_of_its_own_record(visits, expected):
    span = interval(op("ToDate", literal("2026-01-01")), op("ToDate", literal("2026-01-04")))
    width = op("ToQuantity", part(VISIT, "length"))
    steps = {"type": "Expand", "operand": [items(span), width]}
    assert said(of_list("Count", steps), *visits) == expected


def test_an_interval_without_an_end_is_not_expanded_and_one_with_too_many_steps_fails_alone():
    last = op("ToInteger", part(VISIT, "status"))
    steps = {"type": "Expand", "operand": [items(interval(literal(1), last)), {"type": "Null"}]}
    visits = [{"status": "3"}, {"status": "2147483646"}, {}]
    assert said(of_list("Count", steps), *visits) == [3, "failed", 0]


def test_each_is_combined_with_its_own_separator():
    words = {
        "type": "Combine",
        "source": items(literal("a"), literal("b")),
        "separator": part(VISIT, "status"),
    }
    assert said(words, {"status": "-"}, {"status": "+"}, {}) == ["a-b", "a+b", "ab"]


def test_a_message_stops_only_whom_it_calls_an_error():
    message = {
        "type": "Message",
        "source": literal(1),
        "condition": literal(True),
        "severity": part(VISIT, "status"),
    }
    assert said(message, {"status": "Warning"}, {"status": "Error"}, {}) == [1, "failed", 1]
