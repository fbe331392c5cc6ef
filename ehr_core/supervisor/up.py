"""`almoner up`: the whole house on one command, until Ctrl-C."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ehr_core.access.demonstration import refuse_demonstration_in_production, somebody_can_sign_in
from ehr_core.db.bootstrap import prepare_database
from ehr_core.db.database import Database, connect
from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.secrets import Secrets, load_or_create_secrets
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings
from ehr_core.kernel.state_folder import make_state_folder
from ehr_core.supervisor import catalog, leftovers
from ehr_core.supervisor.api_service import APP_DATABASE_URL
from ehr_core.supervisor.demo import demo_sign_ins
from ehr_core.supervisor.guardian import Guardian
from ehr_core.supervisor.processes import memory_bytes, started_at
from ehr_core.supervisor.progress import Progress
from ehr_core.supervisor.restarts import RestartLimit
from ehr_core.supervisor.run_record import (
    RunRecord,
    ServiceRecord,
    remove_record,
    supervisor_lock,
    write_record,
)
from ehr_core.supervisor.steps import run_step
from ehr_core.supervisor.supervisor import Services, StopSignal, require_free_ports

API = "api"
LOOK_SECONDS = 0.5
PRIVATE = 0o077  # everything that Almoner's processes write is for their own account only
KEPT_FROM_SERVICES = ("DATABASE_URL", APP_DATABASE_URL)

NOBODY = (
    "\nNobody can sign in yet. Make the first account: `almoner account create USERNAME --name 'Full Name' "
    "--role admin`."
)

ServiceCatalog = Callable[[Settings], Sequence[ServiceSpec]]


class House:
    """One run of Almoner. `find_services` and `steps` are handed in so that tests can bring their own, with a
    database that is quick rather than durable."""

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        *,
        find_services: ServiceCatalog = catalog.services,
        steps: tuple[str | None, str | None] = ("seed", "first_run"),
        durable: bool = True,
    ):
        self._settings = settings.model_copy(update={"state": settings.state_folder})
        self._progress = progress
        self._find_services = find_services
        self._durable = durable
        self._seed_step, self._first_run_step = steps
        self._server: EmbeddedServer | None = None
        self._services: Services | None = None
        self._guardian: Guardian | None = None
        self._server_restarts = RestartLimit()
        self._stop_signal = StopSignal()

    def run(self) -> None:
        """Returns after a clean stop. Raises StartupFailed after undoing what had been started."""
        make_state_folder(self._settings.state_folder)
        os.umask(PRIVATE)
        with supervisor_lock(self._settings.state_folder):
            self._stop_signal.install()
            try:
                self._start()
                self._stop_signal.wait_quietly()
                self._keep_running()
            except KeyboardInterrupt:
                self._progress.say("\nInterrupted.")
            finally:
                self._stop_signal.wait_quietly()
                self._stop()

    def _start(self) -> None:
        leftovers.stop(self._settings.state_folder, self._progress.say)
        self._record(ready=False)
        require_free_ports(self._find_services(self._settings))
        secrets = load_or_create_secrets(self._settings.state_folder)
        self._guardian = Guardian()
        admin_url = self._start_database(secrets)
        with self._progress.step("Prepare the database") as report:
            app_url = prepare_database(admin_url, secrets, report)
        self._settings = self._settings.model_copy(update={"app_database_url": app_url})
        with self._database() as database:
            refuse_demonstration_in_production(database, self._settings)
        if self._settings.environment == "demo":
            self._run_step(self._seed_step, "Seed the synthetic population")
        self._start_services()
        self._show()

    @contextmanager
    def _database(self) -> Iterator[Database]:
        """As the application role, for a moment."""
        database = connect(self._settings.app_database_url, pool_size=1)
        try:
            yield database
        finally:
            database.dispose()

    def _start_database(self, secrets: Secrets) -> str:
        if self._settings.database_url:
            return self._settings.database_url
        with self._progress.step("Start PostgreSQL") as report:
            self._server = EmbeddedServer(
                self._settings.state_folder,
                self._settings.postgres_port,
                secrets.postgres_password,
                durable=self._durable,
            )
            url = self._server.start()
            report(f"port {self._server.port}")
        self._guardian.watch_postgres(self._server.process_id)
        return url

    def _run_step(self, name: str | None, title: str) -> None:
        if name is None:
            return
        with self._progress.step(title) as report:
            run_step(
                name,
                self._environment() | {APP_DATABASE_URL: self._settings.app_database_url},
                report,
                log_folder=self._log_folder,
                guardian=self._guardian,
            )

    def _start_services(self) -> None:
        """The API first, because the first run of the pipeline goes through it; then all the others together."""
        self._services = Services(
            self._find_services(self._settings),
            log_folder=self._log_folder,
            environment=self._environment(),
            guardian=self._guardian,
            say=self._progress.say,
        )
        names = {process.spec.name for process in self._services.processes}
        self._start_named(names & {API}, "Start the API")
        self._run_step(self._first_run_step, "Run the pipeline for the first time")
        self._start_named(names - {API}, "Start the services")
        self._record(ready=True)

    def _start_named(self, names: set[str], title: str) -> None:
        if not names:
            return
        ready: list[str] = []
        with self._progress.step(title) as report:

            def note(service: str) -> None:
                ready.append(service)
                report(f"ready: {', '.join(ready)}")

            self._services.start(names, started=lambda _: self._record(ready=False), healthy=note)

    def _environment(self) -> dict[str, str]:
        """The services' environment: the same settings, and no database address (only the API is given one)."""
        kept = {name: value for name, value in os.environ.items() if name not in KEPT_FROM_SERVICES}
        return kept | {"ALMONER_STATE": str(self._settings.state_folder), "PYTHONUNBUFFERED": "1"}

    @property
    def _log_folder(self) -> Path:
        return self._settings.state_folder / "logs"

    def _keep_running(self) -> None:
        while not self._stop_signal.asked.wait(LOOK_SECONDS):
            self._revive_database()
            if self._services.revive():
                self._record(ready=True)

    def _revive_database(self) -> None:
        if self._server is None or self._server.is_running():
            return
        if not self._server_restarts.may_restart(self._progress.elapsed_seconds):
            if self._server_restarts.give_up():
                self._progress.say(
                    "PostgreSQL keeps stopping and stays down. Its log is in the state folder."
                )
            return
        self._progress.say("PostgreSQL stopped; starting it again.")
        try:
            self._server.start()
        except StartupFailed as error:
            self._progress.say(error.message)
            return
        self._guardian.watch_postgres(self._server.process_id)
        self._record(ready=True)

    def _show(self) -> None:
        records = self._services.records()
        self._progress.show_urls([(record.title, record.url) for record in records if record.url])
        self._progress.show_sign_ins(demo_sign_ins(self._settings))
        with self._database() as database:
            if not somebody_can_sign_in(database, self._settings):
                self._progress.say(NOBODY)
        self._progress.say(
            f"\nReady after {self._progress.elapsed_seconds:.1f} s; all processes together use "
            f"{self._memory_bytes() / 1e9:.2f} GB of memory. Ctrl-C stops everything."
        )

    def _memory_bytes(self) -> int:
        """Ours, our services' (whatever they started, the guardian too) and the server's."""
        own_family = memory_bytes(os.getpid())
        server = self._server.process_id if self._server else None
        joined = server is not None and not self._server.is_child
        return own_family + (memory_bytes(server) if joined else 0)

    def _record(self, *, ready: bool) -> None:
        services = self._services.records() if self._services else []
        write_record(
            self._settings.state_folder,
            RunRecord(supervisor_id=os.getpid(), services=[*self._database_record(), *services], ready=ready),
        )

    def _database_record(self) -> list[ServiceRecord]:
        if self._server is None:
            return []
        process_id = self._server.process_id
        return [
            ServiceRecord(
                name="postgres",
                title="PostgreSQL",
                process_id=process_id,
                began=started_at(process_id) if process_id else None,
                url=f"postgresql://127.0.0.1:{self._server.port}/almoner",
                health_url=None,
            )
        ]

    def _stop(self) -> None:
        if self._services is not None:
            with self._progress.step("Stop the services") as report:
                self._services.stop(lambda title: report(f"{title} stopped"))
                report("all stopped")
        if self._server is not None:
            with self._progress.step("Stop PostgreSQL"):
                self._server.stop(even_if_shared=True)
        if self._guardian is not None:
            self._guardian.dismiss()
        remove_record(self._settings.state_folder)
