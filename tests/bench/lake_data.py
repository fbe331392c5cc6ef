"""Lines of the synthetic population for the benchmarks of the lake, as the store exports them: with versions."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from ehr_core.population import generate

AS_OF = date(2026, 11, 22)
STORED = b'"meta":{"versionId":"1","lastUpdated":"2026-11-22T09:30:00.123456-05:00"'


def population_lines(patients: int) -> dict[str, list[bytes]]:
    """Lines by resource type; `meta` has the version and time that a store adds."""
    lines: dict[str, list[bytes]] = defaultdict(list)
    for resource_type, line in generate(patients, seed=2026, as_of=AS_OF, time_zone="America/New_York"):
        if b'"meta":{' in line:
            line = line.replace(b'"meta":{', STORED + b",", 1)
        else:
            line = line[:-1] + b"," + STORED + b"}}"
        lines[resource_type].append(line)
    return lines


def megabytes(lines: dict[str, list[bytes]]) -> float:
    return sum(len(line) for found in lines.values() for line in found) / 1e6
