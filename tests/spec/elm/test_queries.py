"""Queries, lists and retrieves over FHIR resources."""

from itertools import pairwise

import pytest

from tests.lib.elm import (
    FHIR,
    SYSTEM,
    date,
    interval,
    items,
    literal,
    moment,
    null_of,
    of_list,
    op,
    part,
    query,
    ref,
    retrieve,
    value,
)

LOINC = "http://loinc.org"
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1960-05-01"}


def observation(name: str, code: str, at: str, result: dict | None = None) -> dict:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectiveDateTime": at,
        **(result or {}),
    }


A1C = [
    PATIENT,
    observation("late", "4548-4", "2026-09-01T08:00:00Z", {"valueQuantity": {"value": 9.4, "code": "%"}}),
    observation("early", "4548-4", "2026-02-01T08:00:00Z", {"valueQuantity": {"value": 7.0, "code": "%"}}),
    observation("other", "2345-7", "2026-03-01T08:00:00Z"),
    observation("undated", "4548-4", "no date"),
]
SETS = {"A1c": [(LOINC, "4548-4")]}


def effective(alias: str) -> dict:
    cast = {"type": "As", "operand": part(ref(alias), "effective"), "asType": f"{FHIR}dateTime"}
    return part(cast, "value")


def test_a_retrieve_keeps_what_is_in_the_value_set():
    found = value(retrieve("Observation", "A1c"), A1C, value_sets=SETS)
    assert found == ["Observation/late", "Observation/early", "Observation/undated"]


def test_a_code_is_in_a_value_set_by_its_system_too():
    def coded(system: str) -> dict:
        return {
            "type": "Instance",
            "classType": f"{SYSTEM}Code",
            "element": [
                {"name": "code", "value": literal("4548-4")},
                {"name": "system", "value": literal(system)},
            ],
        }

    def within(system: str) -> dict:
        return {"type": "InValueSet", "code": coded(system), "valueset": {"name": "A1c"}}

    assert value(within(LOINC), value_sets=SETS) is True
    assert value(within("http://snomed.info/sct"), value_sets=SETS) is False
    counted = of_list("Count", {"type": "ValueSetRef", "name": "A1c"})
    assert value(counted, value_sets=SETS) == 1


def test_the_last_by_date_puts_unknown_dates_first():
    this = {"type": "IdentifierRef", "name": "effective"}
    sort = {"by": [{"type": "ByExpression", "direction": "asc", "expression": part(this, "value")}]}
    latest = of_list("Last", query(retrieve("Observation", "A1c"), sort=sort))
    earliest = of_list("First", query(retrieve("Observation", "A1c"), sort=sort))
    assert value(latest, A1C, value_sets=SETS) == "Observation/late"
    assert value(earliest, A1C, value_sets=SETS) == "Observation/undated"


def test_where_drops_what_is_false_and_what_is_unknown():
    during = op("In", effective("X"), interval(moment("2026-01-01"), moment("2026-06-30")), precision="Day")
    found = value(query(retrieve("Observation"), where=during), A1C)
    assert found == ["Observation/early", "Observation/other"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("With", ["Observation/late"]), ("Without", ["Observation/early"])]
)
def test_with_and_without_ask_for_a_related_row(kind, expected):
    related = {
        "type": kind,
        "alias": "Y",
        "expression": retrieve("Observation"),
        "suchThat": op("Before", effective("Y"), effective("X")),
    }
    dated = op("Not", op("IsNull", effective("X")))
    found = value(
        query(retrieve("Observation", "A1c"), relationship=[related], where=dated), A1C, value_sets=SETS
    )
    assert found == expected


def test_an_inner_query_sees_the_rows_of_the_outer_one():
    inner = query(items(literal(1), literal(5)), "Y", where=op("Less", ref("Y"), ref("X")))
    counted = query(items(literal(3), literal(9)), "X", **{"return": {"expression": of_list("Count", inner)}})
    assert value(counted) == [1, 2]


def test_a_query_over_many_sources_asks_its_conditions_as_soon_as_it_can():
    names = "ABCDEF"
    sources = [{"alias": name, "expression": items(*map(literal, range(40)))} for name in names]
    where = op("Equal", ref("A"), ref("B"))
    for one, other in pairwise(names):
        where = op("And", where, op("Equal", ref(one), ref(other)))
    whole = {"type": "Query", "source": sources, "where": where, "return": {"expression": ref("F")}}
    assert value(of_list("Count", whole)) == 40


def test_return_distinct_keeps_one_of_each():
    returned = {"expression": op("Modulo", ref("X"), literal(2)), "distinct": True}
    assert value(query(items(literal(1), literal(2), literal(3)), **{"return": returned})) == [1, 0]


