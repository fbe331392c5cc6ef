"""Packages that are kept ready: read, compiled and described once a process, however often they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from data_contracts.api.official_measures import ActiveMeasures, OfficialMeasure
from ehr_core.kernel.errors import BadRequest
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.packages import package_of, published_words
from pipelines.measures.elm.population import needed_types
from pipelines.measures.elm.survey import reachable
from pipelines.measures.official.about import about
from pipelines.measures.official.contents import unpacked

Fetch = Callable[[str], bytes]
CLOCKS = frozenset({"Now", "Today", "TimeOfDay"})
"""Operations that read the clock: a measure that has one may answer otherwise every day."""


@dataclass(frozen=True)
class Chosen:
    """A compiled measure with what its groups are called; None for a group that is not active."""

    compiled: Compiled
    groups: tuple[OfficialMeasure | None, ...]

    @property
    def active(self) -> list[OfficialMeasure]:
        return [one for one in self.groups if one is not None]

    @cached_property
    def types(self) -> frozenset[str]:
        """The resource types that it reads."""
        return needed_types([self.compiled])

    @cached_property
    def reads_the_clock(self) -> bool:
        nodes = (node for nodes in self.compiled.criteria.values() for node in nodes.values())
        return any(node.op in CLOCKS for node in reachable(nodes))


@dataclass
class Ready:
    """One package's engine and those of its measures that are active."""

    package_id: str
    engine: Engine
    measures: list[Chosen]

    @property
    def types(self) -> frozenset[str]:
        return frozenset().union(*(one.types for one in self.measures))

    @property
    def published(self) -> frozenset[str]:
        """The words of the package's codes: de-identification leaves them where a chart has just these."""
        return published_words(self.engine.package)

    @property
    def described(self) -> list[OfficialMeasure]:
        return [group for one in self.measures for group in one.active]

    def only(self, measures: Iterable[Chosen]) -> Ready:
        return Ready(self.package_id, self.engine, list(measures))


@dataclass
class KeptPackages:
    """Engines by package; what is no longer active is let go of."""

    _engines: dict[str, Engine] = field(default_factory=dict)
    _chosen: dict[tuple[str, tuple[str, ...]], list[Chosen]] = field(default_factory=dict)

    def ready(self, active: ActiveMeasures, fetch: Fetch) -> list[Ready]:
        """The active packages, each fetched the first time that it is. Raises BadRequest for a broken one."""
        for gone in self._engines.keys() - active.packages.keys():
            del self._engines[gone]
            self._chosen = {key: chosen for key, chosen in self._chosen.items() if key[0] != gone}
        return [self._ready(package_id, ids, fetch) for package_id, ids in sorted(active.packages.items())]

    def _ready(self, package_id: str, ids: Sequence[str], fetch: Fetch) -> Ready:
        if package_id not in self._engines:
            content = fetch(package_id)
            if hashlib.sha256(content).hexdigest() != package_id:
                raise BadRequest(
                    "A package of official measures is not the one that was imported. Import it again."
                )
            self._engines[package_id] = Engine(package_of(unpacked(content)))
        key = (package_id, tuple(ids))
        if key not in self._chosen:
            self._chosen[key] = _choose(self._engines[package_id], ids)
        return Ready(package_id, self._engines[package_id], self._chosen[key])


def _choose(engine: Engine, ids: Sequence[str]) -> list[Chosen]:
    names = [name for name in sorted(engine.package.measures) if any(_is_of(one, name) for one in ids)]
    compiled = [engine.compile(name) for name in names]
    chosen = [Chosen(one, _groups(about(engine, one), ids)) for one in compiled]
    found = {group.measure_id for one in chosen for group in one.active}
    if missing := sorted(set(ids) - found):
        raise BadRequest(f"The package of {', '.join(missing)} does not hold it. Import it again.")
    return [one for one in chosen if one.active]


def _is_of(measure_id: str, name: str) -> bool:
    return measure_id == name or measure_id.startswith(f"{name}.")


def _groups(described: Sequence[OfficialMeasure], ids: Sequence[str]) -> tuple[OfficialMeasure | None, ...]:
    return tuple(one if one.measure_id in ids else None for one in described)


def described(ready: Sequence[Ready]) -> Mapping[str, OfficialMeasure]:
    """Every active measure by its id."""
    return {one.measure_id: one for package in ready for one in package.described}
