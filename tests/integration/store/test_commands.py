"""`almoner import` and `almoner export` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ehr_core.kernel.errors import BadRequest, Conflict
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
    assert "1 resources" in exported.output
    assert json.loads((tmp_path / "out" / "Patient.ndjson").read_text())["id"] == "ana"

    with pytest.raises(Conflict, match="not empty"):
        almoner("export", tmp_path / "out")
    with pytest.raises(BadRequest, match="nothing to import"):
        almoner("import", tmp_path / "none")
