"""Prints what checking costs: structure and profile of one Observation, a checked write, a transaction, an import.

Each is set against the same work without the check, interleaved in one run; the best round of each counts.
Run: python -m tests.bench.validation_bench [patients]      (300 when not given)
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from unittest.mock import patch

from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import SystemClock
from ehr_core.population import generate
from ehr_core.store import repository
from ehr_core.store.guides.guides import SHIPPED, Guides
from ehr_core.store.importer import import_path
from ehr_core.store.repository import Incoming, Store
from ehr_core.store.validation import validate
from tests.bench.store.store_bench import ACTOR, SITE, fresh

ROUNDS, WRITES, ENTRIES = 7, 150, 50
Resource = tuple[str, bytes]


def main(patients: int = 300) -> None:
    resources = list(generate(patients, seed=2026, as_of=date(2026, 11, 22), time_zone=SITE))
    claiming = [body for name, body in resources if name == "Observation" and b'"profile"' in body]
    one_observation(claiming[:5000])
    with fresh() as (_, database):
        writes(database, resources)
        transactions(database, resources)
    imports(resources)


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


def writes(database: Database, resources: list[Resource]) -> None:
    """Creates one after the other, each a transaction with audit and outbox."""
    patient = next(body for name, body in resources if name == "Patient")
    patient_id = json.loads(patient)["id"]
    with begin(database, ACTOR, SystemClock(), SITE) as work:
        Store(work).put("Patient", patient_id, patient)
    bodies = [about(body, patient_id) for name, body in resources if name == "Observation"][:WRITES]
    checked, bare = [], []
    for _ in range(ROUNDS):
        checked.append(taken(lambda: create_all(database, bodies, Incoming())))
        with nothing_checked(bodies):
            bare.append(taken(lambda: create_all(database, bodies, None)))
    ratio = min(bare) / min(checked)
    rate = WRITES / min(checked)
    print(f"checked create: {rate:,.0f}/s, {ratio:.2f} of the throughput without any check (must ≥ 0.8)")


def transactions(database: Database, resources: list[Resource]) -> None:
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
        with begin(database, ACTOR, SystemClock(), SITE) as work:
            Store(work, incoming).transaction(bundle)

    run(None)
    checked, plain = [], []
    for _ in range(ROUNDS):
        checked.append(taken(lambda: run(Incoming())))
        plain.append(taken(lambda: run(None)))
    ratio = min(plain) / min(checked)
    rate = ENTRIES / min(checked)
    print(
        f"transaction of {ENTRIES}: {rate:,.0f} resources/s, {ratio:.2f} of that with structure checked alone"
    )


def imports(resources: list[Resource]) -> None:
    """One process; profiles and references checked, and neither."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.ndjson"
        file.write_bytes(b"\n".join(body for _, body in resources))

        def run(*, check: bool) -> float:
            with fresh() as (_, database):
                return taken(
                    lambda: import_path(
                        database, ACTOR, [file], processes=1, site_time_zone=SITE, check_claims=check
                    )
                )

        run(check=True)
        checked = run(check=True)
        with patch.object(Guides, "check", lambda *_, **__: []):
            plain = run(check=False)
    rate = len(resources) / checked
    print(
        f"import, one process: {rate:,.0f} resources/s, {plain / checked:.2f} of that without profiles and references"
    )


def about(body: bytes, patient_id: str) -> bytes:
    """The same result, of that patient, as somebody new would send it."""
    sent = json.loads(body)
    for name in ("id", "extension", "encounter", "performer", "derivedFrom", "hasMember"):
        sent.pop(name, None)
    return json.dumps(sent | {"subject": {"reference": f"Patient/{patient_id}"}}).encode()


def create_all(database: Database, bodies: list[bytes], incoming: Incoming | None) -> None:
    for body in bodies:
        with begin(database, ACTOR, SystemClock(), SITE) as work:
            Store(work, incoming).create("Observation", body)


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
