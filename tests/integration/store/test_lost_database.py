"""The database goes away in the middle: one sentence without anybody's data, nothing left half, and a re-run heals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DataError

from ehr_core.db.bootstrap import prepare_database
from ehr_core.db.database import DatabaseAway, connect
from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.errors import Conflict, Unavailable
from ehr_core.kernel.secrets import FILE_NAME
from ehr_core.store import exporter
from ehr_core.store.exporter import export_folder
from ehr_core.store.import_prepare import Preparer
from ehr_core.store.import_sources import Part
from ehr_core.store.importer import load_resources
from tests.integration.store.conftest import SITE, patient
from tests.lib import postgres

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = 12_000
PLACES = 6_000
BUSY = "state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()"


HUNT = f"""
DO $$ BEGIN
  LOOP
    PERFORM pg_stat_clear_snapshot();
    INSERT INTO hunted SELECT pid FROM pg_stat_activity
      WHERE {BUSY} AND query LIKE '{{query}}' AND pg_terminate_backend(pid);
    EXIT WHEN FOUND;
    PERFORM pg_sleep(0.0005);
  END LOOP;
END $$"""


@contextmanager
def busy_backends_end(admin_url: str, query: str) -> Iterator[list[int]]:
    """Ends the first backends that are seen at such a query, and says which. The server looks: it waits for no thread
    of the one who imports."""
    ended: list[int] = []
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE hunted (pid int)")

        def hunt() -> None:
            with suppress(psycopg.errors.QueryCanceled):
                connection.execute(HUNT.format(query=query))
                ended.extend(row[0] for row in connection.execute("SELECT pid FROM hunted").fetchall())

        hunter = threading.Thread(target=hunt)
        hunter.start()
        try:
            yield ended
        finally:
            hunter.join(5)
            if hunter.is_alive():
                connection.cancel()
                hunter.join()


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        lines = [json.dumps(patient(id=f"p-{number}-{n}", gender="female")) for n in range(PEOPLE // 12)]
        (folder / f"{number}.ndjson").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.long), 2])
@pytest.mark.parametrize("query", ["COPY %", pytest.param("INSERT INTO fhir.%", marks=pytest.mark.long)])
def test_an_import_whose_connection_is_ended_is_healed_by_the_next(
    run_import, source, admin_url, count, processes: int, query: str
) -> None:
    with busy_backends_end(admin_url, query) as ended, pytest.raises(Unavailable) as told:
        run_import(source, processes=processes)

    assert ended
    assert told.value.message == (
        "The database cannot be reached. Check that it runs (`almoner status`) and try again. "
        "What had been stored by then stays; run the import again to finish."
    )
    half = count("fhir.patient")
    assert half < PEOPLE
    assert count("audit.event", "act = 'import'") == count("core.outbox", "act = 'import'")

    healed = run_import(source, processes=2)
    assert (healed.created.total(), healed.unchanged.total()) == (PEOPLE - half, half)


def test_a_look_up_without_a_database_is_no_reference_that_leads_nowhere() -> None:
    line = json.dumps(patient(generalPractitioner=[{"reference": "Practitioner?identifier=npi|9"}]))

    def look_up(reference: str) -> str:
        raise DatabaseAway("The database cannot be reached.")

    with pytest.raises(DatabaseAway):
        Preparer(SITE, look_up).prepare(Part(0, "a.ndjson", lines=[(1, line.encode())]))


def test_an_export_whose_connection_is_ended_leaves_the_folder_empty(
    database, staff, admin_url, count, tmp_path
) -> None:
    people = (("Patient", json.dumps(patient(id=f"p-{n}")).encode()) for n in range(500))
    load_resources(database, staff, people, processes=1, site_time_zone=SITE)
    out = tmp_path / "out"

    def end(summary) -> None:
        if summary.resources["Patient"]:
            with psycopg.connect(admin_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'almoner'"
                )

    with pytest.raises(DatabaseAway, match="cannot be reached"):
        export_folder(database, staff, out, report=end)
    assert list(out.iterdir()) == []
    assert count("audit.event", "act = 'export'") == 0

    export_folder(database, staff, out)
    assert len((out / "Patient.ndjson").read_bytes().splitlines()) == 500
    assert [path.name for path in out.iterdir()] == ["Patient.ndjson"]


def test_what_a_killed_export_has_left_is_cleared_away_by_the_next(opened, database, staff, tmp_path) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="ana")
    out = tmp_path / "out"
    out.mkdir()
    (out / "Patient.ndjson.part").write_text('{"half')
    (out / "Observation.ndjson").write_text("{}")
    export_folder(database, staff, out)
    assert [path.name for path in out.iterdir()] == ["Patient.ndjson"]

    (out / "Patient.ndjson.part").touch()
    (out / "mine.txt").touch()
    with pytest.raises(Conflict, match="not empty"):
        export_folder(database, staff, out)


def test_two_exports_do_not_write_into_one_folder(opened, database, staff, tmp_path) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="ana")

    def second(_) -> None:
        with pytest.raises(Conflict, match="Another export"):
            export_folder(database, staff, tmp_path / "out")

    export_folder(database, staff, tmp_path / "out", report=second)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["Patient.ndjson"]


def test_an_error_of_the_database_shows_no_values(work) -> None:
    with pytest.raises(DataError) as raised:
        work.connection.exec_driver_sql("SELECT 1 / %s::integer, %s", (0, "Rivera"))
    assert "SELECT" in str(raised.value)
    assert "Rivera" not in str(raised.value)


@pytest.fixture(scope="module")
def own_server() -> Iterator[tuple[EmbeddedServer, Path]]:
    """A server of these tests' own, to be killed, and a state folder that knows its password."""
    with postgres.temporary_folder() as folder:
        server = EmbeddedServer(
            folder / "server",
            postgres.free_port(),
            postgres.TEST_SECRETS.postgres_password,
            durable=False,
            die_with_parent=True,
        )
        server.start()
        prepare_database(server.admin_url, postgres.TEST_SECRETS)
        state = folder / "state"
        state.mkdir()
        (state / FILE_NAME).write_text(postgres.TEST_SECRETS.model_dump_json())
        try:
            yield server, state
        finally:
            server.stop(even_if_shared=True)


def almoner(server: EmbeddedServer, state: Path, *words: str | Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ALMONER_STATE": str(state),
        "DATABASE_URL": server.admin_url,
    }
    command = [sys.executable, "-m", "ehr_core.cli", *map(str, words)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def rows(server: EmbeddedServer, table: str) -> int:
    with psycopg.connect(server.admin_url) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def kill_when(server: EmbeddedServer, is_time: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Kills the server with all its backends at once, as a machine does that runs out of memory."""
    while not is_time():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.kill(server.process_id, signal.SIGQUIT)


@pytest.mark.long
def test_the_server_dies_in_the_middle_of_an_import(own_server, source) -> None:
    server, state = own_server
    process = almoner(server, state, "import", source, "--processes", "2")
    kill_when(server, lambda: rows(server, "fhir.patient") > 0, process)
    out, told = process.communicate(timeout=120)

    assert process.returncode == Unavailable.exit_code
    assert told.strip().splitlines() == [
        "The database cannot be reached. Check that it runs (`almoner status`) and try again. "
        "What had been stored by then stays; run the import again to finish."
    ]
    assert out == ""
    server.start()
    half = rows(server, "fhir.patient")
    assert half < PEOPLE

    again = almoner(server, state, "import", source)
    out, _ = again.communicate(timeout=300)
    assert again.returncode == 0
    assert f"{PEOPLE - half:,} new" in out
    assert rows(server, "fhir.patient") == PEOPLE


@pytest.mark.long
def test_the_server_dies_in_the_middle_of_an_export(own_server, staff, tmp_path) -> None:
    server, state = own_server
    database = connect(postgres.app_url_of(server.admin_url))
    places = (
        ("Organization", b'{"resourceType":"Organization","id":"o-%d","name":"%b"}' % (number, b"x" * 10_000))
        for number in range(PLACES)
    )
    load_resources(database, staff, places, processes=1, site_time_zone=SITE)
    database.dispose()
    out = tmp_path / "out"

    process = almoner(server, state, "export", out)
    kill_when(server, lambda: (out / f"Organization.ndjson{exporter.PART_ENDING}").exists(), process)
    _, told = process.communicate(timeout=120)

    assert process.returncode == Unavailable.exit_code
    assert len(told.strip().splitlines()) == 1, told
    assert "cannot be reached" in told
    assert list(out.iterdir()) == []
    server.start()
    again = almoner(server, state, "export", out)
    assert again.wait(timeout=120) == 0
    with (out / "Organization.ndjson").open("rb") as file:
        assert sum(1 for _ in file) == PLACES
