"""Packages and cases in layouts that other publishers use give the same verdicts."""

import base64
import gzip
import zipfile
from pathlib import Path

import orjson
import pytest

from ehr_core.kernel.errors import BadRequest, NotFound
from pipelines.measures.elm.conformance import run_conformance
from pipelines.measures.elm.expected import ExpectedGroup, matching_group, same_values
from pipelines.measures.elm.measure import read_measure
from pipelines.measures.elm.packages import read_package
from tests.lib.elm import FHIR, SYSTEM, literal, op, part, query, ref

VISITS = "http://example.org/ValueSet/2.16.840.1.113883.3.464.1003.1"
CQFM = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition"
PERIOD = {"start": "2026-01-01", "end": "2026-12-31"}


def library(name: str = "Visits", version: str = "1.0") -> dict:
    retrieve = {
        "type": "Retrieve",
        "dataType": f"{FHIR}Encounter",
        "templateId": "http://hl7.org/fhir/StructureDefinition/Encounter",
        "codes": {"type": "ValueSetRef", "name": "Visits"},
        "codeProperty": "type",
        "codeComparator": "in",
    }
    in_period = op("In", begin(ref("X")), {"type": "ParameterRef", "name": "Measurement Period"})
    finished = op("Equal", status(ref("X")), literal("finished"))
    return {
        "identifier": {"id": name, "version": version},
        "usings": {"def": [{"localIdentifier": "FHIR", "uri": "http://hl7.org/fhir", "version": "4.0.1"}]},
        "parameters": {"def": [{"name": "Measurement Period"}]},
        "valueSets": {"def": [{"name": "Visits", "id": VISITS}]},
        "statements": {
            "def": [
                {"name": "Visits", "expression": query(retrieve, where=in_period)},
                {
                    "name": "Finished",
                    "expression": query({"type": "ExpressionRef", "name": "Visits"}, where=finished),
                },
                {
                    "name": "Length",
                    "type": "FunctionDef",
                    "operand": [{"name": "visit"}],
                    "expression": length(),
                },
            ]
        },
    }


def begin(source: dict) -> dict:
    return op("Start", helper("ToInterval", part(source, "period")))


def status(source: dict) -> dict:
    return helper("ToString", part(source, "status"))


def helper(name: str, argument: dict) -> dict:
    """A function of FHIRHelpers, as a conversion that the engine does itself."""
    return {"type": "FunctionRef", "libraryName": "FHIRHelpers", "name": name, "operand": [argument]}


def length() -> dict:
    period = helper("ToInterval", part({"type": "OperandRef", "name": "visit"}, "period"))
    return op("DurationBetween", op("Start", period), op("End", period), precision="Hour")


HELPERS = {"identifier": {"id": "FHIRHelpers", "version": "4.0.1"}, "statements": {"def": []}}


def with_helpers(elm: dict) -> dict:
    return {**elm, "includes": {"def": [{"localIdentifier": "FHIRHelpers", "path": "FHIRHelpers"}]}}


def population(name: str, code: str, expression: str, **more) -> dict:
    return {"id": name, "code": {"coding": [{"code": code}]}, "criteria": {"expression": expression}, **more}


def measure(**changed) -> dict:
    return {
        "resourceType": "Measure",
        "id": "visits-1",
        "url": "http://example.org/Measure/VisitsMeasure",
        "name": "VisitsMeasure",
        "version": "0.0.1",
        "library": ["http://example.org/Library/Visits|1.0"],
        "effectivePeriod": PERIOD,
        "group": [
            {
                "id": "g1",
                "extension": [
                    {"url": f"{CQFM}/cqfm-scoring", **coded("continuous-variable")},
                    {"url": f"{CQFM}/cqfm-populationBasis", "valueCode": "Encounter"},
                ],
                "population": [
                    population("ip", "initial-population", "Visits"),
                    population("mp", "measure-population", "Visits"),
                    population("mpx", "measure-population-exclusion", "Finished"),
                    population("mo", "measure-observation", "Length"),
                ],
            }
        ],
        **changed,
    }


def coded(code: str) -> dict:
    return {"valueCodeableConcept": {"coding": [{"code": code}]}}


VALUE_SET = {
    "resourceType": "ValueSet",
    "url": VISITS,
    "expansion": {"contains": [{"system": "urn:types", "code": "visit"}]},
}
PATIENT = {"resourceType": "Patient", "id": "p"}


def encounter(name: str, begin: str, end: str, status: str = "in-progress") -> dict:
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": status,
        "type": [{"coding": [{"system": "urn:types", "code": "visit"}]}],
        "period": {"start": begin, "end": end},
    }


