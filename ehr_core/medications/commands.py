"""`almoner medications …`: what the site imports beside the shipped list of products."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

commands = typer.Typer(no_args_is_help=True, help="The list of products that can be prescribed.")
say = Console(highlight=False, soft_wrap=True)


@commands.callback()
def medications() -> None:
    pass


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="NLM's RxNorm full monthly release, the zip as it came.")],
) -> None:
    """Import NLM's monthly RxNorm release beside the shipped products. The same file again changes nothing."""
    from ehr_core.access.operators import operator
    from ehr_core.access.unit_of_work import begin
    from ehr_core.db.database import connect
    from ehr_core.db.own_database import own_database
    from ehr_core.kernel.clock import SystemClock
    from ehr_core.kernel.settings import Settings
    from ehr_core.medications.release_import import import_release

    settings = Settings()
    with own_database(settings) as url:
        database = connect(url)
        try:
            with begin(
                database, operator("decision_support.manage"), SystemClock(), settings.site_time_zone
            ) as work:
                done = import_release(work, file, _print)
        finally:
            database.dispose()
    if done.changed:
        _print(f"RxNorm {done.version} is imported: {done.concepts:,} concepts.")
    else:
        _print(f"RxNorm {done.version} is imported already. Nothing was changed.")


def _print(words: str) -> None:
    say.print(words, markup=False)
