"""A night's batches are as large as its records: they lie in the snapshot, and nothing of them is published."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
import zstandard

from data_contracts.api.official_measures import ActiveMeasures
from data_contracts.lake import Lake
from pipelines.measures.elm import population
from pipelines.run.draft import Draft, DraftFacts
from pipelines.run.importing import judge
from pipelines.run.official import evaluate_official
from pipelines.run.official_packages import package_place
from tests.lib.elm_package import small_package, written

NOW = datetime(2026, 6, 15, 8, tzinfo=UTC)


@pytest.fixture
def draft(tmp_path) -> Draft:
    """A snapshot of two adults, with a small package."""
    judged = judge(written(small_package(), tmp_path / "package"))
    package_id = hashlib.sha256(judged.content).hexdigest()
    ids = [one.measure_id for one in judged.measures]
    made = Draft(Lake(tmp_path / "lake"), "one")
    made.keep(
        DraftFacts(
            snapshot_id="one",
            run_id="nightly-one",
            key_id="key",
            as_of=date(2026, 6, 15),
            started_at=NOW,
            taken_at=NOW,
            outbox_transaction=1,
            kept={"Patient": 2},
            official=ActiveMeasures(packages={package_id: ids}),
        )
    )
    place = package_place(made, package_id)
    place.parent.mkdir()
    place.write_bytes(judged.content)
    people = [{"resourceType": "Patient", "id": name, "birthDate": "1970-01-01"} for name in "ab"]
    made.resources.mkdir()
    lines = b"".join(orjson.dumps(one) + b"\n" for one in people)
    (made.resources / "Patient.ndjson.zst").write_bytes(zstandard.compress(lines))
    return made


def test_a_full_disk_for_temporary_files_does_not_stop_the_night(draft, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such place"))
    assert evaluate_official(draft, "UTC") == 2
    assert pq.read_table(draft.results / "official_results.parquet").num_rows == 2


def test_batches_lie_in_the_snapshot_for_nobody_else_to_read_and_are_gone_with_what_a_killed_attempt_left(
    draft, monkeypatch
):
    left = draft.limited / ".batches" / ".batches-killed" / "Patient"
    left.mkdir(parents=True)
    (left / "part.parquet").write_bytes(b"half of somebody")
    seen: list[Path] = []
    laid = population.Laid.batch

    def noting(self, number, texts):
        seen.append(self.place)
        assert {place.stat().st_mode & 0o777 for place in (self.place, self.place.parent)} == {0o700}
        return laid(self, number, texts)

    monkeypatch.setattr(population.Laid, "batch", noting)
    evaluate_official(draft, "UTC")
    assert {place.parent for place in seen} == {draft.limited / ".batches"}
    assert not (draft.limited / ".batches").exists()
