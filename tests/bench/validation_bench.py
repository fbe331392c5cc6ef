"""Prints what checking costs: structure and profile of one Observation, a checked write, a transaction.

Each is set against the same work without the check, in turns in one run; the median of the pairs counts. What checking
costs an import is told by import_bench.
Run: python -m tests.bench.validation_bench [patients]      (300 when not given)
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from unittest.mock import patch

from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import SystemClock
from ehr_core.population import generate
from ehr_core.store import repository
from ehr_core.store.guides.guides import SHIPPED
from ehr_core.store.repository import Incoming, Store
from ehr_core.store.validation import validate
from tests.bench.cpu import Cost, CostMeter, median
from tests.bench.store.store_bench import ACTOR, SITE, fresh

ROUNDS, WRITES, ENTRIES, BUNDLES = 9, 150, 50, 4
Resource = tuple[str, bytes]


def main(patients: int = 300) -> None:
    resources = list(generate(patients, seed=2026, as_of=date(2026, 11, 22), time_zone=SITE))
    claiming = [body for name, body in resources if name == "Observation" and b'"profile"' in body]
    one_observation(claiming[:5000])
    with fresh() as (admin_url, database):
        meter = CostMeter(admin_url)
        writes(meter, database, resources)
        transactions(meter, database, resources)


def one_observation(bodies: list[bytes]) -> None:
    decoded = [(validate("Observation", body), body) for body in bodies]
    for resource, body in decoded:
        SHIPPED.check("Observation", resource, body)
    structure = [taken(lambda body=body: validate("Observation", body)) for body in bodies]
    profile = [taken(lambda pair=pair: SHIPPED.check("Observation", *pair)) for pair in decoded]
    print(f"structure of an Observation: p50 {statistics.median(structure) * 1e6:.1f} µs (must ≤ 25)")
    print(
        f"its US Core profile:         p50 {statistics.median(profile) * 1e6:.1f} µs more, where it claims one"
    )


def writes(meter: CostMeter, database: Database, resources: list[Resource]) -> None:
    """Creates one after the other, each a transaction with audit and outbox."""
    patient = next(body for name, body in resources if name == "Patient")
    patient_id = json.loads(patient)["id"]
    with begin(database, ACTOR, SystemClock(), SITE) as work:
        Store(work).put("Patient", patient_id, patient)
    bodies = [about(body, patient_id) for name, body in resources if name == "Observation"][:WRITES]

    def unchecked() -> None:
        with nothing_checked(bodies):
            create_all(database, bodies, None)

    checked, bare = in_turns(meter, lambda: create_all(database, bodies, Incoming()), unchecked)
    rate = WRITES / median(checked, wall)
    print(
        f"checked create: {rate:,.0f}/s, {against(checked, bare)} of the throughput without any check (must ≥ 0.8)"
    )


def transactions(meter: CostMeter, database: Database, resources: list[Resource]) -> None:
    """Bundles of one patient with results that refer to them by 'urn:uuid:'."""
    bodies = [json.loads(about(body, "x")) for name, body in resources if name == "Observation"][
        : ENTRIES - 1
    ]
    person = "urn:uuid:0b9a7f8e-7c58-4bd1-9d5e-000000000001"
    entries = [{"fullUrl": person, "resource": {"resourceType": "Patient"}}]
    entries += [{"resource": body | {"subject": {"reference": person}}} for body in bodies]
    for entry in entries:
        entry["request"] = {"method": "POST", "url": entry["resource"]["resourceType"]}
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()

    def run(incoming: Incoming | None) -> None:
        for _ in range(BUNDLES):
            with begin(database, ACTOR, SystemClock(), SITE) as work:
                Store(work, incoming=incoming).transaction(bundle)

    checked, plain = in_turns(meter, lambda: run(Incoming()), lambda: run(None))
    rate = ENTRIES * BUNDLES / median(checked, wall)
    print(
        f"transaction of {ENTRIES}: {rate:,.0f} resources/s, {against(checked, plain)} of that with structure checked "
        "alone"
    )


def in_turns(
    meter: CostMeter, one: Callable[[], object], other: Callable[[], object]
) -> tuple[list[Cost], list[Cost]]:
    """Both by turns, so that a busy minute of the machine falls on both; the first turn warms up."""
    pairs = [(meter.of(one), meter.of(other)) for _ in range(ROUNDS + 1)][1:]
    return [first for first, _ in pairs], [second for _, second in pairs]


def against(costs: list[Cost], limits: list[Cost]) -> str:
    """The median ratio of the pairs, by the clock and by CPU."""
    pairs = list(zip(costs, limits, strict=True))
    by_wall = statistics.median(limit.wall / cost.wall for cost, limit in pairs)
    by_cpu = statistics.median(limit.cpu / cost.cpu for cost, limit in pairs)
    return f"{by_wall:.2f} (by CPU {by_cpu:.2f})"


def wall(cost: Cost) -> float:
    return cost.wall


def about(body: bytes, patient_id: str) -> bytes:
    """The same result, of that patient, as somebody new would send it."""
    sent = json.loads(body)
    for name in ("id", "extension", "encounter", "performer", "derivedFrom", "hasMember"):
        sent.pop(name, None)
    return json.dumps(sent | {"subject": {"reference": f"Patient/{patient_id}"}}).encode()


def create_all(database: Database, bodies: list[bytes], incoming: Incoming | None) -> None:
    for body in bodies:
        with begin(database, ACTOR, SystemClock(), SITE) as work:
            Store(work, incoming=incoming).create("Observation", body)


@contextmanager
def nothing_checked(bodies: list[bytes]) -> Iterator[None]:
    """The structs are there already: what is left is the write itself."""
    known = {body: validate("Observation", body) for body in bodies}
    with patch.object(repository, "validate", lambda _, body: known[body]):
        yield


def taken(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
