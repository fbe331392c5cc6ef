"""What is done with items: acknowledged, closed, delegated. Each act names what was seen; the second is told who was
first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text

from data_contracts.api.results_inbox import Acted, Delegate, SeenItem
from ehr_core.access.directory import practitioners_who_may
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.clock import in_zone
from ehr_core.kernel.errors import BadRequest, Conflict, InvalidResource, Issue, NotFound, StaleVersion
from ehr_core.results_inbox.events import tell
from ehr_core.results_inbox.pools import pool_name

CLOSES_WHEN_ACKNOWLEDGED = ("abnormal", "normal", "not_flagged", "not_checked")
"""A critical result stays open until something was done about it, and that is said."""


def items_to_act_on(work: UnitOfWork, seen: Sequence[SeenItem], *, unacknowledged: bool) -> list[Row[Any]]:
    """The locked items in the order asked for. With `unacknowledged` each must still wait for that.

    Raises NotFound, StaleVersion, and Conflict that says who acknowledged or closed it, and when.
    """
    found = {
        str(row.item_id): row
        for row in work.connection.execute(
            text(
                "SELECT * FROM results_inbox.item WHERE item_id::text = ANY(:ids) ORDER BY item_id FOR UPDATE"
            ),
            {"ids": [one.item_id for one in seen]},
        )
    }
    for one in seen:
        if one.item_id not in found:
            raise NotFound("There is no such item in the inbox.")
        _check(work, found[one.item_id], one, unacknowledged=unacknowledged)
    return [found[one.item_id] for one in seen]


def _check(work: UnitOfWork, item: Row[Any], seen: SeenItem, *, unacknowledged: bool) -> None:
    if unacknowledged and item.acknowledged_at is not None:
        raise Conflict(
            f"{item.acknowledged_by_name} acknowledged this at {_clock_time(work, item.acknowledged_at)}. "
            "Nothing was changed; look at what was done."
        )
    if item.state == "closed":
        raise Conflict(
            f"{item.closed_by_name} closed this at {_clock_time(work, item.closed_at)}. Nothing was changed."
        )
    if item.version != seen.version or item.result_version != seen.result_version:
        raise StaleVersion("This result has changed since you saw it. Look at what it says now, then go on.")


def _clock_time(work: UnitOfWork, at: Any) -> str:
    return in_zone(at, ZoneInfo(work.site_time_zone)).strftime("%H:%M")


def acknowledge_item(
    work: UnitOfWork, item: Row[Any], result_version: int, *, act: str | None, by: str | None = None
) -> None:
    """Acknowledged in this version of the result, by this actor or whom `by` names. `act` is what was done with it.

    Closes the item unless it is critical and nothing was done.
    """
    closing = act or (
        "reviewed" if item.grade in CLOSES_WHEN_ACKNOWLEDGED or item.notice == "withdrawn" else None
    )
    work.connection.execute(
        text(
            "UPDATE results_inbox.item SET state = :state, result_version = :version, acknowledged_version = :version, "
            "acknowledged_at = coalesce(acknowledged_at, :now), acknowledged_by = coalesce(acknowledged_by, :by), "
            "acknowledged_by_name = coalesce(acknowledged_by_name, :name), closed_at = :closed, "
            "closed_by_name = :closer, closing_act = :act, version = version + 1 WHERE item_id = :item"
        ),
        {
            "state": "closed" if closing else "acknowledged",
            "version": result_version,
            "now": work.now(),
            "by": work.actor.actor_id,
            "name": by or work.actor.name,
            "closed": work.now() if closing else None,
            "closer": (by or work.actor.name) if closing else None,
            "act": closing,
            "item": item.item_id,
        },
    )
    if item.acknowledged_at is None:
        tell(work, item.item_id, item.patient_id, "acknowledged", by=by)


def note_act(
    work: UnitOfWork, item: Row[Any], act: str, *, note: str | None = None, reference: str | None = None
) -> None:
    """A line in the item's history."""
    tell(work, item.item_id, item.patient_id, act, note=note, reference=reference)


def delegate(work: UnitOfWork, act: Delegate) -> Acted:
    """Gives open items to a clinician who may act on results, or to a pool. The escalation's clock goes on."""
    work.actor.require("result.act")
    name = _whom(work, act)
    items = items_to_act_on(work, act.items, unacknowledged=False)
    for item in items:
        work.connection.execute(
            text(
                "UPDATE results_inbox.item SET owner_practitioner = :practitioner, owner_pool = :pool, "
                "owner_reason = 'delegated', version = version + 1 WHERE item_id = :item"
            ),
            {"practitioner": act.to_practitioner, "pool": act.to_pool, "item": item.item_id},
        )
        note_act(work, item, "delegated", note=f"to {name}" + (f": {act.note}" if act.note else ""))
    work.audit(
        "results_inbox.delegated",
        patient_ids=[item.patient_id for item in items],
        detail={"items": [str(item.item_id) for item in items]},
    )
    return acted(work, items)


def _whom(work: UnitOfWork, act: Delegate) -> str:
    if (act.to_practitioner is None) == (act.to_pool is None):
        raise BadRequest("Delegate to a clinician or to a pool, one of them.")
    if act.to_pool is not None:
        return pool_name(work, act.to_pool)
    clinicians = practitioners_who_may(work.connection, "result.act")
    if act.to_practitioner not in clinicians:
        raise InvalidResource(
            [
                Issue(
                    "to_practitioner", "This is nobody who may act on results. Choose from the list.", "value"
                )
            ]
        )
    return clinicians[act.to_practitioner]


def acted(work: UnitOfWork, items: Sequence[Row[Any]]) -> Acted:
    """What these items say now."""
    rows = work.connection.execute(
        text("SELECT item_id::text AS id, version, state FROM results_inbox.item WHERE item_id = ANY(:ids)"),
        {"ids": [item.item_id for item in items]},
    )
    return Acted(items=[(row.id, row.version, row.state) for row in rows])
