"""`almoner keys …`: the keys that marked fields are encrypted with, from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from ehr_core.access.operators import operator
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database, connect
from ehr_core.db.own_database import own_database
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.settings import Settings
from ehr_core.kernel.vault import Vault, use_vault, vault
from ehr_core.store import key_rotation

commands = typer.Typer(no_args_is_help=True, help="The keys that marked fields are encrypted with.")
say = Console(highlight=False, soft_wrap=True)


@commands.command("status")
def status() -> None:
    """Tell the keys of the ring by id, which one is in use, and how many values each has sealed."""
    with _opened() as (database, settings), _work(database, settings) as work:
        used, last = key_rotation.in_use(work.connection), key_rotation.last_rotation(work.connection)
        work.audit("keys_counted", detail={"keys": len(used)})
    for key_id in sorted({*vault().ring.keys, *used}):
        what = "in use" if key_id == vault().ring.active else "opens what it sealed"
        if key_id not in vault().ring.keys:
            what = "MISSING from the ring: what it sealed cannot be read"
        say.print(f"{key_id}: {used.get(key_id, 0):,} values; {what}", markup=False)
    if last is not None:
        ended = (
            f"finished {last[1]:%Y-%m-%d %H:%M}"
            if last[1]
            else "not finished: run `almoner keys rotate` again"
        )
        say.print(f"Last rotation: begun {last[0]:%Y-%m-%d %H:%M} UTC, {ended}", markup=False)


@commands.command("rotate")
def rotate() -> None:
    """Seal with a new key from now on, and wrap again what is sealed, while everything runs (resumable)."""
    with _opened() as (database, settings):
        wrapped = key_rotation.rotate(
            database, operator("keys.rotate"), SystemClock(), settings.site_time_zone, report=_tell
        )
    say.print(f"{wrapped:,} values are wrapped with '{vault().ring.active}' now.", markup=False)


@commands.command("retire")
def retire(key_id: str) -> None:
    """Take a key out of the ring that has sealed nothing which is still stored."""
    with _opened() as (database, settings), _work(database, settings) as work:
        key_rotation.retire(work, key_id)
    say.print(f"'{key_id}' is out of the ring. Backups from before the rotation still need it.", markup=False)


def _tell(place: str, wrapped: int) -> None:
    say.print(f"{place}: {wrapped:,} values wrapped so far", markup=False)


@contextmanager
def _opened() -> Iterator[tuple[Database, Settings]]:
    settings = Settings()
    with own_database(settings) as url:
        use_vault(Vault.of(settings))
        database = connect(url, pool_size=1)
        try:
            yield database, settings
        finally:
            database.dispose()


@contextmanager
def _work(database: Database, settings: Settings) -> Iterator[UnitOfWork]:
    with begin(database, operator("keys.rotate"), SystemClock(), settings.site_time_zone) as work:
        yield work
