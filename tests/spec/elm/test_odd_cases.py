"""Cases and packages in odd layouts: each is judged, or named with the reason; none stops the others."""

import orjson
import pytest
from typer.testing import CliRunner

from pipelines.cli import commands
from pipelines.measures.elm.conformance import ConformanceReport, run_conformance
from tests.lib.elm import op, retrieve
from tests.lib.made_measure import (
    NAME,
    PATIENT,
    PERIOD,
    as_resource,
    case,
    library,
    measure,
    population,
    run,
    written,
)

VISIT = {"resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": "Patient/p"}}
ELM = library({"Visited": op("Exists", retrieve("Encounter"))})
MADE = measure(population("initial-population", "Visited", "ip"), scoring="cohort", basis="boolean")
YES = {"ip|initial-population": 1}
PACKAGE = {"made.json": MADE, "elm.json": {"library": ELM}}


def report(**changed) -> dict:
    counted = {"id": "ip", "code": {"coding": [{"code": "initial-population"}]}, "count": 1}
    return {
        "resourceType": "MeasureReport",
        "type": "individual",
        "measure": f"http://example.org/Measure/{NAME}",
        "subject": {"reference": "Patient/p"},
        "period": PERIOD,
        "group": [{"id": "g", "population": [counted]}],
        **changed,
    }


def bundle(*resources: dict) -> dict:
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}


def verdict(found: ConformanceReport) -> tuple[int, int, int]:
    """How many agree, are judged, cannot be judged."""
    return found.agreeing, found.cases, len(found.unjudged)


@pytest.mark.parametrize(
    "files",
    [
        {"input/tests/measure/Made/1234/tests-1234-bundle.json": bundle(PATIENT, VISIT, report())},
        {
            "input/tests/measure/Made/1234/Patient/p.json": PATIENT,
            "input/tests/measure/Made/1234/Encounter/e.json": VISIT,
            "input/tests/measure/Made/1234/MeasureReport/whatever.json": report(type="summary"),
        },
        {
            "input/tests/measure/Made/1234/all.json": bundle(VISIT, PATIENT),
            "input/tests/measure/Made/1234/p.json": PATIENT,
            "input/tests/measure/Made/1234/e.json": VISIT,
            "input/tests/measure/Made/1234/measurereport.json": report(type="subject-list"),
        },
        {"tests/one.json": [bundle(report(), PATIENT, VISIT)]},
        {"cases/one.ndjson": [bundle(report(), PATIENT, VISIT, {}), bundle(), {"note": "nothing"}]},
        {"tests/x/records.json": bundle(PATIENT, VISIT), "tests/x/expected.json": report()},
    ],
    ids=[
        "a bundle by uuid",
        "files by type",
        "files and a bundle",
        "tests",
        "empty bundles",
        "a report beside",
    ],
)
def test_layouts_of_test_folders(tmp_path, files):
    assert verdict(run_conformance(written(tmp_path, {**PACKAGE, **files}))) == (1, 1, 0)


def test_several_reports_of_one_patient_are_several_cases(tmp_path):
    files = {
        "cases/one.json": bundle(PATIENT, VISIT, report(), report(measure="http://example.org/Measure/Gone"))
    }
    found = run_conformance(written(tmp_path, {**PACKAGE, **files}))
    assert verdict(found) == (1, 2, 0)
    assert [one.cases[0].why for one in found.measures if one.measure == "Gone"] == [
        ["No measure of the package is called 'Gone'."]
    ]


def test_of_several_patients_only_the_reports_subject_counts(tmp_path):
    other = {"resourceType": "Patient", "id": "q"}
    files = {"cases/one.json": bundle(other, VISIT, PATIENT, report(subject={"reference": "Patient/q"}))}
    found = run_conformance(written(tmp_path, {**PACKAGE, **files}))
    assert found.measures[0].cases[0].actual == {"g": {"ip": 0}}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("{not json", "is not JSON"),
        ({"case": "x", "resources": []}, "A case needs case, measure, period"),
        (
            {
                **case(YES, [VISIT]),
                "expected": [{"group": "g", "populations": {"ip|initial-population": "many"}}],
            },
            "A case needs",
        ),
        (bundle(PATIENT, VISIT), "no MeasureReport"),
        (
            bundle(PATIENT, VISIT, report(measure=None, group=[{"population": [{"id": "ip"}]}])),
            "Its MeasureReport needs",
        ),
    ],
    ids=["no JSON", "parts missing", "no number", "no report", "a report without codes"],
)
def test_what_cannot_be_judged_is_named_and_the_others_are_judged(tmp_path, broken, why):
    files = {"cases/bad.json": broken, "cases/good.ndjson": [case(YES, [VISIT])]}
    found = run_conformance(written(tmp_path, {**PACKAGE, **files}))
    assert verdict(found) == (1, 1, 1)
    assert why in found.unjudged[0].why
    assert found.as_json()["totals"]["unjudged"] == 1


