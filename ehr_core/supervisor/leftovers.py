"""Ends what an earlier supervisor left running when it was killed together with its guardian."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ehr_core.supervisor.processes import started_at, stop_group
from ehr_core.supervisor.run_record import ServiceRecord, read_record, remove_record


def stop(state_folder: Path, say: Callable[[str], None]) -> None:
    """Only processes that are still the recorded ones; PostgreSQL is joined, not stopped."""
    record = read_record(state_folder)
    if record is None:
        return
    for service in reversed(record.services):
        if service.name != "postgres" and is_same_process(service):
            say(f"{service.title} was left running by an earlier start; stopping it.")
            stop_group(service.process_id)
    remove_record(state_folder)


def is_same_process(service: ServiceRecord) -> bool:
    if service.process_id is None or service.began is None:
        return False
    began = started_at(service.process_id)
    return began is not None and abs(began - service.began) < 1.0
