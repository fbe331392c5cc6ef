"""Orders placed at the chart."""

from __future__ import annotations

from data_contracts.api.orders import PlacedOrder, PlaceOrder
from ehr_core.client.transport import Transport, segment


class OrdersRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def place(self, patient_id: str, order: PlaceOrder) -> PlacedOrder:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/orders", PlacedOrder, order)
