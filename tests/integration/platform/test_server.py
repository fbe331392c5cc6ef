"""The embedded PostgreSQL: started once by racing starters, recovered after a kill, refused in one sentence."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.errors import StartupFailed
from tests.lib.postgres import free_port, temporary_folder

RACER = """
import sys
from pathlib import Path
from ehr_core.db.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), int(sys.argv[2]), "secret", durable=False)
server.start()
print(server.process_id, flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def state() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder / "state"


@pytest.fixture
def server(state: Path) -> Iterator[EmbeddedServer]:
    made = EmbeddedServer(state, free_port(), "secret", durable=False, die_with_parent=True)
    yield made
    made.stop(even_if_shared=True)


def answer(url: str, question: str):
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchone()[0]


def test_the_server_is_set_up_as_promised(server):
    url = server.start()
    assert answer(url, "SHOW data_checksums") == "on"
    assert answer(url, "SHOW listen_addresses") == "127.0.0.1"
    assert answer(url, "SHOW unix_socket_directories") == ""
    assert answer(url, "SELECT datlocale FROM pg_database WHERE datname = current_database()") == "C.UTF-8"
    assert (
        answer(url, "SELECT left(rolpassword, 13) FROM pg_authid WHERE rolname = 'almoner'")
        == "SCRAM-SHA-256"
    )


def test_no_connection_without_the_password(server):
    url = server.start()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace("secret", "guess"))


def test_root_hands_the_server_to_an_account_without_rights(server):
    server.start()
    assert os.stat(f"/proc/{server.process_id}").st_uid != 0 or os.geteuid() != 0


def test_racing_starters_make_one_server_and_the_last_to_leave_stops_it(state):
    port = str(free_port())
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(state), port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    servers = {racer.stdout.readline().strip() for racer in racers}
    assert len(servers) == 1
    process_id = int(servers.pop())
    for racer in racers[:-1]:
        racer.communicate(timeout=30)
    observer = EmbeddedServer(state, int(port), "secret")
    assert observer.process_id == process_id
    racers[-1].communicate(timeout=30)
    assert [racer.returncode for racer in racers] == [0] * 4
    assert not observer.is_running()


def test_what_was_committed_is_there_after_a_kill(server, state):
    server = EmbeddedServer(state, server.port, "secret", die_with_parent=True)
    url = server.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.process_id, signal.SIGKILL)
    assert answer(server.start(), "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("owner", ["a process that is gone", "another program"])
def test_a_stale_pid_file_does_not_stop_the_start(server, owner):
    server.start()
    server.stop(even_if_shared=True)
    data = server.folder / "data"
    process_id = os.getpid() if owner == "another program" else 2**22 - 7
    (data / "postmaster.pid").write_text(f"{process_id}\n{data}\n1\n{server.port}\n\n127.0.0.1\n\nready\n")
    assert not server.is_running()
    assert answer(server.start(), "SELECT 1") == 1


def test_a_port_in_use_is_one_sentence(server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        with pytest.raises(StartupFailed, match=rf"Port {server.port} is in use .* ALMONER_POSTGRES_PORT"):
            server.start()


@pytest.mark.parametrize(("version", "relation"), [("17", "older"), ("19", "newer")])
def test_data_of_another_major_version_is_refused_and_left_alone(server, version, relation):
    server.start()
    server.stop(even_if_shared=True)
    mark = server.folder / "data" / "PG_VERSION"
    mark.write_text(f"{version}\n")
    with pytest.raises(StartupFailed, match=rf"PostgreSQL {version}, {relation} .* `almoner backup`") as told:
        server.start()
    assert "history, audit log, accounts and gap decisions, which `almoner export` leaves out" in str(
        told.value
    )
    assert mark.read_text() == f"{version}\n"


def test_a_nearly_full_disk_is_seen_before_anything_is_written(state):
    server = EmbeddedServer(state, free_port(), "secret", minimum_free_bytes=10**18)
    with pytest.raises(StartupFailed, match="MB free and Almoner needs at least"):
        server.start()
    assert not (server.folder / "data").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MB, smaller than an empty database."""
    with temporary_folder() as folder:
        options = ["-t", "tmpfs", "-o", "size=40m,mode=0711", "tmpfs"]
        if subprocess.run(["mount", *options, folder], capture_output=True, check=False).returncode != 0:
            pytest.skip("a small disk can only be made by a root that may mount a tmpfs")
        yield folder
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_is_one_sentence(small_disk):
    server = EmbeddedServer(small_disk / "state", free_port(), "secret", minimum_free_bytes=0)
    (small_disk / "other-data").write_bytes(b"x" * 20_000_000)
    with pytest.raises(StartupFailed, match=r"is full, so PostgreSQL cannot start. Free some space"):
        server.start()
    assert not (server.folder / "data").exists()


def test_an_interrupted_first_start_leaves_nothing_that_looks_like_a_database(server):
    draft = server.folder / "data.new"
    draft.mkdir(parents=True)
    for folder in (server.state_folder, server.folder):
        folder.chmod(0o711)
    (draft / "PG_VERSION").write_text("18\n")
    assert answer(server.start(), "SELECT 1") == 1


def test_secrets_that_do_not_belong_to_the_data_are_one_sentence(server):
    server.start()
    server.stop(even_if_shared=True)
    other = EmbeddedServer(server.state_folder, server.port, "another", durable=False, die_with_parent=True)
    with pytest.raises(StartupFailed, match="refuses the password"):
        other.start()
    other.stop(even_if_shared=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_under_an_unreachable_parent_the_data_goes_elsewhere_and_the_parent_stays_shut(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedServer(closed / "state", free_port(), "secret", durable=False, die_with_parent=True)
    try:
        assert answer(server.start(), "SELECT 1") == 1
        assert closed.stat().st_mode & 0o777 == 0o700
        assert not server.folder.is_relative_to(closed)
        assert str(server.folder) in (closed / "state" / "postgres-folder.txt").read_text()
    finally:
        server.stop(even_if_shared=True)
        from ehr_core.db.server_place import remove_server_folder

        remove_server_folder(closed / "state")


def test_a_recorded_folder_that_is_gone_never_begins_an_empty_database(state):
    state.mkdir()
    (state / "postgres-folder.txt").write_text(str(state / "lost"))
    with pytest.raises(StartupFailed, match="is missing"):
        EmbeddedServer(state, free_port(), "secret").start()


def test_errors_in_the_servers_log_hold_no_values(server):
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE person (mrn text PRIMARY KEY)")
        connection.execute("INSERT INTO person VALUES ('MRN-1234567')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO person VALUES (%s)", ["MRN-1234567"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO person VALUES ('MRN-1234567')")
    log = (server.folder / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "1234567" not in log
