"""Starts Almoner's processes in order, keeps them running, and stops them in reverse order."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.service import ServiceSpec
from ehr_core.supervisor.catalog import in_start_order
from ehr_core.supervisor.guardian import Guardian
from ehr_core.supervisor.health import is_well, port_is_free
from ehr_core.supervisor.processes import ServiceProcess, last_line, memory_bytes, started_at
from ehr_core.supervisor.restarts import RestartLimit
from ehr_core.supervisor.run_record import ServiceRecord

READY_SECONDS = 90.0  # a service that does not answer by then has failed to start
LOOK_SECONDS = 0.1


class Services:
    """The services of one run. `say` hears sentences about what stopped and was started again."""

    def __init__(
        self,
        specs: Sequence[ServiceSpec],
        *,
        log_folder: Path,
        environment: Mapping[str, str],
        guardian: Guardian,
        say: Callable[[str], None],
        ready_seconds: float = READY_SECONDS,
    ):
        self.processes = [
            ServiceProcess(spec, log_folder=log_folder, environment=environment)
            for spec in in_start_order(specs)
        ]
        self._guardian = guardian
        self._say = say
        self._ready_seconds = ready_seconds
        self._restarts = {process.spec.name: RestartLimit() for process in self.processes}
        self._healthy: set[str] = set()

    def start(self, names: set[str], started: Callable[[str], None], healthy: Callable[[str], None]) -> None:
        """Starts the named services, each once those it waits for are healthy, and returns when all are.

        Raises StartupFailed when one ends, or does not answer its health check in time.
        """
        wanted = [process for process in self.processes if process.spec.name in names]
        deadline = time.monotonic() + self._ready_seconds
        while not self._healthy >= names:
            for process in wanted:
                if process.spec.name not in self._healthy:
                    self._bring_up(process, started, healthy)
            if time.monotonic() > deadline:
                raise self._not_ready([p for p in wanted if p.spec.name not in self._healthy])
            time.sleep(LOOK_SECONDS)

    def _bring_up(
        self, process: ServiceProcess, started: Callable[[str], None], healthy: Callable[[str], None]
    ) -> None:
        spec = process.spec
        if process.process_id is None:
            if self._healthy >= set(spec.start_after):
                self._launch(process)
                started(spec.name)
        elif not process.is_running():
            raise StartupFailed(
                f"{spec.title} stopped while starting (code {process.exit_code}). Its log '{process.log}' ends: "
                f"{last_line(process.log)}"
            )
        elif is_well(spec.health_url, spec.heartbeat, started_at(process.process_id)):
            self._healthy.add(spec.name)
            healthy(spec.title)

    def _launch(self, process: ServiceProcess) -> None:
        process.start()
        self._guardian.watch_group(process.process_id)

    def _not_ready(self, late: list[ServiceProcess]) -> StartupFailed:
        titles = ", ".join(process.spec.title for process in late)
        return StartupFailed(
            f"Not ready after {self._ready_seconds:.0f} seconds: {titles}. See the logs in '{late[0].log.parent}'."
        )

    def revive(self) -> bool:
        """Starts again what has ended, unless it keeps ending; True when anything was started."""
        revived = False
        for process in self.processes:
            if process.process_id is None or process.is_running():
                continue
            limit = self._restarts[process.spec.name]
            if limit.may_restart(time.monotonic()):
                self._guardian.forget(process.process_id)
                self._say(f"{process.spec.title} stopped (code {process.exit_code}); starting it again.")
                self._launch(process)
                revived = True
            elif limit.give_up():
                self._say(f"{process.spec.title} keeps stopping and stays down. Its log is '{process.log}'.")
        return revived

    def stop(self, stopped: Callable[[str], None]) -> None:
        for process in reversed(self.processes):
            if process.process_id is not None:
                process.stop()
                stopped(process.spec.title)

    def records(self) -> list[ServiceRecord]:
        return [
            ServiceRecord(
                name=process.spec.name,
                title=process.spec.title,
                process_id=process.process_id,
                began=started_at(process.process_id) if process.process_id else None,
                url=process.spec.url,
                health_url=process.spec.health_url,
                heartbeat=str(process.spec.heartbeat.path) if process.spec.heartbeat else None,
            )
            for process in self.processes
        ]

    def memory_bytes(self) -> int:
        return sum(memory_bytes(process.process_id) for process in self.processes if process.process_id)


def require_free_ports(specs: Sequence[ServiceSpec]) -> None:
    """Looks before anything is started. Raises StartupFailed naming the port, its service and the setting."""
    for spec in specs:
        address = urlsplit(spec.url or spec.health_url or "")
        if address.port is not None and not port_is_free(address.hostname, address.port):
            raise StartupFailed(
                f"Port {address.port} ({spec.title}) is in use by another program. Stop that program, or choose "
                f"another port with ALMONER_{spec.name.upper()}_PORT."
            )


class StopSignal:
    """Ctrl-C, SIGTERM or a closed terminal: interrupts the start, and ends the wait once all is running."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._interrupting = True

    def install(self) -> None:
        for sign in self.SIGNALS:
            signal.signal(sign, self._hear)

    def wait_quietly(self) -> None:
        """From here on a signal only sets `asked`: nothing is interrupted half-way."""
        self._interrupting = False

    def _hear(self, *_: object) -> None:
        first = not self.asked.is_set()
        self.asked.set()
        if first and self._interrupting:
            raise KeyboardInterrupt
