"""Evaluates the active official measures over people: a snapshot's files in batches, or a few records at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from pipelines.measures.elm.collector import spared_collector
from pipelines.measures.elm.population import OWNED_BY, Batch, add_person, batches
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.texts import Texts
from pipelines.measures.official.facts import Facts
from pipelines.measures.official.kept import Ready
from pipelines.measures.official.results import Answered, rows_of
from pipelines.measures.period import calendar_year

Tables = tuple[pa.Table, pa.Table]
"""official_results and official_evidence."""


def evaluate_files(
    ready: Ready,
    files: Mapping[str, Sequence[Path]],
    *,
    key_id: str,
    as_of: date,
    time_zone: str,
    left_out: Collection[str] = (),
    shard: tuple[int, int] = (0, 1),
    beside: Path | None = None,
) -> Iterator[tuple[int, Tables]]:
    """Batch by batch, how many people and what is said of them. Nothing is said of those `left_out`.

    The batches lie in a folder of their own in `beside` while it runs.
    """
    compiled = [one.compiled for one in ready.measures]
    found = batches(files, ready.types, ready.engine.texts, shard=shard, beside=beside)
    with spared_collector():
        for batch in ready.engine.in_batches(compiled, found):
            people, tables = len(batch.keys), evaluate_batch(ready, batch, key_id, as_of, time_zone, left_out)
            del batch
            yield people, tables


def evaluate_lines(
    ready: Ready,
    lines: Mapping[str, Sequence[bytes]],
    *,
    key_id: str,
    as_of: date,
    time_zone: str,
) -> Tables:
    """The same for the records of a few people, by resource type."""
    wanted = {kind: lines[kind] for kind in ready.types & lines.keys()}
    compiled = [one.compiled for one in ready.measures]
    batch = batch_of(wanted, ready.engine.texts)
    (tables,) = (
        evaluate_batch(ready, one, key_id, as_of, time_zone)
        for one in ready.engine.in_batches(compiled, iter([batch]))
    )
    return tables


def evaluate_batch(
    ready: Ready,
    batch: Batch,
    key_id: str,
    as_of: date,
    time_zone: str,
    left_out: Collection[str] = (),
) -> Tables:
    period = calendar_year(as_of)
    now = datetime.combine(as_of, time(), UTC)
    run = ready.engine.run(batch.records, (period.begin.isoformat(), period.end.isoformat()), now=now)
    counted, facts = _counted(batch, left_out), Facts(time_zone)
    made = []
    for one in ready.measures:
        tomorrow = as_of + timedelta(days=1)
        again = tomorrow if one.reads_the_clock else period.end + timedelta(days=1)
        said = Answered(key_id, period.begin, period.end, as_of, again)
        result = ready.engine.evaluate(one.compiled, run)
        rows = rows_of(result, one.groups, batch.keys, counted, facts, said, everybody=one.reads_the_clock)
        made.append(rows.tables())
    results, evidence = zip(*made, strict=True)
    return pa.concat_tables(results), pa.concat_tables(evidence)


def batch_of(lines: Mapping[str, Sequence[bytes]], texts: Texts) -> Batch:
    """Whole patients, ordered by key; what belongs to nobody goes to those who refer to it."""
    owned: dict[str, list[bytes]] = {}
    shared: dict[tuple[bytes, bytes], bytes] = {}
    for kind, bodies in lines.items():
        for body in bodies:
            owner, key = _owner(kind, body)
            if owner is None:
                shared[kind.encode(), key.encode()] = body
            else:
                owned.setdefault(owner, []).append(body)
    owners = sorted(_keys_of(lines.get("Patient", ())) & owned.keys())
    batch = Batch(Records(texts), [], len(owners))
    for owner in owners:
        add_person(batch, owner, owned[owner], shared)
    return batch


def _owner(kind: str, body: bytes) -> tuple[str | None, str]:
    content = orjson.loads(body)
    if kind == "Patient":
        return content["id"], content["id"]
    for element in OWNED_BY:
        holder = content.get(element)
        reference = holder.get("reference", "") if isinstance(holder, dict) else ""
        if "Patient/" in reference:
            return reference.rpartition("Patient/")[2], content["id"]
    return None, content["id"]


def _keys_of(patients: Sequence[bytes]) -> set[str]:
    return {orjson.loads(body)["id"] for body in patients}


def _counted(batch: Batch, left_out: Collection[str]) -> np.ndarray:
    """Who is a patient of this site: not merged into another record, not inactive, and checked."""
    table, owners = batch.records.table("Patient")
    counted = np.zeros(len(batch.keys), bool)
    for at, owner in enumerate(owners.tolist()):
        person = table.value(at)
        replaced = any(link.get("type") == "replaced-by" for link in person.get("link", []))
        counted[owner] = person.get("active") is not False and not replaced
    refused = frozenset(left_out)
    return counted & np.array([key not in refused for key in batch.keys], bool)
