"""Packages of other editions of ELM and FHIR are refused by name; folders of a working copy are read as they are."""

import pytest

from pipelines.measures.elm.conformance import run_conformance
from pipelines.run.importing import judge
from tests.lib.elm import literal
from tests.lib.made_measure import PATIENT, PERIOD, as_resource, library, measure, population, written

ELM = library({"Yes": literal(True)})
MEASURE = measure(population("initial-population", "Yes", "ip"), scoring="cohort", basis="boolean")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            {"schemaIdentifier": {"id": "urn:hl7-org:elm", "version": "r2"}},
            "is ELM r2. Translate it to ELM r1",
        ),
        ({"usings": {"def": [{"localIdentifier": "FHIR", "version": "3.0.0"}]}}, "uses FHIR 3.0.0. Take"),
        ({"usings": {"def": [{"localIdentifier": "QDM", "version": "5.6"}]}}, "uses QDM. Take its edition"),
    ],
)
def test_another_edition_of_elm_or_of_the_data_model_is_named(tmp_path, parts, said):
    files = {"made.json": {**MEASURE, "version": "1"}, "elm.json": {"library": {**ELM, **parts}}}
    assert said in "".join(judge(written(tmp_path, files)).problems)


def test_a_working_copy_of_a_public_repository_is_read_as_it_is(tmp_path):
    """Settings of editors, a library that only names its CQL, the bundle beside it, a folder of files a case."""
    group = {"id": "g", "population": [{"id": "ip", "code": {"coding": [{"code": "initial-population"}]}}]}
    group["population"][0]["count"] = 1
    report = {"resourceType": "MeasureReport", "measure": MEASURE["url"], "period": PERIOD, "group": [group]}
    named = {
        "resourceType": "Library",
        "id": "Made",
        "name": "Made",
        "content": [{"id": "ig-loader-Made.cql"}],
    }
    bundle = [{"resource": MEASURE}, {"resource": as_resource(ELM)}]
    files = {
        ".vscode/settings.json": "// not JSON",
        "input/resources/measure/Made.json": MEASURE,
        "input/resources/library/Made.json": named,
        "bundles/measure/Made/Made-bundle.json": {"resourceType": "Bundle", "entry": bundle},
    }
    for case in ("0b1c", "0b1d"):
        place = f"input/tests/measure/Made/{case}"
        files |= {f"{place}/Patient-{case}.json": PATIENT, f"{place}/MeasureReport-{case}.json": report}
    found = run_conformance(written(tmp_path, files))
    assert (found.agreeing, found.cases, found.unjudged) == (2, 2, [])