RESOURCES = [
    PATIENT,
    encounter("a", "2026-03-01T08:00:00Z", "2026-03-01T12:00:00Z"),
    encounter("b", "2026-04-01T08:00:00Z", "2026-04-01T10:00:00Z"),
    encounter("c", "2026-05-01T08:00:00Z", "2026-05-01T09:00:00Z", "finished"),
    encounter("old", "2025-05-01T08:00:00Z", "2025-05-01T09:00:00Z"),
]
EXPECTED = {
    "mp|measure-population": 3,
    "ip|initial-population": 3,
    "mpx|measure-population-exclusion": 1,
    "mo_1|measure-observation": 2,
    "mo_2|measure-observation": 4,
}
CASE = {
    "case": "one",
    "measure": "VisitsMeasure",
    "period": PERIOD,
    "expected": [{"group": "g1", "populations": EXPECTED}],
    "resources": RESOURCES,
}


def report(**changed) -> dict:
    populations = [
        {"id": key.partition("|")[0], "code": {"coding": [{"code": key.partition("|")[2]}]}, "count": count}
        for key, count in EXPECTED.items()
    ]
    return {
        "resourceType": "MeasureReport",
        "measure": "http://example.org/Measure/VisitsMeasure|0.0.1",
        "period": PERIOD,
        "group": [{"id": "g1", "population": populations}],
        **changed,
    }


def write(file: Path, *contents: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = b"\n".join(orjson.dumps(one) for one in contents)
    file.write_bytes(gzip.compress(lines) if file.suffix == ".gz" else lines)


def bundle(*resources: dict) -> dict:
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}


def as_resource(elm: dict) -> dict:
    data = base64.b64encode(orjson.dumps({"library": elm})).decode()
    content = [
        {"contentType": "text/cql", "data": "bGlicmFyeQ=="},
        {"contentType": "application/elm+json; charset=utf-8", "data": data},
    ]
    return {"resourceType": "Library", "id": elm["identifier"]["id"], "version": "1.0", "content": content}


def package(folder: Path, form: str = "files") -> None:
    elms = (with_helpers(library()), HELPERS)
    if form == "files":
        write(folder / "measures" / "visits.json", measure())
        for elm in elms:
            write(folder / "libraries" / f"{elm['identifier']['id']}.elm.json.gz", {"library": elm})
        write(folder / "valuesets.ndjson.gz", {"url": VISITS, "codes": [["urn:types", "visit"]]})
    else:
        write(folder / "measure-bundle.json", bundle(measure(), *map(as_resource, elms), VALUE_SET))


def verdict(folder: Path, **places) -> tuple[int, int]:
    found = run_conformance(folder, **places)
    assert not [case.why for one in found.measures for case in one.cases if case.why]
    return found.agreeing, found.cases


@pytest.mark.parametrize("form", ["files", "bundle"])
def test_packages_as_files_and_as_one_bundle_say_the_same(tmp_path, form):
    package(tmp_path, form)
    write(tmp_path / "cases" / "VisitsMeasure.ndjson.gz", CASE)
    assert verdict(tmp_path) == (1, 1)


def test_cases_in_bundles_with_a_report(tmp_path):
    package(tmp_path, "bundle")
    write(tmp_path / "cases" / "one.json", bundle(*RESOURCES, report()))
    write(tmp_path / "cases" / "two.json", bundle(report(period=None), *RESOURCES))
    assert verdict(tmp_path) == (2, 2)


def test_cases_as_folders_of_single_resources(tmp_path):
    package(tmp_path, "bundle")
    for name in ("first", "second"):
        for at, resource in enumerate(RESOURCES):
            write(
                tmp_path / "input" / "tests" / "measure" / name / resource["resourceType"] / f"{at}.json",
                resource,
            )
        write(tmp_path / "input" / "tests" / "measure" / name / "MeasureReport" / "expected.json", report())
    assert verdict(tmp_path) == (2, 2)


def test_a_case_may_name_the_measure_by_address_or_id_and_leave_its_period_out(tmp_path):
    package(tmp_path, "bundle")
    cases = [{**CASE, "measure": name} for name in ("visits-1", "http://example.org/Measure/VisitsMeasure|9")]
    unperiodic = {name: value for name, value in CASE.items() if name != "period"}
    write(tmp_path / "cases" / "all.ndjson", *cases, unperiodic)
    assert verdict(tmp_path) == (3, 3)


def test_value_sets_and_libraries_may_stand_elsewhere(tmp_path):
    folder, elsewhere = tmp_path / "here", tmp_path / "there"
    write(folder / "visits.json", measure())
    write(folder / "cases" / "c.ndjson", CASE)
    write(
        elsewhere / "elm" / "v.json",
        {"library": with_helpers(library())},
    )
    write(elsewhere / "elm" / "h.json", HELPERS)
    write(elsewhere / "sets.json", bundle(VALUE_SET))
    assert verdict(folder, value_sets=elsewhere / "sets.json", libraries=elsewhere / "elm") == (1, 1)


