"""The packages of official measures in a night: fetched once, laid into the draft, compiled once a process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_contracts.api.official_measures import ActiveMeasures
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.logging import get_logger
from pipelines.measures.official.kept import KeptPackages, Ready
from pipelines.run.draft import Draft

log = get_logger(__name__)
PACKAGES = KeptPackages()
"""Of this process: the steps of a night, and one night after another, compile a package once."""


@dataclass
class FetchedPackages:
    """What was active when the night began, with its content."""

    active: ActiveMeasures
    contents: dict[str, bytes]

    @property
    def ready(self) -> list[Ready]:
        """Compiled; none when one is broken, which the night's own check tells of."""
        try:
            return PACKAGES.ready(self.active, self.contents.__getitem__)
        except AlmonerError as error:
            log.error("official_packages_broken", why=error.message)
            return []

    @property
    def types(self) -> frozenset[str]:
        """The resource types that the measures read."""
        return frozenset().union(*(one.types for one in self.ready))

    def keep(self, draft: Draft) -> None:
        """Lays them into the draft: the whole night goes by these, and the snapshot says by which logic."""
        draft.keep(draft.facts.model_copy(update={"official": self.active}))
        for package_id, content in self.contents.items():
            place = package_place(draft, package_id)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)


def fetch_packages(client: AlmonerClient) -> FetchedPackages:
    active = client.pipeline.official_measures()
    return FetchedPackages(active, {one: client.pipeline.official_package(one) for one in active.packages})


def published(ready: Iterable[Ready]) -> frozenset[str]:
    """The words that the logic of these packages gives its codes."""
    return frozenset().union(*(one.published for one in ready))


def ready_packages(draft: Draft) -> list[Ready]:
    """The draft's packages. Raises BadRequest for one that is broken, OSError for one that is not there."""
    return PACKAGES.ready(
        draft.facts.official, lambda package_id: package_place(draft, package_id).read_bytes()
    )


def package_place(draft: Draft, package_id: str) -> Path:
    return draft.limited / "official_packages" / f"{package_id}.ndjson.gz"
