"""`almoner account …`: the way in before anybody can sign in, and out of a lock-out. Audited as the operator's act."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ehr_core.access.roles import ACCOUNT_ROLES
from ehr_core.kernel.errors import BadRequest

if TYPE_CHECKING:
    from ehr_core.access.accounts import KnownTo
    from ehr_core.access.unit_of_work import UnitOfWork

commands = typer.Typer(
    no_args_is_help=True, help="Accounts from the command line: the first one, and lost ones."
)
access_commands = typer.Typer(no_args_is_help=True, help="Whose charts a role opens, from the command line.")
say = Console(highlight=False, soft_wrap=True)

UserName = Annotated[
    str, typer.Argument(help="What the person signs in with; upper and lower case are the same.")
]
FromInput = Annotated[
    bool, typer.Option("--password-from-input", help="Read the password from standard input: its first line.")
]
Generate = Annotated[
    bool,
    typer.Option(
        "--generate-password",
        help="Make one for a single use and show it once; the first sign-in replaces it.",
    ),
]


@commands.command("create")
def create(
    username: UserName,
    name: Annotated[str, typer.Option(help="The person's name, as colleagues see it.")],
    role: Annotated[
        list[str], typer.Option(help=f"Give it again for more. {', '.join(sorted(ACCOUNT_ROLES))}.")
    ],
    practitioner: Annotated[
        str | None,
        typer.Option(help="Id of the clinician's Practitioner resource: their schedule and panel."),
    ] = None,
    patient: Annotated[
        str | None, typer.Option(help="Id of the Patient resource, for the role patient.")
    ] = None,
    password_from_input: FromInput = False,
    generate_password: Generate = False,
) -> None:
    """Make an account. The password is typed twice, unless an option says where it comes from."""
    from ehr_core.access.accounts import create_account

    password, known_to = _password(password_from_input, generate_password)
    with operator_work() as work:
        create_account(
            work,
            username=username,
            display_name=name,
            password=password,
            known_to=known_to,
            roles=role,
            practitioner_id=practitioner,
            patient_id=patient,
        )
    _tell(f"The account '{username.strip().lower()}' is made: {', '.join(sorted(role))}.", password, known_to)


@commands.command("password")
def password(
    username: UserName, password_from_input: FromInput = False, generate_password: Generate = False
) -> None:
    """Give an account a new password, and end its sessions."""
    from ehr_core.access.accounts import find_account_named, set_password

    new, known_to = _password(password_from_input, generate_password)
    with operator_work() as work:
        set_password(work, find_account_named(work, username).account_id, new, known_to=known_to)
    _tell(f"The account '{username.strip().lower()}' has a new password.", new, known_to)


@commands.command("without-second-factor")
def without_second_factor(username: UserName) -> None:
    """Take an account's second factor away, for a lost phone, and end its sessions."""
    from ehr_core.access.accounts import find_account_named, reset_second_factor

    with operator_work() as work:
        reset_second_factor(work, find_account_named(work, username).account_id)
    say.print(f"The account '{username.strip().lower()}' asks for no code any more.", markup=False)


@commands.command("close")
def close(usernames: Annotated[list[str], typer.Argument(help="One or more.")]) -> None:
    """Close accounts, which ends their sessions at once. All of them or, when one does not exist, none."""
    from ehr_core.access.accounts import find_account_named, set_disabled

    with operator_work() as work:
        for username in usernames:
            set_disabled(work, find_account_named(work, username).account_id, True)
    say.print(f"Closed: {', '.join(usernames)}.", markup=False)


@commands.command("link")
def link_outside(
    username: UserName,
    subject: Annotated[str, typer.Argument(help="Who they are at the provider: the claim `sub`.")],
) -> None:
    """Link an account to a person of the site's own identity provider (ALMONER_OIDC_ISSUER)."""
    from ehr_core.access.accounts import find_account_named
    from ehr_core.access.outside_identity import link
    from ehr_core.kernel.settings import Settings

    issuer = (Settings().oidc_issuer or "").rstrip("/")
    if not issuer:
        raise BadRequest("No other sign-in is set up. Set ALMONER_OIDC_ISSUER first.")
    with operator_work() as work:
        link(work, find_account_named(work, username).account_id, issuer, subject)
    say.print(f"The account '{username.strip().lower()}' is linked.", markup=False)


