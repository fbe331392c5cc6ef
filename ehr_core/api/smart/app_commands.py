"""`almoner app …`: outside applications from the command line, audited as the operator's act."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ehr_core.access.commands import operator_work, say
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.settings import Settings

commands = typer.Typer(
    no_args_is_help=True, help="Outside (SMART) applications: register, list and close them."
)
Keys = Annotated[Path | None, typer.Option(help="A file with its public keys (JWKS).")]
KeysUri = Annotated[
    str | None,
    typer.Option("--keys-uri", help="Where it publishes them, such as https://app.example/jwks.json."),
]


@commands.command("register")
def register_app(
    name: Annotated[str, typer.Argument(help="As people are asked about it.")],
    scope: Annotated[list[str], typer.Option(help="Such as patient/Observation.rs; give it again for more.")],
    kind: Annotated[
        Literal["public", "confidential", "backend"], typer.Option(help="How it proves itself.")
    ] = "public",
    redirect: Annotated[
        list[str] | None, typer.Option(help="Where the browser is sent back to, exactly; again for more.")
    ] = None,
    launch: Annotated[str | None, typer.Option(help="Where it is opened from a chart.")] = None,
    keys: Keys = None,
    keys_uri: KeysUri = None,
    label: Annotated[
        list[str] | None, typer.Option(help="A sensitive label that a backend service reads; * for all.")
    ] = None,
    bulk: Annotated[
        bool,
        typer.Option(
            "--bulk", help="A backend service may export and import the types of its system scopes."
        ),
    ] = False,
) -> None:
    """Register an application and print its client id."""
    from ehr_core.access.applications import NewApplication, register
    from ehr_core.api.smart.application_keys import check_keys_address

    check_keys_address(keys_uri, Settings())
    wanted = NewApplication(
        name=name,
        kind=kind,
        redirect_uris=redirect or (),
        launch_uri=launch,
        scopes=scope,
        jwks=_read(keys),
        jwks_uri=keys_uri,
        sees=label or (),
        bulk=bulk,
    )
    with operator_work("access.manage") as work:
        client_id = register(work, wanted)
    say.print(f"Registered. Its client id is {client_id}", markup=False)


@commands.command("keys")
def change_app_keys(
    client_id: Annotated[str, typer.Argument(help="As `almoner app list` shows it.")],
    keys: Keys = None,
    keys_uri: KeysUri = None,
) -> None:
    """Give an application other keys, or another address of them; those of before open nothing from then on."""
    from ehr_core.access.applications import change_keys
    from ehr_core.api.smart.application_keys import check_keys_address

    check_keys_address(keys_uri, Settings())
    with operator_work("access.manage") as work:
        change_keys(work, client_id, jwks=_read(keys), jwks_uri=keys_uri)
    say.print("Changed.", markup=False)


@commands.command("list")
def list_apps() -> None:
    """List every application: client id, name, kind, scopes, and whether it is closed."""
    from ehr_core.access.applications import applications

    with operator_work("access.manage") as work:
        found = applications(work.connection)
    for one in found:
        marks = ["closed"] * one.disabled
        say.print(" · ".join([one.client_id, one.name, one.kind, " ".join(one.scopes), *marks]), markup=False)


@commands.command("close")
def close_app(client_id: Annotated[str, typer.Argument(help="As `almoner app list` shows it.")]) -> None:
    """Close an application: its tokens stop working at their next use."""
    from ehr_core.access.applications import set_closed

    with operator_work("access.manage") as work:
        set_closed(work, client_id, True)
    say.print("Closed.", markup=False)


def _read(keys: Path | None) -> str | None:
    if keys is not None and not keys.is_file():
        raise BadRequest(f"There is no file '{keys}'. Give the application's JWKS file.")
    return keys.read_text(encoding="utf-8") if keys else None
