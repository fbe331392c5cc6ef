"""`almoner outside …`: outside decision support and the signing key from the command line, as the operator's act."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ehr_core.access.commands import operator_work, say
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.settings import Settings

commands = typer.Typer(
    no_args_is_help=True,
    help="Outside decision support (CDS Hooks): add, list and switch services; the key that signs what is sent out.",
)
ServiceId = Annotated[str, typer.Argument(help="The service's id there, and its name here.")]


@commands.command("add")
def add_service(
    service_id: ServiceId,
    hook: Annotated[
        Literal["patient-view", "order-select", "order-sign"], typer.Argument(help="When it is asked.")
    ],
    url: Annotated[str, typer.Argument(help="Its own address, such as https://…/cds-services/x.")],
    title: Annotated[str, typer.Option(help="As people read it beside its cards.")],
    prefetch: Annotated[
        list[str] | None,
        typer.Option(
            help="What it is sent, such as 'patient=Patient/{{context.patientId}}'; again for more."
        ),
    ] = None,
    known_as: Annotated[
        str | None, typer.Option(help="Issuer by which it knows us; without one our address.")
    ] = None,
) -> None:
    """Add a service, or change the one of this id."""
    from pydantic import ValidationError

    from data_contracts.api.outside import NewCdsService
    from ehr_core.api.outside_cds.services import save_service
    from ehr_core.outside.addresses import reach_of

    try:
        asked = NewCdsService(
            service_id=service_id,
            hook=hook,
            title=title,
            url=url,
            prefetch=dict(_pair(one) for one in prefetch or ()),
            known_as=known_as,
        )
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise BadRequest(f"{field}: {error.errors()[0]['msg']}.") from None
    with operator_work("access.manage") as work:
        saved = save_service(work, asked, reach_of(Settings()))
    say.print(f"{saved.title} is asked at {saved.hook}.", markup=False)


@commands.command("list")
def list_services() -> None:
    """List every service: id, hook, title, address, and how it stands."""
    from ehr_core.api.outside_cds.services import all_services

    with operator_work("access.manage") as work:
        found = all_services(work)
    for one in found:
        stands = "switched off" if one.disabled else f"{one.failures} failures" if one.failures else "asked"
        say.print(" · ".join((one.service_id, one.hook, one.title, one.url, stands)), markup=False)
    if not found:
        say.print("No outside service is asked. Add one with `almoner outside add`.", markup=False)


@commands.command("on")
def switch_on(service_id: ServiceId) -> None:
    """Ask a service again, at once."""
    _switch(service_id, on=True)
    say.print("It is asked from now on.", markup=False)


@commands.command("off")
def switch_off(service_id: ServiceId) -> None:
    """Ask a service no more; what is known of it is kept."""
    _switch(service_id, on=False)
    say.print("It is asked no more.", markup=False)


@commands.command("change-key")
def change_key() -> None:
    """Sign what is sent out with a new key from now on; the last one stays published for a week."""
    from ehr_core.outside.signing import change_key as change

    with operator_work("access.manage") as work:
        generation = change(work)
    say.print(f"Key {generation} signs from now on. Receivers find it at /auth/outside-keys.", markup=False)


def _switch(service_id: str, *, on: bool) -> None:
    from ehr_core.api.outside_cds.services import switch_service

    with operator_work("access.manage") as work:
        switch_service(work, service_id, on=on)


def _pair(written: str) -> tuple[str, str]:
    key, equals, template = written.partition("=")
    if not (key.strip() and equals and template.strip()):
        raise BadRequest(f"prefetch: write 'name=template', not '{written[:60]}'.")
    return key.strip(), template.strip()
