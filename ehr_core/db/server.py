"""A real PostgreSQL server of our own, run from the embedded wheel's programs for one state folder."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

import psycopg

from ehr_core.db import server_failures
from ehr_core.db.server_account import Account, server_account
from ehr_core.db.server_files import (
    SUPERUSER,
    RunningServer,
    environment,
    make_data_folder,
    remove_stale_pid_file,
    running_server,
    switch_arguments,
    write_configuration,
)
from ehr_core.db.server_place import make_server_folder, server_folder
from ehr_core.db.server_programs import MAJOR_VERSION, reachable_programs
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.state_folder import make_state_folder

DATABASE = "almoner"
START_SECONDS = 60  # recovery after a kill takes about 2 s; a large one may take more
DYING_SECONDS = 2
STOP_SECONDS = 30  # for a fast shutdown: open transactions roll back, a checkpoint is written
MINIMUM_FREE_BYTES = 256_000_000
SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux' prctl(2)


class EmbeddedServer:
    """Starts, or joins, the one server of a state folder; whoever leaves last stops it.

    Racing starters make one server: a file lock orders them, and a shared lock that each keeps tells who is left,
    also after a crash. `die_with_parent` asks the kernel (Linux) for a fast shutdown when the process that started
    it dies, even by kill -9. `durable=False` is for tests: quick, and lost on a power failure.
    """

    def __init__(
        self,
        state_folder: Path,
        port: int,
        password: str,
        *,
        durable: bool = True,
        die_with_parent: bool = False,
        minimum_free_bytes: int = MINIMUM_FREE_BYTES,
    ):
        self.state_folder = state_folder.resolve()
        self.port = port
        self._password = password
        self._durable = durable
        self._die_with_parent = die_with_parent
        self._minimum_free_bytes = minimum_free_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._membership: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def admin_url(self) -> str:
        return f"postgresql://{SUPERUSER}:{quote(self._password, safe='')}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def folder(self) -> Path:
        return server_folder(self.state_folder)

    @property
    def process_id(self) -> int | None:
        running = self._running()
        return running.process_id if running else None

    @property
    def is_child(self) -> bool:
        """Whether this process started the server (rather than joined one that ran)."""
        return self._process is not None and self._process.pid == self.process_id

    def is_running(self) -> bool:
        return self._running() is not None

    def start(self) -> str:
        """The admin URL of the ready server. Raises StartupFailed with one sentence when it cannot be had."""
        with self._exclusively():
            try:
                self._start_ready()
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                raise server_failures.disk_full(self.state_folder) from error
        return self.admin_url

    def _start_ready(self) -> None:
        joined = self._launch_or_join()
        try:
            self._ensure_database()
        except StartupFailed:
            if not (joined and self._has_just_died()):
                self._leave()
                raise
            self._launch_or_join()
            self._ensure_database()

    def stop(self, *, even_if_shared: bool = False) -> None:
        """Leaves the server; the last one out (or anyone, with `even_if_shared`) shuts it down, fast and cleanly."""
        with self._exclusively():
            self._leave()
            running = self._running()
            if running is not None and (even_if_shared or self._nobody_left()):
                self._shut_down(running)

    def _launch_or_join(self) -> bool:
        """True when a server ran already. Whoever uses the server holds a shared lock on the list of users."""
        running = self._running()
        if running is None:
            self._launch()
        else:
            self.port = running.port
        if self._membership is None:
            self._membership = (self.state_folder / "postgres.users").open("ab")
            fcntl.flock(self._membership, fcntl.LOCK_SH)
        return running is not None

    def _has_just_died(self) -> bool:
        """Whether the server that we joined was on its way out: killed a moment ago, and gone a moment later."""
        running = self._running()
        return running is None or self._ended(running.process_id, DYING_SECONDS)

    def _running(self) -> RunningServer | None:
        return running_server(self.folder / "data") if self.state_folder.exists() else None

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """One starter or stopper at a time; the kernel frees the lock of one that dies, so it cannot go stale."""
        make_state_folder(self.state_folder)
        with (self.state_folder / "postgres.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _leave(self) -> None:
        if self._membership is not None:
            self._membership.close()
            self._membership = None

    def _nobody_left(self) -> bool:
        with (self.state_folder / "postgres.users").open("ab") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def _launch(self) -> None:
        folder = make_server_folder(self.state_folder)
        data, log = folder / "data", folder / "postgres.log"
        free = shutil.disk_usage(folder).free
        if free < self._minimum_free_bytes:
            raise server_failures.disk_nearly_full(folder, free, self._minimum_free_bytes)
        _require_free_port(self.port)
        account = server_account(data)
        programs = reachable_programs(account, folder)
        if data.exists():
            _require_same_version(data)
        else:
            make_data_folder(
                data,
                programs,
                account,
                password=self._password,
                durable=self._durable,
                port=self.port,
                log=log,
            )
        write_configuration(data, account, durable=self._durable)
        remove_stale_pid_file(data)
        self._run_until_ready(programs.path("postgres"), data, account, log)

    def _run_until_ready(self, program: Path, data: Path, account: Account, log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            output = self._run(program, data, account, log, deadline)
            if output is None:
                return
            if server_failures.STILL_CLOSING not in output or time.monotonic() > deadline:
                raise server_failures.explain(output, folder=data, port=self.port, log=log)
            time.sleep(0.2)

    def _run(self, program: Path, data: Path, account: Account, log: Path, deadline: float) -> str | None:
        """None when the server is ready, otherwise what it said before it ended."""
        with log.open("ab") as file:
            os.chmod(log, 0o600)
            begin = file.tell()
            self._process = subprocess.Popen(
                [program, "-D", str(data), "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment(),
                cwd="/",
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()) if self._die_with_parent else None,
                **switch_arguments(account),
            )
        while self._process.poll() is None:
            running = running_server(data)
            if running is not None and running.ready and running.process_id == self._process.pid:
                return None
            if time.monotonic() > deadline:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
                raise StartupFailed(
                    f"PostgreSQL was not ready after {START_SECONDS} seconds. Its own words are in '{log}'."
                )
            time.sleep(0.01)
        return log.read_bytes()[begin:].decode(errors="replace")

    def _ensure_database(self) -> None:
        """Makes our database on first start, and shows that the password opens this server."""
        maintenance = self.admin_url.rsplit("/", 1)[0] + "/postgres"
        try:
            with psycopg.connect(maintenance, autocommit=True, connect_timeout=10) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if found is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError as error:
            raise StartupFailed(
                f"The PostgreSQL of '{self.state_folder}' on port {self.port} refuses the password in secrets.json, or "
                "does not answer. Restore the secrets file that belongs to this data."
            ) from error

    def _shut_down(self, running: RunningServer) -> None:
        for ask, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.process_id, ask)
            if self._ended(running.process_id, seconds):
                return

    def _ended(self, process_id: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is not None and self._process.pid == process_id:
                if self._process.poll() is not None:
                    self._process = None
                    return True
            elif running_server(self.folder / "data") is None:
                return True
            time.sleep(0.02)
        return False


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise server_failures.port_in_use(port) from error


def _require_same_version(data: Path) -> None:
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise StartupFailed(
            f"The folder '{data}' is not a PostgreSQL data folder, or this account may not read it. Start as its "
            "owner, or move it away."
        ) from error
    if found != str(MAJOR_VERSION):
        raise server_failures.wrong_version(data, found)


def _die_with(parent: int):
    """For preexec_fn: the kernel interrupts (fast shutdown) the server when its parent dies, where it can."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_kernel() -> None:
        prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel
