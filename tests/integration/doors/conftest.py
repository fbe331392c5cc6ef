"""What the tests of the doors share: an API behind a socket, a small panel in it, and the night."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from data_contracts.api.pipeline import RunReport
from ehr_core.store.importer import load_resources
from pipelines.run.nightly import nightly
from tests.integration.doors.records import AS_OF, LOADER, ZONE, people_lines
from tests.lib.api import RunningApi
from tests.lib.served_api import served_api


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    """An empty store behind an API on a socket; the clock stands at the morning of AS_OF."""
    with served_api(database, tmp_path / "state") as running:
        yield running


@pytest.fixture
def people(api, database) -> list[tuple[str, bytes]]:
    """A dozen people with their charts, in the store."""
    lines = people_lines()
    load_resources(database, LOADER, lines, processes=1, site_time_zone=ZONE)
    return lines


@pytest.fixture
def run_night(api) -> Callable[..., RunReport]:
    """The whole nightly run over the socket. Great Expectations' second reading has tests of its own."""

    def running(report: Callable[[str], None] = lambda _: None) -> RunReport:
        return nightly(api.service("pipeline"), api.parts.settings, report, as_of=AS_OF, deep_checks=False)

    return running
