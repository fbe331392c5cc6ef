"""Engines of packages, kept while the files stay as they are: a measure is compiled once per process."""

from __future__ import annotations

from pathlib import Path

from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import read_package

MOST_KEPT = 2
"""Packages in memory: this year's and the next one's."""
_engines: dict[tuple, Engine] = {}


def engine_of(folder: Path, *, value_sets: Path | None = None, libraries: Path | None = None) -> Engine:
    """The engine of a package; a new one when any of its files has changed. For one thread at a time."""
    places = tuple(place.resolve() for place in (folder, value_sets, libraries) if place is not None)
    key = (places, _state(places))
    if key not in _engines:
        made = Engine(read_package(folder, value_sets=value_sets, libraries=libraries))
        for old in [old for old in _engines if old[0] == places]:
            del _engines[old]
        while len(_engines) >= MOST_KEPT:
            del _engines[next(iter(_engines))]
        _engines[key] = made
    return _engines[key]


def _state(places: tuple[Path, ...]) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of every file."""
    files = (file for place in places for file in (place.rglob("*") if place.is_dir() else (place,)))
    found = ((str(file), file.stat()) for file in files if file.is_file())
    return tuple(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in found))
