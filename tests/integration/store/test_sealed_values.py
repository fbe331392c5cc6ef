"""Marked values in the database: none in clear, a swapped one is refused, and keys turn while others write."""

from __future__ import annotations

import base64
import json
import threading

import psycopg
import pytest

from ehr_core.access.actor import Actor
from ehr_core.access.second_factor import TotpSeal
from ehr_core.access.unit_of_work import begin
from ehr_core.kernel import sealed_body
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import Conflict, InvalidResource, StartupFailed
from ehr_core.kernel.key_ring import KeySource
from ehr_core.kernel.vault import KeyMissing, NotOpened, Vault, use_vault, vault
from ehr_core.store import key_rotation, marked
from ehr_core.store.importer import load_resources
from ehr_core.store.key_check import require_its_key_ring
from ehr_core.store.repository import Store
from tests.lib.weakened import assert_guarded

SSN, SSN_SYSTEM = "987-65-4329", "http://hl7.org/fhir/sid/us-ssn"
WORDS = base64.b64encode(b"What was said in the session").decode()
PSYCHOTHERAPY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSYTHPN"}
WRITER = Actor(
    "w",
    "service",
    "W",
    (),
    frozenset({"fhir.read", "fhir.write", "keys.rotate", "account.manage", "bulk.export"}),
)
ZONE = "America/New_York"


def person(patient_id: str = "ana", ssn: str = SSN, **more) -> dict:
    numbers = [{"system": SSN_SYSTEM, "value": ssn}, {"system": "urn:mrn", "value": "1001"}]
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "identifier": numbers,
        "name": [{"family": "Rivera"}],
        **more,
    }


@pytest.fixture
def work_on(database):
    return lambda: begin(database, WRITER, SystemClock(), ZONE)


@pytest.fixture
def own_ring(tmp_path):
    """A ring in a file, as a site has it; the suite's own comes back afterwards."""
    before = vault()
    use_vault(Vault(KeySource(None, None, tmp_path / "keys.json")))
    yield vault()
    use_vault(before)


def everything_stored(admin_url: str) -> str:
    """Every row of every table, as a dump would hold it."""
    with psycopg.connect(admin_url.replace("+psycopg", "")) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT LIKE 'pg\\_%' AND schemaname <> 'information_schema'"
        ).fetchall()
        rows = [connection.execute(f"SELECT t::text FROM {name} t").fetchall() for (name,) in tables]
    return "\n".join(row for table in rows for (row,) in table)


def test_a_dump_of_the_database_holds_no_marked_value_in_clear(work_on, admin_url):
    labelled = {"security": [PSYCHOTHERAPY]}
    document = {"resourceType": "Binary", "contentType": "text/plain", "data": WORDS, "meta": labelled}
    with work_on() as work:
        store = Store(work)
        store.create("Patient", person(contact=[{"name": {"family": "Kin"}}]), id="ana")
        store.update("Patient", "ana", person(gender="female"))
        store.create("RelatedPerson", {
            "resourceType": "RelatedPerson", "patient": {"reference": "Patient/ana"},
            "identifier": [{"type": {"coding": [{"code": "SS"}]}, "system": "urn:elsewhere", "value": SSN}],
        })  # fmt: skip
        store.create("Binary", {**document, "securityContext": {"reference": "Patient/ana"}}, id="told")
        store.search("Patient", {"identifier": SSN})
    dump = everything_stored(admin_url)
    assert SSN not in dump
    assert WORDS not in dump
    assert "Rivera" in dump
    assert "almoner-sealed:" in dump


def test_readers_searches_history_and_export_see_the_value_as_it_was_sent(work_on, database, tmp_path):
    sent = (
        json.dumps(person())
        .encode()
        .replace(b'"1001"', b'"1001", "extension":[{"url":"u","valueDecimal":1.50}]')
    )
    with work_on() as work:
        store = Store(work)
        store.create("Patient", sent, id="ana")
        store.update("Patient", "ana", person(gender="female"))
        for given in (SSN, f"{SSN_SYSTEM}|{SSN}", f"{SSN_SYSTEM}|", "urn:mrn|1001"):
            assert [one.id for one in store.search("Patient", {"identifier": given}).resources] == ["ana"], (
                given
            )
        assert not store.search("Patient", {"identifier": "987-65-4320"}).resources
        versions = store.history("Patient", "ana")
        bodies = [version.body for version in versions] + list(store.patient_record(["ana"]))
        assert all(SSN.encode() in body for body in bodies)
        assert b"1.50" in versions[1].body
        assert not store.put("Patient", "ana", versions[0].body).changed


