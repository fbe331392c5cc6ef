"""The whole real system for the browser stories: `almoner up` on free ports, shared by all test processes of one run.

It is started once and shared between pytest's workers, because starting it costs a minute of two cores and a gigabyte;
stories therefore each act on people of their own. Whoever holds a shared lock on `users` uses it. The keeper (this
module, run as a program) starts `almoner up` and interrupts it when nobody holds that lock any more, so a test run
that is killed leaves nothing behind; the last worker to leave interrupts it itself and looks that all is gone.
What a failed start or a failed story left in the services' logs stays in the run's temporary folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from ehr_core.supervisor.run_record import RECORD
from ehr_core.supervisor.status import house_status

REPOSITORY = Path(__file__).parents[2]
PATIENTS = 60
START_SECONDS = 240
STOP_SECONDS = 90
NIGHTLY_SECONDS = 200
LOOK_SECONDS = 0.5
LOG_LINES = 15
PORT_SETTINGS = ("API", "STAFF", "PORTAL", "DAGSTER", "POSTGRES")


@dataclass(frozen=True)
class SignIn:
    """One of the demonstration's people, as `almoner up` prints them."""

    app: str
    role: str
    name: str
    user_name: str
    password: str


@dataclass(frozen=True)
class RunningSystem:
    """`folder` holds the state, the supervisor's output and the locks; ports by the setting's middle word."""

    folder: str
    ports: dict[str, int]
    patients: int = PATIENTS
    keeper_id: int | None = None

    @property
    def state(self) -> Path:
        return Path(self.folder) / "state"

    @property
    def output(self) -> Path:
        return Path(self.folder) / "up.txt"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['API']}"

    @property
    def staff_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['STAFF']}"

    @property
    def portal_url(self) -> str:
        return f"http://localhost:{self.ports['PORTAL']}"

    def url_of(self, app: str) -> str:
        return self.portal_url if app == "portal" else self.staff_url

    @property
    def environment(self) -> dict[str, str]:
        """That of `almoner up` and of every command against it. No database but the embedded one."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("ALMONER_", "DATABASE_"))
        }
        ports = {f"ALMONER_{name}_PORT": str(port) for name, port in self.ports.items()}
        own = {"ALMONER_STATE": str(self.state), "PATIENTS": str(self.patients), "COLUMNS": "200"}
        return {**kept, **ports, **own}

    def sign_in_of(self, role: str) -> SignIn:
        listed = json.loads((self.state / "demo_sign_ins.json").read_text(encoding="utf-8"))
        return next(SignIn(**entry) for entry in listed if entry["role"] == role)

    def command(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """One command of the real program, as a person would type it."""
        return subprocess.run(
            [sys.executable, "-m", "ehr_core.cli", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def status(self) -> dict | None:
        """What `almoner status --json` says; None before the state folder exists."""
        answer = self.command("status", "--json")
        return json.loads(answer.stdout) if answer.stdout.strip() else None

    def nightly(self) -> str:
        """`almoner run nightly`; its output. Fails with what it said when it did not end well."""
        done = self.command("run", "nightly", seconds=NIGHTLY_SECONDS)
        if done.returncode:
            raise AssertionError(
                f"`almoner run nightly` ended with {done.returncode}: {done.stdout}{done.stderr}"
            )
        return done.stdout


@contextlib.contextmanager
def shared_system(folder: Path, *, patients: int = PATIENTS) -> Iterator[RunningSystem]:
    """The system of this test run, healthy; `folder` is common to its test processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("a") as users:
        with _door(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            system = _described(folder) or _start(folder, patients)
        try:
            _wait_until_healthy(system)
            yield system
        finally:
            _leave(folder, users, system)


def _leave(folder: Path, users, system: RunningSystem) -> None:
    with _door(folder):
        fcntl.flock(users, fcntl.LOCK_UN)
        if not _is_unused(folder):
            return
        (folder / "system.json").unlink()
    stop(system)


@contextlib.contextmanager
def _door(folder: Path) -> Iterator[None]:
    """Held for a moment by whoever comes, leaves or looks."""
    with (folder / "door").open("a") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _is_unused(folder: Path) -> bool:
    with (folder / "users").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _described(folder: Path) -> RunningSystem | None:
    path = folder / "system.json"
    return RunningSystem(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _start(folder: Path, patients: int) -> RunningSystem:
    own = folder / f"system-{secrets.token_hex(3)}"
    own.mkdir()
    system = RunningSystem(str(own), free_ports(), patients)
    keeper = launch(system, [sys.executable, "-m", "tests.lib.running_system", str(folder)])
    system = replace(system, keeper_id=keeper.pid)
    (folder / "system.json").write_text(json.dumps(asdict(system)), encoding="utf-8")
    return system


def launch(system: RunningSystem, command: list[str]) -> subprocess.Popen[bytes]:
    """Its own process group, so that Ctrl-C at the tests reaches it through the tests only."""
    with system.output.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=system.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def up_command() -> list[str]:
    return [sys.executable, "-m", "ehr_core.cli", "up"]


def free_ports() -> dict[str, int]:
    """One for each setting; all are taken at the same time, so that no two are the same."""
    with contextlib.ExitStack() as taken:
        sockets = {name: taken.enter_context(socket.socket()) for name in PORT_SETTINGS}
        for one in sockets.values():
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in sockets.items()}


def _wait_until_healthy(system: RunningSystem) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        status = _status_as_it_starts(system)
        if status and status["healthy"]:
            return
        if not _lives(system.keeper_id) or time.monotonic() > deadline:
            raise AssertionError(_what_went_wrong(system, status))
        time.sleep(LOOK_SECONDS)


def _status_as_it_starts(system: RunningSystem) -> dict | None:
    """What `almoner status --json` says, without a process each half second beside the one that starts.

    None before the supervisor has written what it runs; until then its lock is left alone.
    """
    return house_status(system.state).model_dump() if (system.state / RECORD).exists() else None


def _lives(process_id: int | None) -> bool:
    try:
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _what_went_wrong(system: RunningSystem, status: dict | None) -> str:
    services = [service["name"] for service in (status or {}).get("services", []) if not service["healthy"]]
    logs = sorted((system.state / "logs").glob("*.log")) if system.state.exists() else []
    told = [f"== {path.name}\n{_tail(path)}" for path in [system.output, *logs] if path.exists()]
    return f"The system is not healthy; not answering: {services or 'the supervisor'}.\n" + "\n".join(told)


def _tail(path: Path) -> str:
    if not path.exists():
        return ""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])


