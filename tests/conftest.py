"""What every suite shares: a fresh, migrated PostgreSQL database, a browser, and a network that is shut."""

from __future__ import annotations

import functools
import gc
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from ehr_core.access import passwords
from ehr_core.kernel.key_ring import KeyRing
from ehr_core.kernel.secrets import Secrets
from tests.lib import browser, postgres

os.environ.setdefault("ALMONER_ENCRYPTION_KEYS", KeyRing().model_dump_json())
"""One ring for every process of the suite, whichever state folder it opens."""


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


@pytest.fixture(autouse=True)
def same_main() -> Iterator[None]:
    """AppTest puts a page in the place of `__main__`; a process that is spawned later would run it, and die."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    return postgres.TEST_SECRETS


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser for tests marked `browser`; skips with what to install when there is none."""
    found = browser.find_chromium()
    if found is None:
        pytest.skip(browser.MISSING)
    return found


SLOW_FOLDERS = (
    "system",
    "integration/loop",
    "integration/doors",
    "integration/run",
    "integration/official",
    "notebooks",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What collecting leaves, a million objects, stays to the end: nobody need look through it for garbage.

    Streamlit asks for a full collection after each run of a page, which would take half a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()


def pytest_collection_finish() -> None:
    """Each AppTest would read the metadata of all installed packages again, for components that nobody has."""
    if "streamlit" in sys.modules:
        from streamlit.components.v2 import manifest_scanner

        scan = manifest_scanner.scan_component_manifests
        manifest_scanner.scan_component_manifests = functools.cache(scan)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first: whichever process is left with one at the end keeps all others waiting."""

    def place(item: pytest.Item) -> int:
        slow = (n for n, folder in enumerate(SLOW_FOLDERS) if item.nodeid.startswith(f"tests/{folder}/"))
        return next(slow, len(SLOW_FOLDERS))

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """A browser story that is skipped fails where ALMONER_REQUIRE_BROWSER=1 says so."""
    report = yield
    if report.skipped and item.get_closest_marker("browser") and browser.browser_is_required():
        _fail_instead(report, "A browser story")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Nor may a whole file of tests be skipped there: nobody would see which stories it held."""
    report = yield
    if report.skipped and browser.browser_is_required():
        _fail_instead(report, f"The file {collector.nodeid}")
    return report


def _fail_instead(report: pytest.TestReport | pytest.CollectReport, what: str) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{what} may not be skipped here ({browser.REQUIRED}=1). {reason}"


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """The same argon2id with little memory: most tests have an account, and none of them is attacked."""
    ours = passwords._HASHER
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    yield
    passwords._HASHER = ours


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
