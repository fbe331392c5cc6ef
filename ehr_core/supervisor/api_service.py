"""How the supervisor starts the API: the only service that is told where the database is."""

from __future__ import annotations

import sys

from ehr_core.kernel.http_server import command
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings

APP_DATABASE_URL = "ALMONER_APP_DATABASE_URL"


def api(settings: Settings) -> ServiceSpec:
    return ServiceSpec(
        name="api",
        title="API",
        command=[sys.executable, *command("ehr_core.api.app:create_app", settings.host, settings.api_port)],
        env={APP_DATABASE_URL: settings.app_database_url or ""},
        url=settings.api_url,
        health_url=f"{settings.api_url}/health",
    )
