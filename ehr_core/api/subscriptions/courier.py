"""Carries one message to one subscriber: leased, read as the subscriber may read today, signed, sent, noted.

A message is sent at least once: who dies between sending and noting lets the next one send it again, under the same
event numbers. After several failures in a row the subscription is in error, with its reason and all that waits.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Row

from ehr_core.access.sealing import Seal
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts
from ehr_core.api.errors import FHIR_JSON
from ehr_core.api.fhir.exchange import base_url
from ehr_core.api.subscriptions.matching import ACCESS_ENDED
from ehr_core.api.subscriptions.notifications import notification, seen_today
from ehr_core.api.subscriptions.rows import (
    CLAIM,
    DESK,
    FAILED,
    LEASE,
    PURPOSE,
    SENT,
    SET_STATUS,
    events,
    grant_of,
    headers_of,
)
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.logging import get_logger
from ehr_core.outside.addresses import LookUp, Reach, look_up
from ehr_core.outside.calls import CallFailed, call
from ehr_core.outside.signing import OutsideSigner

SIGNATURE = "X-Almoner-Signature"
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
MOST_TRIES = 12
"""With pauses that double: given up after about four hours."""
NO_USE = frozenset({401, 403, 404, 410})
MOST_TRIES_IF_NO_USE = 3
"""For an answer that a later try will hardly change."""
MOST_BYTES_OF_ANSWER = 16 * 1024

log = get_logger("subscriptions")


class Courier:
    """Several may work at once, in as many processes: a subscription is leased to one of them."""

    def __init__(self, parts: Parts, signer: OutsideSigner, reach: Reach, look: LookUp = look_up):
        self.parts = parts
        self.signer = signer
        self.reach = reach
        self.look = look
        self.seal = Seal(parts.secrets.token_signing_key, PURPOSE)

    def carry_one(self) -> bool:
        """One message; False when none is due."""
        lease, now = uuid4().hex, self.parts.clock.now()
        with self._desk() as desk:
            claimed = {"lease": lease, "now": now, "until": now + LEASE}
            row = desk.connection.execute(CLAIM, claimed).one_or_none()
        if row is None:
            return False
        try:
            body, through = self._message(row)
            if body is None:
                self._end(row)
                return True
            self._send(row, body)
        except AlmonerError as error:
            self._failed(row, error)
        else:
            with self._desk() as desk:
                values = {"id": row.id, "lease": lease, "through": through, "now": self.parts.clock.now()}
                desk.connection.execute(SENT, values)
        return True

    def _message(self, row: Row[Any]) -> tuple[bytes | None, int]:
        """The message and the last event in it; None when the subscriber may not act here any more.

        What it tells of patients is audited, in the subscriber's name, before the first byte leaves.
        """
        actor = self.parts.identity.application_today(grant_of(row))
        if actor is None:
            return None, 0
        base, now = base_url(self.parts), self.parts.clock.now()
        first, last = row.delivered_through + 1, min(row.last_event, row.delivered_through + row.most_events)
        if row.status == "requested":
            return notification(row, "handshake", base, now), row.delivered_through
        if first > last:
            return notification(row, "heartbeat", base, now), row.delivered_through
        with self._desk() as desk:
            waiting = events(desk.connection, row.id, first, last)
        zone = self.parts.settings.site_time_zone
        with begin(self.parts.database, actor, self.parts.clock, zone) as work:
            seen = seen_today(work, waiting) if row.content != "empty" else {}
            work.audit(
                "subscription_told",
                patient_ids=[one.patient_id for one in seen.values() if one.patient_id],
                detail={"subscription": row.id, "events": len(waiting), "content": row.content},
            )
        return notification(row, "event-notification", base, now, waiting, seen), last

    def _send(self, row: Row[Any], body: bytes) -> None:
        now = self.parts.clock.now()
        with self._desk() as desk:
            signature = self.signer.detached(desk.connection, body, audience=row.endpoint, now=now)
        own = {"Content-Type": FHIR_JSON, "Accept": "*/*", "User-Agent": "Almoner", SIGNATURE: signature}
        answer = call(
            "POST",
            row.endpoint,
            reach=self.reach,
            seconds=row.timeout_seconds,
            headers=dict(headers_of(row, self.seal)) | own,
            body=body,
            most_bytes=MOST_BYTES_OF_ANSWER,
            look=self.look,
        )
        if not 200 <= answer.status < 300:
            raise CallFailed(f"The endpoint answered {answer.status}.", answer.status)

    def _failed(self, row: Row[Any], error: AlmonerError) -> None:
        now, tries = self.parts.clock.now(), row.tries + 1
        most = MOST_TRIES_IF_NO_USE if getattr(error, "status", None) in NO_USE else MOST_TRIES
        given_up = tries >= most
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1))
        with self._desk() as desk:
            values = {
                "id": row.id,
                "lease": row.lease,
                "status": "error" if given_up else row.status,
                "tries": tries,
                "failure": error.message[:300],
                "now": now,
                "next": now + pause,
            }
            desk.connection.execute(FAILED, values)
            if given_up:
                desk.audit(
                    "subscription_failed",
                    outcome="failed",
                    detail={"subscription": row.id, "tries": tries},
                )
        log.warning("subscription_not_told", subscription_id=row.id, tries=tries, given_up=given_up)

    def _end(self, row: Row[Any]) -> None:
        with self._desk() as desk:
            now = desk.now()
            values = {"id": row.id, "status": "off", "failure": ACCESS_ENDED, "failed_at": now, "now": now}
            desk.connection.execute(SET_STATUS, values)
            desk.audit("subscription_ended", detail={"subscription": row.id})

    def _desk(self) -> Any:
        return begin(self.parts.database, DESK, self.parts.clock, self.parts.settings.site_time_zone)
