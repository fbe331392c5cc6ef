"""How the supervisor starts the staff workspace."""

from __future__ import annotations

import sys

from ehr_core.kernel.http_server import command
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings


def staff(settings: Settings) -> ServiceSpec:
    return ServiceSpec(
        name="staff",
        title="Staff workspace",
        command=[sys.executable, *command("dashboards.asgi:create_app", settings.host, settings.staff_port)],
        env={},
        url=settings.staff_url,
        health_url=f"{settings.staff_url}/_stcore/health",
        start_after=("api",),
    )