def test_an_aggregate_folds_the_rows_in_order():
    total = {"type": "QueryLetRef", "name": "T"}
    step = op("Add", op("Multiply", total, literal(10)), ref("X"))
    folded = query(
        items(literal(1), literal(2), literal(3)),
        aggregate={"identifier": "T", "starting": literal(0), "expression": step},
    )
    assert value(folded) == 123


def test_set_operations_treat_equal_values_as_one():
    first, second = items(literal(1), literal(2), literal(2)), items(literal(2), literal(3))
    assert value(op("Union", first, second)) == [1, 2, 3]
    assert value(op("Intersect", first, second)) == [2]
    assert value(op("Except", first, second)) == [1]


def test_a_function_is_chosen_by_the_types_of_its_call():
    def function(kind: str, answer: str) -> dict:
        operand = {
            "name": "x",
            "operandTypeSpecifier": {"type": "NamedTypeSpecifier", "name": f"{SYSTEM}{kind}"},
        }
        return {"type": "FunctionDef", "name": "f", "operand": [operand], "expression": literal(answer)}

    signature = [{"type": "NamedTypeSpecifier", "name": f"{SYSTEM}Date"}]
    call = {"type": "FunctionRef", "name": "f", "operand": [date("2026-01-01")], "signature": signature}
    assert value(call, functions=[function("Integer", "number"), function("Date", "day")]) == "day"


def test_a_query_over_one_value_runs_even_if_that_is_null():
    asked = {"expression": op("IsNull", ref("X"))}
    assert value(query(null_of("Date"), **{"return": asked})) is True
    assert value(query(op("ToDate", literal("2026-01-01")), **{"return": asked})) is False


def test_a_list_with_two_items_is_no_single_one_and_says_so():
    assert value(op("SingletonFrom", items(literal(1), literal(2)))) is None


def test_a_branch_that_is_not_taken_raises_no_error():
    listed = items(literal(1), literal(2))
    chosen = {
        "type": "If",
        "condition": op("Equal", of_list("Count", listed), literal(1)),
        "then": op("SingletonFrom", listed),
        "else": literal(0),
    }
    assert value(chosen) == 0


def test_what_is_not_supported_is_null_and_not_an_exception():
    assert value(op("NoSuchOperator", literal(1)), strict=False) is None


def test_what_the_package_lacks_is_null_and_the_rest_still_runs():
    elsewhere = {"type": "ExpressionRef", "name": "It", "libraryName": "Missing"}
    assert value(items(literal(1), elsewhere), strict=False) == [1, None]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (
            op(
                "Filter",
                scope="X",
                source=items(literal(1), literal(2)),
                condition=op("Less", ref("X"), literal(2)),
            ),
            [1],
        ),
        (op("ForEach", scope="X", source=items(literal(1)), element=op("Add", ref("X"), literal(1))), [2]),
        (op("ConvertsToInteger", literal("12")), True),
        (op("ConvertsToDate", literal("soon")), False),
        (op("LowBoundary", op("ToDate", literal("2026-02")), literal(8)), "2026-02-01"),
        (op("HighBoundary", op("ToDate", literal("2026-02")), literal(8)), "2026-02-28"),
        (op("Precision", op("ToDate", literal("2026-02"))), 6),
        (op("ReplaceMatches", literal("a1b2"), literal("[0-9]"), literal("-")), "a-b-"),
        ({"type": "Round", "operand": literal(2.5)}, 3),
        (op("Avg", source=items(literal(1), literal(2))), 1.5),
        (op("Median", source=items(literal(3), literal(1), literal(2))), 2),
    ],
)
def test_operators_that_few_measures_use(operation, expected):
    assert value(operation) == expected


def test_a_list_of_codes_has_a_code_that_is_equal_in_all_its_parts():
    def code(**parts):
        given = [{"name": name, "value": literal(text)} for name, text in parts.items()]
        return {"type": "Instance", "classType": "{urn:hl7-org:elm-types:r1}Code", "element": given}

    listed = items(code(code="a", system="s", display="A"), code(code="a", system="s", display="a"))
    assert value({"type": "Count", "source": op("Distinct", listed)}) == 2
    assert value(op("In", code(code="a", system="s", display="a"), listed)) is True
    assert value(op("In", code(code="a", system="s"), listed)) is False


@pytest.mark.parametrize(("test", "expected"), [("IsNull", [{"id": "bare"}]), ("Exists", [{"id": "marked"}])])
def test_an_element_that_repeats_and_is_not_there_is_null_like_any_other(test, expected):
    marked = {"resourceType": "Observation", "id": "marked", "category": [{"text": "lab"}]}
    bare = {"resourceType": "Observation", "id": "bare"}
    where = op(test, part(ref("X"), "category"))
    returned = {"expression": {"type": "Tuple", "element": [{"name": "id", "value": part(ref("X"), "id")}]}}
    found = value(query(retrieve("Observation"), where=where, **{"return": returned}), [marked, bare])
    assert found == expected
