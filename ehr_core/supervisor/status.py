"""`almoner status`: what runs from a state folder, where, and whether it is well."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from ehr_core.kernel.heartbeat import Heartbeat
from ehr_core.supervisor.health import is_well
from ehr_core.supervisor.leftovers import is_same_process
from ehr_core.supervisor.processes import memory_bytes
from ehr_core.supervisor.run_record import ServiceRecord, read_record, supervisor_is_running


class ServiceStatus(BaseModel):
    """One that runs and is not healthy hangs, or has not come up yet.

    `heartbeat_age_seconds` is for a service without an address; null before its first sign of life.
    """

    name: str
    title: str
    url: str | None
    health_url: str | None
    pid: int | None
    running: bool
    healthy: bool
    heartbeat_age_seconds: float | None
    memory_mb: int


class HouseStatus(BaseModel):
    """`healthy` is true only when the supervisor runs, has finished starting, and every service is healthy."""

    running: bool
    ready: bool
    healthy: bool
    supervisor_pid: int | None
    services: list[ServiceStatus]


def house_status(state_folder: Path) -> HouseStatus:
    record = read_record(state_folder)
    running = supervisor_is_running(state_folder)
    services = [_service_status(service) for service in record.services] if record else []
    ready = running and record is not None and record.ready
    return HouseStatus(
        running=running,
        ready=ready,
        healthy=ready and all(service.healthy for service in services),
        supervisor_pid=record.supervisor_id if running and record else None,
        services=services,
    )


def _service_status(service: ServiceRecord) -> ServiceStatus:
    running = is_same_process(service)
    heartbeat = Heartbeat(Path(service.heartbeat)) if service.heartbeat else None
    healthy = running and is_well(service.health_url, heartbeat, service.began)
    age = heartbeat.age_seconds(service.began) if running and heartbeat else None
    return ServiceStatus(
        name=service.name,
        title=service.title,
        url=service.url,
        health_url=service.health_url,
        pid=service.process_id if running else None,
        running=running,
        healthy=healthy,
        heartbeat_age_seconds=None if age is None else round(age, 1),
        memory_mb=round(memory_bytes(service.process_id) / 1e6) if running else 0,
    )
