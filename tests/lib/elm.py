"""ELM written by hand for tests: short builders for expressions, and their values for one made-up patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import Package, ValueSet
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.program import Program
from pipelines.measures.elm.records import Records

SYSTEM = "{urn:hl7-org:elm-types:r1}"
FHIR = "{http://hl7.org/fhir}"
NULL = {"type": "Null"}
PERIOD = ("2026-01-01", "2026-12-31")


def op(name: str, *operands: dict, **attributes: Any) -> dict:
    """An operator with its operands; one operand stands alone, as ELM has it for unary operators."""
    given = {} if not operands else {"operand": operands[0] if len(operands) == 1 else list(operands)}
    return {"type": name, **given, **attributes}


def of_list(name: str, source: dict) -> dict:
    """An aggregate, whose operand ELM calls its source."""
    return {"type": name, "source": source}


def literal(value: bool | int | float | str) -> dict:
    kind = {bool: "Boolean", int: "Integer", float: "Decimal", str: "String"}[type(value)]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"type": "Literal", "valueType": f"{SYSTEM}{kind}", "value": text}


def date(text: str) -> dict:
    """A Date or DateTime as precise as it is written."""
    kind = "DateTime" if "T" in text else "Date"
    return op(f"To{kind}", literal(text))


def moment(text: str) -> dict:
    """A DateTime as precise as it is written, even to the year."""
    return op("ToDateTime", literal(text))


def quantity(value: float, unit: str) -> dict:
    return {"type": "Quantity", "value": value, "unit": unit}


def interval(low: dict, high: dict, marks: str = "[]") -> dict:
    closed = {"lowClosed": marks[0] == "[", "highClosed": marks[1] == "]"}
    return {"type": "Interval", "low": low, "high": high, **closed}


def items(*elements: dict) -> dict:
    return {"type": "List", "element": list(elements)}


def null_of(kind: str) -> dict:
    return {"type": "As", "operand": NULL, "asType": f"{SYSTEM}{kind}"}


def ref(alias: str) -> dict:
    return {"type": "AliasRef", "name": alias}


def part(source: dict, path: str) -> dict:
    return {"type": "Property", "source": source, "path": path}


def retrieve(kind: str, value_set: str | None = None, path: str = "code") -> dict:
    codes = {"codes": {"type": "ValueSetRef", "name": value_set}, "codeProperty": path} if value_set else {}
    return {"type": "Retrieve", "dataType": f"{FHIR}{kind}", **codes}


def query(source: dict, alias: str = "X", **clauses: Any) -> dict:
    return {"type": "Query", "source": [{"alias": alias, "expression": source}], **clauses}


def value(
    expression: dict,
    resources: Sequence[dict] = (),
    *,
    functions: Sequence[dict] = (),
    value_sets: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    includes: Sequence[dict] = (),
    strict: bool = True,
) -> Any:
    """The expression's value as plain Python, for one patient with those resources."""
    value_sets = value_sets or {}
    elm = {
        "identifier": {"id": "Test", "version": "1"},
        "includes": {"def": list(includes)},
        "statements": {"def": [{"name": "It", "expression": expression}, *functions]},
        "valueSets": {"def": [{"name": name, "id": f"urn:{name}"} for name in value_sets]},
    }
    package = Package(libraries={("Test", "1"): elm})
    for name, codes in value_sets.items():
        package.value_sets[f"urn:{name}"] = ValueSet(f"urn:{name}", None, name, tuple(codes))
    engine = Engine(package)
    records = Records(engine.texts)
    records.add_patient(list(resources) or [{"resourceType": "Patient", "id": "p"}])
    program = Program(package, engine.nodes)
    run = engine.run(records, PERIOD, strict=strict)
    column = run.patient_column(program.definition(program.library("Test"), "It"))
    return plain(column, 0, engine.texts)
