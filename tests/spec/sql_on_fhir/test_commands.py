"""`almoner views`: a file of rows from a folder of lines, and sentences where that cannot be."""

from __future__ import annotations

import csv
import gzip
import json
import stat

import duckdb
import pytest
from typer.testing import CliRunner

from ehr_core.kernel.errors import AlmonerError
from pipelines.cli import commands

VIEW = {
    "resourceType": "ViewDefinition",
    "name": "names",
    "status": "active",
    "resource": "Patient",
    "select": [
        {"column": [{"name": "id", "path": "id"}]},
        {"forEach": "name", "column": [{"name": "family", "path": "family"}]},
    ],
}
ADA = {"resourceType": "Patient", "id": "ada", "name": [{"family": "Byron"}, {"family": "King"}]}
BO = {"resourceType": "Patient", "id": "bo", "name": [{"family": "Ng"}]}


def almoner(*arguments):
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Patient.ndjson").write_text(json.dumps(ADA) + "\n")
    with gzip.open(tmp_path / "Patient-0002.ndjson.gz", "wt") as file:
        file.write(json.dumps(BO) + "\n")
    (tmp_path / "view.json").write_text(json.dumps(VIEW))
    (tmp_path / "PatientList.ndjson").write_text("no json\n")
    return tmp_path


def test_run_writes_the_rows_as_parquet_that_only_the_owner_may_read(folder):
    target = folder / "names.parquet"
    done = almoner("views", "run", folder / "view.json", "--from", folder, "--to", target)
    assert (done.exit_code, done.output.startswith("3 rows in ")) == (0, True)
    assert sorted(duckdb.read_parquet(str(target)).fetchall()) == [
        ("ada", "Byron"),
        ("ada", "King"),
        ("bo", "Ng"),
    ]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_run_writes_the_rows_as_csv(folder):
    target = folder / "names.csv"
    almoner("views", "run", folder / "view.json", "--from", folder, "--to", target)
    with target.open(newline="") as file:
        assert sorted(csv.reader(file))[-1] == ["id", "family"]


@pytest.mark.parametrize(
    ("change", "target", "complaint"),
    [
        ({"resource": "Person"}, "out.csv", "holds no file of Person lines"),
        ({}, "nowhere/out.csv", "There is no folder"),
        ({}, "out.xlsx", "ends in neither .parquet nor .csv"),
        ({"where": [{"path": "name.family = 'x' and name"}]}, "out.csv", "where[0].path"),
        ({"where": [{"path": "name.family > 'x'"}]}, "out.csv", "where[0].path: more than one value"),
    ],
)
def test_run_refuses_in_a_sentence_and_leaves_no_file(folder, change, target, complaint):
    (folder / "view.json").write_text(json.dumps({**VIEW, **change}))
    before = sorted(path.name for path in folder.iterdir())
    done = almoner("views", "run", folder / "view.json", "--from", folder, "--to", folder / target)
    assert isinstance(done.exception, AlmonerError)
    assert complaint in str(done.exception)
    assert "Byron" not in str(done.exception)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_line_that_is_no_json_is_refused_without_quoting_it(folder):
    (folder / "Patient.ndjson").write_text('{"secret": \n')
    done = almoner("views", "run", folder / "view.json", "--from", folder, "--to", folder / "out.csv")
    assert "Patient lines cannot be read for the view 'names'" in str(done.exception)
    assert "secret" not in str(done.exception)


def test_check_tells_what_a_view_gives(folder):
    done = almoner("views", "check", folder / "view.json")
    assert done.output == "view.json is understood: a row of 2 columns (id, family) from Patient lines.\n"


def test_check_lists_all_that_is_wrong_by_element(folder):
    (folder / "view.json").write_text(
        json.dumps(
            {**VIEW, "where": [{"path": "gendr"}], "select": [{"column": [{"name": "1", "path": "id"}]}]}
        )
    )
    done = almoner("views", "check", folder / "view.json")
    assert (done.exit_code, "view.json: select[0].column[0].name: starts with a letter" in done.output) == (
        2,
        True,
    )
    (folder / "view.json").write_text("{")
    assert "'view.json' is no JSON (line 1)" in str(almoner("views", "check", folder / "view.json").exception)
