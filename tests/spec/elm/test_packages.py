"""Packages: FHIR resources, bare ELM, bundles and gzipped lines, and what is said when something is missing."""

import base64
import gzip
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from ehr_core.kernel.errors import BadRequest, NotFound
from pipelines.cli import commands
from pipelines.measures.elm.packages import read_package

ELM = {
    "identifier": {"id": "Visits", "version": "1.0"},
    "statements": {"def": [{"name": "Always", "expression": {"type": "Null"}}]},
}
LIBRARY = {
    "resourceType": "Library",
    "id": "library-7",
    "url": "https://example.org/Library/VisitsLibrary",
    "version": "2.0",
    "content": [
        {"contentType": "text/cql", "data": "bGlicmFyeQ=="},
        {
            "contentType": "application/elm+json",
            "data": base64.b64encode(orjson.dumps({"library": ELM})).decode(),
        },
    ],
}
VALUE_SET = {
    "resourceType": "ValueSet",
    "url": "https://example.org/ValueSet/visits",
    "version": "3",
    "expansion": {
        "total": 3,
        "contains": [
            {"system": "s", "code": "a", "contains": [{"system": "s", "code": "b"}]},
            {"abstract": True},
        ],
    },
}


def measure(**changed) -> dict:
    group = {
        "population": [
            {"id": "ip", "code": _code("initial-population"), "criteria": {"expression": "Always"}}
        ]
    }
    library = ["https://example.org/Library/Visits"]
    return {
        "resourceType": "Measure",
        "name": "VisitsMeasure",
        "library": library,
        "group": [group],
        **changed,
    }


def _code(code: str) -> dict:
    return {"coding": [{"code": code}]}


def write(folder: Path, name: str, *contents: dict) -> None:
    lines = b"\n".join(orjson.dumps(one) for one in contents)
    (folder / name).write_bytes(gzip.compress(lines) if name.endswith(".gz") else lines)


def test_libraries_are_found_as_elm_as_fhir_resources_and_in_bundles(tmp_path):
    write(
        tmp_path,
        "bundle.json",
        {"resourceType": "Bundle", "entry": [{"resource": LIBRARY}, {"resource": measure()}]},
    )
    package = read_package(tmp_path)
    assert package.library("Visits", "1.0") == ELM
    assert package.library("VisitsLibrary") == ELM
    assert package.measure("Visits")["name"] == "VisitsMeasure"
    with pytest.raises(NotFound, match="Missing"):
        package.library("Missing")


def test_an_expansion_is_flattened_and_knows_when_it_is_cut(tmp_path):
    write(
        tmp_path,
        "sets.ndjson.gz",
        VALUE_SET,
        {"url": "urn:short", "codes": [["s", "c"]], "expansion_total": 9},
    )
    package = read_package(tmp_path)
    assert package.value_set("https://example.org/ValueSet/visits|3").codes == (("s", "a"), ("s", "b"))
    assert package.value_set("urn:short").total == 9


def test_a_file_that_is_not_json_is_named(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BadRequest, match=r"broken\.json"):
        read_package(tmp_path)


def test_an_import_names_what_is_missing_and_fails(tmp_path):
    write(tmp_path, "measure.json", measure())
    write(tmp_path, "orphan.json", measure(name="Orphan", library=[]))
    shown = CliRunner().invoke(commands, ["measures", "import", str(tmp_path)])
    assert shown.exit_code == 1
    assert "The library 'Visits' is not in the package" in shown.output
    assert "The measure 'Orphan' names no library" in shown.output


def test_a_criterion_that_the_library_lacks_is_named(tmp_path):
    write(tmp_path, "measure.json", measure())
    write(tmp_path, "library.elm.json", {"library": {**ELM, "statements": {"def": []}}})
    shown = CliRunner().invoke(commands, ["measures", "import", str(tmp_path)])
    assert shown.exit_code == 1
    assert "defines no 'Always'" in shown.output
