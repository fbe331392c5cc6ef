"""`almoner migrate`, `almoner backup` and `almoner restore`: the database as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ehr_core.kernel.settings import Settings

commands = typer.Typer()
say = Console(highlight=False, soft_wrap=True)


@commands.command()
def migrate() -> None:
    """Bring the database to this version's schema (`almoner up` does it too)."""
    from ehr_core.db.own_database import own_database

    with own_database(Settings(), _print):
        _print("The database is ready.")


@commands.command()
def backup(file: Annotated[Path, typer.Argument(help="A file that does not exist yet.")]) -> None:
    """Write the embedded database to one file, with history, audit log and accounts. It identifies people: guard it."""
    from ehr_core.db.backup import back_up

    settings = Settings()
    written = back_up(settings, file)
    _print(f"'{file}' holds the whole database ({written / 1e6:,.1f} MB). It identifies people: guard it.")
    _print(
        f"Keep '{settings.state_folder / 'secrets.json'}' with it: what is sealed opens with that file only, and "
        "marked values with the key ring (encryption-keys.json): keep that elsewhere."
    )


@commands.command()
def restore(file: Annotated[Path, typer.Argument(help="What `almoner backup` wrote.")]) -> None:
    """Fill a new state folder, which holds only the backup's secrets.json, from a backup."""
    from ehr_core.db.backup import restore as restore_file

    restore_file(Settings(), file)
    _print("The database is restored. Start it with `make up`; its results are measured anew.")


def _print(text: str) -> None:
    say.print(text, markup=False)