def test_an_import_seals_too_and_an_export_opens(work_on, database, admin_url, tmp_path):
    from ehr_core.store.exporter import export_folder

    load_resources(
        database, WRITER, [("Patient", json.dumps(person()).encode())], processes=1, site_time_zone=ZONE
    )
    assert SSN not in everything_stored(admin_url)
    export_folder(database, WRITER, tmp_path / "out")
    assert SSN in (tmp_path / "out" / "Patient.ndjson").read_text()


def test_a_value_that_is_put_into_another_row_or_version_does_not_open(work_on, admin_url, database):
    with work_on() as work:
        Store(work).create("Patient", person("ana"), id="ana")
        Store(work).create("Patient", person("ben", "123-45-6780"), id="ben")
    with psycopg.connect(admin_url.replace("+psycopg", "")) as connection:
        connection.execute(
            'UPDATE fhir.patient SET body = regexp_replace(body, \'"almoner-sealed:[^"]*"\', '
            "(SELECT substring(body from '\"almoner-sealed:[^\"]*\"') FROM fhir.patient WHERE id = 'ana')) "
            "WHERE id = 'ben'"
        )
    with work_on() as work, pytest.raises(NotOpened):
        Store(work).read("Patient", "ben")
    with work_on() as work:
        assert SSN.encode() in Store(work).read("Patient", "ana").body


def test_without_the_seal_a_dump_would_show_the_number(work_on, admin_url):
    numbers = iter(("900-00-0001", "900-00-0002"))

    def attack() -> bool:
        ssn = next(numbers)
        with work_on() as work:
            Store(work).create("Patient", person(ssn, ssn))
        return f'"value":"{ssn}"' in everything_stored(admin_url).replace('""', '"').replace(" ", "")

    from ehr_core.store import content

    assert_guarded(attack, lambda patch: patch.setattr(content, "sealed", lambda body, *_: body))


def test_nobody_sends_a_value_that_looks_sealed(work_on):
    forged = person()
    forged["name"] = [{"family": vault().seal(b'"x"', "fhir.Patient/ana/1#1")}]
    with work_on() as work, pytest.raises((InvalidResource, NotOpened)):
        Store(work).create("Patient", forged, id="ana")


def test_without_its_key_a_value_is_not_read_and_the_error_says_which(work_on, own_ring):
    with work_on() as work:
        Store(work).create("Patient", person(), id="ana")
    gone = own_ring.ring.active
    own_ring.source.write(own_ring.ring.with_new_key().without(gone))
    own_ring.look_again()
    with work_on() as work, pytest.raises(KeyMissing, match=gone):
        Store(work).read("Patient", "ana")


