"""Subscriptions as administrators oversee them: failing ones first, with the reason, to be tried again or stopped."""

from __future__ import annotations

from sqlalchemy import text

from data_contracts.api.outside import SubscriptionInfo
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, NotFound

LISTED = text(
    """
    SELECT s.*, a.name AS application FROM outside.subscription s JOIN access.application a USING (client_id)
    ORDER BY (s.failure IS NULL), (s.status = 'off'), s.created_at, s.id
    """
)
AGAIN = text(
    """
    UPDATE outside.subscription SET status = CASE WHEN last_sent_at IS NULL THEN 'requested' ELSE 'active' END,
      tries = 0, next_try_at = :now, lease = NULL, lease_until = NULL
    WHERE id = :id AND status <> 'off'
    """
)
STOP = text(
    "UPDATE outside.subscription SET status = 'off', failure = :why, failed_at = :now "
    "WHERE id = :id AND status <> 'off'"
)
STOPPED = "An administrator of this server has stopped the subscription."


def all_subscriptions(desk: UnitOfWork) -> list[SubscriptionInfo]:
    """Where they go and how they stand; of what they told, nothing."""
    return [
        SubscriptionInfo(
            subscription_id=row.id,
            application=row.application,
            topic=row.topic.rpartition("/")[2],
            endpoint=row.endpoint,
            content=row.content,
            status=row.status,
            events=row.last_event,
            waiting=row.last_event - row.delivered_through,
            tries=row.tries,
            failure=row.failure,
            failed_at=row.failed_at,
            next_try_at=row.next_try_at if row.failure and row.status in ("requested", "active") else None,
            last_sent_at=row.last_sent_at,
        )
        for row in desk.connection.execute(LISTED)
    ]


def try_again(desk: UnitOfWork, subscription_id: str) -> None:
    _done(
        desk,
        desk.connection.execute(AGAIN, {"id": subscription_id, "now": desk.now()}).rowcount,
        subscription_id,
    )


def stop(desk: UnitOfWork, subscription_id: str) -> None:
    values = {"id": subscription_id, "now": desk.now(), "why": STOPPED}
    _done(desk, desk.connection.execute(STOP, values).rowcount, subscription_id)


def _done(desk: UnitOfWork, changed: int, subscription_id: str) -> None:
    if changed:
        return
    there = text("SELECT EXISTS (SELECT FROM outside.subscription WHERE id = :id)")
    if desk.connection.execute(there, {"id": subscription_id}).scalar_one():
        raise Conflict("This subscription has ended. Its application has to ask for it again.")
    raise NotFound("There is no such subscription.")
