"""`almoner app …`: applications and their keys as an operator types it."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from ehr_core.cli import app
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.secrets import FILE_NAME
from tests.lib import postgres
from tests.lib.smart_app import jwks_of, key_pair

SERVICE = ("register", "Nightly", "--kind", "backend", "--scope", "system/Patient.rs")
ADDRESS = "https://app.example/jwks.json"


@pytest.fixture
def almoner(database_url, tmp_path, monkeypatch):
    """Runs a command against the test's own database; failures come through as they are raised."""
    (tmp_path / FILE_NAME).write_text(postgres.TEST_SECRETS.model_dump_json())
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url[0])

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["app", *words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_an_operator_registers_an_address_of_keys_and_gives_keys_themselves_later(
    almoner, database, tmp_path
):
    client_id = almoner(*SERVICE, "--keys-uri", ADDRESS).split()[-1]
    file = tmp_path / "keys.json"
    file.write_text(jwks_of(key_pair()))
    with database.transaction(actor_id="test", reach="none", patient_id=None) as connection:
        kept = text("SELECT jwks_uri, jwks IS NULL FROM access.application")
        assert tuple(connection.execute(kept).one()) == (ADDRESS, True)
    almoner("keys", client_id, "--keys", str(file))
    with database.transaction(actor_id="test", reach="none", patient_id=None) as connection:
        assert tuple(connection.execute(kept).one()) == (None, False)


@pytest.mark.parametrize(
    "keys", [("--keys-uri", "http://app.example/"), ("--keys-uri", "https://10.0.0.5/"), ()]
)
def test_what_cannot_be_used_is_refused_naming_the_field(almoner, keys):
    with pytest.raises(BadRequest, match=r"^jwks"):
        almoner(*SERVICE, *keys)
    with pytest.raises(BadRequest if keys else NotFound):
        almoner("keys", "nobody", *keys)
