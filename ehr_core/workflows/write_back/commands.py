"""`almoner key …`: pseudonym keys from the command line, in the own database, audited as the operator's act."""

from __future__ import annotations

import typer
from rich.console import Console

from ehr_core.kernel.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="The key that pseudonyms are made with.")
say = Console(highlight=False, soft_wrap=True)


@commands.callback()
def key() -> None:
    """Keeps `rotate` a word of its own, although it is the only one yet."""


@commands.command()
def rotate() -> None:
    """Put a new key in the place of the one that pseudonyms are made with; the next night is made under it."""
    old, new = rotate_in_own_database(Settings())
    say.print(
        f"Pseudonyms are made with '{new}' from now on. '{old}' still takes the answers of runs under way, and is "
        "retired when a night under the new key has been written back.",
        markup=False,
    )


def rotate_in_own_database(settings: Settings) -> tuple[str, str]:
    """The ids of the key that was in use and of the one that is now."""
    from ehr_core.access.operators import operator
    from ehr_core.access.unit_of_work import begin
    from ehr_core.db.database import connect
    from ehr_core.db.own_database import own_database
    from ehr_core.kernel.clock import SystemClock
    from ehr_core.workflows.write_back.keys import rotate_key

    with own_database(settings) as url:
        database = connect(url, pool_size=1)
        try:
            zone = settings.site_time_zone
            with begin(database, operator("pseudonym_key.rotate"), SystemClock(), zone) as work:
                return rotate_key(work, "limited")
        finally:
            database.dispose()
