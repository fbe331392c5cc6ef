"""The services of a benchmark in processes of their own. It is light: the workers of an import begin by reading it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings

PATIENCE_SECONDS = 30


@contextmanager
def process(spec: ServiceSpec, settings: Settings) -> Iterator[subprocess.Popen]:
    environment = {
        **os.environ,
        **spec.env,
        "ALMONER_STATE": str(settings.state),
        "ALMONER_API_PORT": str(settings.api_port),
        "ALMONER_APP_DATABASE_URL": str(settings.app_database_url),
        "ALMONER_LOG_LEVEL": "error",
    }
    with (settings.state / f"{spec.name}.log").open("wb") as log:
        running = subprocess.Popen(spec.command, env=environment, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.terminate()
            running.wait(PATIENCE_SECONDS)


def wait_until_healthy(settings: Settings) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{settings.api_url}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("The API of this benchmark did not start.")
