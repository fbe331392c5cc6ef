"""Reading by id and a patient's search over HTTP, against the same app's ping and against pgbench's look at the rows.

Ping, read and search are asked in turns, so that the ratios are of the same minutes. A read is a session looked up, a
policy asked, an audit row written and a commit that has reached the disk; a ping asks the database for nothing.
Run: python -m tests.bench.api.reads [patients] [rounds]
"""

from __future__ import annotations

import itertools
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import quote

from tests.bench.api.door import CONNECTIONS, Door, Request, Times, databases, load, plain_url, running_door
from tests.bench.api.people import LOINC, records

LEAST_READ = 0.3
"""Of the ping's rate."""
REQUESTS = 200
"""Of each kind in a round."""
PGBENCH_SECONDS = 3
CODE = "2345-7"
IN_SQL = {
    "read": "SELECT body FROM fhir.patient WHERE id = 'p' || :n",
    "search": "SELECT body FROM fhir.observation WHERE patient_id = 'p' || :n AND NOT deleted "
    "ORDER BY date_low DESC NULLS LAST, id LIMIT 50",
}


def main(patients: int = 1_000, rounds: int = 7) -> int:
    """The exit code: 1 when reading reaches less of the ping than it must."""
    with ExitStack() as stack:
        (admin_url,) = stack.enter_context(databases(1))
        load(admin_url, records(0, patients))
        door = stack.enter_context(running_door(admin_url))
        return compare(door, patients, rounds)


def compare(door: Door, patients: int, rounds: int) -> int:
    kinds: dict[str, Iterator[Request]] = {
        "ping": asked(lambda n: "/health"),
        "read": asked(lambda n: f"/fhir/Patient/p{n * 7 % patients}"),
        "search": asked(
            lambda n: f"/fhir/Observation?patient=p{n * 7 % patients}&code={quote(LOINC + '|' + CODE)}"
        ),
    }
    found: dict[str, list[Times]] = {name: [] for name in kinds}
    for requests in kinds.values():
        door.timed(requests, REQUESTS // 2)
    for number in range(rounds):
        for name in kinds if number % 2 else reversed(kinds):
            found[name].append(door.timed(kinds[name], REQUESTS))
    print(f"{'ping':7}{middle(found['ping'])}")
    for name, sql in IN_SQL.items():
        share = statistics.median(
            one.a_second / ping.a_second for one, ping in zip(found[name], found["ping"], strict=True)
        )
        bare = pgbench(door.admin_url, sql, patients)
        of_pgbench = f"{middle(found[name]).a_second / bare:.3f} of pgbench's {bare:,.0f}/s" if bare else ""
        least = f" (must ≥ {LEAST_READ})" if name == "read" else ""
        print(f"{name:7}{middle(found[name])}; {share:.2f} of the ping{least}; {of_pgbench}", flush=True)
        if name == "read":
            kept = share >= LEAST_READ
    return 0 if kept else 1


def asked(path: Callable[[int], str]) -> Iterator[Request]:
    return (("GET", path(number), None) for number in itertools.count())


def middle(rounds: list[Times]) -> Times:
    """The round of the middle rate."""
    return sorted(rounds, key=lambda times: times.a_second)[len(rounds) // 2]


def pgbench(admin_url: str, sql: str, patients: int) -> float | None:
    """The same look a second by PostgreSQL's own client, prepared; None where it is not installed."""
    program = shutil.which("pgbench")
    if program is None:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"\\set n random(0, {patients - 1})\n{sql};\n")
        script.flush()
        arguments = [
            "-n",
            "-M",
            "prepared",
            "-c",
            str(CONNECTIONS),
            "-T",
            str(PGBENCH_SECONDS),
            "-f",
            script.name,
        ]
        done = subprocess.run(
            [program, *arguments, plain_url(admin_url)], capture_output=True, text=True, check=True
        )
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:3])))
