"""How the supervisor starts the portal."""

from __future__ import annotations

import sys

from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings


def portal(settings: Settings) -> ServiceSpec:
    return ServiceSpec(
        name="portal",
        title="Patient portal",
        command=[
            sys.executable,
            *(
                "-m",
                "uvicorn",
                "portal.asgi:create_app",
                "--factory",
                "--log-level",
                "warning",
                "--no-access-log",
            ),
            *("--host", settings.host, "--port", str(settings.portal_port)),
        ],
        env={},
        url=settings.portal_url,
        health_url=f"{settings.portal_url}/_stcore/health",
        start_after=("api",),
    )