def test_a_folder_with_a_patient_and_no_report_is_named(tmp_path):
    files = {
        "tests/one/p.json": PATIENT,
        "tests/one/e.json": VISIT,
        "tests/one/r.json": report(),
        "tests/two/p.json": PATIENT,
    }
    found = run_conformance(written(tmp_path, {**PACKAGE, **files}))
    assert verdict(found) == (1, 1, 1)
    assert found.unjudged[0].place == "two"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"period": {"start": "yesterday", "end": "2026-12-31"}}, "The period from 'yesterday'"),
        ({"expected": []}, "expects nothing of any group"),
        ({"expected": [{"group": "g", "populations": {"zz|numerator": 1}}]}, "no such population"),
        ({"measure": "Unknown"}, "No measure of the package is called 'Unknown'"),
    ],
)
def test_a_case_that_fails_says_why_and_stops_no_other(tmp_path, changed, why):
    found = run(tmp_path, ELM, MADE, case(YES, [VISIT]), {**case(YES, [VISIT], "odd"), **changed})
    assert (found.agreeing, found.cases) == (1, 2)
    reasons = [one.why for of_measure in found.measures for one in of_measure.cases if one.case == "odd"]
    assert why in reasons[0][0]


def test_records_that_are_no_resources_stop_nothing(tmp_path):
    odd = [
        {"id": "typeless"},
        {"resourceType": "Unicorn"},
        {"resourceType": "Encounter", "id": 5, "period": "x"},
    ]
    counted = run(tmp_path, ELM, MADE, case(YES, [VISIT, *odd]), case({"ip|initial-population": 1}, odd))
    assert verdict(counted) == (2, 2, 0)


def test_the_command_tells_what_cannot_be_judged(tmp_path):
    written(tmp_path, {**PACKAGE, "cases/bad.json": "{", "cases/good.ndjson": [case(YES, [VISIT])]})
    shown = CliRunner().invoke(commands, ["measures", "conformance", str(tmp_path)])
    assert shown.exit_code == 0, shown.output
    assert "Cannot be judged: bad.json" in shown.output
    assert "1 of 1 cases agree" in shown.output


def test_libraries_and_value_sets_may_be_contained_in_the_measure(tmp_path):
    made = {**MADE, "library": [f"#{NAME}"], "contained": [as_resource(ELM)]}
    files = {"made.json": made, "cases/c.ndjson": [case(YES, [VISIT])]}
    assert verdict(run_conformance(written(tmp_path, files))) == (1, 1, 0)


def test_a_library_resource_may_only_point_at_its_elm(tmp_path):
    content = [{"contentType": "application/elm+json", "url": "elm/Made.json"}]
    pointer = {
        "resourceType": "Library",
        "id": "lib-7",
        "url": "http://x.org/Library/lib-7",
        "content": content,
    }
    files = {
        "made.json": {**MADE, "library": ["http://x.org/Library/lib-7|3"]},
        "library.json": pointer,
        "elm/Made.json": {"library": ELM},
        "cases/c.ndjson": [case(YES, [VISIT])],
    }
    assert verdict(run_conformance(written(tmp_path, files))) == (1, 1, 0)


def test_a_broken_value_set_is_named_and_the_rest_is_read(tmp_path):
    broken = {"resourceType": "ValueSet", "url": "urn:broken", "expansion": {"contains": "all of them"}}
    found = run_conformance(
        written(tmp_path, {**PACKAGE, "v.json": broken, "cases/c.ndjson": [case(YES, [VISIT])]})
    )
    assert verdict(found) == (1, 1, 1)
    assert found.unjudged[0].place == "ValueSet urn:broken"


def test_includes_take_the_version_that_they_name(tmp_path):
    older = library({"Adult": op("Exists", retrieve("Encounter"))}, "Shared", "1.9")
    newer = library({"Adult": op("Not", op("Exists", retrieve("Encounter")))}, "Shared", "1.10")
    shared = {"type": "ExpressionRef", "libraryName": "S", "name": "Adult"}
    for version, count in (("1.9", 1), ("1.10", 0), (None, 0), ("1.7", 0)):
        include = {
            "localIdentifier": "S",
            "path": "example/Shared",
            **({"version": version} if version else {}),
        }
        elm = library({"Visited": shared}, includes={"def": [include]})
        files = {"old.json": older, "new.json": newer, "made.json": MADE, "elm.json": {"library": elm}}
        files["cases/c.ndjson"] = [case({"ip|initial-population": count}, [VISIT])]
        found = run_conformance(written(tmp_path / str(version), files))
        assert verdict(found) == (1, 1, 0), version


def test_a_report_file_holds_what_could_not_be_judged(tmp_path):
    file = tmp_path / "report.json"
    folder = written(
        tmp_path / "p", {**PACKAGE, "cases/bad.json": "{", "cases/g.ndjson": [case(YES, [VISIT])]}
    )
    CliRunner().invoke(commands, ["measures", "conformance", str(folder), "--report", str(file)])
    assert [one["place"] for one in orjson.loads(file.read_bytes())["unjudged"]] == ["bad.json"]


def test_an_import_names_what_it_cannot_read(tmp_path):
    broken = {
        "resourceType": "ValueSet",
        "url": "urn:broken",
        "expansion": {"contains": [{"code": "x"}, "y"]},
    }
    folder = written(tmp_path, {**PACKAGE, "v.json": broken})
    shown = CliRunner().invoke(commands, ["measures", "import", "--check", str(folder)])
    assert "ValueSet urn:broken: It cannot be read (AttributeError" in " ".join(shown.output.split()), (
        shown.output
    )
    assert "1 of 1 measures can run" in shown.output
