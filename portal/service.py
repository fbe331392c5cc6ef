"""How the supervisor starts the portal."""

from __future__ import annotations

import sys

from ehr_core.kernel.http_server import command
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings


def portal(settings: Settings) -> ServiceSpec:
    return ServiceSpec(
        name="portal",
        title="Patient portal",
        command=[sys.executable, *command("portal.asgi:create_app", settings.host, settings.portal_port)],
        env={},
        url=settings.portal_url,
        health_url=f"{settings.portal_url}/_stcore/health",
        start_after=("api",),
    )