def test_keys_turn_while_others_write(work_on, database, admin_url, own_ring, monkeypatch):
    monkeypatch.setattr(key_rotation, "AT_ONCE", 5)
    old, stop, failures = own_ring.ring.active, threading.Event(), []
    with work_on() as work:
        for number in range(12):
            Store(work).create("Patient", person(f"p{number}", f"900-00-{number:04}"))
        work.connection.exec_driver_sql(
            "INSERT INTO access.account (id, username, display_name, password_hash, roles, created_at, "
            "password_changed_at, totp_secret) VALUES ('a', 'a', 'A', 'x', ARRAY['nurse'], now(), now(), %s)",
            (TotpSeal("s").close(b"SEED", "a"),),
        )

    def write_on() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            try:
                with work_on() as work:
                    store = Store(work)
                    who, ssn, gender = (
                        f"p{turn % 12}",
                        f"900-00-{turn % 12:04}",
                        ("male", "female")[turn // 12 % 2],
                    )
                    store.update("Patient", who, person(who, ssn, gender=gender))
                    assert ssn.encode() in store.read("Patient", who).body
            except Exception as error:
                failures.append(error)

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        key_rotation.rotate(database, WRITER, SystemClock(), ZONE, wait=lambda seconds: own_ring.look_again())
    finally:
        stop.set()
        writer.join()
    assert not failures
    assert f"almoner-sealed:{old}:" not in everything_stored(admin_url)
    with work_on() as work:
        assert key_rotation.in_use(work.connection).keys() == {own_ring.ring.active}
        secret = work.connection.exec_driver_sql("SELECT totp_secret FROM access.account").scalar_one()
        assert TotpSeal("s").open(bytes(secret), "a") == b"SEED"
        key_rotation.retire(work, old)
    assert old not in own_ring.ring.keys


def test_a_rotation_that_was_killed_goes_on_where_it_stopped(work_on, database, own_ring, monkeypatch):
    monkeypatch.setattr(key_rotation, "AT_ONCE", 2)
    with work_on() as work:
        for number in range(6):
            Store(work).create("Patient", person(f"p{number}", f"900-00-{number:04}"))
    old, told = own_ring.ring.active, []

    class Killed(BaseException):
        pass

    def kill_after_two(place: str, wrapped: int) -> None:
        told.append(wrapped)
        if wrapped >= 4:
            raise Killed

    with pytest.raises(Killed):
        key_rotation.rotate(database, WRITER, SystemClock(), ZONE, report=kill_after_two, wait=lambda _: None)
    with work_on() as work:
        used = key_rotation.in_use(work.connection)
        with pytest.raises(Conflict, match="still sealed"):
            key_rotation.retire(work, old)
    assert used[old] == 2
    new = own_ring.ring.active
    assert key_rotation.rotate(database, WRITER, SystemClock(), ZONE, wait=lambda _: None) == 6
    assert own_ring.ring.active == new, "no further key was made"
    with work_on() as work:
        assert key_rotation.in_use(work.connection) == {new: 6}


def test_the_application_may_change_nothing_but_the_wrapping(work_on, database):
    with work_on() as work:
        Store(work).create("Patient", person(), id="ana")
    with work_on() as work:
        body = work.connection.exec_driver_sql("SELECT body FROM fhir.patient").scalar_one()
    changed = {
        "kept_in": "patient",
        "id": "ana",
        "version": 1,
        "old": body,
        "new": body.replace("Rivera", "Other"),
    }
    with work_on() as work, pytest.raises(Exception, match="only sealed values"):
        work.connection.execute(key_rotation.WRAP, changed)


def test_all_documents_are_sealed_where_the_site_says_so(work_on, admin_url, monkeypatch):
    document = {
        "resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/ana"},
        "content": [{"attachment": {"contentType": "text/plain", "data": WORDS}}],
    }  # fmt: skip
    with work_on() as work:
        Store(work).create("Patient", person(), id="ana")
        Store(work).create("DocumentReference", document, id="open")
        monkeypatch.setattr(vault(), "documents", "all")
        Store(work).create("DocumentReference", document, id="shut")
        assert WORDS.encode() in Store(work).read("DocumentReference", "shut").body
        rows = dict(work.connection.exec_driver_sql("SELECT id, body FROM fhir.document_reference").all())
    assert WORDS in rows["open"]
    assert WORDS not in rows["shut"]


def test_a_database_starts_with_its_own_key_ring_only(database, own_ring, tmp_path):
    require_its_key_ring(database, SystemClock())
    require_its_key_ring(database, SystemClock())
    use_vault(Vault(KeySource(None, None, tmp_path / "strangers.json")))
    with pytest.raises(StartupFailed, match="not the one"):
        require_its_key_ring(database, SystemClock())


def test_bodies_without_a_mark_cost_one_look_and_come_back_as_they_are():
    body = b'{"resourceType":"Patient","id":"x"}'
    assert sealed_body.opened(body) is body
    assert marked.sealed(body, "Patient", "x", 1) is body
