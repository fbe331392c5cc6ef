"""A real PostgreSQL for tests: one server a test process, a migrated template, a fresh database a test."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from ehr_core.db.bootstrap import make_app_url, prepare_database
from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.secrets import Secrets

# One password for the app role in all test processes: on a server of DATABASE_URL they share the role.
TEST_SECRETS = Secrets(app_role_password="app-role-of-the-tests")
MEMORY_DISK = Path("/dev/shm")
ROOM_BYTES = 4_000_000_000
"""So that several test processes with their databases of some twenty megabytes fit beside each other."""

_numbers = itertools.count(1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def roomy_memory_disk() -> Path | None:
    """The memory disk, where there is one with room: copying a template there takes a tenth of the time."""
    if not os.access(MEMORY_DISK, os.W_OK):
        return None
    disk = os.statvfs(MEMORY_DISK)
    return MEMORY_DISK if disk.f_bavail * disk.f_frsize >= ROOM_BYTES else None


@contextmanager
def temporary_folder(prefix: str = "almoner-test-", parent: Path | None = None) -> Iterator[Path]:
    """A folder that the server's account can pass through (pytest's own are closed to it), removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server() -> Iterator[str]:
    """The admin URL of a server: that of DATABASE_URL when set, otherwise an embedded one of this process."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with temporary_folder(parent=roomy_memory_disk()) as folder:
        server = EmbeddedServer(
            folder / "state", free_port(), TEST_SECRETS.postgres_password, durable=False, die_with_parent=True
        )
        try:
            yield server.start()
        finally:
            server.stop(even_if_shared=True)


def database_named(admin_url: str, name: str) -> str:
    return make_url(admin_url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def fresh_database(server_url: str, *, template: str | None = None) -> Iterator[str]:
    """The admin URL of a new database, made from a template in a few hundredths of a second; dropped afterwards."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(make_maintenance_url(server_url), autocommit=True) as connection:
        source = f"TEMPLATE {template} STRATEGY file_copy" if template else ""
        connection.execute(f"CREATE DATABASE {name} {source}")
    try:
        yield database_named(server_url, name)
    finally:
        with psycopg.connect(make_maintenance_url(server_url), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def migrated_template(server_url: str) -> Iterator[str]:
    """The name of a database with the whole schema and nothing in it."""
    with fresh_database(server_url) as url:
        prepare_database(url, TEST_SECRETS)
        yield make_url(url).database


def app_url_of(admin_url: str) -> str:
    return make_app_url(admin_url, TEST_SECRETS)


def make_maintenance_url(server_url: str) -> str:
    """psycopg's own spelling of the URL, into the database that is always there."""
    return (
        make_url(server_url)
        .set(drivername="postgresql", database="postgres")
        .render_as_string(hide_password=False)
    )
