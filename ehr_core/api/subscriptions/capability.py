"""What the CapabilityStatement says of Subscription: its topics, and the interactions that its routes have."""

from __future__ import annotations

import json

from ehr_core.api.subscriptions.asked import BACKPORT
from ehr_core.api.subscriptions.routes import SEARCHED_BY, TYPE, router
from ehr_core.api.subscriptions.topics import topics

OPERATIONS = ((TYPE, "status"), (TYPE, "events"))
TOPIC = f"{BACKPORT}/capabilitystatement-subscriptiontopic-canonical"
ONE, ALL = f"/fhir/{TYPE}/{{subscription_id}}", f"/fhir/{TYPE}"
INTERACTIONS = {
    "create": ("POST", ALL),
    "search-type": ("GET", ALL),
    "read": ("GET", ONE),
    "update": ("PUT", ONE),
    "delete": ("DELETE", ONE),
}
KINDS = {"_id": "token", "status": "token", "criteria": "string", "url": "uri"}


def _told() -> str:
    there = {(method, route.path) for route in router.routes for method in route.methods}
    return json.dumps(
        {
            "extension": [{"url": TOPIC, "valueCanonical": url} for url in topics()],
            "supportedProfile": [f"{BACKPORT}/backport-subscription"],
            "interaction": [{"code": code} for code, route in INTERACTIONS.items() if route in there],
            "versioning": "versioned-update",
            "searchParam": [{"name": name, "type": KINDS[name]} for name in SEARCHED_BY],
        }
    )


SUBSCRIPTION = (TYPE, _told())
