"""Items of the inbox, one a result: made when it arrives, new again when it changes, never dropped.

An item holds no value: what the result says is read from the record each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.results_inbox import GRADE_RANK, Notice
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.results_inbox.events import tell
from ehr_core.results_inbox.grading import Grading

RANK_OF_NOTICE: dict[Notice, int] = {
    "cancelled": GRADE_RANK["abnormal"],
    "withdrawn": GRADE_RANK["abnormal"],
    "unreadable": GRADE_RANK["not_checked"],
}
"""Where a result stands that is no result any more, whatever it had said: somebody may have acted on it."""


@dataclass(frozen=True)
class Owner:
    """Whose it is: a clinician or a pool, and why in one word: ordered, primary_care, nobody."""

    practitioner: str | None
    pool: str | None
    reason: str


@dataclass(frozen=True)
class Arrived:
    """A result as it stands now, ready to become an item. `content_hash` is that of the result without its review."""

    resource_type: str
    resource_id: str
    version_id: int
    patient_id: str
    content_hash: str
    grading: Grading
    notice: Notice
    code_token: str | None
    group_key: str
    order_id: str | None

    @property
    def rank(self) -> int:
        return RANK_OF_NOTICE.get(self.notice, self.grading.rank)


def find_item(work: UnitOfWork, resource_type: str, resource_id: str) -> Row[Any] | None:
    """The locked item of this result."""
    return work.connection.execute(
        text("SELECT * FROM results_inbox.item WHERE resource_type = :type AND resource_id = :id FOR UPDATE"),
        {"type": resource_type, "id": resource_id},
    ).one_or_none()


def add_item(work: UnitOfWork, arrived: Arrived, owner: Owner) -> str | None:
    """The id of a new item; None when another router was first."""
    item_id = work.connection.execute(
        text(
            "INSERT INTO results_inbox.item (resource_type, resource_id, patient_id, result_version, content_hash, "
            "grade, grade_rank, grade_reason, notice, code_token, group_key, order_id, owner_practitioner, owner_pool, "
            "owner_reason, arrived_at, notified_at) VALUES (:type, :id, :patient, :version, :hash, :grade, :rank, "
            ":why, :notice, :code, :group, :order, :practitioner, :pool, :reason, :now, :now) "
            "ON CONFLICT (resource_type, resource_id) DO NOTHING RETURNING item_id::text"
        ),
        _values(work, arrived)
        | {"practitioner": owner.practitioner, "pool": owner.pool, "reason": owner.reason},
    ).scalar_one_or_none()
    if item_id is not None:
        tell(work, item_id, arrived.patient_id, "arrived" if arrived.notice == "new" else arrived.notice)
    return item_id


def notify_again(work: UnitOfWork, item: Row[Any], arrived: Arrived) -> None:
    """The result says something else now: whoever had acknowledged it has not seen this. Escalation begins anew."""
    moved = item.patient_id != arrived.patient_id
    work.connection.execute(
        text(
            "UPDATE results_inbox.item SET patient_id = :patient, result_version = :version, content_hash = :hash, "
            "state = 'new', grade = :grade, grade_rank = :rank, grade_reason = :why, notice = :notice, "
            "code_token = :code, group_key = :group, order_id = coalesce(:order, order_id), notified_at = :now, "
            "seen_version = coalesce(acknowledged_version, seen_version), acknowledged_version = NULL, "
            "acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_by_name = NULL, closed_at = NULL, "
            "closed_by_name = NULL, closing_act = NULL, escalation_level = 0, escalated_at = NULL, "
            "escalated_practitioner = NULL, escalated_pool = NULL, version = version + 1 WHERE item_id = :item"
        ),
        _values(work, arrived) | {"item": item.item_id},
    )
    tell(work, item.item_id, arrived.patient_id, "moved" if moved else arrived.notice)


def follow_version(work: UnitOfWork, item: Row[Any], version_id: int) -> None:
    """The same content in a newer version: a review was written, or a label."""
    work.connection.execute(
        text(
            "UPDATE results_inbox.item SET result_version = greatest(result_version, :version), "
            "version = version + 1 WHERE item_id = :item AND result_version < :version"
        ),
        {"version": version_id, "item": item.item_id},
    )


def regroup(work: UnitOfWork, references: list[tuple[str, str]], group_key: str) -> None:
    """These results belong to one report, which came after them."""
    for resource_type, resource_id in references:
        work.connection.execute(
            text(
                "UPDATE results_inbox.item SET group_key = :group WHERE resource_type = :type AND resource_id = :id"
            ),
            {"group": group_key, "type": resource_type, "id": resource_id},
        )


def _values(work: UnitOfWork, arrived: Arrived) -> dict[str, Any]:
    return {
        "type": arrived.resource_type,
        "id": arrived.resource_id,
        "patient": arrived.patient_id,
        "version": arrived.version_id,
        "hash": arrived.content_hash,
        "grade": arrived.grading.grade,
        "rank": arrived.rank,
        "why": arrived.grading.reason,
        "notice": arrived.notice,
        "code": arrived.code_token,
        "group": arrived.group_key,
        "order": arrived.order_id,
        "now": work.now(),
    }
