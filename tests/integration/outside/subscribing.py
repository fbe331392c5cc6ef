"""An application that subscribes, as its tests need it: a Subscription, its messages, its signatures."""

from __future__ import annotations

import base64
import json
from typing import Any

from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from tests.lib.api import RunningApi
from tests.lib.receiver import Taken
from tests.lib.smart_app import SmartApp

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
TOPIC = "https://almoner.dev/fhir/SubscriptionTopic/results"
SCOPES = ("system/Subscription.cruds", "system/Observation.rs", "system/Patient.rs")


def subscription(
    endpoint: str, *filters: str, content: str = "id-only", topic: str = TOPIC, **channel: Any
) -> dict[str, Any]:
    payload = {"extension": [{"url": f"{BACKPORT}/backport-payload-content", "valueCode": content}]}
    made = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "To hear of results",
        "criteria": topic,
        "channel": {
            "type": "rest-hook",
            "endpoint": endpoint,
            "payload": "application/fhir+json",
            "_payload": payload,
        }
        | channel,
    }
    if filters:
        listed = [{"url": f"{BACKPORT}/backport-filter-criteria", "valueString": one} for one in filters]
        made["_criteria"] = {"extension": listed}
    return made


class Subscriber:
    """A backend service with a token."""

    def __init__(self, api: RunningApi, scopes: tuple[str, ...] = SCOPES, **more: Any):
        self.api = api
        self.app = SmartApp(api, kind="backend", scopes=scopes, more={"sees": ("*",)} | more)

    @property
    def headers(self) -> dict[str, str]:
        told = self.app.token(grant_type="client_credentials", scope=" ".join(self.app.scopes)).json()
        return {"Authorization": f"Bearer {told['access_token']}", "Content-Type": "application/fhir+json"}

    def send(self, method: str, path: str, body: object = None):
        content = None if body is None else json.dumps(body).encode()
        return self.api.http().request(method, f"/fhir{path}", content=content, headers=self.headers)

    def subscribed(self, *what: Any, **more: Any) -> str:
        answer = self.send("POST", "/Subscription", subscription(*what, **more))
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def status(self, subscription_id: str) -> dict[str, Any]:
        return self.send("GET", f"/Subscription/{subscription_id}").json()


def turn(api: RunningApi) -> None:
    """The worker does all that is due."""
    api.app.state.subscriptions.run_once()


def parameters(taken: Taken | dict) -> dict[str, Any]:
    """The status of a message: by name, the events in a list of {number, focus}."""
    bundle = taken if isinstance(taken, dict) else taken.json
    told: dict[str, Any] = {"events": []}
    for one in bundle["entry"][0]["resource"]["parameter"]:
        if one["name"] == "notification-event":
            parts = {part["name"]: part for part in one["part"]}
            focus = parts.get("focus", {}).get("valueReference", {}).get("reference", "")
            told["events"].append((int(parts["event-number"]["valueString"]), focus.partition("/fhir/")[2]))
        else:
            told[one["name"]] = next(one[key] for key in one if key.startswith("value"))
    return told


def messages(receiver, kind: str = "event-notification") -> list[dict[str, Any]]:
    return [told for one in receiver.taken if (told := parameters(one))["type"] == kind]


def foci(receiver) -> list[str]:
    return [focus for told in messages(receiver) for _, focus in told["events"]]


def is_signed(api: RunningApi, taken: Taken) -> bool:
    """Whether the signature is over this body, to this address, by a key that is published."""
    head, _, signature = taken.headers["X-Almoner-Signature"].split(".")
    body = base64.urlsafe_b64encode(taken.body).rstrip(b"=").decode()
    keys = KeySet.import_key_set(api.http().get("/auth/outside-keys").json())
    registry = jws.JWSRegistry(algorithms=["ES384"], strict_check_header=False)
    try:
        found = jws.deserialize_compact(f"{head}.{body}.{signature}", keys, registry=registry)
    except BadSignatureError:
        return False
    return found.headers()["aud"].endswith(taken.path)
