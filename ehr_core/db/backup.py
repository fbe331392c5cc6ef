"""The embedded database as one file and back: everything in it, with history, audit log, accounts and gap decisions.

The file holds patients' records in the clear: it is written for its owner only, and is to be guarded like the database.
What is sealed in it opens with the `secrets.json` of the state folder that it came from.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from ehr_core.db.bootstrap import ensure_app_role, prepare_database
from ehr_core.db.server import EmbeddedServer
from ehr_core.db.server_files import environment
from ehr_core.db.server_programs import wheel_programs
from ehr_core.kernel.errors import Conflict, NotFound, StartupFailed, Unavailable
from ehr_core.kernel.secrets import FILE_NAME, load_or_create_secrets
from ehr_core.kernel.settings import Settings


def back_up(settings: Settings, target: Path) -> int:
    """Writes the database to a new file, as it is at one moment, and returns its bytes. It may be in use meanwhile.

    Raises Conflict when the file exists, Unavailable when it could not be written whole; then there is none.
    """
    with _server(settings) as server:
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise Conflict(f"'{target}' exists already. Choose another name.") from error
        with os.fdopen(descriptor, "wb") as file:
            done = _run("pg_dump", server, ["--format=custom", "--no-owner"], stdout=file)
        if done.returncode != 0:
            target.unlink()
            raise Unavailable(f"The backup failed, and there is no file. pg_dump said: {_last_line(done)}")
    return target.stat().st_size


def restore(settings: Settings, source: Path) -> None:
    """Fills a new, empty state folder from a backup and brings it to this version's schema.

    Raises NotFound without the file or the secrets that belong to it, Conflict when the database holds anything.
    """
    if not source.is_file():
        raise NotFound(f"There is no file '{source}'.")
    if not (settings.state_folder / FILE_NAME).exists():
        raise NotFound(
            f"'{settings.state_folder}' has no {FILE_NAME}. Copy the one that belongs to this backup there first: "
            "without it second factors, export files and pseudonyms cannot be read again."
        )
    with _server(settings) as server:
        _require_empty(server.admin_url)
        secrets = load_or_create_secrets(settings.state_folder)
        ensure_app_role(server.admin_url, secrets)
        done = _run("pg_restore", server, ["--single-transaction", "--no-owner", str(source)])
        if done.returncode != 0:
            raise Unavailable(f"Nothing was restored. pg_restore said: {_last_line(done)}")
        prepare_database(server.admin_url, secrets)


def _server(settings: Settings) -> EmbeddedServer:
    if settings.database_url:
        raise StartupFailed(
            "The database of DATABASE_URL is backed up with its own server's tools: pg_dump as a superuser or a role "
            "with BYPASSRLS, so that row-level security leaves nothing out. Keep secrets.json with it."
        )
    secrets = load_or_create_secrets(settings.state_folder)
    return EmbeddedServer(settings.state_folder, settings.postgres_port, secrets.postgres_password)


def _run(program: str, server: EmbeddedServer, arguments: list[str], **streams: object):
    """The wheel's own programs, as new as the server. The password is in the environment: arguments can be listed."""
    url = make_url(server.admin_url)
    address = [
        "--host",
        url.host,
        "--port",
        str(url.port),
        "--username",
        url.username,
        "--dbname",
        url.database,
    ]
    return subprocess.run(
        [wheel_programs().path(program), *address, *arguments],
        env=environment() | {"PGPASSWORD": url.password},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        **streams,
    )


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"


def _require_empty(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'core'").fetchone()
    if found:
        raise Conflict(
            "This state folder has a database already. Restore into a new one: another ALMONER_STATE that holds "
            f"nothing but the {FILE_NAME} of the backup."
        )
