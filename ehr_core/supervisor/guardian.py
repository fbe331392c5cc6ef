"""Outlives a supervisor that is killed, to end what it left running; started by it, told over a pipe.

Each line on standard input is `group NUMBER` (a service's process group), `postgres NUMBER` (the server's process),
`forget NUMBER` (it has ended) or `done` (all was stopped in order). When the pipe closes without `done`, the
supervisor is dead: services get SIGTERM and later SIGKILL, and PostgreSQL a fast shutdown. Standard library only, so
that it costs little memory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

GRACE_SECONDS = 5.0


class Guardian:
    """The supervisor's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    @property
    def process_id(self) -> int:
        return self._process.pid

    def watch_group(self, group: int) -> None:
        self._tell(f"group {group}")

    def watch_postgres(self, process_id: int) -> None:
        self._tell(f"postgres {process_id}")

    def forget(self, number: int) -> None:
        """The number may soon belong to somebody else."""
        self._tell(f"forget {number}")

    def dismiss(self) -> None:
        self._tell("done")
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()


def keep_watch() -> None:
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    groups: set[int] = set()
    servers: set[int] = set()
    for line in sys.stdin:
        kind, _, number = line.strip().partition(" ")
        if kind == "done":
            return
        if kind == "forget":
            groups.discard(int(number))
            servers.discard(int(number))
        else:
            (groups if kind == "group" else servers).add(int(number))
    end_all(groups, servers)


def end_all(groups: set[int], servers: set[int]) -> None:
    _send_groups(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(map(_group_exists, groups)):
        time.sleep(0.1)
    _send_groups(groups, signal.SIGKILL)
    for process_id in servers:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process_id, signal.SIGINT)


def _send_groups(groups: set[int], sign: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, sign)


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    keep_watch()
