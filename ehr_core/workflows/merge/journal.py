"""The journal of merges: what each one moved, set aside and wrote, so that it can be taken back exactly."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Literal

from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound, StaleVersion
from ehr_core.store.moving import Moved
from ehr_core.store.versions import StoredResource

ItemAct = Literal["moved", "set_aside", "written", "row", "assigned"]

BEGIN = text("""
INSERT INTO registration.merge (survivor_id, merged_id, merged_at, by_id, by_name, reason, survivor_version_before,
  survivor_version, merged_version_before, merged_version)
VALUES (:survivor_id, :merged_id, :at, :by_id, :by_name, :reason, :survivor_before, :survivor_after, :merged_before,
  :merged_after) RETURNING merge_id
""")
ITEMS = text("""
INSERT INTO registration.merge_item (merge_id, resource_type, resource_id, act, version_before, version_after)
SELECT CAST(:merge_id AS uuid), t, i, :act, b, a FROM unnest(CAST(:types AS text[]), CAST(:ids AS text[]),
  CAST(:before AS bigint[]), CAST(:after AS bigint[])) AS item (t, i, b, a)
ON CONFLICT (merge_id, resource_type, resource_id, act)
DO NOTHING
""")
END = text("""
UPDATE registration.merge SET undone_at = :at, undone_by_id = :by_id, undone_by_name = :by_name,
  undone_reason = :reason, version = version + 1 WHERE merge_id = CAST(:merge_id AS uuid)
""")


def begin(
    work: UnitOfWork,
    *,
    survivor: tuple[StoredResource, StoredResource],
    merged: tuple[StoredResource, StoredResource],
    reason: str,
) -> str:
    """Opens the journal of a merge: each Patient as it was and as it is now. Returns the merge's id."""
    row = {
        "survivor_id": survivor[0].id,
        "merged_id": merged[0].id,
        "at": work.now(),
        "by_id": work.actor.actor_id,
        "by_name": work.actor.name,
        "reason": reason,
        "survivor_before": survivor[0].version_id,
        "survivor_after": survivor[1].version_id,
        "merged_before": merged[0].version_id,
        "merged_after": merged[1].version_id,
    }
    return str(work.connection.execute(BEGIN, row).scalar_one())


def note(work: UnitOfWork, merge_id: str, act: ItemAct, items: Iterable[Moved]) -> None:
    """Adds items in one statement."""
    listed = list(items)
    if listed:
        work.connection.execute(
            ITEMS,
            {
                "merge_id": merge_id,
                "act": act,
                "types": [item.resource_type for item in listed],
                "ids": [item.resource_id for item in listed],
                "before": [item.version_before for item in listed],
                "after": [item.version_after for item in listed],
            },
        )


def items(work: UnitOfWork, merge_id: str, act: ItemAct) -> list[Moved]:
    rows = work.connection.execute(
        text(
            "SELECT resource_type, resource_id, version_before, version_after FROM registration.merge_item "
            "WHERE merge_id = CAST(:merge_id AS uuid) AND act = :act ORDER BY resource_type, resource_id"
        ),
        {"merge_id": merge_id, "act": act},
    )
    return [Moved(*row) for row in rows]


def end(work: UnitOfWork, merge_id: str, reason: str) -> None:
    work.connection.execute(
        END,
        {
            "merge_id": merge_id,
            "at": work.now(),
            "by_id": work.actor.actor_id,
            "by_name": work.actor.name,
            "reason": reason,
        },
    )


def read(work: UnitOfWork, merge_id: str, *, lock: bool = False) -> Row:
    """One merge. Raises NotFound."""
    query = "SELECT * FROM registration.merge WHERE merge_id = CAST(:merge_id AS uuid)"
    row = work.connection.execute(
        text(query + (" FOR UPDATE" if lock else "")), {"merge_id": _uuid(merge_id)}
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such merge.")
    return row


def read_to_change(work: UnitOfWork, merge_id: str, version: int) -> Row:
    row = read(work, merge_id, lock=True)
    if row.version != version:
        raise StaleVersion("This merge has been changed since you saw it. Look at it again.")
    return row


def merges_of(work: UnitOfWork, patient_id: str | None, *, limit: int = 50) -> Sequence[Row]:
    """The newest merges, of one patient on either side or of everybody."""
    return work.connection.execute(
        text(
            "SELECT * FROM registration.merge WHERE CAST(:id AS text) IS NULL OR survivor_id = :id OR merged_id = :id "
            "ORDER BY merged_at DESC, merge_id LIMIT :limit"
        ),
        {"id": patient_id, "limit": limit},
    ).all()


def _uuid(merge_id: str) -> str:
    try:
        return str(uuid.UUID(merge_id))
    except ValueError as error:
        raise NotFound("There is no such merge.") from error
