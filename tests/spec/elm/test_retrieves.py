"""Retrieves: every resource type, codes in all the forms that ELM gives them, dates, ids, and contexts."""

import numpy as np
import pytest

from pipelines.measures.elm.columns import Listing
from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.fhir_model import SYSTEM_TYPE, elements, resource_types
from pipelines.measures.elm.packages import Package, ValueSet, package_of
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.program import Program, not_evaluable
from pipelines.measures.elm.records import Elements, Records
from pipelines.measures.elm.texts import Texts
from tests.lib.elm import FHIR, PERIOD, date, interval, items, literal, op, part, query, ref
from tests.lib.made_measure import HELPERS, helper, library, named

LOINC, LOCAL = "http://loinc.org", "urn:local"
OBSERVATIONS = [
    {
        "resourceType": "Observation",
        "id": "weight",
        "code": {"coding": [{"system": LOINC, "code": "29463-7"}]},
    },
    {
        "resourceType": "Observation",
        "id": "other",
        "code": {"coding": [{"system": LOCAL, "code": "29463-7"}]},
    },
    {
        "resourceType": "Observation",
        "id": "height",
        "code": {"coding": [{"system": LOCAL, "code": "h"}, {"system": LOINC, "code": "8302-2"}]},
        "effectivePeriod": {"start": "2026-03-01", "end": "2026-03-02"},
    },
    {
        "resourceType": "Observation",
        "id": "uncoded",
        "code": {"text": "weight"},
        "effectiveDateTime": "2025-01-01",
    },
    {"resourceType": "Observation", "id": "dateless", "code": {"coding": [{"code": "29463-7"}]}},
]
TERMS = {
    "codeSystems": {"def": [{"name": "LOINC", "id": LOINC}, {"name": "Local", "id": LOCAL}]},
    "codes": {
        "def": [
            {"name": "weight", "id": "29463-7", "codeSystem": {"name": "LOINC"}},
            {"name": "height", "id": "8302-2", "codeSystem": {"name": "LOINC"}},
        ]
    },
    "concepts": {"def": [{"name": "size", "code": [{"name": "weight"}, {"name": "height"}]}]},
    "valueSets": {
        "def": [
            {"name": "Sizes", "id": "urn:sizes"},
            {"name": "Sizes of 2025", "id": "urn:sizes", "version": "2025"},
            {"name": "Sizes of nowhen", "id": "urn:sizes", "version": "1900"},
        ]
    },
}
WEIGHT, HEIGHT = {"type": "CodeRef", "name": "weight"}, {"type": "CodeRef", "name": "height"}
SIZES = {"type": "ValueSetRef", "name": "Sizes"}


def retrieve(kind: str = "Observation", **parts) -> dict:
    return {"type": "Retrieve", "dataType": f"{FHIR}{kind}", **parts}


def coded(codes: dict, comparator: str = "~", **parts) -> dict:
    return retrieve(codeProperty="code", codeComparator=comparator, codes=codes, **parts)


def evaluated(expression: dict, resources=OBSERVATIONS, *, context: str | None = None):
    """(value, run-time errors, what is not supported) of an expression for one patient."""
    elm = library({"It": expression}, **TERMS)
    if context:
        elm["statements"]["def"][-1]["context"] = context
    package = Package(libraries={("Made", "1"): elm})
    package.value_sets |= {
        "urn:sizes": ValueSet("urn:sizes", "2026", "Sizes", ((LOINC, "29463-7"), (LOINC, "8302-2"))),
        "urn:sizes|2025": ValueSet("urn:sizes", "2025", "Sizes", ((LOINC, "8302-2"),)),
    }
    engine = Engine(package)
    records = Records(engine.texts)
    records.add_patient([{"resourceType": "Patient", "id": "p"}, *resources])
    program, run = Program(package, engine.nodes), engine.run(records, PERIOD)
    value = plain(run.patient_column(program.definition(program.library("Made"), "It")), 0, engine.texts)
    return value, [one.message for one in run.errors], list(program.unsupported)


def ids(expression: dict) -> set[str]:
    value, errors, unsupported = evaluated(expression)
    assert not errors
    assert not unsupported
    return {one.partition("/")[2] for one in value}


