"""A population in batches: resource files of a snapshot or a bulk export, as whole patients, in bounded memory.

The files are read once: each resource goes to the batch of its patient, in a folder beside the results that lives as
long as the run. Then a batch at a time is read, which costs the same however many there are.

Resources that belong to no patient (places, medicines) are given to the patients whose resources refer to them: logic
can reach them by reference only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from pipelines.measures.elm.engine import Compiled
from pipelines.measures.elm.nodes import reachable
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.survey import data_requirements
from pipelines.measures.elm.texts import Texts

BATCH = 5_000
"""Patients at a time, at most: enough that the cost per step is small."""
BATCH_BYTES = 150_000_000
"""JSON at a time, about: as Python's objects and columns it is some two gigabytes."""
PACKED = 8
"""How many times larger a compressed file is when it is read, about."""
OWNED_BY = ("subject", "patient", "beneficiary", "for", "individual")
"""The elements that name whose resource it is."""
NOBODYS = -1
"""The batch of resources that belong to no patient."""
EVERYBODY = (0, 1)
"""The one shard that all people are in."""
REFERENCE = re.compile(rb'"reference":"(\w+)/([^"]+)"')
PEOPLE = "people.parquet"
MEMORY = "1500MB"
"""What DuckDB may hold of the resources while they go to their batches; more goes to disk."""


@dataclass
class Batch:
    """Some patients: `keys` are their ids, in the order of the records' rows; `people` is how many there are in all."""

    records: Records
    keys: list[str]
    people: int


def needed_types(measures: Collection[Compiled]) -> frozenset[str]:
    """The resource types that the measures retrieve."""
    nodes = [node for one in measures for criteria in one.criteria.values() for node in criteria.values()]
    return frozenset({"Patient", *(kind for kind, _, _ in data_requirements(reachable(nodes)))})


def batches(
    files: Mapping[str, Sequence[Path]],
    types: Collection[str],
    texts: Texts,
    *,
    size: int | None = None,
    shard: tuple[int, int] = EVERYBODY,
    beside: Path | None = None,
) -> Iterator[Batch]:
    """Whole patients, ordered by id, at most `size` at a time (if not given, as fit in memory). Only the types named
    are read.

    `shard` (number, of how many) keeps the patients whose id's hash falls to it. Files are NDJSON, one resource a line,
    plain or compressed. Resources of nobody who has a Patient are left out. What the batches hold lies in a folder of
    its own in `beside`, and is removed at the end.
    """
    with laid_by_batch(files, types, size=size, shard=shard, beside=beside) as laid:
        for number in range(laid.batches):
            yield laid.batch(number, texts)


@contextmanager
def laid_by_batch(
    files: Mapping[str, Sequence[Path]],
    types: Collection[str],
    *,
    size: int | None = None,
    shard: tuple[int, int] = EVERYBODY,
    beside: Path | None = None,
) -> Iterator[Laid]:
    """The same, for those who read the batches themselves, in any order and process, while the folder is there."""
    found = {kind: files[kind] for kind in sorted(types) if files.get(kind)}
    with TemporaryDirectory(prefix=".batches-", dir=beside) as place:
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": place}) as connection:
            connection.execute("SET enable_progress_bar = false")
            laid = _lay_people(connection, Path(place), _names(files["Patient"]), size, _bytes(found), shard)
            for kind, paths in found.items():
                _lay(connection, laid, kind, _names(paths))
        yield laid


def add_person(
    batch: Batch, owner: str, bodies: list[bytes], shared: Mapping[tuple[bytes, bytes], bytes]
) -> None:
    """Takes over one patient's resources, in an order of their own: whatever way they came, the answer is one."""
    named = {name for body in bodies for name in REFERENCE.findall(body) if name in shared}
    ordered = [*sorted(bodies), *sorted(shared[name] for name in named)]
    batch.records.add_patient([orjson.loads(body) for body in ordered])
    batch.keys.append(owner)


def _names(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]


def _bytes(files: Mapping[str, Sequence[Path]]) -> int:
    """How much JSON the files hold, about."""
    paths = [path for of_kind in files.values() for path in of_kind]
    return sum(path.stat().st_size * (1 if path.suffix == ".ndjson" else PACKED) for path in paths)


@dataclass
class Laid:
    """A population's resources as Parquet files by type and batch in a folder, those of nobody in a batch of theirs."""

    place: Path
    people: int
    size: int
    kinds: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)

    @property
    def batches(self) -> int:
        return -(-self.people // self.size)

    def files(self, kind: str, number: int) -> str | None:
        folder = self.place / kind / f"batch={number}"
        return str(folder / "*.parquet") if folder.exists() else None

    def batch(self, number: int, texts: Texts) -> Batch:
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(self.place)}) as connection:
            keys = connection.execute(
                f"SELECT owner FROM read_parquet(?) WHERE number // {self.size} = {number} ORDER BY number",
                [str(self.place / PEOPLE)],
            ).fetchnumpy()["owner"]
            bodies = {kind: _bodies(connection, self.files(kind, number)) for kind in self.kinds}
            for kind, (owners, found) in _named(connection, self, bodies).items():
                before = bodies.get(kind, (np.zeros(0, np.int64), []))
                bodies[kind] = np.concatenate([before[0], owners]), [*before[1], *found]
        records = Records(texts)
        records.patients = len(keys)
        for kind, (owners, found) in bodies.items():
            records.add(kind, owners, [orjson.loads(body) for body in found])
        return Batch(records, keys.tolist(), self.people)


