"""Writes a population as NDJSON files, shard by shard, on several processes; one chart a process in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

import zstandard

from ehr_core.kernel.errors import BadRequest
from ehr_core.population.panel import write_patients
from ehr_core.population.site import Line, write_site

SITE_SHARD = "site"
ZSTD_LEVEL = 3


@dataclass(frozen=True)
class Panel:
    """Which population is meant; the files follow from these and nothing else."""

    patients: int
    seed: int
    as_of: date
    time_zone: str


@dataclass(frozen=True)
class Written:
    """What one shard came to."""

    patients: int
    resources: int
    bytes: int


def write_ndjson(
    panel: Panel,
    folder: Path,
    *,
    shard_size: int = 5000,
    processes: int | None = None,
    compress: bool = False,
    progress: Callable[[Written], None] | None = None,
) -> Written:
    """Writes `<Type>.<shard>.ndjson[.zst]` files into an empty folder; the same files for any number of processes.

    Raises BadRequest when the folder already holds something: an old shard beside new ones would be read as theirs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadRequest(f"The folder '{folder}' is not empty. Choose an empty one for the population.")
    if panel.patients < 1 or shard_size < 1:
        raise BadRequest(
            "A population needs at least 1 patient, and a shard at least 1. Pass larger numbers."
        )
    done = [_write_shard(write_site(panel.patients), SITE_SHARD, folder, compress)]
    workers = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        starts = range(0, panel.patients, shard_size)
        waiting = [pool.submit(_write_range, panel, start, shard_size, folder, compress) for start in starts]
        for finished in as_completed(waiting):
            done.append(finished.result())
            if progress:
                progress(done[-1])
    return Written(
        patients=sum(shard.patients for shard in done),
        resources=sum(shard.resources for shard in done),
        bytes=sum(shard.bytes for shard in done),
    )


def _write_range(panel: Panel, start: int, shard_size: int, folder: Path, compress: bool) -> Written:
    stop = min(start + shard_size, panel.patients)
    lines = write_patients(start, stop, seed=panel.seed, as_of=panel.as_of, time_zone=panel.time_zone)
    return _write_shard(lines, f"{start // shard_size:06d}", folder, compress)


def _write_shard(lines: Iterator[Line], shard: str, folder: Path, compress: bool) -> Written:
    """One file a resource type, opened when its first resource comes."""
    files: dict[str, BinaryIO] = {}
    patients = resources = size = 0
    with ExitStack() as stack:
        for resource_type, line in lines:
            if resource_type not in files:
                path = folder / f"{resource_type}.{shard}.ndjson"
                files[resource_type] = stack.enter_context(_open(path, compress))
            files[resource_type].write(line + b"\n")
            patients += resource_type == "Patient"
            resources += 1
            size += len(line) + 1
    return Written(patients, resources, size)


def _open(path: Path, compress: bool) -> BinaryIO:
    if compress:
        return zstandard.open(f"{path}.zst", "wb", cctx=zstandard.ZstdCompressor(level=ZSTD_LEVEL))
    return path.open("wb", buffering=1 << 18)