def stop(system: RunningSystem) -> None:
    """Ctrl-C, as a person would; fails when anything is left running or listening, then removes the data."""
    status = system.status()
    if status is None or not status["supervisor_pid"]:
        raise AssertionError("The system ended before its tests did.\n" + _what_went_wrong(system, status))
    supervisor = psutil.Process(status["supervisor_pid"])
    pids = (service["pid"] for service in status["services"])  # one may have been started again since
    services = [pid for pid in pids if pid and psutil.pid_exists(pid)]
    family = {supervisor, *supervisor.children(recursive=True), *map(psutil.Process, services)}
    supervisor.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
    left = [f"{process.pid} {' '.join(process.cmdline())[:120]}" for process in alive]
    answering = [name for name, port in system.ports.items() if _listens(port)]
    if left or answering:
        raise AssertionError(f"Ctrl-C left this running: {left}; these ports still answer: {answering}.")
    shutil.copytree(system.state / "logs", Path(system.folder) / "logs")
    system.command("reset", "--yes")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def keep(folder: Path) -> int:
    """Runs `almoner up` for as long as any test process uses it; returns its exit code."""
    with subprocess.Popen(up_command(), stdin=subprocess.DEVNULL) as process:
        interrupted = False
        while process.poll() is None:
            time.sleep(LOOK_SECONDS)
            with _door(folder):
                unused = _is_unused(folder)
            if unused and not interrupted:
                process.send_signal(signal.SIGINT)
                interrupted = True
        return process.returncode


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1])))
