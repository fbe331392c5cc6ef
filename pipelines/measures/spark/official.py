"""Official measures on Spark: whole patients go to partitions, and each partition runs the same compiled plan.

The plan is a pure function of a batch of patients, so nothing of it is written anew for the cluster. Spark reads the
files, brings each patient's resources together and spreads the work; see docs/adr/0026.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa

from data_contracts.tables.official import OFFICIAL_RESULTS
from pipelines.measures.elm.collector import spared_collector
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.judged import judge
from pipelines.measures.elm.kept import engine_of
from pipelines.measures.elm.population import BATCH, BATCH_BYTES, OWNED_BY, Batch, needed_types
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.results import Period
from pipelines.measures.spark.workbench import SPARK_TYPES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COLUMNS = ", ".join(f"`{one.name}` {SPARK_TYPES[one.type]}" for one in OFFICIAL_RESULTS.columns)


def official_results(
    session: SparkSession,
    package: Path,
    resources: str | Path,
    period: Period,
    *,
    only: Iterable[str] = (),
    key_id: str = "none",
    partitions: int = 200,
) -> DataFrame:
    """Rows of `official_results` of a folder of NDJSON files, one or more per resource type (`Patient.ndjson` …).

    `package` and `resources` are places that every executor reaches. Nothing runs before the rows are asked for.
    """
    engine = engine_of(package)
    names = tuple(engine.package.measure(name)["name"] for name in only) or tuple(
        sorted(engine.package.measures)
    )
    types = sorted(needed_types([engine.compile(name) for name in names]))
    lines = _lines(session, str(resources), types)
    task = partial(_judged, package, names, period, key_id)
    arranged = _of_people(lines).repartition(partitions, "owner").sortWithinPartitions("owner", "body")
    return arranged.mapInArrow(task, COLUMNS)


def _lines(session: SparkSession, folder: str, types: Sequence[str]) -> DataFrame:
    """(owner, kind, body) of every line; the owner is null when it is nobody's."""
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as f

    found = []
    for kind in types:
        try:
            text = session.read.text([f"{folder}/{kind}.ndjson*"])
        except AnalysisException:
            continue
        if kind == "Patient":
            owner = f.get_json_object("value", "$.id")
        else:
            named = f.coalesce(
                *(f.get_json_object("value", f"$.{element}.reference") for element in OWNED_BY)
            )
            owner = f.regexp_extract(named, "Patient/([^/]+)$", 1)
        found.append(
            text.where("value <> ''").select(
                f.nullif(owner, f.lit("")).alias("owner"),
                f.lit(kind).alias("kind"),
                f.col("value").alias("body"),
            )
        )
    return reduce(lambda one, other: one.unionByName(other), found)


def _of_people(lines: DataFrame) -> DataFrame:
    """The resources of everybody who has a Patient, and those of nobody that these refer to."""
    from pyspark.sql import functions as f

    people = lines.where("kind = 'Patient' AND owner IS NOT NULL").select("owner").distinct()
    owned = lines.where("owner IS NOT NULL").join(people, "owner", "left_semi")
    shared = lines.where("owner IS NULL").withColumn(
        "name", f.concat_ws("/", "kind", f.get_json_object("body", "$.id"))
    )
    pattern = f.lit('"reference":"([A-Za-z]+/[^"]+)"')
    named = owned.select(
        "owner", f.explode(f.regexp_extract_all("body", pattern, 1)).alias("name")
    ).distinct()
    return owned.unionByName(named.join(shared.drop("owner"), "name").select("owner", "kind", "body"))


@dataclass
class _Gathered:
    """Lines of whole people, until they are a batch."""

    keys: list[str] = field(default_factory=list)
    by_kind: dict[str, tuple[list[int], list[str]]] = field(default_factory=dict)
    size: int = 0

    def add(self, owner: str, kind: str, body: str) -> None:
        if not self.keys or self.keys[-1] != owner:
            self.keys.append(owner)
        rows, bodies = self.by_kind.setdefault(kind, ([], []))
        rows.append(len(self.keys) - 1)
        bodies.append(body)
        self.size += len(body)

    def full_before(self, owner: str) -> bool:
        """With this person's line another batch begins."""
        return (
            bool(self.keys)
            and self.keys[-1] != owner
            and (len(self.keys) >= BATCH or self.size >= BATCH_BYTES)
        )

    def batch(self, engine: Engine) -> Batch:
        records = Records(engine.texts)
        records.patients = len(self.keys)
        for kind, (rows, bodies) in self.by_kind.items():
            records.add(kind, np.array(rows, np.int64), [orjson.loads(body) for body in bodies])
        return Batch(records, self.keys, len(self.keys))


def _judged(
    package: Path, names: Sequence[str], period: Period, key_id: str, lines: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """What runs on an executor: a partition's lines, ordered by their owners, as rows of results."""
    engine = engine_of(package)
    compiled: list[Compiled] = [engine.compile(name) for name in names]
    with spared_collector():
        for batch in engine.in_batches(compiled, _batches(engine, lines)):
            found = judge(engine, compiled, batch, period, key_id=key_id)
            del batch
            yield from found.rows.to_batches()


def _batches(engine: Engine, lines: Iterable[pa.RecordBatch]) -> Iterator[Batch]:
    gathered = _Gathered()
    for rows in lines:
        columns = (rows.column(name).to_pylist() for name in ("owner", "kind", "body"))
        for owner, kind, body in zip(*columns, strict=True):
            if gathered.full_before(owner):
                yield gathered.batch(engine)
                gathered = _Gathered()
            gathered.add(owner, kind, body)
    if gathered.keys:
        yield gathered.batch(engine)
