"""A backup brings back all that the database holds, also what an export leaves out, on another server."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from ehr_core.access.accounts import create_account
from ehr_core.access.unit_of_work import begin
from ehr_core.db.backup import back_up, restore
from ehr_core.db.bootstrap import prepare_database
from ehr_core.db.database import connect
from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import Conflict, NotFound, StartupFailed
from ehr_core.kernel.secrets import FILE_NAME, load_or_create_secrets
from ehr_core.kernel.settings import Settings
from ehr_core.store.importer import load_resources
from tests.lib.api import PASSWORD, SEEDER
from tests.lib.postgres import free_port, temporary_folder

KEPT = (
    "fhir.patient",
    "fhir.patient_history",
    "audit.event",
    "core.outbox",
    "access.account",
)
PATIENT = '{"resourceType":"Patient","id":"ana","gender":"%s"}'
AHEAD = "9000000"
"""A transaction number that the restored server has not reached."""

embedded = pytest.mark.skipif(
    "DATABASE_URL" in os.environ, reason="DATABASE_URL replaces the embedded server"
)


def server_of(state: Path, port: int) -> EmbeddedServer:
    secrets = load_or_create_secrets(state)
    return EmbeddedServer(state, port, secrets.postgres_password, durable=False, die_with_parent=True)


def counts(admin_url: str) -> dict[str, int]:
    with psycopg.connect(admin_url) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in KEPT}


def live_a_little(server: EmbeddedServer, state: Path) -> dict[str, int]:
    """A patient with an earlier version, an account, and the traces of both."""
    database = connect(prepare_database(server.admin_url, load_or_create_secrets(state)))
    for gender in ("unknown", "female"):
        load_resources(database, SEEDER, [("Patient", (PATIENT % gender).encode())], processes=1)
    with begin(database, SEEDER, SystemClock(), "America/New_York") as work:
        create_account(work, username="chen", display_name="Chen", password=PASSWORD, roles=["admin"])
    database.dispose()
    with psycopg.connect(server.admin_url) as connection:
        connection.execute("UPDATE core.outbox SET transaction_id = %s::xid8", [AHEAD])
    return counts(server.admin_url)


@embedded
def test_history_audit_accounts_and_outbox_come_back_and_the_past_is_past(tmp_path):
    dump = tmp_path / "all.dump"
    with temporary_folder() as old, temporary_folder() as new:
        settings = Settings(state=old / "state", postgres_port=free_port())
        with server_of(settings.state_folder, settings.postgres_port) as server:
            before = live_a_little(server, settings.state_folder)
            assert back_up(settings, dump) == dump.stat().st_size
            with pytest.raises(Conflict, match="exists already"):
                back_up(settings, dump)
        assert all(before.values())
        assert dump.stat().st_mode & 0o077 == 0

        moved = Settings(state=new / "state", postgres_port=free_port())
        with pytest.raises(NotFound, match=r"Copy the one that belongs to this backup"):
            restore(moved, dump)
        moved.state_folder.mkdir(mode=0o711)
        (moved.state_folder / FILE_NAME).write_bytes((settings.state_folder / FILE_NAME).read_bytes())
        with server_of(moved.state_folder, moved.postgres_port) as server:
            restore(moved, dump)
            assert counts(server.admin_url) == before
            with psycopg.connect(server.admin_url) as connection:
                ahead = "SELECT count(*) FROM core.outbox WHERE transaction_id >= pg_current_xact_id()"
                assert connection.execute(ahead).fetchone() == (0,)
            with pytest.raises(Conflict, match="has a database already"):
                restore(moved, dump)


def test_a_database_of_ones_own_is_left_to_its_own_servers_tools(tmp_path):
    settings = Settings(state=tmp_path, database_url="postgresql://owner:x@127.0.0.1:1/ehr")
    with pytest.raises(StartupFailed, match="BYPASSRLS"):
        back_up(settings, tmp_path / "all.dump")


def test_changes_of_this_server_keep_their_transactions(admin_url, database, secrets):
    load_resources(database, SEEDER, [("Patient", (PATIENT % "female").encode())], processes=1)
    with psycopg.connect(admin_url) as connection:
        own = connection.execute("SELECT transaction_id::text FROM core.outbox").fetchall()
        connection.execute(
            "INSERT INTO core.outbox (transaction_id, act, patient_ids, code_tokens) VALUES (%s, 'import', '{}', '{}')",
            [AHEAD],
        )
    prepare_database(admin_url, secrets)
    with psycopg.connect(admin_url) as connection:
        kept = connection.execute("SELECT transaction_id::text FROM core.outbox ORDER BY position").fetchall()
    assert kept == [*own, ("3",)]
