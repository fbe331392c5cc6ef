"""A rotated key: no answer changes, what was under way arrives, and the old key opens nothing once it has drained."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.lake import Lake
from ehr_core.access.operators import operator
from ehr_core.cli import app
from ehr_core.db.database import connect
from ehr_core.kernel.errors import Conflict, Forbidden, Gone
from ehr_core.kernel.secrets import FILE_NAME
from ehr_core.population import story_patient_id
from ehr_core.workflows.write_back.crosswalk import extend_to, extend_to_all
from ehr_core.workflows.write_back.keys import key_in_use, rotate_key
from pipelines.run import steps
from pipelines.run.snapshot import take_snapshot
from tests.integration.loop.panel import AS_OF, Panel, panel_of
from tests.lib import postgres

PATIENTS = 14
ANA = story_patient_id("ana-reyes")


@pytest.fixture
def panel(postgres_server, template_database, tmp_path):
    """A few people after a first night under the first key."""
    with postgres.fresh_database(postgres_server, template=template_database) as admin_url:
        database = connect(postgres.app_url_of(admin_url))
        with panel_of(database, tmp_path / "state", PATIENTS) as made:
            made.night()
            yield made
        database.dispose()


def rotate(panel: Panel) -> tuple[str, str]:
    with panel.api.work(operator("pseudonym_key.rotate")) as work:
        return rotate_key(work, "limited")


def keys(panel: Panel) -> dict[str, str]:
    rows = panel.rows("SELECT key_id, replaced_at, retired_at FROM core.pseudonym_key WHERE zone = 'limited'")
    return {
        row["key_id"]: "retired" if row["retired_at"] else "draining" if row["replaced_at"] else "in use"
        for row in rows
    }


def a_night_up_to_its_write_back(panel: Panel):
    draft = take_snapshot(panel.pipeline, panel.api.parts.settings, lambda _: None, as_of=panel.today)
    steps.flatten_snapshot(draft, panel.api.parts.settings.site_time_zone)
    steps.evaluate_recommendations(draft)
    steps.evaluate_measures(draft)
    steps.derive_gaps(draft)
    steps.derive_patient_strata(draft)
    steps.join_results(draft)
    return draft


def write_back(panel: Panel, draft) -> dict[str, WriteBackReceipt]:
    return steps.write_back(panel.pipeline, draft, lambda _: None)


def current_key(panel: Panel) -> str:
    return Lake(panel.api.parts.settings.lake_folder).current("limited").key_id


@pytest.mark.long
def test_no_answer_changes_over_a_rotation_and_what_was_under_way_arrives(panel):
    panel.record_a1c("before-the-rotation", ANA, "10.2", AS_OF - timedelta(days=2))
    under_way = a_night_up_to_its_write_back(panel)
    assert rotate(panel) == ("limited-1", "limited-2")
    assert keys(panel) == {"limited-1": "draining", "limited-2": "in use"}

    assert write_back(panel, under_way)["care_gaps"].changed > 0
    assert panel.gap(ANA, "glycemic_control")["gap_kind"] == "above_goal"
    before = panel.held()

    panel.night()
    assert current_key(panel) == "limited-2"
    assert panel.held() == before
    assert keys(panel) == {"limited-1": "retired", "limited-2": "in use"}
    with pytest.raises(Gone, match="retired"):
        write_back(panel, under_way)
    assert panel.held() == before


@pytest.mark.long
def test_the_minutes_go_on_under_the_new_key_and_the_night_agrees(panel):
    rotate(panel)
    panel.record_a1c("after-the-rotation", ANA, "7.1", AS_OF - timedelta(days=1))
    assert panel.minutes() > 0
    gap = panel.gap(ANA, "glycemic_control")
    assert (gap["computed_status"], gap["evidence_id"], gap["key_id"]) == (
        "closed",
        "after-the-rotation",
        "limited-2",
    )
    before = panel.held()
    panel.night()
    assert panel.held() == before
    panel.night()
    assert panel.held() == before


@pytest.mark.long
def test_a_run_that_reads_the_record_after_the_rotation_needs_the_new_key(panel):
    """It asked for its key in time and read too late: its answers are newer than the key."""
    grant = panel.pipeline.pipeline.key("limited")
    rotate(panel)
    panel.record_a1c("read-by-the-late-run", ANA, "9.0", AS_OF)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(panel.pipeline.pipeline, "key", lambda _zone: grant)
        late = a_night_up_to_its_write_back(panel)
    with pytest.raises(Gone, match="replaced before this run read"):
        write_back(panel, late)
    assert keys(panel)["limited-1"] == "draining"


@pytest.mark.long
def test_each_rotation_makes_a_key_of_its_own_and_is_told_in_the_audit_log(panel):
    assert rotate(panel) == ("limited-1", "limited-2")
    assert rotate(panel) == ("limited-2", "limited-3")
    panel.night()
    assert keys(panel) == {"limited-1": "retired", "limited-2": "retired", "limited-3": "in use"}
    acts = panel.rows(
        "SELECT act, actor_id, detail FROM audit.event WHERE act LIKE 'pseudonym_key%' ORDER BY at, id"
    )
    assert [row["act"] for row in acts].count("pseudonym_key.rotated") == 2
    assert [row["act"] for row in acts].count("pseudonym_key.retired") == 2
    assert acts[0]["actor_id"].startswith("operator:")
    assert "secret" not in json.dumps([row["detail"] for row in acts])


def in_use(work, secrets):
    return key_in_use(work, secrets.pseudonym_master_key, "limited")


def entries(work, patient_id: str) -> dict[str, tuple[str, str | None]]:
    query = text("SELECT key_id, pseudonym, merged_into FROM core.crosswalk WHERE patient_id = :p")
    return {
        row.key_id: (row.pseudonym, row.merged_into)
        for row in work.connection.execute(query, {"p": patient_id})
    }


def test_a_patient_is_behind_another_pseudonym_under_each_key(work_as, key, secrets):
    with work_as(operator("pseudonym_key.rotate")) as work:
        rotate_key(work, "limited")
        extend_to_all(work, in_use(work, secrets))
        found = entries(work, "ana")
    assert found["limited-1"][0] == key.pseudonym("Patient", "ana")
    assert found["limited-1"][0] != found["limited-2"][0]


def test_only_whoever_holds_the_permission_rotates_and_only_what_is_in_use(work_as, key):
    with work_as() as work, pytest.raises(Forbidden):
        rotate_key(work, "limited")
    with work_as(operator("pseudonym_key.rotate")) as work, pytest.raises(Conflict, match="no key yet"):
        rotate_key(work, "safe_harbor")


@pytest.mark.parametrize("by_night", [True, False])
def test_the_crosswalk_follows_a_merge_and_its_undoing(work_as, key, secrets, by_night):
    for survivor in ("ana", None):
        with work_as() as work:
            work.connection.execute(
                text("UPDATE fhir.patient SET replaced_by = :survivor WHERE id = 'ben'"),
                {"survivor": survivor},
            )
            extend_to_all(work, key) if by_night else extend_to(work, key, ["ben"])
            assert entries(work, "ben")["limited-1"][1] == survivor
    with work_as(operator("pseudonym_key.rotate")) as work:
        work.connection.execute(text("UPDATE fhir.patient SET replaced_by = 'ana' WHERE id = 'ben'"))
        rotate_key(work, "limited")
        extend_to_all(work, in_use(work, secrets))
        assert entries(work, "ben")["limited-2"][1] == "ana"


def test_the_command_rotates_the_key_of_the_installation(work_as, key, database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url[0])
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE_NAME).write_text(postgres.TEST_SECRETS.model_dump_json())
    result = CliRunner().invoke(app, ["key", "rotate"])
    assert result.exit_code == 0, result.output
    assert "'limited-2' from now on" in result.output
