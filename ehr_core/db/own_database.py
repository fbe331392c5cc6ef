"""The database for one command of `almoner`: that of DATABASE_URL, or the embedded one, joined or started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ehr_core.db.bootstrap import Progress, prepare_database
from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.secrets import load_or_create_secrets
from ehr_core.kernel.settings import Settings


@contextmanager
def own_database(settings: Settings, progress: Progress | None = None) -> Iterator[str]:
    """The URL of the migrated database as the weaker application role, whether or not `almoner up` runs.

    An embedded server that this command had to start is stopped again, unless somebody else has joined it since.
    """
    secrets = load_or_create_secrets(settings.state_folder)
    if settings.database_url:
        yield prepare_database(settings.database_url, secrets, progress)
        return
    server = EmbeddedServer(settings.state_folder, settings.postgres_port, secrets.postgres_password)
    with server:
        yield prepare_database(server.admin_url, secrets, progress)