def test_another_count_disagrees_and_says_why(tmp_path):
    package(tmp_path)
    wrong = {**EXPECTED, "ip|initial-population": 2, "mo_1|measure-observation": 7}
    write(tmp_path / "cases" / "c.ndjson", {**CASE, "expected": [{"group": "g1", "populations": wrong}]})
    found = run_conformance(tmp_path).measures[0].cases[0]
    assert [why for why in found.why if "ip: expected 2, found 3" in why]
    assert [why for why in found.why if "mo: expected values [4.0, 7.0], found [2.0, 4.0]" in why]


def test_a_missing_value_set_is_named(tmp_path):
    package(tmp_path)
    (tmp_path / "valuesets.ndjson.gz").unlink()
    write(tmp_path / "cases" / "c.ndjson", CASE)
    found = run_conformance(tmp_path).measures[0]
    assert found.missing_value_sets == [VISITS]
    assert not found.cases[0].agrees


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ({"type": "Telepathy"}, "operator Telepathy"),
        ({"type": "Retrieve", "dataType": f"{FHIR}Unicorn"}, "Unicorn"),
    ],
)
def test_a_case_that_needs_what_is_not_supported_never_agrees_by_a_silent_zero(tmp_path, expression, place):
    elm = with_helpers(library())
    elm["statements"]["def"][1]["expression"] = expression
    write(tmp_path / "measure.json", measure())
    write(tmp_path / "v.json", elm)
    write(tmp_path / "h.json", HELPERS)
    write(tmp_path / "sets.json", VALUE_SET)
    nothing = {name: 0 for name in EXPECTED if "observation" not in name}
    visitor = {**CASE, "resources": [PATIENT], "expected": [{"group": "g1", "populations": nothing}]}
    write(tmp_path / "cases" / "c.ndjson", visitor)
    found = run_conformance(tmp_path).measures[0]
    assert not found.cases[0].agrees
    assert [what for what in found.unsupported if place in what]
    assert found.not_evaluable == ["Visits.Finished"]


def test_composed_value_sets_take_codes_from_lists_other_sets_and_code_systems(tmp_path):
    concepts = [{"code": "a", "concept": [{"code": "a1"}, {"code": "a2"}]}, {"code": "b"}]
    write(
        tmp_path / "all.json",
        bundle(
            {"resourceType": "CodeSystem", "url": "urn:s", "content": "complete", "concept": concepts},
            composed(
                "urn:below",
                {"system": "urn:s", "filter": [{"property": "concept", "op": "is-a", "value": "a"}]},
            ),
            composed("urn:listed", {"system": "urn:s", "concept": [{"code": "b"}, {"code": "x"}]}),
            composed("urn:both", {"valueSet": ["urn:below"]}, {"valueSet": ["urn:listed"]}),
            composed("urn:gone", {"valueSet": ["urn:nowhere"]}),
        ),
    )
    found = read_package(tmp_path)
    assert {code for _, code in found.value_set("urn:both").codes} == {"a", "a1", "a2", "b", "x"}
    assert found.value_set("urn:gone") is None
    assert found.unexpanded == {"urn:gone": "the value set urn:nowhere is missing"}


def composed(url: str, *include: dict) -> dict:
    return {"resourceType": "ValueSet", "url": url, "compose": {"include": list(include)}}


def test_a_value_set_is_also_found_by_its_oid(tmp_path):
    write(tmp_path / "set.json", {**VALUE_SET, "url": "urn:oid:2.16.840.1.113883.3.464.1003.1"})
    assert read_package(tmp_path).value_set(VISITS).codes == (("urn:types", "visit"),)


def test_library_versions_stand_side_by_side_and_ten_comes_after_nine(tmp_path):
    for version in ("1.9.000", "1.10.000"):
        write(tmp_path / f"{version}.json", {"library": library(version=version)})
    found = read_package(tmp_path)
    assert found.library("Visits", "1.9.000")["identifier"]["version"] == "1.9.000"
    assert found.library("Visits")["identifier"]["version"] == "1.10.000"


def test_libraries_without_elm_json_are_told_apart_from_missing_ones(tmp_path):
    xml = '<library xmlns="urn:hl7-org:elm:r1"><identifier id="OnlyXml" version="1"/></library>'
    (tmp_path / "OnlyXml.xml").write_text(xml)
    content = [{"contentType": "text/cql", "data": "bGlicmFyeQ=="}]
    write(tmp_path / "cql.json", {"resourceType": "Library", "id": "OnlyCql", "content": content})
    found = read_package(tmp_path)
    with pytest.raises(NotFound, match="ELM XML"):
        found.library("OnlyXml")
    with pytest.raises(NotFound, match="CQL"):
        found.library("OnlyCql")


