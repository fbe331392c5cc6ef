"""`almoner down` and `almoner reset`: end a run from outside it, and begin anew."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ehr_core.db.server import EmbeddedServer
from ehr_core.db.server_place import remove_server_folder
from ehr_core.kernel.errors import Conflict, NotFound
from ehr_core.supervisor import leftovers
from ehr_core.supervisor.run_record import read_record, supervisor_is_running

STOP_SECONDS = 90.0
MARKS = ("secrets.json", "supervisor.lock", "postgres", "postgres-folder.txt")


def stop_house(state_folder: Path, say: Callable[[str], None]) -> bool:
    """Stops the supervisor, which stops all the rest, and whatever an earlier one left; True if anything ran."""
    if not state_folder.exists():
        return False
    ran = supervisor_is_running(state_folder)
    if ran:
        _stop_supervisor(state_folder)
    leftovers.stop(state_folder, say)
    return _stop_lone_database(state_folder) or ran


def _stop_supervisor(state_folder: Path) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    asked = False
    while supervisor_is_running(state_folder):
        record = read_record(state_folder)
        if record is not None and not asked:
            os.kill(record.supervisor_id, signal.SIGTERM)
            asked = True
        if time.monotonic() > deadline:
            raise Conflict(f"Almoner in '{state_folder}' did not stop within {STOP_SECONDS:.0f} seconds.")
        time.sleep(0.1)


def _stop_lone_database(state_folder: Path) -> bool:
    if not (state_folder / "postgres.lock").exists():
        return False
    server = EmbeddedServer(state_folder, 0, "")
    if not server.is_running():
        return False
    server.stop(even_if_shared=True)
    return True


def reset_house(state_folder: Path, say: Callable[[str], None]) -> None:
    """Stops everything and removes the state folder with all its data.

    Raises NotFound or Conflict rather than remove a folder that does not look like ours.
    """
    if not state_folder.exists():
        raise NotFound(f"There is no state folder '{state_folder}', so nothing to remove.")
    if not any((state_folder / mark).exists() for mark in MARKS):
        raise Conflict(f"'{state_folder}' does not look like a state folder of Almoner; it is left as it is.")
    stop_house(state_folder, say)
    remove_server_folder(state_folder)
    shutil.rmtree(state_folder)