def _lay_people(
    connection: duckdb.DuckDBPyConnection,
    place: Path,
    paths: list[str],
    size: int | None,
    json_bytes: int,
    shard: tuple[int, int],
) -> Laid:
    """Numbers the people in the order of their ids, and decides how many are a batch."""
    connection.execute(
        "CREATE TABLE person AS SELECT owner, row_number() OVER (ORDER BY owner) - 1 AS number FROM "
        "(SELECT DISTINCT json ->> '$.id' AS owner FROM read_ndjson_objects($files)) "
        "WHERE owner <> '' AND hash(owner) % $shards = $number",
        {"files": paths, "number": shard[0], "shards": shard[1]},
    ).fetchall()
    connection.execute(f"COPY person TO '{_quoted(place / PEOPLE)}' (FORMAT parquet)").fetchall()
    people = connection.execute("SELECT count(*) FROM person").fetchall()[0][0]
    fitting = BATCH_BYTES * people // max(json_bytes // shard[1], 1)
    return Laid(place, people, size or max(1, min(BATCH, fitting)))


def _lay(connection: duckdb.DuckDBPyConnection, laid: Laid, kind: str, paths: list[str]) -> None:
    """Lays the lines of a type by batch, and those of nobody aside."""
    connection.execute(
        f"COPY (SELECT coalesce(number // {laid.size}, {NOBODYS}) AS batch, number % {laid.size} AS patient, body "
        f"FROM (SELECT {_owner(kind)} AS owner, json::VARCHAR AS body FROM read_ndjson_objects(?)) "
        "LEFT JOIN person USING (owner) WHERE number IS NOT NULL OR owner IS NULL) "
        f"TO '{_quoted(laid.place / kind)}' (FORMAT parquet, PARTITION_BY (batch), COMPRESSION lz4_raw)",
        [paths],
    ).fetchall()
    laid.kinds.append(kind)
    if laid.files(kind, NOBODYS):
        laid.shared.append(kind)


Bodies = tuple[np.ndarray, list[str]]
"""Of each resource the row of its patient, and its JSON."""


def _bodies(connection: duckdb.DuckDBPyConnection, files: str | None) -> Bodies:
    if files is None:
        return np.zeros(0, np.int64), []
    rows = connection.sql(
        "SELECT patient, body FROM read_parquet($files, hive_partitioning = false) ORDER BY patient, body",
        params={"files": files},
    ).to_arrow_table()
    return rows["patient"].to_numpy().astype(np.int64), rows["body"].to_pylist()


def _named(
    connection: duckdb.DuckDBPyConnection, laid: Laid, bodies: Mapping[str, Bodies]
) -> dict[str, Bodies]:
    """The resources of nobody that the bodies refer to, once per patient who does."""
    named = {}
    for kind, asked in references(bodies.values(), laid.shared).items():
        connection.register("asked", pa.table(asked))
        owners, found = _bodies_of(connection, laid.files(kind, NOBODYS))
        named[kind] = owners, found
        connection.unregister("asked")
    return named


def _bodies_of(connection: duckdb.DuckDBPyConnection, files: str | None) -> Bodies:
    """The bodies in the files whose ids the table `asked` names."""
    rows = connection.sql(
        "SELECT a.patient, s.body FROM (SELECT body ->> '$.id' AS name, body "
        "FROM read_parquet($files, hive_partitioning = false)) s JOIN asked a USING (name) ORDER BY a.patient, s.body",
        params={"files": files},
    ).fetchall()
    return np.array([owner for owner, _ in rows], np.int64), [body for _, body in rows]


def references(bodies: Iterable[Bodies], kinds: Collection[str]) -> dict[str, dict[str, list]]:
    """By type, which patient's resources name which resource (`patient`, `name`), each pair once."""
    if not kinds:
        return {}
    pattern = re.compile(rf'"reference":"({"|".join(kinds)})/([^"]+)"')
    wanted: dict[tuple[str, int, str], None] = {}
    for owners, found in bodies:
        for owner, body in zip(owners.tolist(), found, strict=True):
            for kind, name in pattern.findall(body):
                wanted[kind, owner, name] = None
    by_kind: dict[str, dict[str, list]] = {}
    for kind, owner, name in wanted:
        asked = by_kind.setdefault(kind, {"patient": [], "name": []})
        asked["patient"].append(owner)
        asked["name"].append(name)
    return by_kind


def _owner(kind: str) -> str:
    """Whose resource a line is, as SQL; null when it is nobody's."""
    if kind == "Patient":
        return "nullif(json ->> '$.id', '')"
    named = ", ".join(f"json ->> '$.{element}.reference'" for element in OWNED_BY)
    return f"nullif(regexp_extract(coalesce({named}), 'Patient/([^/]+)$', 1), '')"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
