"""Parts of the real system are killed while somebody charts: a clear error, all comes back, nothing saved is lost."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from data_contracts.api.chart import RecordResult
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import AlmonerError, Unavailable
from ehr_core.kernel.heartbeat import STALE_AFTER_SECONDS
from ehr_core.population import story_patient_id
from tests.lib.real_client import signed_in
from tests.lib.running_system import RunningSystem, shared_system
from tests.lib.served_api import wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif("DATABASE_URL" in os.environ, reason="DATABASE_URL replaces the embedded server"),
]

ANA = story_patient_id("ana-reyes")
GAP = "glycemic_control"
A1C = "4548-4"
BACK_WITHIN_SECONDS = 90
CLOSES_WITHIN_SECONDS = 120
"""The worker had perhaps claimed this very patient when the database went: its lease ends first."""

SENTENCES = (
    "The database cannot be reached.",
    "The server cannot be reached.",
    "The server did not answer in time.",
    "The server cannot give out tokens at the moment.",
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Of this file alone: others must not meet what is killed here."""
    with shared_system(tmp_path_factory.mktemp("killed-parts")) as running:
        yield running


@pytest.fixture(scope="module")
def okafor(system: RunningSystem) -> AlmonerClient:
    return signed_in(system, "clinician")


class Charting(threading.Thread):
    """Somebody who records one weight after the other, and notes what was said to be saved."""

    def __init__(self, client: AlmonerClient):
        super().__init__(daemon=True)
        self._client = client
        self._stopping = threading.Event()
        self.saved: dict[str, str] = {}
        self.failures: list[AlmonerError] = []

    def run(self) -> None:
        number = 0
        while not self._stopping.wait(0.05):
            number += 1
            value = f"{60 + number / 100:.2f}"
            try:
                created = self._client.fhir.create("Observation", weight(value))
                self.saved[created.resource_id] = value
            except AlmonerError as error:
                self.failures.append(error)

    def stop(self) -> None:
        self._stopping.set()
        self.join(60)

    def wait_for_more(self, count: int) -> None:
        enough = len(self.saved) + count
        wait_for(lambda: len(self.saved) >= enough, BACK_WITHIN_SECONDS)


def weight(value: str) -> bytes:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{ANA}"},
        "effectiveDateTime": datetime.now(UTC).isoformat(timespec="seconds"),
        "valueQuantity": {"value": 0, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    return json.dumps(resource).replace('"value": 0', f'"value": {value}').encode()


def process_of(system: RunningSystem, name: str) -> int:
    return next(service["pid"] for service in system.status()["services"] if service["name"] == name)


def wait_until_well_again(system: RunningSystem, name: str, killed: int) -> None:
    def is_back() -> bool:
        status = system.status()
        return status["healthy"] and process_of(system, name) not in (None, killed)

    wait_for(is_back, BACK_WITHIN_SECONDS, pause=0.5)


def gap_of_ana(client: AlmonerClient) -> tuple[str, str]:
    found = next(gap for gap in client.care_gaps.of_patient(ANA).gaps if gap.source_id == GAP)
    return found.computed_status, found.gap_kind


@pytest.mark.parametrize(
    ("part", "value", "expected"),
    [("postgres", "7.1", ("closed", "none")), ("api", "10.2", ("open", "above_goal"))],
    ids=["postgres", "the API"],
)
def test_a_killed_part_costs_a_clear_error_and_nothing_that_was_saved(
    system: RunningSystem, okafor: AlmonerClient, part: str, value: str, expected: tuple[str, str]
):
    charting = Charting(okafor)
    charting.start()
    charting.wait_for_more(10)
    killed = process_of(system, part)
    os.kill(killed, signal.SIGKILL)
    wait_until_well_again(system, part, killed)
    charting.wait_for_more(10)
    charting.stop()

    assert charting.failures, "the kill was not noticed: nothing was proved"
    told = {(type(failure), failure.message) for failure in charting.failures}
    assert {kind for kind, _ in told} == {Unavailable}
    assert all(message.startswith(SENTENCES) for _, message in told), told
    for resource_id, saved in charting.saved.items():
        assert f'"value":{saved}' in okafor.fhir.read("Observation", resource_id).body.decode().replace(
            " ", ""
        )

    result = RecordResult(code=A1C, at=datetime.now(UTC), value=Decimal(value), unit="%")
    okafor.charting.record_result(ANA, result)
    wait_for(lambda: gap_of_ana(okafor) == expected, CLOSES_WITHIN_SECONDS, pause=0.5)


@pytest.mark.parametrize("name", ["remeasure", "dagster_daemon"])
def test_a_part_that_hangs_is_told_and_is_well_again_when_it_goes_on(system: RunningSystem, name: str):
    hung, beat = process_of(system, name), system.state / "heartbeats" / name
    os.kill(hung, signal.SIGSTOP)
    try:
        long_ago = beat.stat().st_mtime - STALE_AFTER_SECONDS - 1
        os.utime(beat, (long_ago, long_ago))
        status = system.status()
        told = next(service for service in status["services"] if service["name"] == name)
        assert (status["healthy"], told["running"], told["healthy"]) == (False, True, False)
    finally:
        os.kill(hung, signal.SIGCONT)
    wait_for(lambda: system.status()["healthy"], BACK_WITHIN_SECONDS, pause=0.5)
    assert process_of(system, name) == hung
