"""The audit log's chains and seals: whatever is done to a row behind the application's back is found."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest

from ehr_core.access.audit_chain import verify
from ehr_core.access.audit_seals import SealBroken, Seals, merkle_root
from ehr_core.kernel.errors import Forbidden
from ehr_core.store.repository import Store
from tests.lib.api import running_api

SECRET = "the installation's signing secret"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def seals(tmp_path) -> Seals:
    return Seals(tmp_path, SECRET)


def act(api, number: int, **facts) -> None:
    with api.work() as work:
        for place in range(number):
            work.audit("read", resource_type="Observation", resource_id=f"o-{place}", **facts)


def verdict(api, seals: Seals):
    """As the command does it, with the act itself in the log afterwards."""
    with api.work() as work:
        found = verify(work.connection, seals.read())
        work.audit("audit_verified")
    return found


def seal(api, seals: Seals) -> int:
    with api.work() as work:
        return seals.add(work.connection, api.clock)


def tamper(admin_url: str, *statements: str) -> None:
    """As whoever owns the database, past every trigger and policy."""
    with psycopg.connect(admin_url) as connection:
        connection.execute("ALTER TABLE audit.event DISABLE TRIGGER ALL")
        for statement in statements:
            connection.execute(statement)
        connection.execute("ALTER TABLE audit.event ENABLE TRIGGER ALL")


def test_a_log_that_nobody_touched_is_whole(api, seals):
    act(api, 5, patient_ids=["ben", "ana"], detail={"b": 1, "a": "ü"})
    seal(api, seals)
    act(api, 3)
    found = verdict(api, seals)
    assert (found.is_whole, found.rows, found.sealed) == (True, 8, 1)


def test_a_rolled_back_act_leaves_no_gap(api, seals):
    act(api, 2)
    with suppress(Forbidden), api.work() as work:
        work.audit("read", resource_id="never")
        work.actor.require("what nobody has")
    with api.work() as work:
        half = work.connection.begin_nested()
        work.audit("read", resource_id="half")
        half.rollback()
    act(api, 2)
    found = verdict(api, seals)
    assert (found.is_whole, found.rows) == (True, 4)


PLACE = "sequence = 3"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (f"UPDATE audit.event SET actor_id = 'somebody-else' WHERE {PLACE}", "row 3 was changed"),
        (f"UPDATE audit.event SET at = at + interval '1 microsecond' WHERE {PLACE}", "row 3 was changed"),
        (f"UPDATE audit.event SET detail = '{{}}' WHERE {PLACE}", "row 3 was changed"),
        (f"UPDATE audit.event SET patient_ids = '{{ana}}' WHERE {PLACE}", "row 3 was changed"),
        (f"UPDATE audit.event SET outcome = 'success ' WHERE {PLACE}", "row 3 was changed"),
        (f"DELETE FROM audit.event WHERE {PLACE}", "rows 3 to 3 are missing"),
        ("DELETE FROM audit.event WHERE sequence < 3", "rows 1 to 2 are missing"),
        ("DELETE FROM audit.event WHERE sequence >= 4", "row 5 was sealed and is not there"),
        ("DELETE FROM audit.event", "row 5 was sealed and is not there"),
    ],
)
def test_one_row_that_was_changed_or_taken_out_is_found(api, seals, admin_url, statement, told):
    act(api, 5, patient_ids=["ben", "ana"])
    seal(api, seals)
    tamper(admin_url, statement)
    found = verdict(api, seals)
    assert not found.is_whole
    assert any(told in one for one in found.broken), found.broken
    assert not any(name in one for one in found.broken for name in ("ana", "ben"))


def test_two_rows_that_changed_places_are_found(api, seals, admin_url):
    act(api, 5)
    tamper(
        admin_url,
        "UPDATE audit.event SET sequence = -2 WHERE sequence = 2",
        "UPDATE audit.event SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit.event SET sequence = 3 WHERE sequence = -2",
    )
    assert "row 2 was changed, or does not belong there" in verdict(api, seals).broken[0]


def test_a_chain_that_was_written_anew_in_full_is_found_by_its_seal(api, seals, admin_url):
    """An owner of the database can compute hashes too; the seal is not theirs to compute."""
    act(api, 3)
    seal(api, seals)
    tamper(
        admin_url,
        "CREATE TEMP TABLE kept AS SELECT * FROM audit.event WHERE sequence <> 2",
        "DELETE FROM audit.event",
        "ALTER TABLE audit.event ENABLE TRIGGER append_to_chain",
        "INSERT INTO audit.event SELECT * FROM kept ORDER BY sequence",
    )
    found = verdict(api, seals)
    assert found.broken == [one for one in found.broken if "was sealed" in one]
    assert found.broken


def test_the_application_cannot_choose_where_its_rows_stand(api, seals):
    """The setting that carries the chain's end is the connection's own; forging it makes a fault, never a false row."""
    act(api, 3)
    with api.work() as work:
        work.connection.exec_driver_sql("SELECT set_config('almoner.audit_tail', 'forged:7:00', true)")
        work.audit("read", resource_id="forged")
    assert any("rows 1 to 7 are missing" in one for one in verdict(api, seals).broken)


def test_seals_grow_line_by_line_and_only_with_what_is_new(api, seals):
    act(api, 2)
    assert seal(api, seals) == 1
    assert seal(api, seals) == 0
    api.clock.instant += timedelta(minutes=1)
    act(api, 1)
    assert seal(api, seals) == 1
    assert len(seals.path.read_text().splitlines()) == 2
    assert [place for place, _ in seals.read().values()] == [3]


def test_two_who_seal_at_once_take_turns(api, seals):
    """Several processes of the API, or one and the command line: two lines after the same one would break the file."""
    act(api, 1)
    other = threading.Thread(target=seal, args=(api, Seals(seals.path.parent, SECRET)))

    class Interrupted:
        def __init__(self, connection):
            self.connection = connection

        def execute(self, *given):
            other.start()
            other.join(0.3)
            return self.connection.execute(*given)

    with api.work() as work:
        assert seals.add(Interrupted(work.connection), api.clock) == 1
    other.join(10)
    assert len(seals.path.read_text().splitlines()) == 1
    assert verdict(api, seals).is_whole


def test_a_line_that_was_cut_short_gives_way_to_the_next_seal(api, seals):
    for _ in range(2):
        act(api, 1)
        seal(api, seals)
    whole = seals.path.read_bytes()
    seals.path.write_bytes(whole[:-30])
    assert seal(api, seals) == 1
    assert seals.path.read_bytes() == whole
    assert verdict(api, seals).is_whole


@pytest.mark.parametrize("how", ["changed", "line taken out", "other installation", "torn"])
def test_seals_that_were_changed_are_refused(api, seals, tmp_path, how):
    for _ in range(3):
        act(api, 1)
        seal(api, seals)
    lines = seals.path.read_text().splitlines(keepends=True)
    reader = seals
    if how == "changed":
        content = json.loads(lines[1])
        content["ends"] = {key: [1, "00"] for key in content["ends"]}
        lines[1] = json.dumps(content, sort_keys=True) + "\n"
    elif how == "line taken out":
        del lines[1]
    elif how == "torn":
        lines[2] = lines[2][:40]
    else:
        reader = Seals(tmp_path, "another secret")
    seals.path.write_text("".join(lines))
    with pytest.raises(SealBroken):
        reader.read()


def test_the_root_depends_on_every_leaf_and_its_place():
    assert merkle_root(["a", "b", "c"]) != merkle_root(["a", "c", "b"])
    assert merkle_root(["a", "b", "c"]) != merkle_root(["a", "b", "d"])
    assert merkle_root(["a", "b"]) != merkle_root(["ab"])
    assert len(merkle_root([])) == 64


# Search, export, and the patient's own list


def test_the_log_is_searched_by_act_and_outcome_and_exported_with_its_chain(api):
    admin, nurse = api.signed_in("root", "admin"), api.signed_in("kim", "nurse")
    act(api, 2, patient_id="ana")
    with pytest.raises(Forbidden):
        nurse.audit.export()
    refusals = admin.audit.page(outcome="refused").events
    assert [event.act for event in refusals] == ["GET /api/audit/export"]
    assert {event.act for event in admin.audit.page(act="read").events} == {"read"}
    head, *lines = admin.audit.export(patient_id="ana").decode().splitlines()
    assert head.split(",")[-4:-1] == ["writer", "sequence", "chain"]
    assert len(lines) == 3, "the two, and the look into the log that named her"
    assert "audit_exported" in {event.act for event in admin.audit.events()}


def test_an_export_holds_no_formula(api):
    api.account("-2+3", "nurse")
    evil = api.signed_in("=cmd()", "nurse")
    evil.account.sessions()
    exported = api.signed_in("root", "admin").audit.export().decode()
    assert "'=Cmd()" in exported or "'=cmd()" in exported
    assert not any(cell.startswith("=") for line in exported.splitlines() for cell in line.split(","))


def test_a_patient_sees_who_looked_and_nobody_elses_list(api):
    with api.work() as work:
        for name in ("ana", "ben"):
            Store(work).create(
                "Patient", {"resourceType": "Patient", "name": [{"family": name.title()}]}, id=name
            )
    doctor = api.signed_in("chen", "clinician")
    for _ in range(3):
        doctor.charting.summary("ana")
    doctor.charting.summary("ben")
    ana = api.signed_in("ana", "patient", patient_id="ana")
    ana.portal.home()
    looked = [(one.who, one.what, one.times) for one in ana.portal.who_looked()]
    assert ("Chen", "chart_summary_read", 3) in looked
    assert not any(who == "Ana" for who, _, _ in looked)
    assert [one.times for one in ana.portal.who_looked() if one.what == "chart_summary_read"] == [3]
    with pytest.raises(Forbidden):
        doctor.portal.who_looked()
