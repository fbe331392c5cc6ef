"""Functions, parameters, messages and what cannot be evaluated."""

import pytest

from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import Package
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.program import Program, not_evaluable
from pipelines.measures.elm.records import Records
from tests.lib.elm import FHIR, PERIOD, SYSTEM, items, literal, op, part, query, ref, value


def call(name: str, *operands: dict, signature: tuple[str, ...] = ()) -> dict:
    return {
        "type": "FunctionRef",
        "name": name,
        "operand": list(operands),
        "signature": [specifier(one) for one in signature],
    }


def specifier(kind: str) -> dict:
    return {"type": "NamedTypeSpecifier", "name": f"{SYSTEM}{kind}"}


def function(name: str, body: dict, **operands: str) -> dict:
    typed = [{"name": one, "operandTypeSpecifier": specifier(kind)} for one, kind in operands.items()]
    return {"type": "FunctionDef", "name": name, "expression": body, "operand": typed}


def operand(name: str) -> dict:
    return {"type": "OperandRef", "name": name}


TWICE = function("Twice", op("Multiply", operand("n"), literal(2)), n="Integer")


def test_a_function_is_chosen_by_the_types_of_the_call():
    of_text = function("Twice", op("Concatenate", operand("t"), operand("t")), t="String")
    functions = [TWICE, of_text]
    assert value(call("Twice", literal(4), signature=("Integer",)), functions=functions) == 8
    assert value(call("Twice", literal("a"), signature=("String",)), functions=functions) == "aa"


def test_a_function_is_chosen_by_its_operands_where_the_call_has_no_signature():
    of_text = function("Twice", op("Concatenate", operand("t"), operand("t")), t="String")
    for functions in ([TWICE, of_text], [of_text, TWICE]):
        assert value(call("Twice", literal(4)), functions=functions) == 8
        assert value(call("Twice", literal("a")), functions=functions) == "aa"


def test_a_function_is_used_inside_a_query_and_by_another_function():
    four_times = function("FourTimes", call("Twice", call("Twice", operand("n"))), n="Integer")
    each = query(items(literal(1), literal(2)), **{"return": {"expression": call("FourTimes", ref("X"))}})
    assert value(each, functions=[TWICE, four_times]) == [4, 8]


def test_recursion_is_refused_and_named():
    forever = function("Forever", call("Forever", operand("n")), n="Integer")
    found = evaluated({"It": call("Forever", literal(1))}, forever)
    assert "recursion of Library.Forever" in found.unsupported


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"type": "Telepathy", "operand": literal(1)}, "operator Telepathy"),
        (call("Nowhere", literal(1)), "function Library.Nowhere with 1 operands"),
        (op("Add", literal(1), ref("nobody")), "name 'nobody' out of reach"),
        ({"type": "CodeRef", "name": "no such code"}, "CodeRef that cannot be read"),
    ],
)
def test_what_cannot_be_compiled_is_named_with_its_place_and_spares_the_other_definitions(broken, named):
    expressions = {"Good": literal(5), "Bad": broken, "Worse": op("IsNull", expression("Bad"))}
    found = evaluated(expressions)
    assert [what for what in found.unsupported if named in what]
    assert {str(place) for place in found.unsupported.values()} == {"Library.Bad"}
    assert found.not_evaluable == ["Library.Bad", "Library.Worse"]
    assert found.values == {"Good": 5, "Bad": None, "Worse": True}
    assert found.failed == ["Bad", "Worse"]


def expression(name: str) -> dict:
    return {"type": "ExpressionRef", "name": name}


def test_a_definition_that_was_not_translated_is_named_and_spares_the_others():
    found = evaluated({"Good": literal(5), "Untranslated": None})
    assert [str(place) for place in found.unsupported.values()] == ["Library.Untranslated"]
    assert (found.values, found.failed) == ({"Good": 5, "Untranslated": None}, ["Untranslated"])


class Found:
    """What a library's definitions say, and which of them failed."""

    def __init__(self, program: Program, values: dict, failed: list[str]):
        self.unsupported, self.not_evaluable = program.unsupported, not_evaluable(program)
        self.values, self.failed = values, failed


