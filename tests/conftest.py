"""Fixtures that every suite shares: a fresh, migrated PostgreSQL database, and a network that is shut."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator

import pytest

from ehr_core.kernel.secrets import Secrets
from tests.lib import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The admin URL of the server that this test process uses."""
    with postgres.running_server() as url:
        yield url


@pytest.fixture(scope="session")
def template_database(postgres_server: str) -> Iterator[str]:
    """The name of the migrated template."""
    with postgres.migrated_template(postgres_server) as name:
        yield name


@pytest.fixture
def admin_url(postgres_server: str, template_database: str) -> Iterator[str]:
    """A database of the test's own, as its owner."""
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        yield url


@pytest.fixture
def database_url(admin_url: str) -> tuple[str, str]:
    """(admin URL, application URL) of a database of the test's own."""
    return admin_url, postgres.app_url_of(admin_url)


@pytest.fixture
def database(database_url: tuple[str, str]):
    """`ehr_core.db.database.Database`, connected as the application's role."""
    from ehr_core.db.database import connect

    opened = connect(database_url[1])
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    return postgres.TEST_SECRETS


@pytest.fixture(scope="session", autouse=True)
def shut_network() -> Iterator[None]:
    """No test leaves the machine: a connection to any other address fails at once."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise PermissionError(f"Tests do not leave this machine; something tried to reach {address[0]}.")
        return connect(self, address)

    socket.socket.connect = connect_here
    yield
    socket.socket.connect = connect


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", os.uname().nodename)
