"""Asks the outside services of a hook, all at once and within one budget of time; what gave no answer is told.

Nothing of it is on the way of a chart or of a signature: the screen asks when it is drawn, and shows what comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, text

from data_contracts.api.outside import AskOutside, NotChecked, OutsideCard, OutsideCards
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts
from ehr_core.api.outside_cds.cards import NoCards, read_cards
from ehr_core.api.outside_cds.services import note_answered, note_failed, services_for
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.fhir_json import encode
from ehr_core.kernel.logging import get_logger
from ehr_core.outside.addresses import LookUp, look_up, reach_of
from ehr_core.outside.calls import call
from ehr_core.outside.signing import OutsideSigner
from ehr_core.workflows.outside_question import context_of, prefetch_of

DESK = Actor("service:outside-cds", "service", "Outside decision support", (), frozenset())
BUDGET_SECONDS = 3.0
"""All services of a hook together: what has not answered by then could not be checked."""
AT_ONCE, READERS = 16, 8
MOST_BYTES = 256 * 1024
TOKEN_LIFE = timedelta(minutes=5)
RESTS = "It failed several times and is not asked before {until}."
Found = list[tuple[OutsideCard, str | None]]

KEEP = text(
    "INSERT INTO outside.cds_card (card_id, outside_id, service_id, account_id, shown_at) "
    "VALUES (CAST(:card AS uuid), :outside, :service, :account, :now)"
)
log = get_logger("outside_cds")


class OutsideSupport:
    """One pool of threads for the process."""

    def __init__(self, parts: Parts, signer: OutsideSigner, look: LookUp = look_up):
        self.parts = parts
        self.signer = signer
        self.look = look
        self.budget_seconds = BUDGET_SECONDS
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="outside-cds")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="outside-cds-reader")

    def submit(self, act: Callable[[], OutsideCards]) -> Future[OutsideCards]:
        """Off the threads that answer everybody else: a slow service holds up nobody but who asks it."""
        return self._readers.submit(act)

    def cards(self, actor: Actor, asked: AskOutside) -> OutsideCards:
        """The cards, the loudest first. Raises NotFound for a chart that is not open to this person."""
        started = time.monotonic()
        with self._begin(DESK) as desk:
            services = services_for(desk.connection, asked.hook)
        if not services:
            return OutsideCards(asked=0, cards=[], could_not=[])
        now = self.parts.clock.now()
        awake = [one for one in services if one.rests_until is None or one.rests_until <= now]
        bodies = self._bodies(actor, asked, awake)
        running = {
            self._pool.submit(self._ask, one, body, token): one
            for one, (body, token) in zip(awake, bodies, strict=True)
        }
        done, late = wait(running, timeout=max(0.0, self.budget_seconds - (time.monotonic() - started)))
        found, could_not = self._settle(running, done, late, actor, now)
        could_not += [
            NotChecked(service=one.title, why=RESTS.format(until=f"{one.rests_until:%H:%M} UTC"))
            for one in services
            if one not in awake
        ]
        order = {"critical": 0, "warning": 1, "info": 2}
        return OutsideCards(
            asked=len(services),
            cards=sorted(found, key=lambda card: order[card.indicator]),
            could_not=could_not,
        )

    def _bodies(
        self, actor: Actor, asked: AskOutside, services: Sequence[Row[Any]]
    ) -> list[tuple[bytes, str]]:
        """What each service is sent, and the token that says it is from us; read and audited as this person."""
        made = []
        with self._begin(actor) as work:
            context = context_of(work, asked)
            for one in services:
                body = {"hook": one.hook, "hookInstance": str(uuid4()), "context": context}
                prefetch = prefetch_of(work, one.prefetch, context)
                token = self.signer.token(work.connection, self.claims(one, one.url))
                made.append((encode(body | ({"prefetch": prefetch} if prefetch else {})), token))
            work.audit(
                "outside_cds_asked",
                patient_id=asked.patient_id,
                detail={"hook": asked.hook, "services": [one.service_id for one in services]},
            )
        return made

    def claims(self, service: Row[Any], audience: str) -> dict[str, Any]:
        now = self.parts.clock.now()
        return {
            "iss": service.known_as or self.signer.issuer,
            "aud": audience,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_LIFE).timestamp()),
            "jti": uuid4().hex,
        }

    def _ask(self, service: Row[Any], body: bytes, token: str) -> Found:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "Almoner",
        }
        answer = call(
            "POST",
            service.url,
            reach=reach_of(self.parts.settings),
            seconds=self.budget_seconds,
            headers=headers,
            body=body,
            most_bytes=MOST_BYTES,
            look=self.look,
        )
        if answer.status != 200:
            raise NoCards(f"It answered {answer.status}.")
        return read_cards(answer.body, service.service_id, service.title)

    def _settle(
        self,
        running: dict[Future[Found], Row[Any]],
        done: set[Future[Found]],
        late: set[Future[Found]],
        actor: Actor,
        now: datetime,
    ) -> tuple[list[OutsideCard], list[NotChecked]]:
        """Notes what answered and what did not; remembers which cards were shown, and nothing of what is on them."""
        found: Found = []
        could_not: list[NotChecked] = []
        with self._begin(DESK) as desk:
            for future, service in running.items():
                why = f"It did not answer within {self.budget_seconds:g} seconds." if future in late else None
                if future in done:
                    try:
                        found += future.result()
                    except (AlmonerError, NoCards) as error:
                        why = str(error)
                if why is None:
                    note_answered(desk.connection, service.service_id, now)
                    continue
                note_failed(desk.connection, service.service_id, why, now)
                could_not.append(NotChecked(service=service.title, why=why))
                log.warning("outside_cds_not_checked", service=service.service_id)
            rows = [
                {
                    "card": card.card_id,
                    "outside": outside_id,
                    "service": card.service_id,
                    "account": actor.actor_id,
                    "now": now,
                }
                for card, outside_id in found
                if outside_id is not None
            ]
            if rows:
                desk.connection.execute(KEEP, rows)
        return [card for card, _ in found], could_not

    def _begin(self, actor: Actor) -> Any:
        return begin(self.parts.database, actor, self.parts.clock, self.parts.settings.site_time_zone)
