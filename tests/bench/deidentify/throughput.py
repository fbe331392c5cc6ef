"""Prints de-identification beside an orjson round trip of the same lines, taking turns every few hundred lines.

Run: python -m tests.bench.deidentify.throughput [patients]
Must: at least 0.6 of the round trip (performance.md, section 13, row 6).
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from datetime import date

import orjson

from pipelines.deidentify import Deidentifier, RandomSurrogates, derive_key, load_profile
from tests.bench.lake_data import megabytes, population_lines

ROUNDS = 5
CHUNK_LINES = 500
AS_OF = date(2026, 11, 22)


def chunks(lines: dict[str, list[bytes]]) -> Iterator[tuple[str, list[bytes]]]:
    for resource_type, found in lines.items():
        for start in range(0, len(found), CHUNK_LINES):
            yield resource_type, found[start : start + CHUNK_LINES]


def round_trip(lines: list[bytes]) -> None:
    for line in lines:
        orjson.dumps(orjson.loads(line))


def scrub(deidentifier: Deidentifier, resource_type: str, lines: list[bytes]) -> None:
    for _ in deidentifier.scrub_lines(resource_type, lines):
        pass


def cpu_seconds(act, *arguments) -> float:
    began = time.process_time()
    act(*arguments)
    return time.process_time() - began


def best(rounds: list[list[float]]) -> float:
    """Each chunk's best time, summed: a busy neighbour slows some chunks of some rounds, never all of one."""
    return sum(min(times) for times in zip(*rounds, strict=True))


def fresh(profile: str, lines: dict[str, list[bytes]]) -> Deidentifier:
    """A new one each time, so that nothing is remembered from the round before; compiled on a few lines of a type."""
    codes = derive_key("5a" * 32, "bench") if profile == "limited" else RandomSurrogates("bench")
    deidentifier = Deidentifier(load_profile(profile), codes, as_of=AS_OF)
    for resource_type, found in lines.items():
        scrub(deidentifier, resource_type, found[:150])
    return deidentifier


def main(patients: int = 1000) -> None:
    lines = population_lines(patients)
    size, count = megabytes(lines), sum(len(found) for found in lines.values())
    print(f"{patients} patients, {count:,} resources, {size:.0f} MB")
    compiling = cpu_seconds(fresh, "limited", lines)
    print(f"compiling the allow-list of {len(lines)} types: {compiling:.2f} CPU-seconds, once")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for profile in ("limited", "safe_harbor"):
        trips, owns = [], []
        for _ in range(ROUNDS):
            deidentifier = fresh(profile, lines)
            taken = [
                (cpu_seconds(round_trip, chunk), cpu_seconds(scrub, deidentifier, resource_type, chunk))
                for resource_type, chunk in chunks(lines)
            ]
            trips.append([trip for trip, _ in taken])
            owns.append([own for _, own in taken])
        trip, own = best(trips), best(owns)
        print(
            f"{profile:12} {size / own:5.0f} MB and {count / own / 1000:4.0f} k resources per CPU-second; "
            f"orjson round trip {size / trip:4.0f} MB; ratio {trip / own:.2f}"
        )
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"memory grew by {grown:.0f} MB (what is remembered, and the random codes)")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
