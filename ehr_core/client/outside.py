"""What goes out to other systems: how subscriptions stand, which outside decision support is asked, the signing key."""

from __future__ import annotations

from data_contracts.api.outside import (
    AnswerCard,
    AskOutside,
    CdsServiceInfo,
    CdsServices,
    NewCdsService,
    OutsideCards,
    SubscriptionInfo,
    Subscriptions,
)
from ehr_core.client.transport import Transport, segment


class OutsideRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def subscriptions(self) -> list[SubscriptionInfo]:
        """Failing ones first."""
        return self._transport.get("/api/outside/subscriptions", Subscriptions).subscriptions

    def try_again(self, subscription_id: str) -> None:
        """What waits is sent at once, in error or not. Raises NotFound, or Conflict for one that has ended."""
        self._transport.send("POST", f"/api/outside/subscriptions/{segment(subscription_id)}/try-again")

    def stop(self, subscription_id: str) -> None:
        self._transport.send("POST", f"/api/outside/subscriptions/{segment(subscription_id)}/stop")

    def change_key(self) -> None:
        """From now on a new key signs; receivers know the last one for another week."""
        self._transport.send("POST", "/api/outside/key")

    def services(self) -> list[CdsServiceInfo]:
        return self._transport.get("/api/outside/cds-services", CdsServices).services

    def add_service(self, service: NewCdsService) -> CdsServiceInfo:
        """Adds it, or changes the one of that id. Raises BadRequest naming the field."""
        return self._transport.post("/api/outside/cds-services", CdsServiceInfo, service)

    def switch_service(self, service_id: str, *, on: bool) -> None:
        word = "on" if on else "off"
        self._transport.send("POST", f"/api/outside/cds-services/{segment(service_id)}/{word}")

    def cards(self, asked: AskOutside) -> OutsideCards:
        """What outside decision support says of a chart or its drafts, within its budget of time."""
        return self._transport.post("/api/outside/cards", OutsideCards, asked)

    def answer(self, card_id: str, answer: AnswerCard) -> None:
        """What was done about a card; its service is told."""
        self._transport.send("POST", f"/api/outside/cards/{segment(card_id)}/answer", answer)
