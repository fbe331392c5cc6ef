"""A small house for tests of the supervisor: real processes, fake services, a state folder and ports of its own.

Run as a program it is `almoner up` with these services: `python -m tests.lib.house SERVICE…`, where a service is
`NAME:PORT`, or `NAME:PORT:WORD` with WORD one of `broken` (ends at once), `stubborn` (ignores SIGTERM),
`parent` (starts a child of its own), `frail` (ends when asked for /die) and `beating` (has no address: touches
`beat` in the state folder).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ehr_core.kernel.heartbeat import Heartbeat
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings
from ehr_core.supervisor.status import house_status

SERVICE = Path(__file__).with_name("fake_service.py")
PATIENCE_SECONDS = 40


def fake_spec(text: str) -> ServiceSpec:
    name, port, *words = text.split(":")
    has_address = "beating" not in words
    url = f"http://127.0.0.1:{port}" if has_address else None
    return ServiceSpec(
        name=name,
        title=name.title(),
        command=[sys.executable, "-S", "-E", str(SERVICE), port, *words],
        url=url,
        health_url=f"{url}/health" if url else None,
        heartbeat=None if has_address else Heartbeat(Path(os.environ["ALMONER_STATE"]) / "beat"),
    )


@dataclass
class RunningHouse:
    process: subprocess.Popen
    state: Path
    output: Path

    def status(self) -> dict:
        """What `almoner status --json` prints, without a process of its own."""
        return house_status(self.state).model_dump()

    def wait_until_ready(self) -> dict:
        return self.wait_for(lambda status: status["healthy"])

    def wait_for(self, condition) -> dict:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            status = self.status()
            if condition(status):
                return status
            if self.process.poll() is not None:
                raise AssertionError(f"the house ended: {self.output.read_text()}")
            time.sleep(0.2)
        raise AssertionError(f"not so after {PATIENCE_SECONDS} s: {status} {self.output.read_text()}")

    def process_ids(self) -> dict[str, int]:
        return {service["name"]: service["pid"] for service in self.status()["services"]}

    def interrupt(self, sign: int = signal.SIGINT) -> int:
        self.process.send_signal(sign)
        return self.process.wait(timeout=PATIENCE_SECONDS)


def almoner(*arguments: str, state: Path, **environment: str) -> subprocess.CompletedProcess:
    """One command of the real program."""
    return subprocess.run(
        [sys.executable, "-m", "ehr_core.cli", *arguments],
        env={**os.environ, "ALMONER_STATE": str(state), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@contextmanager
def house(state: Path, *services: str, postgres_port: int) -> Iterator[RunningHouse]:
    """The house, started but perhaps not ready; killed at the end if a test left it running."""
    output = state.with_name(f"{state.name}-output.txt")
    with output.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.lib.house", *services],
            env={**os.environ, "ALMONER_STATE": str(state), "ALMONER_POSTGRES_PORT": str(postgres_port)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    running = RunningHouse(process, state, output)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE_SECONDS)


def main(services: list[str]) -> int:
    from ehr_core.kernel.errors import AlmonerError
    from ehr_core.supervisor.progress import Progress
    from ehr_core.supervisor.up import House

    specs = [fake_spec(text) for text in services]
    try:
        House(Settings(), Progress(), find_services=lambda _: specs, steps=(None, None), durable=False).run()
    except AlmonerError as error:
        print(error.message)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
