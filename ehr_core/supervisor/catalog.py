"""What there is to run: services and steps, found by entry point, so that nothing here imports upward.

`almoner.services`: functions `(Settings) -> ServiceSpec`.
`almoner.steps`: `seed` and `first_run`, functions `(Settings, report) -> None`; each decides itself whether there is
anything to do and says so through `report`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings
from ehr_core.supervisor.api_service import api

SERVICES = "almoner.services"
STEPS = "almoner.steps"

Step = Callable[[Settings, Callable[[str], None]], None]


def services(settings: Settings, found: Iterable[EntryPoint] | None = None) -> list[ServiceSpec]:
    """The API and every other installed service. Raises StartupFailed for one that cannot be loaded."""
    entries = entry_points(group=SERVICES) if found is None else found
    return [
        api(settings),
        *(load(entry)(settings) for entry in sorted(entries, key=lambda entry: entry.name)),
    ]


def step(name: str, found: Iterable[EntryPoint] | None = None) -> Step:
    entries = entry_points(group=STEPS) if found is None else found
    for entry in entries:
        if entry.name == name:
            return load(entry)
    raise StartupFailed(
        f"This installation has no step '{name}'. Run `make install` so that the packages register their parts."
    )


def load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise StartupFailed(
            f"'{entry.name}' of {entry.group} cannot be loaded from '{entry.value}': {error}. Run `make install`; if "
            "that does not help, the package that brings it is broken."
        ) from error


def in_start_order(specs: Iterable[ServiceSpec]) -> list[ServiceSpec]:
    """Each service after those it names in `start_after`. Raises StartupFailed on an unknown name or a circle."""
    waiting = {spec.name: spec for spec in specs}
    ordered: dict[str, ServiceSpec] = {}
    for spec in waiting.values():
        unknown = set(spec.start_after) - waiting.keys()
        if unknown:
            raise StartupFailed(
                f"The service '{spec.name}' waits for '{min(unknown)}', which is not installed."
            )
    while len(ordered) < len(waiting):
        ready = [
            s for s in waiting.values() if s.name not in ordered and ordered.keys() >= set(s.start_after)
        ]
        if not ready:
            raise StartupFailed(
                f"Services wait for each other: {', '.join(sorted(waiting.keys() - ordered.keys()))}."
            )
        ordered.update({spec.name: spec for spec in ready})
    return list(ordered.values())
