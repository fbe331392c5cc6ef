"""Gets the record out of the core: a FHIR bulk export, streamed straight to whoever de-identifies it.

Nothing is written here: identified lines live only while they pass through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from data_contracts.api.bulk import BulkFile, BulkManifest
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
    def resource_types(self) -> list[str]:
        return list(dict.fromkeys(file.type for file in self.manifest.output))

    def count_of(self, resource_type: str) -> int | None:
        """Resources of the type, as the core counted them: as many must arrive. None: the server does not count."""
        counts = [file.count for file in self._files(resource_type)]
        return None if None in counts else sum(counts)

    def lines(self, resource_type: str) -> Iterator[bytes]:
        """Every resource of one type, one line each, however many files it has."""
        for file in self._files(resource_type):
            yield from self.client.bulk.lines(file)

    def _files(self, resource_type: str) -> list[BulkFile]:
        return [file for file in self.manifest.output if file.type == resource_type]


@contextmanager
def exported(client: AlmonerClient, *, report: Callable[[str], None] | None = None) -> Iterator[Export]:
    """Exports everything and hands it over; the files are deleted at the core afterwards, whatever happens.

    Raises Unavailable when the server does not say which changes it has seen: its answers could not be written back.
    """
    status_path = client.bulk.start()
    try:
        manifest = client.bulk.wait(status_path, report=report)
        if manifest.outbox_transaction is None:
            raise Unavailable("The export does not say which changes it has seen. Update the server.")
        yield Export(manifest, manifest.outbox_transaction, client)
    finally:
        client.bulk.delete(status_path)
