"""`almoner import`, `export` and `reindex`: FHIR files into the store, the store as files, and its search columns."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ehr_core.access.actor import Actor
from ehr_core.access.operators import operator
from ehr_core.db.database import connect
from ehr_core.db.own_database import own_database
from ehr_core.kernel.ids import new_id
from ehr_core.kernel.settings import Settings
from ehr_core.store.exporter import ExportSummary, export_folder
from ehr_core.store.guides.commands import commands as profile_commands
from ehr_core.store.import_problems import ProblemFile
from ehr_core.store.import_sources import find_sources
from ehr_core.store.importer import ImportSummary, import_path
from ehr_core.store.origins import ACCOUNT_SYSTEM, Origin
from ehr_core.store.reindexing import reindex

SHOWN_PROBLEMS = 50
SOME_REJECTED = 3
"""Exit code when the import ended but not every resource could be stored."""

commands = typer.Typer()
commands.add_typer(profile_commands, name="profiles")
say = Console(highlight=False, soft_wrap=True)
warn = Console(stderr=True, highlight=False, soft_wrap=True)


@commands.command("import")
def import_files(
    paths: Annotated[
        list[Path], typer.Argument(help="Bundles, resources or NDJSON; files or folders; .gz too.")
    ],
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many at once; one a core, at most 8.")
    ] = None,
    problems: Annotated[
        Path | None, typer.Option(help="A file for every problem, as NDJSON: file, line, path, reason, kept.")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            help="The address of the server that wrote the files: its absolute references are ours."
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(help="List references that lead nowhere and claims that are not kept; all is stored."),
    ] = True,
) -> None:
    """Load FHIR R4 resources. What is bad is listed with file, line, path and reason; a re-run changes nothing."""
    settings = Settings()
    total = sum(source.size for source in find_sources(paths))
    with ExitStack() as opened:
        listing = opened.enter_context(closing(ProblemFile(problems))) if problems else None
        url, progress = opened.enter_context(own_database(settings)), opened.enter_context(_bar())
        database = connect(url)
        bar = progress.add_task("Importing", total=total or None, counts="")

        def show(summary: ImportSummary) -> None:
            counts = f"{summary.stored:,} stored · {summary.unchanged.total():,} unchanged"
            progress.update(bar, completed=min(summary.bytes, total), counts=counts)

        try:
            actor = operator("fhir.write")
            summary = import_path(
                database,
                actor,
                paths,
                processes=processes or min(os.cpu_count() or 1, 8),
                report=show,
                problem=listing.write if listing else None,
                site_time_zone=settings.site_time_zone,
                server=server,
                origin=_origin(actor, paths, server),
                check_claims=check,
            )
            progress.update(bar, completed=total)
        finally:
            database.dispose()
    _print_import(summary, problems)
    if summary.rejected:
        raise typer.Exit(SOME_REJECTED)


@commands.command("export")
def export_files(
    folder: Annotated[Path, typer.Argument(help="An empty folder, or one to be made.")],
) -> None:
    """Write the store as NDJSON, one file a type, exactly as it is kept. The files identify people: guard them."""
    with own_database(Settings()) as url, _bar() as progress:
        database = connect(url)
        bar = progress.add_task("Exporting", total=None, counts="")

        def show(summary: ExportSummary) -> None:
            progress.update(bar, counts=f"{summary.resources.total():,} resources")

        try:
            summary = export_folder(database, operator("bulk.export"), folder, report=show)
        finally:
            database.dispose()
    megabytes = summary.bytes / 1e6
    say.print(
        f"{summary.resources.total():,} resources ({megabytes:,.1f} MB) in '{folder}' in {summary.seconds:.1f} s.",
        markup=False,
    )


@commands.command("reindex")
def reindex_store() -> None:
    """Make what an older version stored findable by all search parameters, and label it by today's value sets."""
    settings = Settings()
    with own_database(settings) as url, _bar() as progress:
        database = connect(url)
        bar = progress.add_task("Indexing", total=None, counts="")
        try:
            done = reindex(
                database,
                operator("fhir.write"),
                site_time_zone=settings.site_time_zone,
                report=lambda name, count: progress.update(bar, counts=f"{count:,} · {name}"),
            )
        finally:
            database.dispose()
    say.print(f"{done:,} resources indexed.", markup=False)


def _origin(actor: Actor, paths: list[Path], server: str | None) -> Origin:
    """Files are counted and not named: their names may be patients' names."""
    words = f"Import of {len(paths)} files or folders" + (f" written by {server}" if server else "")
    who = {"identifier": {"system": ACCOUNT_SYSTEM, "value": actor.actor_id}, "display": actor.name}
    return Origin(new_id(), words, who)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
        console=warn,
        transient=True,
    )


def _print_import(summary: ImportSummary, listed_in: Path | None) -> None:
    for problem in summary.problems[:SHOWN_PROBLEMS]:
        warn.print(str(problem), markup=False)
    if summary.problem_count > SHOWN_PROBLEMS:
        where = f"all are in '{listed_in}'" if listed_in else "--problems FILE writes them all"
        warn.print(f"… and {summary.problem_count - SHOWN_PROBLEMS:,} more; {where}.", markup=False)
    say.print(
        f"{summary.read:,} read: {summary.created.total():,} new, {summary.updated.total():,} changed, "
        f"{summary.unchanged.total():,} unchanged, {summary.changed_here.total():,} left as they were changed here, "
        f"{summary.superseded.total():,} superseded by a later copy, {summary.rejected:,} rejected, "
        f"in {summary.seconds:.1f} s.",
        markup=False,
    )
