"""`almoner import` and `almoner export` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ehr_core.kernel.errors import BadRequest, Conflict, Unavailable
from ehr_core.kernel.secrets import FILE_NAME
from ehr_core.store.commands import SOME_REJECTED, commands
from tests.integration.store.conftest import patient
from tests.lib import postgres


@pytest.fixture
def almoner(database_url, tmp_path, monkeypatch):
    """Runs a command against the test's own database; failures come through as they are raised."""
    state = tmp_path / "state"
    state.mkdir()
    (state / FILE_NAME).write_text(postgres.TEST_SECRETS.model_dump_json())
    monkeypatch.setenv("ALMONER_STATE", str(state))
    monkeypatch.setenv("DATABASE_URL", database_url[0])

    def run(*words: str | Path):
        result = CliRunner().invoke(commands, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def test_files_go_in_and_come_out(almoner, tmp_path, count) -> None:
    source = tmp_path / "in.ndjson"
    source.write_text(json.dumps(patient(id="ana")) + "\n" + json.dumps(patient(id="bad", gender="F")) + "\n")

    imported = almoner("import", source, "--processes", "1")
    assert imported.exit_code == SOME_REJECTED
    assert "2 read: 1 new" in imported.output
    assert "in.ndjson, line 2: Patient.gender must be one of" in imported.output
    assert "Rivera" not in imported.output
    assert count("audit.event", "actor_id LIKE 'operator:%' AND act = 'import'") == 1

    exported = almoner("export", tmp_path / "out")
    assert exported.exit_code == 0
    assert "2 resources" in exported.output
    assert "Provenance.ndjson" in {path.name for path in (tmp_path / "out").iterdir()}
    assert json.loads((tmp_path / "out" / "Patient.ndjson").read_text())["id"] == "ana"

    with pytest.raises(Conflict, match="not empty"):
        almoner("export", tmp_path / "out")
    with pytest.raises(BadRequest, match="nothing to import"):
        almoner("import", tmp_path / "none")


def test_every_problem_goes_into_a_file_of_its_own(almoner, tmp_path) -> None:
    (tmp_path / "in").mkdir()
    bad = json.dumps(patient(gender="F")) + "\n"
    (tmp_path / "in" / "a.ndjson").write_text(bad * 1200)
    listing = tmp_path / "problems.ndjson"

    imported = almoner("import", tmp_path / "in", "--processes", "1", "--problems", listing)

    assert imported.exit_code == SOME_REJECTED
    assert f"1,150 more; all are in '{listing}'" in imported.output
    lines = [json.loads(line) for line in listing.read_text().splitlines()]
    assert [line["line"] for line in lines] == list(range(1, 1201))
    assert lines[0].keys() == {"file", "line", "path", "reason", "kept"}
    assert (lines[0]["file"], lines[0]["path"]) == ("a.ndjson", "Patient.gender")
    assert "Rivera" not in listing.read_text()
    assert oct(listing.stat().st_mode)[-3:] == "600"
    assert "--problems FILE" in almoner("import", tmp_path / "in", "--processes", "1").output


def test_a_problem_file_that_cannot_be_written_is_refused_before_anything_moves(
    almoner, tmp_path, count
) -> None:
    (tmp_path / "a.ndjson").write_text(json.dumps(patient(id="ana")))
    with pytest.raises(Unavailable, match="Name another file"):
        almoner("import", tmp_path / "a.ndjson", "--problems", tmp_path / "none" / "x")
    assert count("fhir.patient") == 0
