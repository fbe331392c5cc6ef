"""Orders: the catalogue, a patient's basket, signing, what becomes of a signed order, and what is overdue.

Ordering for a care gap goes through the gap itself.
"""

from __future__ import annotations

from fastapi import APIRouter, Query

from data_contracts.api.orders import (
    AddDrafts,
    Basket,
    BasketChecked,
    BasketsToSign,
    CatalogueItem,
    ChangeDraft,
    DiscardDraft,
    OrderAct,
    OrderActWithReason,
    OrderCatalogue,
    OrderKind,
    OrderLine,
    OverdueOrders,
    PatientOrders,
    PlacedOrder,
    PlaceOrder,
    ReportReceived,
    SignedOrder,
    SignedOrders,
    SignOrders,
)
from ehr_core.api.dependencies import Work
from ehr_core.orders import drafts, life_cycle, repeats
from ehr_core.orders.catalogue import catalogue
from ehr_core.orders.queries import orders_of_patient
from ehr_core.workflows import check_orders, order_lists, sign_orders

router = APIRouter(prefix="/api", tags=["orders"])


@router.get("/order-catalogue")
def order_catalogue(work: Work) -> OrderCatalogue:
    """Everything that can be ordered, and the order sets. No patient data."""
    work.actor.require("chart.read")
    return catalogue().offer()


@router.get("/order-catalogue/search")
def search_catalogue(work: Work, q: str = Query(max_length=100)) -> list[CatalogueItem]:
    work.actor.require("chart.read")
    return catalogue().search(q)


@router.get("/patients/{patient_id}/orders")
def of_patient(patient_id: str, work: Work) -> PatientOrders:
    return orders_of_patient(work, patient_id)


@router.post("/patients/{patient_id}/orders")
def order(patient_id: str, asked: PlaceOrder, work: Work) -> PlacedOrder:
    """One order of any code, prepared and signed in one act."""
    return sign_orders.place_order(work, patient_id, asked)


@router.get("/patients/{patient_id}/order-basket")
def basket(patient_id: str, work: Work) -> Basket:
    return drafts.read_basket(work, patient_id)


@router.post("/patients/{patient_id}/order-basket")
def add(patient_id: str, act: AddDrafts, work: Work) -> Basket:
    return drafts.add_drafts(work, patient_id, act)


@router.post("/patients/{patient_id}/order-basket/check")
def check(patient_id: str, work: Work) -> BasketChecked:
    """What decision support says of every line; recorded as shown."""
    return check_orders.check_basket(work, patient_id)


@router.post("/patients/{patient_id}/order-basket/sign")
def sign(patient_id: str, act: SignOrders, work: Work) -> SignedOrders:
    return sign_orders.sign_orders(work, patient_id, act)


@router.post("/order-drafts/{draft_id}/change")
def change(draft_id: str, act: ChangeDraft, work: Work) -> Basket:
    return drafts.change_draft(work, draft_id, act)


@router.post("/order-drafts/{draft_id}/discard")
def discard(draft_id: str, act: DiscardDraft, work: Work) -> Basket:
    return drafts.discard_draft(work, draft_id, act)


@router.post("/orders/{order_id}/hold")
def hold(order_id: str, act: OrderActWithReason, work: Work) -> OrderLine:
    return life_cycle.hold_order(work, order_id, act)


@router.post("/orders/{order_id}/resume")
def resume(order_id: str, act: OrderAct, work: Work) -> OrderLine:
    return life_cycle.resume_order(work, order_id, act)


@router.post("/orders/{order_id}/revoke")
def revoke(order_id: str, act: OrderActWithReason, work: Work) -> OrderLine:
    return life_cycle.revoke_order(work, order_id, act)


@router.post("/orders/{order_id}/report")
def report(order_id: str, act: ReportReceived, work: Work) -> OrderLine:
    return life_cycle.receive_report(work, order_id, act)


@router.post("/orders/{order_id}/release")
def release(order_id: str, act: OrderAct, work: Work) -> SignedOrder:
    return repeats.release_standing(work, order_id, act)


@router.get("/overdue-orders")
def overdue(
    work: Work,
    practitioner_id: str | None = None,
    kind: OrderKind | None = None,
    page: int = Query(default=1, ge=1, le=1000),
) -> OverdueOrders:
    return order_lists.read_overdue(work, practitioner_id=practitioner_id, kind=kind, page=page)


@router.get("/order-baskets")
def baskets(work: Work) -> BasketsToSign:
    return order_lists.read_baskets(work)
