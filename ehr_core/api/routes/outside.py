"""What goes out to other systems, for administrators: subscriptions and the key that signs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from data_contracts.api.outside import Subscriptions
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts, ProcessParts, Work
from ehr_core.api.subscriptions import oversight
from ehr_core.api.subscriptions.rows import DESK
from ehr_core.outside import signing

router = APIRouter(prefix="/api/outside", tags=["outside"])


@router.get("/subscriptions")
def subscriptions(work: Work, parts: ProcessParts) -> Subscriptions:
    work.actor.require("access.manage")
    with _desk(parts) as desk:
        return Subscriptions(subscriptions=oversight.all_subscriptions(desk))


@router.post("/subscriptions/{subscription_id}/try-again", status_code=204)
def try_again(subscription_id: str, work: Work, parts: ProcessParts) -> None:
    """What waits is sent at once."""
    work.actor.require("access.manage")
    with _desk(parts) as desk:
        oversight.try_again(desk, subscription_id)
    work.audit("subscription_tried_again", detail={"subscription": subscription_id})


@router.post("/subscriptions/{subscription_id}/stop", status_code=204)
def stop(subscription_id: str, work: Work, parts: ProcessParts) -> None:
    work.actor.require("access.manage")
    with _desk(parts) as desk:
        oversight.stop(desk, subscription_id)
    work.audit("subscription_stopped", detail={"subscription": subscription_id})


@router.post("/key", status_code=204)
def change_key(work: Work) -> None:
    """From now on a new key signs what is sent out."""
    signing.change_key(work)


def _desk(parts: Parts) -> Any:
    return begin(parts.database, DESK, parts.clock, parts.settings.site_time_zone)
