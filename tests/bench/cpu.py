"""Seconds of CPU that some work took: here, in processes that it started, and in PostgreSQL. Linux only."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds: by the clock on the wall, of CPU in Python, and of CPU in PostgreSQL."""

    wall: float
    python: float
    postgres: float

    @property
    def cpu(self) -> float:
        return self.python + self.postgres


class CostMeter:
    """Measures work against one server, which nobody else may use meanwhile."""

    def __init__(self, admin_url: str):
        with psycopg.connect(admin_url.replace("+psycopg", "")) as connection:
            self._postmaster = _parent(connection.info.backend_pid)

    def of(self, work: Callable[[], object]) -> Cost:
        wall, python, postgres = time.perf_counter(), _python(), self._postgres()
        work()
        return Cost(time.perf_counter() - wall, _python() - python, self._postgres() - postgres)

    def _postgres(self) -> float:
        """The postmaster with what it has buried, and its children that are alive."""
        own = _fields(self._postmaster)
        ticks = sum(map(int, own[11:15]))
        for folder in Path("/proc").glob("[0-9]*"):
            child = _fields(int(folder.name))
            if child and int(child[1]) == self._postmaster:
                ticks += int(child[11]) + int(child[12])
        return ticks / TICKS_A_SECOND


def median(costs: Sequence[Cost], read: Callable[[Cost], float]) -> float:
    return statistics.median(map(read, costs))


def _python() -> float:
    return sum(os.times()[:4])


def _parent(pid: int) -> int:
    return int(_fields(pid)[1])


def _fields(pid: int) -> list[str]:
    """What /proc says of a process behind its name; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
