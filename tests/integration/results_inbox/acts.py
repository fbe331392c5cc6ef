"""Results as a laboratory sends them, the clinic's clock, and acts in the inbox by what its cards show."""

from __future__ import annotations

from typing import Any

from data_contracts.api.results_inbox import Inbox, InboxCard, SeenItem
from ehr_core.client import AlmonerClient
from tests.integration.chart_records import put_observation
from tests.lib.api import RunningApi

POTASSIUM, SODIUM, A1C = "2823-3", "2951-2", "4548-4"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def sends(
    api: RunningApi, identity: str, value: str, *, patient: str = "ana", code: str = POTASSIUM, **more: Any
) -> None:
    """A final number of today; `unit` and everything else as given. Routed at once."""
    unit = more.pop("unit", "mmol/L")
    quantity = {"value": float(value)} | ({"unit": unit, "code": unit} if unit else {})
    put_observation(
        api,
        identity,
        patient,
        code,
        at=more.pop("at", "2026-11-20T07:00:00-05:00"),
        issued=more.pop("issued", "2026-11-20T13:30:00Z"),
        valueQuantity=quantity,
        **more,
    )
    routed(api)


def flagged(code: str) -> list[dict[str, Any]]:
    return [{"coding": [{"system": INTERPRETATION, "code": code}]}]


def routed(api: RunningApi) -> None:
    """What the clinic's clock does within a second."""
    api.app.state.clinic_clock.run_once()


def cards(client: AlmonerClient, **asked: Any) -> list[InboxCard]:
    return inbox(client, **asked).cards


def inbox(client: AlmonerClient, **asked: Any) -> Inbox:
    return client.results_inbox.inbox(**asked)


def seen(card: InboxCard) -> list[SeenItem]:
    """Everything on the card, in the versions that it shows."""
    return [
        SeenItem(item_id=one.item_id, version=one.version, result_version=one.result_version)
        for one in card.results
    ]
