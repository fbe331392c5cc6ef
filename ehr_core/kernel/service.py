"""What the supervisor must know of a service to start it, watch it and stop it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ehr_core.kernel.heartbeat import Heartbeat


@dataclass(frozen=True)
class ServiceSpec:
    """One process. `start_after` names services that must be healthy first.

    It is healthy when its health URL answers or, for a service without an address, its heartbeat is fresh.
    """

    name: str
    title: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    url: str | None = None
    health_url: str | None = None
    heartbeat: Heartbeat | None = None
    start_after: tuple[str, ...] = ()
