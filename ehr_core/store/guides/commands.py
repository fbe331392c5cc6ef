"""`almoner profiles …`: implementation guides in and out of force, and which profiles are required."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ehr_core.access.operators import operator
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database, connect
from ehr_core.db.own_database import own_database
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.settings import Settings
from ehr_core.store.guides.importing import (
    Held,
    import_package,
    packages,
    relax_profile,
    remove_package,
    require_profile,
    waiting_searches,
)
from ehr_core.store.guides.indexing import Indexer
from ehr_core.store.guides.package import read_package
from ehr_core.store.guides.shelf import guides_in

SHOWN = 20
NOUNS = {
    "profile": "profiles",
    "value_set": "value sets",
    "code_system": "code systems",
    "search": "search parameters",
}

commands = typer.Typer(
    no_args_is_help=True, help="Implementation guides: what resources are checked against."
)
say = Console(highlight=False, soft_wrap=True)
warn = Console(stderr=True, highlight=False, soft_wrap=True)


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A package in FHIR's npm layout: a .tgz, or its folder.")],
    index: Annotated[
        bool,
        typer.Option(help="Index new search parameters now; otherwise the API does it in the background."),
    ] = True,
) -> None:
    """Put a guide into force: its profiles, value sets and search parameters count at once, in every process."""
    package = read_package(file)
    with _database() as (database, settings):
        with _work(database, settings) as work:
            done = import_package(work, package)
        name = f"{package.name}#{package.version}"
        if not done.changed:
            say.print(f"{name} is in force already; nothing changed.", markup=False)
        else:
            say.print(f"{name} is in force: {_told(done.contents.counts())}.", markup=False)
        _warn(done.contents.left_out, "almoner profiles list --left-out shows all")
        _warn(done.unchecked, "$validate names them for each resource")
        if index and done.new_searches:
            _index(database, settings)


@commands.command("list")
def list_packages(
    left_out: Annotated[
        bool, typer.Option("--left-out", help="Also what of each is not used, and why.")
    ] = False,
) -> None:
    """The guides that are stored, what is required, and the search parameters that are still being indexed."""
    with _database() as (database, settings), _work(database, settings) as work:
        held, waiting, required = packages(work), waiting_searches(work), guides_in(work.connection).required
        work.audit("guides_listed", detail={"count": len(held)})
    for each in held:
        _print_held(each, left_out=left_out)
    if not held:
        say.print("No guide is imported. US Core 6.1.0 is checked where a resource claims it.", markup=False)
    for type_name, urls in required.items():
        for url in urls:
            say.print(f"required of every {type_name}: {url}", markup=False)
    for name, done, total in waiting:
        how_far = f"{done:,} of {total:,} resources" if total else "not begun"
        say.print(f"being indexed: {name} ({how_far})", markup=False)


@commands.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="The package's name, or NAME#VERSION for one version of it.")],
) -> None:
    """Take a guide out of force. An earlier import of the same name counts again."""
    package, _, version = name.partition("#")
    with _database() as (database, settings):
        with _work(database, settings) as work:
            gone = remove_package(work, package, version or None)
        for each in gone:
            say.print(f"{each.name}#{each.version} is removed.", markup=False)


@commands.command("require")
def require(url: Annotated[str, typer.Argument(help="The profile's address.")]) -> None:
    """Ask a profile of every resource of its type that comes over the FHIR API, claimed or not."""
    with _database() as (database, settings), _work(database, settings) as work:
        type_name = require_profile(work, url)
    say.print(f"Every {type_name} that is sent has to keep {url}.", markup=False)


@commands.command("relax")
def relax(url: Annotated[str, typer.Argument(help="The profile's address.")]) -> None:
    """Ask a profile only where a resource claims it, again."""
    with _database() as (database, settings), _work(database, settings) as work:
        type_name = relax_profile(work, url)
    say.print(f"A {type_name} keeps {url} where it claims it.", markup=False)


def _warn(lines: Sequence[str], where: str) -> None:
    for line in lines[:SHOWN]:
        warn.print(line, markup=False)
    if len(lines) > SHOWN:
        warn.print(f"… and {len(lines) - SHOWN:,} more; {where}.", markup=False)


@contextmanager
def _database() -> Iterator[tuple[Database, Settings]]:
    settings = Settings()
    with own_database(settings) as url:
        database = connect(url)
        try:
            yield database, settings
        finally:
            database.dispose()


@contextmanager
def _work(database: Database, settings: Settings) -> Iterator[UnitOfWork]:
    with begin(database, operator("fhir.write"), SystemClock(), settings.site_time_zone) as work:
        yield work


def _index(database: Database, settings: Settings) -> None:
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=warn, transient=True
    ) as progress:
        bar = progress.add_task("Indexing", total=None)
        indexer = Indexer(database, SystemClock(), settings.site_time_zone, operator("fhir.write"))
        ended = indexer.run(
            lambda type_name, done, total: progress.update(
                bar, description=f"Indexing {type_name}", completed=done, total=total
            )
        )
    say.print(
        "The new search parameters are indexed." if ended else "Another process is indexing them.",
        markup=False,
    )


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts.get(kind, 0):,} {noun}" for kind, noun in NOUNS.items())


def _print_held(each: Held, *, left_out: bool) -> None:
    state = "in force" if each.in_force else "replaced by a later import"
    say.print(
        f"{each.name}#{each.version} ({each.title}): {state}, {_told(dict(each.counts))}; imported "
        f"{each.imported_at:%Y-%m-%d %H:%M} by {each.imported_by}",
        markup=False,
    )
    for line in each.left_out if left_out else ():
        say.print(f"  not used: {line}", markup=False)
