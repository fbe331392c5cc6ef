"""What the supervisor must know of a service to start it, watch it and stop it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServiceSpec:
    """One process. `start_after` names services that must be healthy first; without a health URL, running is enough."""

    name: str
    title: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    url: str | None = None
    health_url: str | None = None
    start_after: tuple[str, ...] = ()
