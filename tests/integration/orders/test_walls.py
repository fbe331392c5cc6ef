"""The walls around orders and the inbox: a patient reaches nobody else's rows, and the schema can be taken back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from sqlalchemy import text

from data_contracts.api.results_inbox import IncomingResults, SentPatient
from ehr_core.access.actor import Actor
from ehr_core.charting.reviews import (
    ARRIVES_UNSEEN,
    DONE,
    REVIEW_EXPECTED_DAYS,
    REVIEW_URL,
    SEEN_WHEN_RECORDED,
)
from ehr_core.db.bootstrap import driver_url, migration_config
from tests.integration.chart_records import put_observation
from tests.integration.orders.acts import act_for, add, orders_in_store, sign_all

PATIENT_TABLES = (
    "orders.draft",
    "orders.signature",
    "orders.repeat",
    "results_inbox.item",
    "results_inbox.event",
)
STAFF_TABLES = (
    "results_inbox.received",
    "results_inbox.coverage",
    "results_inbox.pool",
    "results_inbox.pool_member",
)


def visible(api, actor: Actor) -> dict[str, int]:
    with api.work(actor) as work:
        return {
            table: work.connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in (*PATIENT_TABLES, *STAFF_TABLES)
        }


def test_a_patient_sees_no_row_of_anybody_else_and_none_of_the_staffs(api, clinician):
    for patient in ("ana", "ben"):
        add(clinician, "inr", patient, repeat={"every": 1, "unit": "week", "times": 3})
        sign_all(clinician, patient)
        put_observation(api, f"k-{patient}", patient, at="2026-11-19", valueQuantity={"value": 4})
    api.app.state.clinic_clock.run_once()
    orphan = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Test"}}
    clinician.results_inbox.receive(
        IncomingResults(source="Laboratory", message_id="1", patient=SentPatient(), results=[orphan])
    )
    own = visible(api, Actor("ana", "patient", "Ana", ("patient",), frozenset(), patient_id="ana"))
    assert [own[table] for table in PATIENT_TABLES] == [1, 1, 1, 1, 1]
    assert {own[table] for table in STAFF_TABLES} == {0}
    with api.parts.database.transaction(actor_id="nobody", reach="none", patient_id=None) as connection:
        for table in (*PATIENT_TABLES, *STAFF_TABLES):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0


def test_the_database_notes_at_least_what_charting_says_awaits_review(api):
    """The triggers' filter is written in SQL: it may let more through than the rule, and never less."""
    with api.work() as work:
        source = "".join(
            work.connection.execute(
                text("SELECT prosrc FROM pg_proc WHERE proname IN ('note_results', 'is_recent')")
            ).scalars()
        )
    assert REVIEW_EXPECTED_DAYS < 62
    assert "interval '62 days'" in source
    assert REVIEW_URL in source
    for word in (*DONE, *SEEN_WHEN_RECORDED, *ARRIVES_UNSEEN):
        assert word in source


def test_the_schema_is_taken_back_and_made_again(admin_url):
    config = migration_config()
    engine = sqlalchemy.create_engine(driver_url(admin_url), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0013-1")
        assert made(connection) == (0, 0)
        command.upgrade(config, "head")
        assert made(connection) == (2, 12)
        connection.rollback()


def made(connection: sqlalchemy.Connection) -> tuple[int, int]:
    """(schemas, triggers) of this migration."""
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('orders', 'results_inbox')"
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'note\\_%\\_on\\_%'"
    return connection.exec_driver_sql(schemas).scalar_one(), connection.execute(text(triggers)).scalar_one()


DIES = """
import os, signal, sys
from datetime import UTC, datetime
from data_contracts.api.orders import SignOrders
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import connect
from ehr_core.kernel.clock import FixedClock
from ehr_core.orders import signing
from ehr_core.workflows.sign_orders import sign_orders

real, written = signing.store_order, []

def dies(work, order_id, order, due):
    stored = real(work, order_id, order, due)
    written.append(order_id)
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return stored

signing.store_order = dies
act = SignOrders.model_validate_json(sys.argv[1])
signer = Actor("okafor", "user", "Okafor", ("clinician",), frozenset({"order.sign", "order.write", "chart.read"}))
clock = FixedClock(datetime(2026, 11, 20, 14, tzinfo=UTC))
with begin(connect(os.environ["TEST_DATABASE"]), signer, clock, "UTC") as work:
    sign_orders(work, "ana", act)
"""


@pytest.mark.long
def test_a_process_that_is_killed_in_the_middle_of_a_sign_has_signed_nothing(api, clinician, tmp_path: Path):
    for key in ("hba1c", "tsh", "ferritin"):
        add(clinician, key)
    drafts = clinician.orders.basket("ana").drafts
    act = act_for(clinician.orders.basket("ana"))
    program = tmp_path / "dies.py"
    program.write_text(textwrap.dedent(DIES), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program), act.model_dump_json()],
        env=os.environ | {"TEST_DATABASE": api.parts.database.url, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert orders_in_store(api) == []
    assert [one.draft_id for one in clinician.orders.basket("ana").drafts] == [one.draft_id for one in drafts]
    assert len(clinician.orders.sign("ana", act).orders) == 3
    assert clinician.orders.sign("ana", act).signed_before
    assert len(orders_in_store(api)) == 3