def test_a_composite_measure_and_one_that_cannot_be_read_are_refused_clearly():
    parts = [{"type": "composed-of", "resource": f"http://x/Measure/{name}"} for name in ("A", "B")]
    for made in (
        {"scoring": {"coding": [{"code": "composite"}]}},
        {"library": ["x"], "group": [{"extension": [{"url": f"{CQFM}/cqfm-scoring", **coded("composite")}]}]},
    ):
        with pytest.raises(BadRequest, match="composed of: http://x/Measure/A, http://x/Measure/B"):
            read_measure({**made, "name": "All", "relatedArtifact": parts})
    for odd in ({"group": ["no group"]}, {"scoring": "composite"}):
        with pytest.raises(BadRequest, match="cannot be read"):
            read_measure({"name": "Odd", "library": ["x"], **odd})


def test_groups_are_matched_by_id_then_by_populations_then_by_place():
    both = read_measure(
        measure(
            group=[
                {"id": "one", "population": [population("ip1", "initial-population", "Visits")]},
                {"id": "two", "population": [population("ip2", "initial-population", "Visits")]},
            ]
        )
    ).groups
    assert matching_group(both, ExpectedGroup("two", {}), 0).id == "two"
    assert matching_group(both, ExpectedGroup("x", {"ip2|initial-population": 1}), 0).id == "two"
    assert matching_group(both, ExpectedGroup("x", {"y|initial-population": 1}), 1).id == "two"
    assert matching_group(both, ExpectedGroup("x", {}), 5) is None


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ([2.0], [2.0], True),
        ([2.0], [3.0], False),
        ([0.0, 2.0], [2.0], True),
        ([2.0, 2.0], [2.0], False),
        ([], [1.0], False),
        ([0.0], [float("nan")], True),
        ([2.0], [float("nan")], False),
    ],
)
def test_a_zero_may_stand_for_what_is_not_observed(expected, found, same):
    assert same_values(expected, found) is same


def test_the_type_of_the_period_parameter_is_the_one_that_the_library_declares(tmp_path):
    elm = with_helpers(library())
    point = {"type": "NamedTypeSpecifier", "name": f"{SYSTEM}Date"}
    elm["parameters"]["def"][0]["parameterTypeSpecifier"] = {
        "type": "IntervalTypeSpecifier",
        "pointType": point,
    }
    start = op("DateFrom", begin(ref("X")))
    retrieve = elm["statements"]["def"][0]["expression"]["source"][0]["expression"]
    inside = op("In", start, {"type": "ParameterRef", "name": "Measurement Period"})
    elm["statements"]["def"][0]["expression"] = query(retrieve, where=inside)
    write(tmp_path / "measure.json", measure())
    write(tmp_path / "v.json", elm)
    write(tmp_path / "h.json", HELPERS)
    write(tmp_path / "sets.json", VALUE_SET)
    last_day = encounter("d", "2026-12-31T08:00:00Z", "2026-12-31T11:00:00Z")
    expected = {
        **EXPECTED,
        "ip|initial-population": 4,
        "mp|measure-population": 4,
        "mo_3|measure-observation": 3,
    }
    case = {
        **CASE,
        "resources": [*RESOURCES, last_day],
        "expected": [{"group": "g1", "populations": expected}],
    }
    write(tmp_path / "cases" / "c.ndjson", case)
    assert verdict(tmp_path) == (1, 1)


def test_cases_may_be_packed_as_an_authoring_tool_exports_them(tmp_path):
    package(tmp_path, "bundle")
    (tmp_path / "cases").mkdir()
    with zipfile.ZipFile(tmp_path / "cases" / "export.zip", "w") as packed:
        packed.writestr("all/one/one.json", orjson.dumps(bundle(*RESOURCES, report())))
        for at, resource in enumerate((*RESOURCES, report())):
            packed.writestr(f"all/two/{at}.json", orjson.dumps(resource))
        packed.writestr("all/readme.txt", "of nobody")
    (tmp_path / "cases" / "torn.zip").write_bytes(b"PK, and nothing more")
    assert verdict(tmp_path) == (2, 2)
    assert [one.place for one in run_conformance(tmp_path).unjudged] == ["torn.zip"]


@pytest.mark.parametrize("place", ["tests/measure/one", "input/tests/measure/one", "cases/one"])
def test_a_file_among_the_cases_that_is_not_json_stops_nothing_and_is_named(tmp_path, place):
    package(tmp_path, "bundle")
    write(tmp_path / place / "one-bundle.json", bundle(*RESOURCES, report()))
    (tmp_path / place / "notes.json").write_text("to be written")
    assert verdict(tmp_path) == (1, 1)
    assert [one.place for one in run_conformance(tmp_path).unjudged] == ["notes.json"]
