"""Where the embedded server keeps its files: in the state folder, or elsewhere when its account cannot reach that."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from ehr_core.db.server_account import Account, can_reach, server_account
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.state_folder import PASSABLE

FOLDER = "postgres"
RECORD = "postgres-folder.txt"
READABLE = 0o755
ELSEWHERE = (Path("/var/lib"), Path("/srv"))


def server_folder(state_folder: Path) -> Path:
    """The server's own folder (data, log, programs): where the state folder's record says, else inside it.

    A recorded folder that has gone is an error, never a reason to begin an empty database.
    """
    record = state_folder / RECORD
    if not record.exists():
        return state_folder / FOLDER
    recorded = Path(record.read_text().strip())
    if not recorded.is_dir():
        raise StartupFailed(
            f"The database's folder '{recorded}' (recorded in '{record}') is missing. Put it back, or remove "
            "the state folder to begin anew."
        )
    return recorded


def make_server_folder(state_folder: Path) -> Path:
    """The same, made on first use; as root with a state folder under an unreachable parent such as /root it is made
    in /var/lib and recorded. Call it under the starters' lock."""
    folder = server_folder(state_folder)
    if (folder / "data").exists() or (state_folder / RECORD).exists():
        return folder
    _make_enterable(folder)
    account = server_account(folder / "data")
    if _can_pass(account, folder):
        return folder
    folder.rmdir()
    return _elsewhere(state_folder, account)


def _make_enterable(folder: Path) -> None:
    """Makes a folder of ours (and a missing state folder above it) that others can pass through but not list."""
    missing = [path for path in (folder.parent, folder) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        os.chmod(path, PASSABLE)


def _can_pass(account: Account, folder: Path) -> bool:
    probe = folder / ".reach"
    probe.mkdir(exist_ok=True)
    try:
        os.chmod(probe, READABLE)
        return can_reach(account, probe)
    finally:
        probe.rmdir()


def _elsewhere(state_folder: Path, account: Account) -> Path:
    name = "almoner-" + hashlib.sha256(str(state_folder).encode()).hexdigest()[:12]
    for parent in ELSEWHERE:
        if parent.is_dir() and os.access(parent, os.W_OK) and can_reach(account, parent):
            folder = parent / name
            if folder.exists():
                raise StartupFailed(
                    f"The folder '{folder}' is left from an earlier state folder at this place. Move it away or "
                    "remove it, then start again."
                )
            _make_enterable(folder)
            (state_folder / RECORD).write_text(f"{folder}\n")
            return folder
    raise StartupFailed(
        f"The account that runs PostgreSQL cannot reach '{state_folder}'. Set ALMONER_STATE to a folder that other "
        "accounts can enter, or run as an ordinary user."
    )


def remove_server_folder(state_folder: Path) -> None:
    """Removes the server's files wherever they lie; the server must be stopped."""
    record = state_folder / RECORD
    if record.exists():
        shutil.rmtree(Path(record.read_text().strip()), ignore_errors=True)
        record.unlink()
    shutil.rmtree(state_folder / FOLDER, ignore_errors=True)
