"""One supervised process: started with its own log and process group, stopped with everything it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from ehr_core.kernel.service import ServiceSpec

STOP_SECONDS = 10.0
KILL_SECONDS = 5.0
LOGS_KEPT = 5  # earlier runs of one service


def rotate_log(folder: Path, name: str) -> Path:
    """`name.log` for this run; earlier ones become `name.1.log` (the last), `name.2.log` …"""
    folder.mkdir(parents=True, exist_ok=True)
    numbered = [folder / f"{name}.log", *(folder / f"{name}.{n}.log" for n in range(1, LOGS_KEPT + 1))]
    for older, newer in zip(reversed(numbered[1:]), reversed(numbered[:-1]), strict=True):
        if newer.exists():
            newer.replace(older)
    return numbered[0]


def last_line(log: Path, *, characters: int = 300) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:characters] if lines else "nothing"


class ServiceProcess:
    """A service of ours that may be started again after it stopped."""

    def __init__(self, spec: ServiceSpec, *, log_folder: Path, environment: Mapping[str, str]):
        self.spec = spec
        self.log = rotate_log(log_folder, spec.name)
        self._environment = {**environment, **spec.env}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs, or before it was started."""
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.spec.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self._process is None:
            return
        stop_group(self._process.pid, first=self._process)


def stop_group(
    group: int, *, first: subprocess.Popen[bytes] | None = None, seconds: float = STOP_SECONDS
) -> None:
    """Asks a process group, and whatever its leader started elsewhere, to end; kills what is left after a while."""
    strays = _descendants(group)
    for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, KILL_SECONDS)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, sign)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if first is not None:
                first.poll()
            left = [*_members(group), *_alive(strays)]
            if not left:
                return
            if first is None or first.returncode is not None:
                _signal_each(left, sign)
            time.sleep(0.05)


def _descendants(process_id: int) -> list[psutil.Process]:
    try:
        return psutil.Process(process_id).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _members(group: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def _alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    alive = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


def _signal_each(processes: Iterable[psutil.Process], sign: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(sign)


def started_at(process_id: int) -> float | None:
    """When the process began (seconds since the epoch), which tells it from a later one with the same number."""
    try:
        return psutil.Process(process_id).create_time()
    except psutil.Error:
        return None


def memory_bytes(process_id: int) -> int:
    """The memory of a process and all it started; pages that processes share are divided among them (Linux)."""
    try:
        root = psutil.Process(process_id)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(_memory_bytes(process) for process in family)


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except (psutil.Error, AttributeError):
        with contextlib.suppress(psutil.Error):
            return process.memory_info().rss
    return 0
