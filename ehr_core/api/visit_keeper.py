"""Keeps the schedule going in the background: ends holds, offers freed times, reminds, sends. One thread of the API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.background import Background
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.errors import Unavailable
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.secrets import Secrets
from ehr_core.kernel.settings import Settings
from ehr_core.messaging import outbox
from ehr_core.messaging.links import link_key
from ehr_core.messaging.senders import Sender, senders
from ehr_core.scheduling.holds import let_go
from ehr_core.workflows.offer_freed_time import lapse_offers, offer_next_freed
from ehr_core.workflows.visit_messages import Letter, Ready, next_to_send, note_gone, queue_reminders

KEEPER = Actor(
    "service:visit-keeper",
    "service",
    "Visit keeper",
    (),
    frozenset({"schedule.book", "schedule.read", "fhir.read", "fhir.write"}),
)
REMIND_EVERY_SECONDS = 60.0
AT_ONCE = 50
"""Freed times and messages of one turn: the next turn goes on."""

log = get_logger("visit_keeper")


def letter_of(settings: Settings, secrets: Secrets) -> Letter:
    """What every message of this installation says of itself."""
    return Letter(
        site_name=settings.site_name,
        portal_url=(settings.public_url or settings.portal_url).rstrip("/"),
        key=link_key(secrets.token_signing_key),
        tell_time=settings.messages_tell == "time",
    )


class VisitKeeper(Background):
    """Several may run, in as many processes: each row is claimed by one of them."""

    thread_name = "visit-keeper"
    rest_seconds = 2.0

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: Settings,
        secrets: Secrets,
        carriers: Mapping[str, Sender] | None = None,
    ):
        super().__init__()
        self.database = database
        self.clock = clock
        self.settings = settings
        self.carriers = senders(settings) if carriers is None else carriers
        self.letter = letter_of(settings, secrets)
        self._remind_at = 0.0

    def run_once(self, *, remind: bool = True) -> None:
        """One turn: what is over ends, what is free is offered, what is due is told."""
        self._in_work(let_go)
        self._in_work(lapse_offers)
        self._repeat(lambda work: offer_next_freed(work, minutes=self.settings.offer_minutes))
        if remind:
            self._in_work(queue_reminders)
        for _ in range(AT_ONCE):
            if not self._send_next():
                break

    def turn(self) -> bool:
        remind = time.monotonic() >= self._remind_at
        if self._has_work() or remind:
            self.run_once(remind=remind)
        if remind:
            self._remind_at = time.monotonic() + REMIND_EVERY_SECONDS
        return False

    def _has_work(self) -> bool:
        """One cheap look, so that a quiet night costs nothing."""
        with begin(self.database, KEEPER, self.clock, self.settings.site_time_zone) as work:
            return bool(
                work.connection.execute(
                    text(
                        "SELECT EXISTS (SELECT FROM scheduling.freed) OR EXISTS (SELECT FROM scheduling.hold "
                        "WHERE state = 'held' AND until <= :now) OR EXISTS (SELECT FROM scheduling.offer "
                        "WHERE state = 'open' AND until <= :now) OR EXISTS (SELECT FROM messaging.message "
                        "WHERE state = 'waiting' AND not_before <= :now "
                        "AND (claimed_until IS NULL OR claimed_until <= :now))"
                    ),
                    {"now": self.clock.now()},
                ).scalar_one()
            )

    def _send_next(self) -> bool:
        """Claims a message in one transaction, sends it outside of any, notes in another what became of it."""
        found: list[tuple[Ready, str]] = []

        def take(work: UnitOfWork) -> None:
            ready = next_to_send(work, self.letter)
            if ready is not None:
                patient_id = work.connection.execute(
                    text("SELECT patient_id FROM messaging.message WHERE message_id = CAST(:id AS uuid)"),
                    {"id": ready.outgoing.message_id},
                ).scalar_one()
                found.append((ready, patient_id))

        self._in_work(take)
        if not found:
            return False
        self._send(*found[0])
        return True

    def _send(self, ready: Ready, patient_id: str) -> None:
        carrier = self.carriers[ready.outgoing.channel]
        message_id = ready.outgoing.message_id
        try:
            carrier.send(ready.outgoing)
        except Unavailable as error:
            sentence = error.message
            self._in_work(lambda work: outbox.note_failed(work, message_id, ready.tries, sentence))
            return
        except Exception as error:  # a sender of a site's own may raise anything: this message has failed
            log.error("message_failed", message_id=message_id, kind=type(error).__name__)
            why = "The sender refused this message."
            self._in_work(lambda work: outbox.note_not_sent(work, message_id, "failed", why))
            return
        self._in_work(
            lambda work: note_gone(
                work, ready, patient_id, sender=carrier.name, keeps_here=carrier.keeps_here
            )
        )

    def _repeat(self, act: Callable[[UnitOfWork], bool]) -> None:
        for _ in range(AT_ONCE):
            if not self._in_work(act):
                return

    def _in_work(self, act: Callable[[UnitOfWork], object]) -> object:
        with begin(self.database, KEEPER, self.clock, self.settings.site_time_zone) as work:
            return act(work)