def evaluated(expressions: dict[str, dict | None], *functions: dict) -> Found:
    definitions = [
        {"name": name} | ({"expression": body} if body else {}) for name, body in expressions.items()
    ]
    elm = {"identifier": {"id": "Library"}, "statements": {"def": [*definitions, *functions]}}
    engine = Engine(Package(libraries={("Library", None): elm}))
    records = Records(engine.texts)
    records.add_patient([{"resourceType": "Patient", "id": "p"}])
    run, program = engine.run(records, PERIOD), Program(engine.package, engine.nodes)
    library = program.library("Library")
    nodes = {name: program.definition(library, name) for name in expressions}
    values = {name: plain(run.patient_column(node), 0, engine.texts) for name, node in nodes.items()}
    return Found(program, values, [name for name, node in nodes.items() if run.errors_below(node)])


@pytest.mark.parametrize(("severity", "expected", "errors"), [("Warning", 5, 0), ("Error", None, 1)])
def test_only_an_error_message_stops_a_patient(severity, expected, errors):
    message = {
        "type": "Message",
        "source": literal(5),
        "condition": literal(True),
        "severity": literal(severity),
        "message": literal("too many"),
    }
    found = evaluated({"It": message})
    assert found.values == {"It": expected}
    assert len(found.failed) == errors


def test_a_parameter_has_its_default_unless_one_is_given():
    elm = {
        "identifier": {"id": "Library"},
        "parameters": {"def": [{"name": "Limit", "default": literal(3)}, {"name": "Nothing"}]},
        "statements": {
            "def": [
                {"name": "It", "expression": {"type": "ParameterRef", "name": "Limit"}},
                {"name": "None", "expression": {"type": "ParameterRef", "name": "Nothing"}},
            ]
        },
    }
    engine = Engine(Package(libraries={("Library", None): elm}))
    records = Records(engine.texts)
    records.add_patient([{"resourceType": "Patient", "id": "p"}])
    run, program = engine.run(records, PERIOD), Program(engine.package, engine.nodes)
    library = program.library("Library")
    assert plain(run.patient_column(program.definition(library, "It")), 0, engine.texts) == 3
    assert plain(run.patient_column(program.definition(library, "None")), 0, engine.texts) is None


def test_the_order_of_keys_in_a_file_does_not_matter():
    backwards = {"type": "Round", "precision": literal(1), "operand": literal(3.14159)}
    assert value(backwards) == 3.1
    parts = {"type": "PositionOf", "string": literal("abc"), "pattern": literal("c")}
    assert value(parts) == 2


def test_extensions_and_primitive_values_are_read_by_the_functions_of_fhir_helpers():
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "extension": [{"url": "urn:a", "valueString": "x"}, {"url": "urn:b", "valueString": "y"}],
        "gender": "female",
        "_birthDate": {"extension": [{"url": "urn:absent", "valueCode": "unknown"}]},
    }
    who = op("SingletonFrom", {"type": "Retrieve", "dataType": f"{FHIR}Patient"})

    def helped(name: str, *operands: dict) -> dict:
        return {**call(name, *operands), "libraryName": "FHIRHelpers"}

    asked = {
        "extensions": op("Count", **{"source": helped("extension", who, literal("urn:a"))}),
        "gender": helped("getValue", part(who, "gender")),
        "has gender": helped("hasValue", part(who, "gender")),
        "has birth date": helped("hasValue", part(who, "birthDate")),
    }
    assert {name: helpers_value(one, patient) for name, one in asked.items()} == {
        "extensions": 1,
        "gender": "female",
        "has gender": True,
        "has birth date": False,
    }


def helpers_value(body: dict, patient: dict):
    helpers = {"identifier": {"id": "FHIRHelpers"}, "statements": {"def": []}}
    elm = {
        "identifier": {"id": "Library"},
        "includes": {"def": [{"localIdentifier": "FHIRHelpers", "path": "FHIRHelpers"}]},
        "statements": {"def": [{"name": "It", "expression": body}]},
    }
    engine = Engine(Package(libraries={("Library", None): elm, ("FHIRHelpers", None): helpers}))
    records = Records(engine.texts)
    records.add_patient([patient])
    run, program = engine.run(records, PERIOD, strict=True), Program(engine.package, engine.nodes)
    return plain(run.patient_column(program.definition(program.library("Library"), "It")), 0, engine.texts)
