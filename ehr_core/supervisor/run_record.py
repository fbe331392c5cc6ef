"""What runs from a state folder: a lock that only a living supervisor holds, and a record of its services."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ehr_core.kernel.errors import Conflict

LOCK = "supervisor.lock"
RECORD = "supervisor.json"


class ServiceRecord(BaseModel):
    """One service; `began` (seconds since the epoch) tells its process from a later one of the same number.

    `heartbeat` is the file of a service that has no address to ask.
    """

    name: str
    title: str
    process_id: int | None
    began: float | None
    url: str | None
    health_url: str | None
    heartbeat: str | None = None


class RunRecord(BaseModel):
    supervisor_id: int
    services: list[ServiceRecord]
    ready: bool = False


@contextlib.contextmanager
def supervisor_lock(state_folder: Path) -> Iterator[None]:
    """Held for the supervisor's life; the kernel frees it when the supervisor dies, so it cannot go stale."""
    with (state_folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"Almoner already runs from '{state_folder}'. See `almoner status`, or stop it with `almoner down`."
            ) from error
        yield


def supervisor_is_running(state_folder: Path) -> bool:
    if not (state_folder / LOCK).exists():
        return False
    with (state_folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def read_record(state_folder: Path) -> RunRecord | None:
    """The last run's record; None when there was none, or when a crash left half of it."""
    try:
        return RunRecord.model_validate_json((state_folder / RECORD).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_record(state_folder: Path, record: RunRecord) -> None:
    draft = state_folder / f".{RECORD}.{os.getpid()}"
    draft.write_text(record.model_dump_json(indent=2))
    draft.replace(state_folder / RECORD)


def remove_record(state_folder: Path) -> None:
    (state_folder / RECORD).unlink(missing_ok=True)
