"""Prints how fast a million gap rows are written back when 5 % changed, beside COPY of the same rows, and the worklist.

Run: python -m tests.bench.write_back [patients]      (ten gap rows a patient)
"""

from __future__ import annotations

import itertools
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import numpy as np
import psycopg
import pyarrow as pa
from sqlalchemy import text

from data_contracts.api.care_gaps import WorklistQuery
from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.guidelines import definitions
from data_contracts.tables.results import CARE_GAPS
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.workflows.worklist import worklist_page
from ehr_core.workflows.write_back.crosswalk import extend_to_all
from ehr_core.workflows.write_back.keys import key_in_use
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.staging import ARROW_TYPES, stage
from ehr_core.workflows.write_back.take import take_care_gaps
from pipelines.write_back.bodies import parquet_body
from pipelines.write_back.send import PATIENTS_A_PART, add_up
from tests.lib import postgres

ACTOR = Actor("bench", "service", "Bench", (), frozenset({"worklist.read"}))
AS_OF = date(2026, 11, 22)
NO_TRANSACTION = 2**50
SOURCES = sorted(definitions())[:10]
CHANGED_EVERY = 20

PATIENTS = """
INSERT INTO fhir.patient
  (id, version_id, last_updated, patient_id, content_hash, body, family_text, given_text, name_text)
SELECT 'p' || n, 1, now(), 'p' || n, '', '{"resourceType":"Patient","id":"p' || n || '"}', 'family' || n % 5000,
       'given' || n, ' given' || n || ' family' || n % 5000
FROM generate_series(1, :patients) AS n"""
OBSERVATIONS = """
INSERT INTO fhir.observation (id, version_id, last_updated, patient_id, content_hash, body, date_low, date_high)
SELECT 'o' || n || '-' || k, 1, now(), 'p' || n, '', '{}', day, day
FROM generate_series(1, :patients) AS n, generate_series(0, 9) AS k,
     LATERAL (SELECT timestamptz '2026-11-01' - k * interval '40 days' AS day) AS days"""


def main(patients: int = 100_000) -> None:
    with database_of(patients) as (database, key, admin_url):
        rows = gap_rows(key, patients)
        again = changed(rows, key, patients)
        print(
            f"{rows.num_rows:,} gap rows of {patients:,} patients, body {len(parquet_body(rows)) / 1e6:.1f} MB"
        )
        print(f"first write-back, all new:     {timed(lambda: take(database, rows)):6.2f} s")
        settle(admin_url)
        limits, candidates = [], []
        for body in (again, rows, again):
            limits.append(timed(lambda body=body: copy_alone(database, body)))
            candidates.append(timed(lambda body=body: take(database, body)))
        limit, candidate = statistics.median(limits), statistics.median(candidates)
        print(f"limit: COPY into staging:      {limit:6.2f} s")
        ratio = f"ratio {candidate / limit:.1f}"
        print(f"write-back, {100 / CHANGED_EVERY:.0f} % changed:       {candidate:6.2f} s  ({ratio})")
        print(f"write-back, nothing changed:   {timed(lambda: take(database, again)):6.2f} s")
        settle(admin_url)
        worklist(database)
    print(
        f"memory peak of this process:   {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:6.0f} MB"
    )


@contextmanager
def database_of(patients: int) -> Iterator[tuple[Database, PseudonymKey, str]]:
    """A server of its own with so many patients, each with ten observations."""
    with (
        postgres.running_server() as server,
        postgres.migrated_template(server) as template,
        postgres.fresh_database(server, template=template) as admin_url,
    ):
        database = connect(postgres.app_url_of(admin_url))
        with work_in(database) as work:
            work.connection.execute(text(PATIENTS), {"patients": patients})
            work.connection.execute(text(OBSERVATIONS), {"patients": patients})
            key = key_in_use(work, postgres.TEST_SECRETS.pseudonym_master_key, "limited")
            print(f"crosswalk of everybody:        {timed(lambda: extend_to_all(work, key)):6.2f} s")
            for number in range(30):
                work.connection.execute(
                    text(
                        "INSERT INTO fhir.organization (id, version_id, last_updated, content_hash, body, "
                        "display_name) VALUES (:id, 1, now(), '', '{}', :id)"
                    ),
                    {"id": f"clinic-{number}"},
                )
            work.connection.execute(
                text(
                    "INSERT INTO quality.patient_stratum (patient_id, clinic, language) SELECT id, 'clinic-' || "
                    "(row_number() OVER () % 30), 'en' FROM fhir.patient"
                )
            )
        settle(admin_url)
        try:
            yield database, key, admin_url
        finally:
            database.dispose()


