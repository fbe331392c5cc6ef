"""Prints the import's speed with two processes: checked, unchecked, without Provenance, and COPY of the bare text.

And as an outside application sends it: a file a type, as `$import` asks, each line admitted to a chart or turned away.

All of them take the same population, one after the other in each round; what is printed are medians over the rounds of
resources a second and of CPU seconds, in Python and in PostgreSQL, for each 1,000 resources.
Run: python -m tests.bench.import_bench [patients] [rounds]      (1,000 and 3 when not given)
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

from ehr_core.access.actor import Actor, ApplicationGrant
from ehr_core.api.bulk_import.admission import Admission
from ehr_core.api.bulk_import.files import parts_of
from ehr_core.api.bulk_import.runner import LARGE_BYTES
from ehr_core.db.database import Database
from ehr_core.population import generate
from ehr_core.store.importer import import_parts, import_path
from ehr_core.store.origins import ACCOUNT_SYSTEM, Origin
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.validation import peek_type
from tests.bench.cpu import Cost, CostMeter, median
from tests.bench.store.store_bench import ACTOR, SITE, copy_bare, fresh

PROCESSES = 2
MUST_A_SECOND = 8_000
PARTS = ("python", "postgres")
AGENT = {"identifier": {"system": ACCOUNT_SYSTEM, "value": ACTOR.actor_id}, "display": ACTOR.name}
ORIGIN = Origin("bench", "Import of 1 file", AGENT)
APPLICATION = Actor(
    "app:bench",
    "service",
    "Bench",
    ("application",),
    frozenset({"fhir.write", "bulk.import"}),
    application=ApplicationGrant("bench", ("system/*.cruds",)),
)


def main(patients: int = 1_000, rounds: int = 3) -> None:
    bodies = [body for _, body in generate(patients, seed=2026, as_of=date(2026, 11, 22), time_zone=SITE)]
    megabytes = sum(map(len, bodies)) / 1e6
    print(f"{patients:,} patients, {len(bodies):,} resources, {megabytes:.0f} MB; {PROCESSES} processes")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "population.ndjson"
        file.write_bytes(b"\n".join(bodies))
        report(len(bodies), measured(file, by_type(bodies), bodies, rounds))


def by_type(bodies: list[bytes]) -> dict[str, list[bytes]]:
    """What others refer to first, as a sender has to order its files; and how much of it claims a profile."""
    found: dict[str, list[bytes]] = {}
    for body in bodies:
        found.setdefault(peek_type(body), []).append(body)
    claiming = sum(b"/us/core/StructureDefinition/" in body for body in bodies)
    print(f"{claiming:,} of them claim a profile of US Core")
    return dict(sorted(found.items(), key=lambda each: list(RESOURCE_TYPES).index(each[0])))


def sent(database: Database, files: dict[str, list[bytes]], *, admitted: bool) -> None:
    """One `$import`: file by file, with two processes of their own for a large one."""
    for type_name, lines in files.items():
        large = sum(map(len, lines)) >= LARGE_BYTES
        import_parts(
            database,
            ACTOR,
            parts_of(type_name, (line + b"\n" for line in lines)),
            processes=PROCESSES if large else 1,
            site_time_zone=SITE,
            origin=ORIGIN,
            admit=Admission(APPLICATION, type_name, SITE) if admitted else None,
        )


def measured(
    file: Path, files: dict[str, list[bytes]], bodies: list[bytes], rounds: int
) -> dict[str, list[Cost]]:
    """Each kind of import into an empty database of its own, in turns."""

    def imported(**told: object) -> Callable[[Database], object]:
        told = {"processes": PROCESSES, "site_time_zone": SITE, "origin": ORIGIN} | told
        return lambda database: import_path(database, ACTOR, [file], **told)

    kinds = {
        "checked": imported(),
        "--no-check": imported(check_claims=False),
        "no Provenance": imported(origin=None),
        "file by file": partial(sent, files=files, admitted=False),
        "an application": partial(sent, files=files, admitted=True),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in ("COPY of bodies", *kinds)}
    for _ in range(rounds):
        with fresh() as (admin_url, _):
            costs["COPY of bodies"].append(
                CostMeter(admin_url).of(lambda at=admin_url: copy_bare(at, bodies))
            )
        for name, run in kinds.items():
            with fresh() as (admin_url, database):
                costs[name].append(CostMeter(admin_url).of(lambda run=run, to=database: run(to)))
    return costs


def report(count: int, costs: dict[str, list[Cost]]) -> None:
    for name, each in costs.items():
        python, postgres = (median(each, lambda cost, part=part: getattr(cost, part)) for part in PARTS)
        print(
            f"{name:15} {count / median(each, lambda cost: cost.wall):8,.0f} resources/s; CPU for 1,000: "
            f"{(python + postgres) / count * 1e6:4.0f} ms, {python / count * 1e6:4.0f} in Python and "
            f"{postgres / count * 1e6:4.0f} in PostgreSQL; two cores kept busy would do "
            f"{2 * count / (python + postgres):,.0f}/s"
        )
    check, provenance = share(costs, "--no-check"), share(costs, "no Provenance")
    print(f"of the CPU of a checked import, the check takes {check:.0%} and Provenance {provenance:.0%}")
    admission = share(costs, "file by file", of="an application")
    print(f"of the CPU of an application's import, its admission takes {admission:.0%}")
    print(f"(must ≥ {MUST_A_SECOND:,} resources/s checked, on two cores that nothing else uses)")


def share(costs: dict[str, list[Cost]], without: str, *, of: str = "checked") -> float:
    """What an import spends on what the other leaves out: the median over the rounds."""
    pairs = zip(costs[of], costs[without], strict=True)
    return statistics.median(1 - other.cpu / whole.cpu for whole, other in pairs)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
