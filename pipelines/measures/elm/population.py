"""A population in batches: resource files of a snapshot or a bulk export, as whole patients, in bounded memory.

Resources that belong to no patient (places, medicines) are given to the patients whose resources refer to them: logic
can reach them by reference only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson

from pipelines.measures.elm.engine import Compiled
from pipelines.measures.elm.nodes import reachable
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.survey import data_requirements
from pipelines.measures.elm.texts import Texts

BATCH = 10_000
"""Patients at a time: enough that the cost per step is small, few enough for about a gigabyte of memory."""
OWNED_BY = ("subject", "patient", "beneficiary", "for", "individual")
"""The elements that name whose resource it is."""
REFERENCE = re.compile(rb'"reference":"(\w+)/([^"]+)"')


@dataclass
class Batch:
    """Some patients: `keys` are their ids, in the order of the records' rows."""

    records: Records
    keys: list[str]


def needed_types(measures: Collection[Compiled]) -> frozenset[str]:
    """The resource types that the measures retrieve."""
    nodes = [node for one in measures for criteria in one.criteria.values() for node in criteria.values()]
    return frozenset({"Patient", *(kind for kind, _, _ in data_requirements(reachable(nodes)))})


def batches(
    files: Mapping[str, Sequence[Path]], types: Collection[str], texts: Texts, *, size: int = BATCH
) -> Iterator[Batch]:
    """Whole patients, ordered by id, at most `size` at a time. Only the types named are read.

    Files are NDJSON, one resource a line, plain or compressed. Resources of nobody who has a Patient are left out.
    """
    with duckdb.connect() as connection:
        found = [kind for kind in sorted(types) if files.get(kind)]
        connection.execute("CREATE TABLE line (owner VARCHAR, kind VARCHAR, body VARCHAR)").fetchall()
        for kind in found:
            paths = [str(path) for path in files[kind]]
            connection.execute(f"INSERT INTO line {_lines(kind)}", [paths]).fetchall()
        shared = _shared(connection)
        connection.execute(
            "SELECT owner, kind, body FROM line WHERE owner IN (SELECT owner FROM line WHERE kind = 'Patient') "
            "ORDER BY owner, kind"
        )
        yield from _grouped(connection, shared, texts, size)


def _lines(kind: str) -> str:
    owner = "json ->> '$.id'"
    if kind != "Patient":
        named = ", ".join(f"json ->> '$.{element}.reference'" for element in OWNED_BY)
        owner = f"regexp_extract(coalesce({named}), 'Patient/([^/]+)$', 1)"
    return f"SELECT nullif({owner}, ''), '{kind}', json::VARCHAR FROM read_ndjson_objects(?)"


def _shared(connection: duckdb.DuckDBPyConnection) -> dict[tuple[bytes, bytes], bytes]:
    rows = connection.execute("SELECT kind, body ->> '$.id', body FROM line WHERE owner IS NULL").fetchall()
    return {(kind.encode(), (name or "").encode()): body.encode() for kind, name, body in rows}


def _grouped(
    connection: duckdb.DuckDBPyConnection, shared: dict[tuple[bytes, bytes], bytes], texts: Texts, size: int
) -> Iterator[Batch]:
    batch, owner, bodies = Batch(Records(texts), []), None, []
    while rows := connection.fetchmany(20_000):
        for key, _, body in rows:
            if key != owner:
                if owner is not None:
                    _add(batch, owner, bodies, shared)
                    if len(batch.keys) == size:
                        yield batch
                        batch = Batch(Records(texts), [])
                owner, bodies = key, []
            bodies.append(body.encode())
    if owner is not None:
        _add(batch, owner, bodies, shared)
    if batch.keys:
        yield batch


def _add(batch: Batch, owner: str, bodies: list[bytes], shared: dict[tuple[bytes, bytes], bytes]) -> None:
    if shared:
        named = dict.fromkeys(name for body in bodies for name in REFERENCE.findall(body) if name in shared)
        bodies = [*bodies, *(shared[name] for name in named)]
    batch.records.add_patient([orjson.loads(body) for body in bodies])
    batch.keys.append(owner)
