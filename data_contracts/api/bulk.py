"""The manifest of a FHIR bulk export, as the client reads it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class BulkFile(BaseModel):
    """One NDJSON file. `count` may be absent at other servers."""

    type: str
    url: str
    count: int | None = None


class BulkManifest(BaseModel):
    """The Bulk Data guide's manifest. Unknown fields are ignored: other servers send their own."""

    model_config = ConfigDict(populate_by_name=True)

    transaction_time: datetime = Field(alias="transactionTime")
    output: list[BulkFile]
    deleted: list[BulkFile] = []
    error: list[BulkFile] = []
    extension: dict[str, str | None] = {}

    @property
    def outbox_transaction(self) -> int | None:
        """Transactions from this one on are not in the files; None at a server that does not say."""
        given = self.extension.get("outboxTransaction")
        return int(given) if given else None
