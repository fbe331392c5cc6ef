"""Turns what PostgreSQL wrote when it did not start into one sentence that says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

from ehr_core.db.server_programs import MAJOR_VERSION
from ehr_core.kernel.errors import StartupFailed

# What initdb or postgres says (in the C locale) → what we say. First match wins.
REASONS: tuple[tuple[str, str], ...] = (
    (
        "No space left on device",
        "The disk that holds '{folder}' is full, so PostgreSQL cannot start. Free some space, or move the state "
        "folder with ALMONER_STATE.",
    ),
    (
        "Address already in use",
        "Port {port} is in use by another program, so PostgreSQL cannot start. Stop that program, or choose another "
        "port with ALMONER_POSTGRES_PORT.",
    ),
    (
        "database files are incompatible with server",
        "The data in '{folder}' was made by another build of PostgreSQL; nothing was changed. With the Almoner that "
        "made it run `almoner backup`, then `almoner restore` into a new state folder. See "
        "docs/how-to/back-up-and-move.md.",
    ),
    (
        'lock file "postmaster.pid" already exists',
        "Another PostgreSQL seems to use '{folder}'. Stop it with `almoner down`, then start again.",
    ),
    (
        "Permission denied",
        "PostgreSQL's account may not use '{folder}'. Start Almoner as the user who owns that folder, or as root.",
    ),
    (
        "could not map anonymous shared memory",
        "There is not enough free memory for PostgreSQL to start (it takes about 200 MB). Stop other programs first.",
    ),
)
FULL_BELOW_BYTES = 24_000_000  # less than one segment of the write-ahead log and its neighbours
STILL_CLOSING = "pre-existing shared memory block"


def explain(output: str, *, folder: Path, port: int, log: Path) -> StartupFailed:
    for said, sentence in REASONS:
        if said in output:
            return StartupFailed(sentence.format(folder=folder, port=port))
    if _is_full(folder):
        return disk_full(folder)
    return StartupFailed(f"PostgreSQL did not start. Its own words are in '{log}'.")


def disk_full(folder: Path) -> StartupFailed:
    return StartupFailed(REASONS[0][1].format(folder=folder))


def _is_full(folder: Path) -> bool:
    """A full disk also keeps PostgreSQL from writing down what went wrong."""
    there = folder if folder.exists() else folder.parent
    return there.exists() and shutil.disk_usage(there).free < FULL_BELOW_BYTES


def port_in_use(port: int) -> StartupFailed:
    return explain("Address already in use", folder=Path(), port=port, log=Path())


def wrong_version(folder: Path, found: str) -> StartupFailed:
    """The data was written by another major version than the programs'."""
    relation = "older" if found.isdigit() and int(found) < MAJOR_VERSION else "newer"
    return StartupFailed(
        f"The data in '{folder}' belongs to PostgreSQL {found}, {relation} than the {MAJOR_VERSION} that this Almoner "
        "brings; nothing was changed. With the Almoner that made it run `almoner backup`, then `almoner restore` here "
        "into a new state folder: that keeps history, audit log, accounts and gap decisions, which `almoner export` "
        "leaves out. See docs/how-to/back-up-and-move.md."
    )


def disk_nearly_full(folder: Path, free_bytes: int, needed_bytes: int) -> StartupFailed:
    return StartupFailed(
        f"The disk that holds '{folder}' has {free_bytes // 1_000_000} MB free and Almoner needs at least "
        f"{needed_bytes // 1_000_000} MB. Free some space, or move the state folder with ALMONER_STATE."
    )
