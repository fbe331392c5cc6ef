"""The notebooks run from end to end on a safe-harbor zone that the real steps made, and their own checks pass."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from data_contracts.lake import Lake
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.population import generate, story_patient_id
from pipelines.deidentify import Deidentifier, load_profile, scrub_stream
from pipelines.run import steps
from pipelines.run.draft import Draft, DraftFacts
from pipelines.run.risk import score_risk
from pipelines.run.safe_harbor import publish_safe_harbor

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.py"))
AS_OF = date(2026, 11, 20)
TIME_ZONE = "America/New_York"
PATIENTS = 150
KEY = PseudonymKey("test-key", b"k" * 32)


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> Path:
    """A state folder whose lake holds one published snapshot of a small population."""
    state = tmp_path_factory.mktemp("state")
    draft = Draft(Lake(state / "lake"), "snapshot-1")
    now = datetime.now(UTC)
    draft.keep(
        DraftFacts(
            snapshot_id="snapshot-1",
            run_id="test",
            key_id=KEY.key_id,
            as_of=AS_OF,
            started_at=now,
            taken_at=now,
            outbox_transaction=1,
        )
    )
    deidentifier = Deidentifier(load_profile("limited"), KEY)
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for resource_type, line in generate(PATIENTS, seed=3, as_of=AS_OF, time_zone=TIME_ZONE):
        by_type[resource_type].append(line)
    for resource_type, lines in by_type.items():
        scrub_stream(deidentifier, resource_type, lines, draft.resources)
    steps.flatten_snapshot(draft, TIME_ZONE)
    steps.evaluate_measures(draft)
    (draft.results / "measure_results.shard-000.parquet").rename(draft.results / "measure_results.parquet")
    score_risk(draft)
    publish_safe_harbor(draft, TIME_ZONE)
    return state


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_own_checks_pass(state, notebook):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", str(notebook)],
        env={**plain, "ALMONER_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert " passed" in ran.stdout


def test_the_zone_holds_no_key_of_the_limited_zone_and_nobodys_day(state):
    connection = Lake(state / "lake").open("safe_harbor")
    ana = KEY.pseudonym("Patient", story_patient_id("ana-reyes"))
    for table, column in (("patient", "patient_key"), ("measure_results", "patient_key")):
        found = connection.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", [ana]).fetchone()
        assert found == (0,)
    days = "SELECT count(*) FROM measure_results WHERE evidence_on IS NOT NULL OR evidence_key IS NOT NULL"
    assert connection.execute(days).fetchone() == (0,)
    joined = "SELECT count(DISTINCT patient_key) FROM measure_results JOIN patient USING (patient_key)"
    people = "SELECT count(DISTINCT patient_key) FROM measure_results"
    assert connection.execute(joined).fetchone() == connection.execute(people).fetchone()


def test_every_notebook_is_sound_to_marimo():
    checked = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", *map(str, NOTEBOOKS)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
