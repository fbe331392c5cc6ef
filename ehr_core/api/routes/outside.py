"""What goes out to other systems: subscriptions and the signing key, and cards from outside at a chart."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request

from data_contracts.api.outside import (
    AnswerCard,
    AskOutside,
    CdsServiceInfo,
    CdsServices,
    NewCdsService,
    OutsideCards,
    Subscriptions,
)
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts, ProcessParts, Work, bearer_token
from ehr_core.api.outside_cds import services
from ehr_core.api.outside_cds.asking import DESK as CDS_DESK
from ehr_core.api.outside_cds.asking import OutsideSupport
from ehr_core.api.outside_cds.feedback import note_answer
from ehr_core.api.subscriptions import oversight
from ehr_core.api.subscriptions.rows import DESK
from ehr_core.kernel.errors import Forbidden
from ehr_core.outside import signing
from ehr_core.outside.addresses import reach_of

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


@router.get("/cds-services")
def cds_services(work: Work) -> CdsServices:
    return CdsServices(services=services.all_services(work))


@router.post("/cds-services", status_code=201)
def save_cds_service(asked: NewCdsService, work: Work, parts: ProcessParts) -> CdsServiceInfo:
    """Adds a service, or changes the one of this id."""
    return services.save_service(work, asked, reach_of(parts.settings))


@router.post("/cds-services/{service_id}/on", status_code=204)
def switch_on(service_id: str, work: Work) -> None:
    services.switch_service(work, service_id, on=True)


@router.post("/cds-services/{service_id}/off", status_code=204)
def switch_off(service_id: str, work: Work) -> None:
    services.switch_service(work, service_id, on=False)


@router.post("/cards")
async def cards(asked: AskOutside, request: Request, parts: ProcessParts) -> OutsideCards:
    """What outside services say of a chart. Holds no database connection, and no thread of others, meanwhile."""
    support: OutsideSupport = request.app.state.outside_support
    return await asyncio.wrap_future(support.submit(lambda: _cards(support, asked, request, parts)))


def _cards(support: OutsideSupport, asked: AskOutside, request: Request, parts: Parts) -> OutsideCards:
    actor = parts.identity.actor_for(bearer_token(request))
    request.state.actor = actor
    if actor.application is not None:
        raise Forbidden("An outside application may use the FHIR server alone, at /fhir.")
    actor.require("chart.read")
    if asked.hook != "patient-view":
        _require_orders(actor, asked)
    return support.cards(actor, asked)


def _require_orders(actor: Actor, asked: AskOutside) -> None:
    """Who signs such orders; a prescription may be written by who prepares it, a renewal is signed at once."""
    if asked.prescription and not asked.renewal and actor.may("medication.reconcile"):
        return
    actor.require("medication.prescribe" if asked.prescription or asked.renewal else "order.write")


@router.post("/cards/{card_id}/answer", status_code=204)
def answer_card(card_id: UUID, answer: AnswerCard, work: Work, parts: ProcessParts) -> None:
    """What this person did about a card; its service is told in the background."""
    work.actor.require("chart.read")
    with begin(parts.database, CDS_DESK, parts.clock, parts.settings.site_time_zone) as desk:
        note_answer(desk, work.actor, str(card_id), answer)
    work.audit("outside_card_answered", detail={"card": str(card_id), "outcome": answer.outcome})


def _desk(parts: Parts) -> Any:
    return begin(parts.database, DESK, parts.clock, parts.settings.site_time_zone)