@pytest.mark.parametrize(
    ("codes", "comparator", "found"),
    [
        (op("ToList", WEIGHT), "~", {"weight"}),
        (op("ToList", WEIGHT), "in", {"weight"}),
        (op("ToList", WEIGHT), "=", {"weight"}),
        (items(WEIGHT, HEIGHT), "in", {"weight", "height"}),
        (op("ToList", items(WEIGHT, HEIGHT)), "in", {"weight", "height"}),
        (WEIGHT, "~", {"weight"}),
        (part({"type": "ConceptRef", "name": "size"}, "codes"), "~", {"weight", "height"}),
        ({"type": "ConceptRef", "name": "size"}, "~", {"weight", "height"}),
        (SIZES, "in", {"weight", "height"}),
        ({**SIZES, "preserve": True}, "in", {"weight", "height"}),
        (op("ExpandValueSet", SIZES), "in", {"weight", "height"}),
        ({"type": "ValueSetRef", "name": "Sizes of 2025"}, "in", {"height"}),
        ({"type": "ValueSetRef", "name": "Sizes of nowhen"}, "in", {"weight", "height"}),
        (op("As", {"type": "Null"}, asType="{urn:hl7-org:elm-types:r1}Code"), "~", set()),
    ],
)
def test_codes_may_be_given_in_any_form(codes, comparator, found):
    assert ids(coded(codes, comparator)) == found


def test_codes_are_in_a_value_set_of_a_version_and_in_a_code_system():
    concept = helper("ToConcept", part(ref("X"), "code"))
    in_set = {"type": "InValueSet", "code": concept, "valueset": {"name": "Sizes of 2025"}}
    in_system = {"type": "InCodeSystem", "code": concept, "codesystem": {"name": "Local"}}
    assert ids(query(retrieve(), where=in_set)) == {"height"}
    assert ids(query(retrieve(), where=in_system)) == {"other", "height"}


def test_a_retrieve_by_date_takes_the_element_that_it_names_or_the_one_between_two():
    year = interval(date("2026-01-01T00:00:00.0"), date("2026-12-31T00:00:00.0"))
    assert ids(retrieve(dateProperty="effective", dateRange=year)) == {"height"}
    conditions = [
        {
            "resourceType": "Condition",
            "id": "a",
            "onsetDateTime": "2026-02-01",
            "abatementDateTime": "2026-03-01",
        },
        {
            "resourceType": "Condition",
            "id": "b",
            "onsetDateTime": "2026-02-01",
            "abatementDateTime": "2027-03-01",
        },
        {"resourceType": "Condition", "id": "c"},
    ]
    between = retrieve("Condition", dateLowProperty="onset", dateHighProperty="abatement", dateRange=year)
    assert evaluated(between, conditions) == (["Condition/a"], [], [])


def test_a_retrieve_by_id_takes_that_resource():
    assert ids(retrieve(id=literal("height"))) == {"height"}
    assert ids(retrieve(idProperty="id", id=literal("nobody"))) == set()


@pytest.mark.parametrize("beyond", ["codeSearch", "otherFilter", "include"])
def test_a_retrieve_that_asks_for_more_than_is_done_is_refused(beyond):
    value, errors, unsupported = evaluated(retrieve(**{beyond: [{"type": "Null"}]}))
    assert value is None
    assert errors
    assert unsupported == [f"retrieve with {beyond}"]


@pytest.mark.parametrize("context", ["Unfiltered", "Population", "Practitioner"])
def test_definitions_over_many_patients_are_refused_and_constants_are_not(context):
    value, _, unsupported = evaluated(op("Exists", retrieve()), context=context)
    assert value is None
    assert unsupported == [f"definition 'It' of the context {context}, which reads the data of many patients"]
    assert evaluated(literal(5), context=context) == (5, [], [])
    assert evaluated(op("Exists", retrieve("Location")), context=context) == (False, [], [])


def test_what_rests_on_a_refused_definition_is_named():
    elm = library({"All": retrieve(), "Some": op("Exists", named("All")), "Fine": literal(1)})
    elm["statements"]["def"][1]["context"] = "Unfiltered"
    program = Program(Package(libraries={("Made", "1"): elm}))
    for name in ("Some", "Fine"):
        program.definition(program.library("Made"), name)
    assert not_evaluable(program) == ["Made.All", "Made.Some"]


