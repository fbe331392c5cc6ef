"""FHIRPath as rules use it: what expressions find, and what expressions from outside cannot do."""

from __future__ import annotations

import time

import pytest

from ehr_core.store.fhirpath.evaluating import compiled
from ehr_core.store.fhirpath.nodes import Node, TooMuchWork, Unknown, Walk
from ehr_core.store.fhirpath.parsing import NotUnderstood, parsed

RECORD = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "s", "code": "a"}, {"system": "t", "code": "b"}], "text": "Blood"},
    "valueQuantity": {"value": 7.10, "unit": "%"},
    "effectiveDateTime": "2026-02-01",
    "subject": {"reference": "Patient/1"},
    "performer": [{"reference": "#p"}],
    "contained": [{"resourceType": "Practitioner", "id": "p", "active": True}],
    "extension": [{"url": "http://x", "valueCode": "y"}],
    "_issued": {"extension": [{"url": "http://absent", "valueCode": "unknown"}]},
    "component": [{"code": {"text": "one"}}, {"code": {"text": "two"}, "valueString": "v"}],
}


def found(expression: str, record: dict = RECORD, this: Node | None = None) -> list:
    return [node.value for node in compiled(expression).of(Walk(record), this)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Observation.status", ["final"]),
        ("code.coding.code", ["a", "b"]),
        ("code.coding[1].code", ["b"]),
        ("code.coding.where(system = 't').code", ["b"]),
        ("code.coding.first().code | code.coding.code", ["a", "b"]),
        ("code.coding.count() = 2 and code.text.exists()", [True]),
        ("value.ofType(Quantity).unit", ["%"]),
        ("(value as Quantity).value", [7.1]),
        ("value is Quantity", [True]),
        ("value.ofType(string)", []),
        ("effective.ofType(dateTime)", ["2026-02-01"]),
        ("effective < '2026-02-02'", [True]),
        ("effective <= '2026-02'", []),
        ("extension('http://x').value", ["y"]),
        ("issued.exists()", [True]),
        ("issued.hasValue()", [False]),
        ("component.where(value.exists()).code.text", ["two"]),
        ("component.all(code.exists())", [True]),
        ("component.exists(code.text = 'one')", [True]),
        ("component.select(code.text).join('+')", ["one+two"]),
        ("performer.resolve().active", [True]),
        ("subject.resolve() is Patient", [True]),
        ("subject.resolve() is Group", [False]),
        ("note.exists().not()", [True]),
        ("note.text = 'x'", []),
        ("note.text = 'x' or true", [True]),
        ("note.exists() implies false", [True]),
        ("status in ('final' | 'amended')", [True]),
        ("iif(status = 'final', 1 + 2 * 3, 0)", [7]),
        ("-7 div 2 + 7 mod 4", [0]),
        ("'1234567893'.substring(2, 3).toInteger()", [345]),
        ("status.matches('^f')", [True]),
        ("status.upper() & '!'", ["FINAL!"]),
        ("status.length() > 4 xor status.empty()", [True]),
        ("descendants().where($this = 'two')", ["two"]),
        ("repeat(component).code.text", ["one", "two"]),
        ("code.coding.code contains 'a'", [True]),
        ("%resource.status", ["final"]),
        ("{}", []),
    ],
)
def test_an_expression_finds_what_the_specification_says(expression, expected):
    assert found(expression) == expected


def test_a_rule_without_an_answer_is_kept():
    assert compiled("note.text = 'x'").holds(Walk(RECORD))
    assert not compiled("note.exists()").holds(Walk(RECORD))
    assert not compiled("note or basedOn.reference").holds(Walk(RECORD))
    assert compiled("note or status").holds(Walk(RECORD))


def test_what_stands_behind_a_reference_is_unknown_and_never_fetched():
    with pytest.raises(Unknown):
        found("subject.resolve().name.exists()")
    with pytest.raises(Unknown):
        found("link.resolve()", {"link": {"reference": "http://169.254.169.254/latest/meta-data"}})


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("(" * 500 + "a" + ")" * 500, "nested"),
        ("a" * 6000, "characters"),
        (".".join("a" * 2400), "deeply"),
        ("name.htmlChecks()", "htmlChecks"),
        ("name.memberOf('http://x')", "memberOf"),
        ("name.where(", "ends"),
        ("name)", "after its end"),
        ("name ; drop", "sign"),
        ("%`vs-secret`", "not known"),
        ("name.exists(a, b)", "arguments"),
        ("given.matches('(a+)+(?=b)')", "safely"),
        ("given.matches('(a{1000}){1000}')", "safely"),
        ("given.matches(family)", "from the resource"),
        ("$bad", "$"),
    ],
)
def test_what_is_no_expression_or_not_evaluated_here_is_refused_in_words(expression, said):
    with pytest.raises(NotUnderstood, match="^[^$]*" if said == "$" else said):
        compiled(expression)


def test_a_catastrophic_pattern_takes_no_time():
    began = time.monotonic()
    assert found("name.matches('^(a+)+$')", {"name": "a" * 5000 + "!"}) == [False]
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "expression",
    [
        "name.repeat($this & 'x')",
        "name" + ".replace('a', 'aaaaaaaaaaaaaaaa')" * 30,
        "item.select(%resource.item.select(%resource.item.select(%resource.item)))",
        "item.where(%resource.item.where(%resource.item.where(%resource.item.exists()).exists()).exists())",
        "item.linkId.distinct() | item | item.descendants()" + " | %resource.item" * 200,
    ],
)
def test_an_expression_that_never_ends_or_grows_without_measure_is_stopped(expression):
    record = {"name": "aaaa", "item": [{"linkId": str(number)} for number in range(200)]}
    began = time.monotonic()
    with pytest.raises(TooMuchWork):
        found(expression, record)
    assert time.monotonic() - began < 5


def test_many_rules_share_one_measure_of_work():
    walk = Walk({"item": [{"linkId": "x"}] * 1000})
    rule = compiled("item.all(linkId.exists())")

    def for_ever() -> None:
        while True:
            rule.holds(walk)

    with pytest.raises(TooMuchWork):
        for_ever()


def test_brackets_do_not_change_the_order_of_operations():
    assert parsed("a and b or c") == parsed("(a and b) or c")
    assert parsed("a | b = c") == parsed("(a | b) = c")
    assert parsed("a.b is X and c") == parsed("((a.b) is X) and c")
