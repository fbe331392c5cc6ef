"""Brings a database to this version's schema and gives Almoner its own, weaker role in it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from ehr_core.db.indexed_looks import index_the_looks
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.secrets import Secrets

APP_ROLE = "almoner_app"
MIGRATION_LOCK = 0x616C6D6F  # an advisory lock: one migration at a time in a database
LOWEST_SERVER_VERSION = 150000
FIRST_TRANSACTION = "3"  # PostgreSQL's FirstNormalTransactionId

Progress = Callable[[str], None]


def prepare_database(admin_url: str, secrets: Secrets, progress: Progress | None = None) -> str:
    """Migrates, makes the role `almoner_app` (it owns nothing) and returns the URL to connect as that role.

    Raises StartupFailed when the server cannot be reached or is too old, or when the schema is newer than this code.
    """
    report = progress or (lambda _: None)
    engine = sqlalchemy.create_engine(
        driver_url(admin_url), poolclass=sqlalchemy.NullPool, hide_parameters=True
    )
    app_url = make_app_url(admin_url, secrets)
    try:
        with engine.connect() as connection:
            _require_supported_server(connection)
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            _ensure_app_role(connection, app_url, secrets)
            _require_weak_role(connection)
            connection.commit()
            _migrate(connection, report)
            if not index_the_looks(connection):
                report("searches read more rows than they need: see 'use your own PostgreSQL' in the docs")
            _let_other_servers_changes_be_past(connection)
            connection.commit()
    except sqlalchemy.exc.OperationalError as error:
        raise _unreachable(admin_url) from error
    finally:
        engine.dispose()
    return app_url


def ensure_app_role(admin_url: str, secrets: Secrets) -> None:
    """Makes the application's role before a backup is restored, which gives that role its rights."""
    engine = sqlalchemy.create_engine(driver_url(admin_url), poolclass=sqlalchemy.NullPool)
    try:
        with engine.begin() as connection:
            _ensure_app_role(connection, make_app_url(admin_url, secrets), secrets)
    finally:
        engine.dispose()


def driver_url(url: str) -> str:
    """The URL as SQLAlchemy wants it, whichever spelling a site uses; psycopg 3 is the driver."""
    try:
        return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    except sqlalchemy.exc.ArgumentError as error:
        raise StartupFailed(
            "DATABASE_URL is not a URL. Write it as postgresql://owner:password@host:5432/database."
        ) from error


def make_app_url(admin_url: str, secrets: Secrets) -> str:
    url = make_url(admin_url).set(
        drivername="postgresql", username=APP_ROLE, password=secrets.app_role_password
    )
    return url.render_as_string(hide_password=False)


def migration_config() -> Config:
    """Alembic's configuration, without a file: the scripts lie inside the package."""
    config = Config()
    config.set_main_option(
        "script_location", str(files("ehr_core.db").joinpath("migrations")).replace("%", "%%")
    )
    return config


def schema_revisions(connection: sqlalchemy.Connection) -> tuple[str | None, str | None]:
    """The database's schema revision and this code's newest; None for none."""
    scripts = ScriptDirectory.from_config(migration_config())
    return MigrationContext.configure(connection).get_current_revision(), scripts.get_current_head()


def _migrate(connection: sqlalchemy.Connection, report: Progress) -> None:
    config = migration_config()
    scripts = ScriptDirectory.from_config(config)
    current, newest = schema_revisions(connection)
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise StartupFailed(
            f"The database's schema is at revision {current}, which this Almoner (newest {newest}) does not know: a "
            "newer version wrote it. Update Almoner, or use another state folder."
        )
    connection.rollback()
    if current == newest:
        report(f"schema is current ({newest})")
        return
    report(f"migrating the schema from {current or 'empty'} to {newest}")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def _let_other_servers_changes_be_past(connection: sqlalchemy.Connection) -> None:
    """A restored database brings changes with the transaction numbers of another server, which may lie ahead of ours.

    Nothing that can be seen was written by a later transaction than this one, so they are given the first number there
    is; otherwise they would count as changed after every snapshot, and no nightly would ever write their answers back.
    """
    connection.execute(sqlalchemy.text("SELECT set_config('almoner.reach', 'all', true)"))
    connection.execute(
        sqlalchemy.text(
            "UPDATE core.outbox SET transaction_id = CAST(:first AS xid8) WHERE transaction_id >= pg_current_xact_id()"
        ),
        {"first": FIRST_TRANSACTION},
    )


def _require_supported_server(connection: sqlalchemy.Connection) -> None:
    found = connection.execute(sqlalchemy.text("SHOW server_version_num")).scalar_one()
    if int(found) < LOWEST_SERVER_VERSION:
        raise StartupFailed(
            f"The PostgreSQL server is version {int(found) // 10000}; Almoner needs "
            f"{LOWEST_SERVER_VERSION // 10000} or newer."
        )


def _ensure_app_role(connection: sqlalchemy.Connection, app_url: str, secrets: Secrets) -> None:
    """Roles belong to the whole server, so one that can already sign in is left as it is."""
    if _can_sign_in(app_url):
        return
    raw = connection.connection.driver_connection
    verifier = raw.pgconn.encrypt_password(
        secrets.app_role_password.encode(), APP_ROLE.encode(), b"scram-sha-256"
    ).decode()
    connection.exec_driver_sql(
        f"DO $$ BEGIN CREATE ROLE {APP_ROLE}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
    connection.exec_driver_sql(f"ALTER ROLE {APP_ROLE} LOGIN PASSWORD '{verifier}'")


def _require_weak_role(connection: sqlalchemy.Connection) -> None:
    """A role that passes row-level security by would leave access with one wall instead of two."""
    strong = connection.execute(
        sqlalchemy.text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = :role"),
        {"role": APP_ROLE},
    ).scalar_one()
    if strong:
        raise StartupFailed(
            f"The role '{APP_ROLE}' on this server is a superuser or bypasses row-level security. Take that from it "
            f"(ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS), then start again."
        )


def _can_sign_in(app_url: str) -> bool:
    try:
        psycopg.connect(app_url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _unreachable(admin_url: str) -> StartupFailed:
    url = make_url(admin_url)
    return StartupFailed(
        f"The database '{url.database}' on {url.host}:{url.port or 5432} cannot be reached as '{url.username}'. "
        "Check that the server runs and that the name and password in DATABASE_URL are right."
    )
