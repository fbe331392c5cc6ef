"""`almoner outside …`: services and the signing key as an operator types it, audited, refused naming the field."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from ehr_core.cli import app
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.secrets import FILE_NAME
from tests.lib import postgres
from tests.lib.api import running_api

URL = "https://kidney.example/cds-services/watch"


@pytest.fixture
def almoner(database_url, tmp_path, monkeypatch):
    """Runs a command against the test's own database; failures come through as they are raised."""
    (tmp_path / FILE_NAME).write_text(postgres.TEST_SECRETS.model_dump_json())
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url[0])

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["outside", *words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_an_operator_adds_lists_and_switches_a_service_and_changes_the_key(almoner, database, tmp_path):
    assert "No outside service" in almoner("list")
    template = "patient=Patient/{{context.patientId}}"
    said = almoner("add", "watch", "order-sign", URL, "--title", "Kidney watch", "--prefetch", template)
    assert said == "Kidney watch is asked at order-sign.\n"
    almoner("off", "watch")
    assert almoner("list") == f"watch · order-sign · Kidney watch · {URL} · switched off\n"
    almoner("on", "watch")
    assert almoner("list").endswith(" · asked\n")
    assert "Key 1 signs" in almoner("change-key")
    with running_api(database, tmp_path) as api:
        (kept,) = api.signed_in("root", "admin").outside.services()
        assert kept.prefetch == {"patient": "Patient/{{context.patientId}}"}
        with api.work() as work:
            rows = work.connection.exec_driver_sql(
                "SELECT act FROM audit.event WHERE act LIKE 'cds_%%' OR act LIKE 'outside_key%%' ORDER BY at"
            ).scalars()
            assert list(rows) == [
                "cds_service_saved", "cds_service_switched", "cds_service_switched", "outside_key_changed",
            ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("watch", "order-sign", "http://kidney.example/", "--title", "K"), "url"),
        (("a b", "order-sign", URL, "--title", "K"), "service_id"),
        (("watch", "order-sign", URL, "--title", ""), "title"),
        (("watch", "order-sign", URL, "--title", "K", "--prefetch", "patient"), "prefetch"),
        (("watch", "order-sign", URL, "--title", "K", "--prefetch", "a={{x}}"), "prefetch.a"),
    ],
    ids=["plain http", "id", "title", "no template", "unknown token"],
)
def test_what_cannot_be_is_refused_naming_the_field(almoner, words, field):
    with pytest.raises(BadRequest, match=f"^{field}"):
        almoner("add", *words)
    with pytest.raises(NotFound):
        almoner("on", "nobody")
