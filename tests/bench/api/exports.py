"""An export over HTTP, from the kick-off to the last byte of its files, against COPY of the same rows by the driver.

It goes the whole way: the rows chosen by the policy, sealed files, the patients sealed into the audit log, and every
file fetched, one after another. Then the client deletes the export, as clients should, and that is not timed. A
group's export takes the rows of its members, and its limit is COPY of the same. An outside application's leaves out a
chart that a rule shuts, and is printed without a limit.
Run: python -m tests.bench.api.exports [patients] [rounds]
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg

from ehr_core.access.unit_of_work import begin
from ehr_core.kernel.clock import SystemClock
from ehr_core.store.repository import Store
from tests.bench.api.door import ACTOR, ZONE, Door, databases, in_turns, load, plain_url, running_door
from tests.bench.api.outside import application_token, shut
from tests.bench.api.people import Line, record
from tests.bench.store.store_bench import observation

MOST = 1.5
TYPES = ("Patient", "Encounter", "Observation", "Condition")
GROUP = "bench"
POLL_SECONDS = 0.05
SWEEP_SECONDS = 0.5
RESULTS = 50
PATIENT = re.compile(rb"Patient/p-\d+")
LINES = r"(FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
SHUT = "p0"
FEW_MEMBERS = 0.5
"""The share of the patients that the group names."""


@dataclass
class Exporter:
    """Asks for exports as a bulk client does, and throws away what it fetches."""

    connection: http.client.HTTPConnection
    token: str
    status: str = ""

    def export(self, path: str) -> int:
        """The bytes of all files of a finished export."""
        self.status = self._kick_off(f"{path}?_type={','.join(TYPES)}")
        while True:
            answer, body = self._get(self.status)
            if answer.status == 200:
                break
            time.sleep(POLL_SECONDS)
        return sum(self._fetch(urlsplit(file["url"]).path) for file in json.loads(body)["output"])

    def delete(self) -> None:
        """Ends the last export, and leaves the server the time to remove its files."""
        if self.status:
            self._ask("DELETE", self.status, {})
            self.status = ""
            time.sleep(SWEEP_SECONDS)

    def _kick_off(self, path: str) -> str:
        answer, _ = self._get(path, {"Prefer": "respond-async", "Accept": "application/fhir+json"})
        return urlsplit(answer.headers["Content-Location"]).path

    def _get(
        self, path: str, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        return self._ask("GET", path, headers or {})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request(method, path, headers={"Authorization": f"Bearer {self.token}"} | headers)
        answer = self.connection.getresponse()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path.partition('?')[0]} was answered with {answer.status}.")
        return answer, answer.read()

    def _fetch(self, path: str) -> int:
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer, size = self.connection.getresponse(), 0
        while chunk := answer.read(1 << 20):
            size += len(chunk)
        if answer.status != 200:
            raise SystemExit(f"A file of the export was answered with {answer.status}.")
        return size


def charts(patients: int) -> Iterator[Line]:
    """People with records as long as people's are: fifty results of a kilobyte each."""
    for number in range(patients):
        yield from record(number)
        subject = f"Patient/p{number}".encode()
        for place in range(RESULTS):
            result = observation(number * RESULTS + place)
            yield "Observation", PATIENT.sub(subject, result)


def main(patients: int = 4_000, rounds: int = 5) -> int:
    """The exit code: 1 when an export took longer than it may."""
    with ExitStack() as stack:
        (admin_url,) = stack.enter_context(databases(1))
        load(admin_url, charts(patients))
        door = stack.enter_context(running_door(admin_url, service="pipeline"))
        make_group(door, int(patients * FEW_MEMBERS))
        return compare(door, patients, rounds)


def compare(door: Door, patients: int, rounds: int) -> int:
    last = int(patients * FEW_MEMBERS) - 1
    members = f"AND patient_id IN (SELECT 'p' || n FROM generate_series(0, {last}) n)"
    service = Exporter(door.connection(), door.token)
    kept = [
        compared(door, service, path, narrowed, rounds) <= MOST
        for path, narrowed in (("/fhir/$export", ""), (f"/fhir/Group/{GROUP}/$export", members))
    ]
    shut(door, SHUT)
    outside = Exporter(door.connection(), application_token(door))
    compared(door, outside, "/fhir/$export", f"AND patient_id <> '{SHUT}'", rounds)
    return 0 if all(kept) else 1


def compared(door: Door, exporter: Exporter, path: str, narrowed: str, rounds: int) -> float:
    """How many times as long as COPY it took."""
    sizes: dict[str, int] = {}
    works: dict[str, Callable[[], object]] = {
        "raw": lambda: sizes.update(raw=copied(door.admin_url, narrowed)),
        "http": lambda: sizes.update(http=exporter.export(path)),
    }
    in_turns(works, 1, between=exporter.delete)
    taken = in_turns(works, rounds, between=exporter.delete)
    if sizes["raw"] != sizes["http"]:
        raise SystemExit("The export is not as large as what is stored.")
    ratio, megabytes = taken["http"] / taken["raw"], sizes["raw"] / 1e6
    who = f"must be ≤ {MOST}" if exporter.token == door.token else "an outside application's"
    print(
        f"{path:26} {megabytes:5.0f} MB  raw COPY {megabytes / taken['raw']:4.0f} MB/s, over HTTP "
        f"{megabytes / taken['http']:4.0f} MB/s: {ratio:.2f}x ({who})",
        flush=True,
    )
    return ratio


def copied(admin_url: str, narrowed: str) -> int:
    """COPY of the same rows without anything of ours, on one connection."""
    size = 0
    with psycopg.connect(plain_url(admin_url)) as connection:
        for type_name in TYPES:
            query = f"SELECT body FROM fhir.{type_name.lower()} WHERE NOT deleted {narrowed}"
            with connection.cursor().copy(f"COPY ({query}) TO STDOUT {LINES}") as copy:
                for line in copy:
                    size += len(line)
    return size


def make_group(door: Door, members: int) -> None:
    entities = [{"entity": {"reference": f"Patient/p{number}"}} for number in range(members)]
    body = {"resourceType": "Group", "type": "person", "actual": True, "member": entities}
    with begin(door.database, ACTOR, SystemClock(), ZONE) as work:
        Store(work).create("Group", body, id=GROUP)


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:3])))
