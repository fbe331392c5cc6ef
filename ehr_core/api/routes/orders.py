"""Orders placed at the chart. Ordering for a care gap goes through the gap itself."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.orders import PlacedOrder, PlaceOrder
from ehr_core.api.dependencies import Work
from ehr_core.orders.service import place_order

router = APIRouter(prefix="/api/patients", tags=["orders"])


@router.post("/{patient_id}/orders")
def order(patient_id: str, asked: PlaceOrder, work: Work) -> PlacedOrder:
    placed = place_order(work, patient_id, asked.code_system, asked.code, asked.display, asked.reason)
    return PlacedOrder(service_request_id=placed.id, version_id=placed.version_id)
