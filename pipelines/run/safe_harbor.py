"""The safe-harbor zone of a published snapshot: what notebooks and extracts may read.

Made from the limited resources, so that identified data has only one way into the lake. Record codes are random,
made anew for each snapshot and kept nowhere: nothing is ever written back from this zone. Official results are there
too when they are sound; the facts behind them are not.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import orjson
import polars as pl

from data_contracts.contract import Table
from data_contracts.lake import Manifest
from data_contracts.tables.official import OFFICIAL_RESULTS
from data_contracts.tables.results import MEASURE_RESULTS
from data_contracts.tables.risk import CARE_TIERS
from pipelines import flatten as flattening
from pipelines.deidentify import RandomSurrogates, make_safe_harbor, resource_files
from pipelines.run.code_version import code_version
from pipelines.run.draft import Draft
from pipelines.run.refused import PEOPLE_NOT_CHECKED, take_out

PROFILE = "safe_harbor"
WITHHELD = ("evidence_key", "evidence_on", "next_change_on", "evidence_sensitivity", "rests_also_on")
"""Columns of a result that point at a resource, hold a person's exact day, or say which kind of fact is behind it."""
OFFICIAL_WITHHELD = (*WITHHELD, "evidence_value")
"""An official measure may rest on any result whatever, an age among them: the value of the fact stays behind."""
RECODED = (MEASURE_RESULTS, CARE_TIERS)
"""Results that the zone holds; without a good night's risk there are no tiers."""


def publish_safe_harbor(draft: Draft, site_time_zone: str) -> dict[str, int]:
    """Builds and publishes the zone for a snapshot whose results are good; returns rows by table."""
    folder = draft.lake.snapshot_folder("safe_harbor", draft.snapshot_id)
    resources = folder / "resources"
    codes = RandomSurrogates(f"random-{draft.snapshot_id}")
    try:
        report = make_safe_harbor(resource_files(draft.resources), resources, codes, as_of=draft.facts.as_of)
        draft.lake.keep_deidentification("safe_harbor", draft.snapshot_id, report.as_contract())
        refused = {("Patient", key) for key in draft.facts.not_checked}
        not_checked = [codes.known[known] for known in refused & codes.known.keys()]
        rows = _flatten(resources, folder, codes.key_id, site_time_zone, not_checked)
    finally:
        shutil.rmtree(resources, ignore_errors=True)
    for table in RECODED:
        if (draft.results / f"{table.name}.parquet").exists():
            rows[table.name] = _recode(draft, folder, codes, table, WITHHELD)
    facts = draft.facts
    if facts.official_is_sound:
        rows[OFFICIAL_RESULTS.name] = _recode(draft, folder, codes, OFFICIAL_RESULTS, OFFICIAL_WITHHELD)
        _counts_only(folder)
    draft.lake.publish(
        Manifest(
            snapshot_id=facts.snapshot_id,
            zone="safe_harbor",
            profile=PROFILE,
            key_id=codes.key_id,
            as_of=facts.as_of,
            taken_at=facts.taken_at,
            outbox_transaction=facts.outbox_transaction,
            code_version=code_version(),
            tables=rows,
            explained={PEOPLE_NOT_CHECKED: len(not_checked)} if not_checked else {},
        )
    )
    return rows


def _flatten(
    resources: Path, folder: Path, key_id: str, site_time_zone: str, not_checked: Sequence[str]
) -> dict[str, int]:
    with duckdb.connect() as connection:
        flattening.flatten(
            connection, resource_files(resources), key_id=key_id, site_time_zone=site_time_zone
        )
        take_out(connection, not_checked)
        return flattening.write_parquet(connection, folder)


def _recode(
    draft: Draft, folder: Path, codes: RandomSurrogates, table: Table, withheld: Sequence[str]
) -> int:
    """A results table under the zone's codes, without anybody's days. Somebody without a code is left out."""
    people = [(key, code) for (kind, key), code in codes.known.items() if kind == "Patient"]
    recoded = (
        pl.scan_parquet(draft.results / f"{table.name}.parquet")
        .join(
            pl.LazyFrame(people, schema={"patient_key": pl.String, "code": pl.String}, orient="row"),
            on="patient_key",
        )
        .with_columns(
            pl.col("code").alias("patient_key"),
            pl.lit(codes.key_id).alias("key_id"),
            *(
                pl.lit(None, pl.Date if table.by_name[name].type == "date" else pl.String).alias(name)
                for name in withheld
                if name in table.by_name
            ),
        )
        .select(table.column_names)
        .collect()
        .sort(*reversed(table.key))
    )
    recoded.write_parquet(folder / f"{table.name}.parquet", compression="zstd")
    return recoded.height


def _counts_only(folder: Path) -> None:
    """Takes what was observed, and strata by a value, out of the official counts: they may be an age, or a day."""
    path = folder / f"{OFFICIAL_RESULTS.name}.parquet"
    rows = pl.read_parquet(path)
    counted = [said and _members(said) for said in rows["population_counts"]]
    rows.with_columns(pl.Series("population_counts", counted, dtype=pl.String)).write_parquet(
        path, compression="zstd"
    )


def _members(said: str) -> str:
    members = {
        name: count
        for name, count in orjson.loads(said).items()
        if isinstance(count, int) and "=" not in name
    }
    return orjson.dumps(members).decode()
