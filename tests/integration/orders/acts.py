"""Small acts on a basket, and a look at what is stored."""

from __future__ import annotations

import uuid
from typing import Any

from data_contracts.api.orders import AddDrafts, Basket, OrderDetails, SignedOrders, SignOrders
from ehr_core.client import AlmonerClient
from ehr_core.kernel.fhir_json import decode
from ehr_core.store.repository import Store
from tests.lib.api import RunningApi


def add(client: AlmonerClient, item: str, patient: str = "ana", **details: Any) -> Basket:
    return client.orders.add(patient, AddDrafts(item_key=item, details=OrderDetails(**details)))


def sign_all(client: AlmonerClient, patient: str = "ana") -> SignedOrders:
    drafts = client.orders.basket(patient).drafts
    lines = [(draft.draft_id, draft.version) for draft in drafts]
    return client.orders.sign(patient, SignOrders(sign_key=str(uuid.uuid4()), drafts=lines))


def orders_in_store(api: RunningApi, patient: str = "ana") -> list[dict[str, Any]]:
    """Every ServiceRequest of the patient, as written."""
    with api.work() as work:
        found = Store(work).search("ServiceRequest", {"patient": patient}, limit=200).resources
    return [decode(one.body) for one in found]


def act_for(basket: Basket, *, key: str | None = None) -> SignOrders:
    return SignOrders(
        sign_key=key or str(uuid.uuid4()), drafts=[(draft.draft_id, draft.version) for draft in basket.drafts]
    )
