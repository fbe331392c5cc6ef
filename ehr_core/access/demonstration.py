"""Is this database the demonstration's? The database itself says so, whichever state folder it is opened from.

Its patients are synthetic and everybody knows its passwords. So it fills an empty database only, and production opens
neither its patients nor an account that still has its password.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.settings import Settings

DOORKEEPER = Actor("service:startup", "service", "Start of Almoner", (), frozenset())


def claim_for_demonstration(work: UnitOfWork) -> bool:
    """Whether patients are still to be loaded. Marks an empty database as the demonstration's before the first one is.

    A demonstration that was stopped while it loaded is to be loaded again: that adds what is missing.
    Raises StartupFailed for a database that holds anybody else: nothing of the demonstration may get there.
    """
    work.actor.require("account.manage")
    is_empty = work.connection.execute(
        text("SELECT NOT EXISTS (SELECT FROM fhir.patient) AND NOT EXISTS (SELECT FROM access.account)")
    ).scalar_one()
    if is_empty:
        work.connection.execute(
            text("INSERT INTO core.demonstration (begun_at) VALUES (:now) ON CONFLICT DO NOTHING"),
            {"now": work.now()},
        )
    row = work.connection.execute(text("SELECT finished_at FROM core.demonstration")).one_or_none()
    if row is None:
        raise StartupFailed(
            "This database holds patients or accounts that the demonstration did not make, so nothing was added to "
            "it. For real patients set ALMONER_ENVIRONMENT=production and make the first account with `almoner "
            "account create`; for the demonstration use an empty database: another ALMONER_STATE or DATABASE_URL."
        )
    return row.finished_at is None


def note_loaded(work: UnitOfWork) -> None:
    """Every synthetic patient is there."""
    work.actor.require("account.manage")
    work.connection.execute(text("UPDATE core.demonstration SET finished_at = :now"), {"now": work.now()})


def refuse_demonstration_in_production(database: Database, settings: Settings) -> None:
    """Raises StartupFailed, saying what the demonstration left here and the way out. Elsewhere it does nothing."""
    if settings.environment != "production":
        return
    with begin(database, DOORKEEPER, SystemClock(), settings.site_time_zone) as work:
        names = _open_accounts_that_everybody_knows(work.connection)
        synthetic = work.connection.execute(
            text("SELECT EXISTS (SELECT FROM core.demonstration)")
        ).scalar_one()
    if synthetic:
        known = f", and everybody knows the password of {', '.join(names)}" if names else ""
        raise StartupFailed(
            f"This database is the demonstration's: its patients are synthetic{known}. Production needs a database "
            "of its own: choose another with ALMONER_STATE or DATABASE_URL."
        )
    if names:
        raise StartupFailed(
            f"Everybody knows the password of these accounts, which the demonstration made: {', '.join(names)}. "
            f"Close them with `almoner account close {' '.join(names)}`, then start again."
        )


def somebody_can_sign_in(database: Database, settings: Settings) -> bool:
    """Whether there is any open account."""
    with begin(database, DOORKEEPER, SystemClock(), settings.site_time_zone) as work:
        return work.connection.execute(
            text("SELECT EXISTS (SELECT FROM access.account WHERE NOT disabled)")
        ).scalar_one()


def _open_accounts_that_everybody_knows(connection: Connection) -> list[str]:
    return list(
        connection.execute(
            text(
                "SELECT username FROM access.account WHERE known_to = 'everybody' AND NOT disabled ORDER BY username"
            )
        ).scalars()
    )
