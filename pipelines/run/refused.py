"""People with a line that de-identification refused: a night leaves them out, as the minute refuses to measure them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb
import msgspec

from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import BadRequest
from pipelines.run.requirements import deciding_types

PEOPLE_NOT_CHECKED = "people whose record could not be checked"
RESOURCES_AT_ONCE = 10_000


class _Named(msgspec.Struct):
    id: str


ID = msgspec.json.Decoder(_Named)


class RefusedLines:
    """Collects which resources were refused, of the types that answers rest on. Identified: never written anywhere."""

    def __init__(self, official_types: Collection[str] = ()) -> None:
        self._resources: list[str] = []
        self._deciding = deciding_types().union(official_types)

    def note(self, resource_type: str, line: bytes) -> None:
        """Raises BadRequest for a line without an id: nobody could tell whose answers would be wrong."""
        if resource_type not in self._deciding:
            return
        try:
            self._resources.append(f"{resource_type}/{ID.decode(line).id}")
        except msgspec.DecodeError as error:
            raise BadRequest(
                f"De-identification refused a {resource_type} that does not say its id. Nothing was published; "
                "look at the store's own copy with `almoner export`."
            ) from error

    def people(self, client: AlmonerClient, key_id: str, outbox_transaction: int) -> list[str]:
        """Their pseudonyms, as the core looks them up."""
        found: set[str] = set()
        for start in range(0, len(self._resources), RESOURCES_AT_ONCE):
            part = self._resources[start : start + RESOURCES_AT_ONCE]
            found.update(client.pipeline.people_of_refused(key_id, outbox_transaction, part))
        return sorted(found)


def take_out(connection: duckdb.DuckDBPyConnection, people: Sequence[str]) -> dict[str, int]:
    """Takes these people's rows out of the connection's flat tables; returns how many, by reason."""
    if not people:
        return {}
    return {
        f"{table.name} rows of {PEOPLE_NOT_CHECKED}": connection.execute(
            f'DELETE FROM "{table.name}" WHERE patient_key IN (SELECT unnest(?))', [list(people)]
        ).fetchall()[0][0]
        for table in FLAT_TABLES
    }
