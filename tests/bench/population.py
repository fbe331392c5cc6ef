"""Prints how fast people are written, beside how fast the machine serialises the same lines.

Run: python -m tests.bench.population [patients]
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import date

import orjson

from ehr_core.population import generate

AS_OF = date(2026, 11, 22)


def main(patients: int = 1000) -> None:
    began = time.process_time()
    next(generate(1, seed=1, as_of=AS_OF, time_zone="America/New_York"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in generate(patients * 3, seed=1, as_of=AS_OF, time_zone="America/New_York"):
        pass
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{patients * 3} people streamed in {time.process_time() - began:.2f} CPU s, memory grew {grown:.0f} MB"
    )
    began = time.process_time()
    lines = list(generate(patients, seed=2026, as_of=AS_OF, time_zone="America/New_York"))
    generated = time.process_time() - began
    documents = [orjson.loads(line) for _, line in lines]
    began = time.process_time()
    for document in documents:
        orjson.dumps(document)
    limit = time.process_time() - began
    size = sum(len(line) for _, line in lines) / 1e6
    print(f"{patients} people: {len(lines)} resources, {size:.0f} MB in {generated:.2f} CPU s")
    print(f"{len(lines) / generated:,.0f} resources a second; serialising alone takes {limit:.2f} s ", end="")
    print(f"(ratio {generated / limit:.1f})")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
