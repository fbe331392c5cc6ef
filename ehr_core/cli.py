"""`almoner …`: the commands of the house itself; other packages bring theirs by entry point."""

from __future__ import annotations

import errno
import os
import sys
from importlib.metadata import entry_points
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from ehr_core.access.audit_commands import commands as audit_commands
from ehr_core.access.commands import access_commands
from ehr_core.access.commands import commands as account_commands
from ehr_core.api.outside_cds.commands import commands as outside_commands
from ehr_core.api.smart.app_commands import commands as app_commands
from ehr_core.db.commands import commands as database_commands
from ehr_core.kernel.errors import AlmonerError, StartupFailed
from ehr_core.kernel.settings import Settings
from ehr_core.medications.commands import commands as medication_commands
from ehr_core.store.key_commands import commands as encryption_key_commands
from ehr_core.workflows.write_back.commands import commands as key_commands

COMMANDS = "almoner.commands"
SYSTEM_REFUSALS = {
    errno.ENOSPC: "A disk is full. Free some space, or move the state folder with ALMONER_STATE.",
    errno.EACCES: "This account may not use '{file}'. Run as its owner; the state folder is chosen by ALMONER_STATE.",
    errno.EROFS: "The disk of '{file}' is read-only. The state folder is chosen by ALMONER_STATE.",
}
"""What the operating system refuses, as a sentence; anything else is a defect of ours and shows where."""


class Commands(TyperGroup):
    """Our own commands, then those of entry points: each names a Typer app whose commands join ours.

    They are loaded only when one of them (or the list of all) is asked for, so that `almoner status` stays quick.
    """

    def list_commands(self, ctx):
        self._load_others()
        return sorted(self.commands)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in self.commands:
            self._load_others()
        return super().get_command(ctx, cmd_name)

    def _load_others(self) -> None:
        from ehr_core.supervisor.catalog import load

        for entry in entry_points(group=COMMANDS):
            found = typer.main.get_group(load(entry))
            for name, command in found.commands.items():
                self.commands.setdefault(name, command)


app = typer.Typer(
    cls=Commands,
    help="Almoner: an EHR whose chart, measures, care gaps and outreach are one loop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(account_commands, name="account")
app.add_typer(access_commands, name="access")
app.add_typer(app_commands, name="app")
app.add_typer(audit_commands, name="audit")
app.add_typer(outside_commands, name="outside")
app.add_typer(database_commands)
app.add_typer(medication_commands, name="medications")
app.add_typer(key_commands, name="key")
app.add_typer(encryption_key_commands, name="keys")
say = Console(highlight=False, soft_wrap=True)


@app.callback()
def almoner() -> None:
    pass


@app.command()
def up() -> None:
    """Start everything and keep it running until Ctrl-C."""
    from ehr_core.supervisor.progress import Progress
    from ehr_core.supervisor.up import House

    House(Settings(), Progress()).run()


@app.command()
def down() -> None:
    """Stop what `almoner up` started from this state folder."""
    from ehr_core.supervisor.down import stop_house

    settings = Settings()
    ran = stop_house(settings.state_folder, _print)
    _print("Almoner is stopped." if ran else "Almoner was not running.")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """List each service with its URL and health; exit code 0 only when all are healthy."""
    from ehr_core.supervisor.status import house_status

    found = house_status(Settings().state_folder)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _print_status(found)
    raise typer.Exit(0 if found.healthy else 1)


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop everything and remove the state folder: database, lake, secrets and logs."""
    from ehr_core.supervisor.down import reset_house

    folder = Settings().state_folder
    if not yes:
        typer.confirm(f"Remove everything in '{folder}'? This cannot be undone.", abort=True)
    reset_house(folder, _print)
    _print(f"Removed '{folder}'.")


@app.command()
def reference(
    page: Annotated[
        Literal["tables", "settings", "permissions", "commands", "decision-support"],
        typer.Argument(help="Which page."),
    ],
) -> None:
    """Print a page of docs/reference as the code has it now."""
    from cds.reference import decision_support_page
    from data_contracts.reference import table_page
    from ehr_core.reference import commands_page, permissions_page, settings_page

    pages = {
        "tables": table_page,
        "settings": settings_page,
        "permissions": permissions_page,
        "commands": lambda: commands_page(app),
        "decision-support": decision_support_page,
    }
    typer.echo(pages[page](), nl=False)


def main() -> None:
    """The console script: failures are sentences with the exit code of their class."""
    try:
        app(standalone_mode=True)
    except AlmonerError as error:
        print(error.message, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if error.errno == errno.EPIPE:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        if error.errno not in SYSTEM_REFUSALS:
            raise
        print(SYSTEM_REFUSALS[error.errno].format(file=error.filename), file=sys.stderr)
        raise SystemExit(StartupFailed.exit_code) from None


def _print(text: str) -> None:
    say.print(text, markup=False)


def _print_status(found) -> None:
    if not found.services:
        _print("Almoner is not running. Start it with `make up` or `almoner up`.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Service", "State", "URL", "PID", "Memory"):
        table.add_column(heading)
    for service in found.services:
        state = "healthy" if service.healthy else "not answering" if service.running else "stopped"
        memory = f"{service.memory_mb} MB" if service.running else ""
        table.add_row(service.title, state, service.url or "", str(service.pid or ""), memory)
    say.print(table)
    if found.running and not found.ready:
        _print("Almoner is still starting.")


if __name__ == "__main__":
    main()