def gap_rows(key: PseudonymKey, patients: int) -> pa.Table:
    """Ten gaps a patient: a third open, the rest closed by an observation."""
    patient_keys = np.array([key.pseudonym("Patient", f"p{n}") for n in range(1, patients + 1)])
    count = patients * len(SOURCES)
    is_open = np.arange(count) % 3 == 0
    evidence = np.array([key.pseudonym("Observation", f"o{n // 10 + 1}-{n % 10}") for n in range(count)])
    columns = {
        "key_id": np.full(count, key.key_id),
        "patient_key": np.repeat(patient_keys, len(SOURCES)),
        "source_kind": np.full(count, "recommendation"),
        "source_id": np.tile(np.array(SOURCES), patients),
        "source_version": np.full(count, "1"),
        "computed_status": np.where(is_open, "open", "closed"),
        "gap_kind": np.where(is_open, "due", "none"),
        "reason_code": np.where(is_open, "never_done", "done_in_interval"),
        "priority": np.arange(count) % 4 + 1,
        "as_of": np.full(count, np.datetime64(AS_OF)),
        "due_on": np.datetime64("2026-06-01") + np.arange(count) % 300,
    }
    arrays = {name: pa.array(values) for name, values in columns.items()}
    arrays["evidence_key"] = pa.array(evidence, mask=is_open)
    arrays["evidence_type"] = pa.array(np.full(count, "Observation"), mask=is_open)
    arrays["evidence_on"] = pa.array(np.datetime64("2026-10-31") - (np.arange(count) % 10) * 40, mask=is_open)
    schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in CARE_GAPS.columns])
    return pa.table(
        {field.name: arrays.get(field.name, pa.nulls(count, field.type)) for field in schema}
    ).cast(schema)


def changed(rows: pa.Table, key: PseudonymKey, patients: int) -> pa.Table:
    """The same rows, one in twenty with another answer."""
    place = np.arange(rows.num_rows)
    due = np.datetime64("2026-06-01") + place % 300 + np.where(place % CHANGED_EVERY == 0, 1, 0)
    return rows.set_column(rows.column_names.index("due_on"), "due_on", pa.array(due).cast(pa.date32()))


def take(database: Database, rows: pa.Table, patients_a_part: int = PATIENTS_A_PART) -> WriteBackReceipt:
    """The core's side of a whole run, in parts as the pipeline sends them; the parts' receipts added up."""
    keys = rows["patient_key"].to_numpy(zero_copy_only=False)
    order = np.argsort(keys, kind="stable")
    bounds = [None, *sorted(set(keys))[patients_a_part::patients_a_part], None]
    receipts = []
    for low, high in itertools.pairwise(bounds):
        inside = (keys[order] >= (low or "")) & (keys[order] < (high or "~"))
        body = parquet_body(rows.take(pa.array(order[inside])))
        scope = WriteBackScope(
            run_id="bench",
            key_id="limited-1",
            outbox_transaction=NO_TRANSACTION,
            as_of=AS_OF,
            patient_from=low,
            patient_to=high,
        )
        with work_in(database) as work:
            receipts.append(take_care_gaps(work, scope, body, postgres.TEST_SECRETS.pseudonym_master_key))
    return add_up(receipts)


def copy_alone(database: Database, rows: pa.Table) -> None:
    with work_in(database) as work:
        stage(work.connection, rows, CARE_GAPS)


def settle(admin_url: str) -> None:
    """What autovacuum does within a minute or so of a large change."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def worklist(database: Database) -> None:
    for words, query in {
        "first page": WorklistQuery(),
        "page 400": WorklistQuery(page=400),
        "by name": WorklistQuery(sort="name"),
        "one definition": WorklistQuery(source_id=SOURCES[0]),
        "one clinic": WorklistQuery(clinic_id="clinic-3"),
        "name typed": WorklistQuery(name="family42"),
        "overdue only": WorklistQuery(overdue_only=True),
    }.items():
        times = []
        for _ in range(5):
            with work_in(database) as work:
                times.append(timed(lambda query=query, work=work: worklist_page(work, query)))
        print(f"worklist, {words:<20} {statistics.median(times) * 1000:6.0f} ms")


def work_in(database: Database):
    return begin(database, ACTOR, SystemClock(), "America/New_York")


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