@commands.command("unlink")
def unlink_outside(username: UserName) -> None:
    """Take an account's link to the site's own identity provider away."""
    from ehr_core.access.accounts import find_account_named
    from ehr_core.access.outside_identity import unlink

    with operator_work() as work:
        unlink(work, find_account_named(work, username).account_id)
    say.print(f"The account '{username.strip().lower()}' is linked no more.", markup=False)


@commands.command("list")
def list_all() -> None:
    """List every account: user name, name, roles, second factor, and whether it is closed."""
    from ehr_core.access.accounts import list_accounts

    with operator_work() as work:
        listed = list_accounts(work)
        work.audit("accounts_listed", detail={"accounts": len(listed)})
    for account in listed:
        marks = ["second factor"] * account.totp_enabled + ["closed"] * account.disabled
        words = [account.username, account.display_name, ", ".join(account.roles), *marks]
        say.print(" · ".join(words), markup=False)


@access_commands.command("role")
def role_policy(
    role: Annotated[str, typer.Argument(help="A staff role.")],
    reach: Annotated[
        str, typer.Option(help="Whose charts: all, site, panel (own panel and care teams) or none.")
    ],
    label: Annotated[
        list[str] | None, typer.Option(help="A sensitive label that it sees; again for more; * for all.")
    ] = None,
) -> None:
    """Say at this site whose charts a role opens and which labels it sees. Counts at everybody's next call."""
    from ehr_core.access.role_policies import set_role_policy

    labels = label or []
    with operator_work("access.manage") as work:
        set_role_policy(work, role, reach=reach, labels=labels)
    say.print(f"The role '{role}' reaches {reach} and sees {', '.join(labels) or 'no label'}.", markup=False)


@access_commands.command("sites")
def sites(
    username: UserName,
    site: Annotated[
        list[str] | None, typer.Option(help="Organization/id; give it again for more. None: no site.")
    ] = None,
) -> None:
    """Say of which organizations an account opens the patients, where its role reaches its sites."""
    from ehr_core.access.accounts import find_account_named, set_sites

    with operator_work("account.manage", "access.manage") as work:
        set_sites(work, find_account_named(work, username).account_id, site or [])
    say.print(
        f"The account '{username.strip().lower()}' is of {', '.join(site or ['no site'])}.", markup=False
    )


@contextmanager
def operator_work(*permissions: str) -> Iterator[UnitOfWork]:
    """One transaction of the operator on this installation's own database, whether or not `almoner up` runs."""
    from ehr_core.access.operators import operator
    from ehr_core.access.unit_of_work import begin
    from ehr_core.db.database import connect
    from ehr_core.db.own_database import own_database
    from ehr_core.kernel.clock import SystemClock
    from ehr_core.kernel.settings import Settings

    settings = Settings()
    with own_database(settings) as url:
        database = connect(url)
        try:
            with begin(
                database,
                operator(*(permissions or ("account.manage",))),
                SystemClock(),
                settings.site_time_zone,
            ) as work:
                yield work
        finally:
            database.dispose()


def _password(from_input: bool, generate: bool) -> tuple[str, KnownTo]:
    """Never an argument: those are seen in the list of processes and kept in a shell's history."""
    if generate and from_input:
        raise BadRequest("Give --password-from-input or --generate-password, not both.")
    if generate:
        return secrets.token_urlsafe(15), "maker"
    if from_input:
        return sys.stdin.readline().rstrip("\r\n"), "owner"
    return typer.prompt("Password", hide_input=True, confirmation_prompt=True), "owner"


def _tell(sentence: str, password: str, known_to: KnownTo) -> None:
    say.print(sentence, markup=False)
    if known_to == "maker":
        say.print(
            f"Password for the first sign-in: {password}\nIt is shown this once, and replaced at that sign-in.",
            markup=False,
        )
