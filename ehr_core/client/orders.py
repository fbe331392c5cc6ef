"""Orders: catalogue, basket, signing, what becomes of a signed order, and what is overdue."""

from __future__ import annotations

from pydantic import TypeAdapter

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
from ehr_core.client.transport import Transport, segment

FOUND = TypeAdapter(list[CatalogueItem])


class OrdersRoom:
    """Raises StaleVersion when somebody else was first, Conflict saying who, InvalidResource naming what is missing."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def catalogue(self) -> OrderCatalogue:
        return self._transport.get("/api/order-catalogue", OrderCatalogue)

    def search_catalogue(self, words: str) -> list[CatalogueItem]:
        answer = self._transport.request("GET", "/api/order-catalogue/search", params={"q": words})
        return FOUND.validate_json(answer.content)

    def of_patient(self, patient_id: str) -> PatientOrders:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/orders", PatientOrders)

    def place(self, patient_id: str, order: PlaceOrder) -> PlacedOrder:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/orders", PlacedOrder, order)

    def basket(self, patient_id: str) -> Basket:
        return self._transport.get(_basket(patient_id), Basket)

    def add(self, patient_id: str, act: AddDrafts) -> Basket:
        return self._transport.post(_basket(patient_id), Basket, act)

    def check(self, patient_id: str) -> BasketChecked:
        """What decision support says of what waits; recorded as shown."""
        return self._transport.post(f"{_basket(patient_id)}/check", BasketChecked)

    def sign(self, patient_id: str, act: SignOrders) -> SignedOrders:
        """Safe to send again with the same key when no answer came."""
        return self._transport.post(f"{_basket(patient_id)}/sign", SignedOrders, act)

    def change(self, draft_id: str, act: ChangeDraft) -> Basket:
        return self._transport.post(f"/api/order-drafts/{segment(draft_id)}/change", Basket, act)

    def discard(self, draft_id: str, act: DiscardDraft) -> Basket:
        return self._transport.post(f"/api/order-drafts/{segment(draft_id)}/discard", Basket, act)

    def hold(self, order_id: str, act: OrderActWithReason) -> OrderLine:
        return self._transport.post(f"/api/orders/{segment(order_id)}/hold", OrderLine, act)

    def resume(self, order_id: str, act: OrderAct) -> OrderLine:
        return self._transport.post(f"/api/orders/{segment(order_id)}/resume", OrderLine, act)

    def revoke(self, order_id: str, act: OrderActWithReason) -> OrderLine:
        return self._transport.post(f"/api/orders/{segment(order_id)}/revoke", OrderLine, act)

    def report(self, order_id: str, act: ReportReceived) -> OrderLine:
        return self._transport.post(f"/api/orders/{segment(order_id)}/report", OrderLine, act)

    def release(self, order_id: str, act: OrderAct) -> SignedOrder:
        return self._transport.post(f"/api/orders/{segment(order_id)}/release", SignedOrder, act)

    def overdue(
        self, *, practitioner_id: str | None = None, kind: OrderKind | None = None, page: int = 1
    ) -> OverdueOrders:
        return self._transport.get(
            "/api/overdue-orders",
            OverdueOrders,
            {"practitioner_id": practitioner_id, "kind": kind, "page": page},
        )

    def baskets(self) -> BasketsToSign:
        return self._transport.get("/api/order-baskets", BasketsToSign)


def _basket(patient_id: str) -> str:
    return f"/api/patients/{segment(patient_id)}/order-basket"