def test_a_path_may_go_through_places_in_lists():
    name = {"resourceType": "Patient", "id": "p", "name": [{"given": ["Ada", "May"]}, {"given": ["A."]}]}
    records = [name]
    first = {**part(op("SingletonFrom", retrieve("Patient")), "name[0].given[1].value")}
    elm = library({"It": first})
    engine = Engine(Package(libraries={("Made", "1"): elm}))
    made = Records(engine.texts)
    made.add_patient(records)
    program = Program(engine.package, engine.nodes)
    column = engine.run(made, PERIOD, strict=True).patient_column(
        program.definition(program.library("Made"), "It")
    )
    assert plain(column, 0, engine.texts) == "May"
    assert evaluated(part(named("Patient"), "extension[url='x'].value"))[2] == [
        "path 'extension[url='x'].value'"
    ]


def test_a_strict_cast_of_another_type_makes_the_patient_not_evaluable():
    cast = op("As", literal("x"), asType="{urn:hl7-org:elm-types:r1}Integer", strict=True)
    assert evaluated(cast)[1] == ["a value is no Integer, as a cast demands"]
    guarded = {"type": "If", "condition": op("Is", literal("x"), isType="{urn:hl7-org:elm-types:r1}Integer")}
    assert evaluated({**guarded, "then": cast, "else": literal(0)})[:2] == (0, [])


def test_fhirhelpers_may_be_missing_and_its_own_functions_too():
    value, _, unsupported = evaluated(helper("ToString", part(named("Patient"), "id")))
    assert (value, unsupported) == ("p", [])
    value, _, unsupported = evaluated(helper("Unheard", literal(1)))
    assert value is None
    assert "FHIRHelpers" in unsupported[0]
    assert package_of([HELPERS]).library("FHIRHelpers")


def test_every_resource_type_is_read_whatever_is_in_it():
    """Absent, extended without a value, of another kind, or a list where one is expected: null, never an error."""
    for kind in sorted(resource_types()):
        odd = {"resourceType": kind, "id": "x"}
        for name, element in elements(kind).items():
            if name in ("id", "meta"):
                continue
            for type_name in element.types:
                key = f"{name}{type_name[0].upper()}{type_name[1:]}" if element.choice else name
                if type_name in SYSTEM_TYPE:
                    odd[f"_{key}"] = {"extension": [{"url": "urn:why", "valueCode": "unknown"}]}
                else:
                    odd[key] = "a text" if element.repeats else [{"strange": 1}]
        records = Records(Texts())
        records.add_patient([{"resourceType": kind}, odd, {"resourceType": kind, "id": 7}])
        table, owners = records.table(kind)
        assert len(owners) == 3, kind
        for name in elements(kind):
            column = table.part(name)
            assert column.nulls()[0] or isinstance(column, Listing), f"{kind}.{name}"
            for below in elements(column.kind) or {} if isinstance(column, Elements) else {}:
                assert len(column.part(below)) == 3


def test_what_one_patient_answers_does_not_depend_on_the_patients_beside():
    """A year is not exact, whether or not another patient's visit has an unknown start."""
    year, ongoing = {"start": "2026", "end": "2026-01-10T08:00:00Z"}, {"end": "2026-03-01T08:00:00Z"}
    spans = query(
        retrieve("Encounter"),
        where=op(
            "IncludedIn",
            helper("ToInterval", part(ref("X"), "period")),
            {"type": "ParameterRef", "name": "Measurement Period"},
            precision="Day",
        ),
    )
    package = Package(libraries={("Made", "1"): library({"It": op("Exists", spans)})})
    answers = []
    for others in ([], [ongoing]):
        engine = Engine(package)
        records = Records(engine.texts)
        for period in (year, *others):
            records.add_patient([{"resourceType": "Encounter", "id": "e", "period": period}])
        program = Program(package, engine.nodes)
        run = engine.run(records, PERIOD, np.arange(records.patients))
        column = run.patient_column(program.definition(program.library("Made"), "It"))
        answers.append(plain(column, 0, engine.texts))
    assert answers == [False, False]
