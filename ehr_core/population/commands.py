"""`almoner population`: writes the synthetic population as NDJSON files, for benchmarks and for looking at."""

from __future__ import annotations

import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ehr_core.kernel.clock import SystemClock, site_date
from ehr_core.kernel.settings import Settings
from ehr_core.population.shards import Panel, Written, write_ndjson
from ehr_core.population.stories.page import story_page

commands = typer.Typer()
say = Console(highlight=False, soft_wrap=True)


@commands.command("population")
def write_population(
    ndjson: Annotated[Path, typer.Option(help="Empty folder for the files, one or more a resource type.")],
    patients: Annotated[int | None, typer.Option(min=1, help="How many people.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same people.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day that counts as today.")
    ] = None,
    shard_size: Annotated[int, typer.Option(min=1, help="People in one shard of files.")] = 5000,
    processes: Annotated[int | None, typer.Option(min=1, help="How many at once; one a core.")] = None,
    zstd: Annotated[bool, typer.Option("--zstd", help="Compress the files (.zst).")] = False,
) -> None:
    """Writes a synthetic population as NDJSON. It is invented: no row is about a real person."""
    settings = Settings()
    panel = Panel(
        patients=patients or settings.patients,
        seed=settings.seed if seed is None else seed,
        as_of=_day(as_of, settings.site_time_zone),
        time_zone=settings.site_time_zone,
    )
    began = time.monotonic()
    written = _with_progress(panel, ndjson, shard_size, processes, zstd)
    seconds = time.monotonic() - began
    say.print(
        f"{written.patients:,} people, {written.resources:,} resources, {written.bytes / 1e6:,.0f} MB "
        f"in {seconds:.1f} s ({written.resources / seconds:,.0f} a second), as of {panel.as_of}, seed {panel.seed}."
    )


def _day(as_of: datetime | None, time_zone: str) -> date:
    return as_of.date() if as_of else site_date(SystemClock(), time_zone)


def _with_progress(
    panel: Panel, folder: Path, shard_size: int, processes: int | None, compress: bool
) -> Written:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=say, transient=True) as bar:
        task = bar.add_task("People", total=panel.patients)
        return write_ndjson(
            panel,
            folder,
            shard_size=shard_size,
            processes=processes,
            compress=compress,
            progress=lambda shard: bar.advance(task, shard.patients),
        )


@commands.command("stories")
def tell_stories() -> None:
    """Prints the named stories as a page (docs/reference/stories.md)."""
    typer.echo(story_page(), nl=False)
