"""`make bench`: every benchmark, one after the other, each in a process of its own so that memory peaks are its own.

Each prints ratios against a limit measured in the same run; this only adds the peak memory. Nothing here judges.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

BENCHES = (
    "population",
    "store.store_bench",
    "validation_bench",
    "import_bench",
    "api_bench",
    "api.reads",
    "api.searches",
    "api.exports",
    "api.row_security",
    "deidentify.throughput",
    "flatten.throughput",
    "flatten.standard_views",
    "measures",
    "risk_and_data",
    "official_measures",
    "write_back",
    "remeasure",
    "cds_bench",
    "chart_bench",
    "scheduling_bench",
    "registration_bench",
)


def run(name: str, arguments: Sequence[str] = ()) -> int:
    """Runs one benchmark and prints its time and peak memory; returns its exit code."""
    print(f"\n== {name}", flush=True)
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", f"tests.bench.{name}", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(f"   {time.monotonic() - began:.0f} s, peak memory {usage.ru_maxrss / 1e6:.2f} GB", flush=True)
    return process.returncode


def main(words: list[str]) -> int:
    """Runs the benchmarks named, or all; what is no benchmark's name is an argument of the one before it."""
    asked: dict[str, list[str]] = {}
    for word in words or BENCHES:
        if word in BENCHES or not asked:
            asked[name := word] = []
        else:
            asked[name].append(word)
    failed = [name for name, arguments in asked.items() if run(name, arguments) != 0]
    if failed:
        print(f"\nNot finished: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
