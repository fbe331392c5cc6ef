"""`almoner keys …` and `almoner audit verify` as an operator types them."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from ehr_core.cli import app
from ehr_core.kernel.errors import Conflict
from ehr_core.kernel.secrets import FILE_NAME
from ehr_core.kernel.settings import Settings
from ehr_core.kernel.vault import Vault, use_vault, vault
from ehr_core.store import key_rotation
from ehr_core.store.repository import Store
from tests.integration.store.test_sealed_values import WRITER, person
from tests.lib import postgres
from tests.lib.api import running_api


@pytest.fixture
def almoner(database_url, tmp_path, monkeypatch):
    """Runs a command against the test's own database, with a key ring in its state folder."""
    (tmp_path / FILE_NAME).write_text(postgres.TEST_SECRETS.model_dump_json())
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url[0])
    monkeypatch.delenv("ALMONER_ENCRYPTION_KEYS")
    monkeypatch.setattr(key_rotation, "LOOK_AGAIN_SECONDS", -1)
    before = vault()
    use_vault(Vault.of(Settings()))

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, words)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    yield run
    use_vault(before)


def test_keys_are_told_turned_and_retired_and_each_step_is_audited(almoner, database, tmp_path):
    with running_api(database, tmp_path) as api:
        old = vault().ring.active
        with api.work(WRITER) as work:
            for number in range(3):
                Store(work).create("Patient", person(f"p{number}", f"900-00-{number:04}"))
        assert f"{old}: 3 values; in use" in almoner("keys", "status")
        with pytest.raises(Conflict, match="in use"):
            almoner("keys", "retire", old)
        said = almoner("keys", "rotate")
        new = vault().ring.active
        assert new != old
        assert f"3 values are wrapped with '{new}' now." in said
        told = almoner("keys", "status")
        assert f"{new}: 3 values; in use" in told
        assert f"{old}: 0 values; opens what it sealed" in told
        assert "finished" in told
        assert "out of the ring" in almoner("keys", "retire", old)
        assert old not in almoner("keys", "status")
        acts = {event.act for event in api.signed_in("root", "admin").audit.events()}
        assert {"keys_counted", "key_rotation_begun", "key_rotation_finished", "key_retired"} <= acts
        assert "The audit log is as it was written." in almoner("audit", "verify")
