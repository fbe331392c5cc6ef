"""Gets the record out of the core: a FHIR bulk export, streamed straight to whoever de-identifies it.

Nothing is written here: identified lines live only while they pass through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from data_contracts.api.bulk import BulkManifest
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import Unavailable


@dataclass(frozen=True)
class Export:
    """A finished export. `outbox_transaction`: changes from this transaction on are not in it."""

    manifest: BulkManifest
    outbox_transaction: int
    client: AlmonerClient

    @property
    def taken_at(self) -> datetime:
        return self.manifest.transaction_time

    @property
    def counts(self) -> dict[str, int]:
        """Resources by type, as the core counted them: what comes out must add up to this."""
        totals: dict[str, int] = {}
        for file in self.manifest.output:
            totals[file.type] = totals.get(file.type, 0) + (file.count or 0)
        return totals

    @property
    def resource_types(self) -> list[str]:
        return list(dict.fromkeys(file.type for file in self.manifest.output))

    def lines(self, resource_type: str) -> Iterator[bytes]:
        """Every resource of one type, one line each."""
        for file in self.manifest.output:
            if file.type == resource_type:
                yield from self.client.bulk.lines(file)

    def deletions(self) -> Iterator[bytes]:
        """Bundles of DELETE requests for what was deleted since `since`."""
        for file in self.manifest.deleted:
            yield from self.client.bulk.lines(file)


@contextmanager
def exported(
    client: AlmonerClient,
    *,
    resource_types: Sequence[str] = (),
    since: datetime | None = None,
    report: Callable[[str], None] | None = None,
) -> Iterator[Export]:
    """Runs a system-level export and hands it over; its files are deleted at the core afterwards, whatever happens."""
    status_path = client.bulk.start(resource_types=resource_types, since=since)
    try:
        manifest = client.bulk.wait(status_path, report=report)
        if manifest.outbox_transaction is None:
            raise Unavailable(
                "The export does not say which changes it has seen, so it cannot be written back."
            )
        yield Export(manifest, manifest.outbox_transaction, client)
    finally:
        client.bulk.delete(status_path)
