"""`almoner run …`, `almoner remeasure`, `almoner views …` and `almoner measures …`."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ehr_core.kernel.heartbeat import Heartbeat
from ehr_core.kernel.logging import configure_logging
from ehr_core.kernel.settings import Settings
from pipelines.flatten.commands import views
from pipelines.measure_commands import measures

commands = typer.Typer(add_completion=False, no_args_is_help=True)
run = typer.Typer(no_args_is_help=True, help="Run the pipeline now.")
commands.add_typer(run, name="run")
commands.add_typer(views, name="views")
commands.add_typer(measures, name="measures")
say = Console(highlight=False, soft_wrap=True)


@run.command("nightly")
def nightly(
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The site's day that the answers are for: today unless given, or yesterday. "
            "The core takes no other day's answers.",
        ),
    ] = None,
) -> None:
    """Export, de-identify, flatten, measure and write back the whole panel."""
    from pipelines.run.nightly import nightly as run_nightly
    from pipelines.run.nightly import pipeline_client

    settings = Settings()
    configure_logging(settings.log_level)
    done = run_nightly(pipeline_client(settings), settings, say.print, as_of=as_of.date() if as_of else None)
    say.print(
        f"Snapshot {done.snapshot_id} is current: {sum(done.counts.values())} rows, as of {done.as_of}."
    )
    if done.not_checked:
        say.print(
            f"{len(done.not_checked)} people could not be checked: part of their record cannot be read. They keep "
            "their last answers, and their charts say so."
        )


@run.command("dropped")
def dropped(
    zone: Annotated[
        Literal["limited", "safe_harbor"], typer.Argument(help="Which zone's report.")
    ] = "limited",
) -> None:
    """Tell what de-identification left out of the current snapshot, and how often. Paths and counts, no values."""
    from data_contracts.lake import Lake

    report = Lake(Settings().lake_folder).deidentification(zone)
    say.print(f"Profile {report.profile} of {report.profile_version}, key {report.key_id}.")
    for name, of_type in report.types.items():
        say.print(
            f"{name}: {of_type.lines_in} in, {of_type.lines_out} out, {of_type.unlisted} of a type not listed, "
            f"{of_type.withheld} withheld, {of_type.quarantined} held back"
        )
        for what, times in {**of_type.quarantine_reasons, **of_type.dropped}.items():
            say.print(f"  {times:>9}  {what}", markup=False)


@commands.command()
def remeasure(
    heartbeat: Annotated[
        Path | None, typer.Option(help="A file to touch while the work goes on, for the supervisor.")
    ] = None,
) -> None:
    """Follow changes and re-measure each patient as they come; ends with Ctrl-C."""
    from pipelines.run.nightly import remeasure_client
    from pipelines.run.uploads import UploadWatch
    from pipelines.run.worker import Worker

    settings = Settings()
    configure_logging(settings.log_level, json=True)
    client = remeasure_client(settings)
    worker = Worker(
        client,
        settings.site_time_zone,
        settings.remeasure_poll_seconds,
        Heartbeat(heartbeat) if heartbeat else None,
        UploadWatch(client),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: worker.stop())
    worker.run()
