"""A large write-back of which little is new: what changed is touched, and nothing else."""

from __future__ import annotations

import psycopg
import pytest

from tests.bench.write_back import CHANGED_EVERY, SOURCES, changed, database_of, gap_rows, take

PATIENTS = 20_000
ROWS = PATIENTS * len(SOURCES)
PATIENTS_A_PART = 6_000
"""Several parts, as a panel of a million rows has them."""

TOUCHED = """
SELECT count(*), count(*) FILTER (WHERE gap.due_on IS DISTINCT FROM before.due_on), count(DISTINCT gap.version)
FROM care_gaps.gap AS gap JOIN before USING (patient_id, source_kind, source_id)
WHERE gap.xmin::text <> before.touched_by"""


@pytest.mark.long
def test_of_200_000_rows_only_the_twentieth_that_changed_is_touched():
    changes = ROWS // CHANGED_EVERY
    with database_of(PATIENTS) as (database, key, admin_url):
        rows = gap_rows(key, PATIENTS)
        first = take(database, rows, PATIENTS_A_PART)
        assert (first.received, first.inserted) == (ROWS, ROWS)
        with psycopg.connect(admin_url, autocommit=True) as owner:
            owner.execute(
                "CREATE TEMP TABLE before AS "
                "SELECT patient_id, source_kind, source_id, due_on, xmin::text AS touched_by FROM care_gaps.gap"
            )
            receipt = take(database, changed(rows, key, PATIENTS), PATIENTS_A_PART)
            assert (receipt.received, receipt.changed, receipt.unchanged) == (ROWS, changes, ROWS - changes)
            assert (receipt.inserted, receipt.removed, receipt.skipped_changed_since) == (0, 0, 0)
            assert owner.execute(TOUCHED).fetchone() == (changes, changes, 1)
