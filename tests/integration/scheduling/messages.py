"""A visit keeper that a test turns by hand, consent that was given or taken back, and the one link of a message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from uuid import uuid4

from data_contracts.api.messaging import MailboxMessage
from ehr_core.api.visit_keeper import VisitKeeper
from ehr_core.messaging.senders import Outgoing
from tests.integration.chart_records import put
from tests.lib.api import RunningApi

CHANNEL = "https://almoner.dev/fhir/CodeSystem/outreach-channel"
TOKEN = re.compile(r"/visit/([A-Za-z0-9_-]+)")


@dataclass
class Carrier:
    """A sender that keeps what it was given, or fails as it is told."""

    name: str = "carrier"
    keeps_here: bool = False
    sent: list[Outgoing] = field(default_factory=list)
    fails_with: Exception | None = None

    def send(self, message: Outgoing) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        self.sent.append(message)


def keeper(api: RunningApi, **carriers) -> VisitKeeper:
    parts = api.parts
    return VisitKeeper(parts.database, api.clock, parts.settings, parts.secrets, carriers or None)


def consent(api: RunningApi, patient: str, channel: str = "email", *, given: bool = True) -> None:
    put(
        api,
        "Consent",
        f"{patient}-{channel}",
        status="active",
        scope={"text": "contact"},
        category=[{"text": "contact"}],
        patient={"reference": f"Patient/{patient}"},
        dateTime="2026-01-01",
        provision={
            "type": "permit" if given else "deny",
            "code": [{"coding": [{"system": CHANNEL, "code": channel}]}],
        },
    )


def messages(api: RunningApi) -> list[MailboxMessage]:
    admin = api.signed_in(f"admin-{uuid4()}", "admin")
    return admin.messaging.mailbox().messages


def token_in(body: str) -> str:
    return TOKEN.search(body).group(1)
