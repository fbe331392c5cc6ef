"""Facts that were added to the surviving record after a merge: the merge's taking back leaves them where they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.merging import AddedLater
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.fhir_json import decode, words
from ehr_core.store.moving import movable_types
from ehr_core.store.resource_types import resource_type
from ehr_core.workflows.merge.words import kind_words

MOST_LISTED = 500
CODE_ELEMENTS = ("code", "vaccineCode", "medicationCodeableConcept", "type", "description")


def added_later(work: UnitOfWork, merge: Row) -> list[AddedLater]:
    """What came into the record between the merge and its taking back (or today), oldest first, in one statement.

    Neither what the merge moved or wrote, nor what has been assigned since. Words only for who may read charts.
    """
    rows = work.connection.execute(
        _query(),
        {
            "survivor": merge.survivor_id,
            "merge_id": str(merge.merge_id),
            "since": merge.merged_at,
            "until": merge.undone_at,
            "most": MOST_LISTED,
        },
    )
    return [_fact(work, row) for row in rows]


def _query() -> Any:
    parts = []
    for name in movable_types():
        table = resource_type(name).table
        first = (
            f'(SELECT h.last_updated FROM fhir."{table}_history" h WHERE h.id = t.id AND h.version_id = 1)'
        )
        parts.append(
            f"SELECT '{name}' AS type, t.id, t.version_id, coalesce({first}, t.last_updated) AS added_at, "
            f'{"NULL" if name == "Binary" else "t.body"} AS body FROM fhir."{table}" t '
            "WHERE t.patient_id = :survivor AND NOT t.deleted AND t.last_updated > :since"
        )
    return text(
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS fact WHERE added_at > :since "
        "AND (CAST(:until AS timestamptz) IS NULL OR added_at <= :until) "
        "AND NOT EXISTS (SELECT 1 FROM registration.merge_item i WHERE i.merge_id = CAST(:merge_id AS uuid) "
        "AND i.resource_type = fact.type AND i.resource_id = fact.id) ORDER BY added_at, type, id LIMIT :most"
    )


def _fact(work: UnitOfWork, row: Row) -> AddedLater:
    return AddedLater(
        resource_type=row.type,
        resource_id=row.id,
        version_id=row.version_id,
        kind=kind_words(row.type),
        words=_words(row.body) if work.actor.may("chart.read") and row.body else None,
        added_at=row.added_at,
    )


def _words(body: str) -> str | None:
    resource = decode(body)
    found = (words(resource[name]) for name in CODE_ELEMENTS if isinstance(resource.get(name), dict))
    return next(filter(None, found), None)
