"""How the supervisor starts the staff workspace."""

from __future__ import annotations

import sys

from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings


def staff(settings: Settings) -> ServiceSpec:
    return ServiceSpec(
        name="staff",
        title="Staff workspace",
        command=[
            sys.executable,
            *(
                "-m",
                "uvicorn",
                "dashboards.asgi:create_app",
                "--factory",
                "--log-level",
                "warning",
                "--no-access-log",
            ),
            *("--host", settings.host, "--port", str(settings.staff_port)),
        ],
        env={},
        url=settings.staff_url,
        health_url=f"{settings.staff_url}/_stcore/health",
        start_after=("api",),
    )
