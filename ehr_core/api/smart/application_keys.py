"""The keys that an application's assertion is checked with: registered ones, or those that its address shows.

An address is asked when the assertion names a key that is not kept or the kept ones have grown too old, outside of any
transaction. Where it does not answer as it should, the old keys are good until their life is over, and then none is.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from ehr_core.access.application_keys import KeptKeys, begin_fetch, keep, keep_failure, kept_keys
from ehr_core.access.applications import Application
from ehr_core.access.client_assertion import kid_of_good
from ehr_core.access.key_sets import SecretShown, life_of, read_fetched
from ehr_core.api.dependencies import Parts
from ehr_core.kernel.errors import AlmonerError, Unavailable
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.settings import Settings
from ehr_core.outside.addresses import LookUp, check_named, look_up, reach_of
from ehr_core.outside.calls import CallFailed, calling

SECONDS = 4.0
MOST_BYTES = 64 * 1024
MOST_WAITING = 8
"""Requests of one application that fetch or wait for whoever fetches; more are told to come again."""
LOOK_AGAIN_SECONDS = 0.05
HEADERS = {"Accept": "application/jwk-set+json, application/json", "User-Agent": "Almoner"}
log = get_logger("application_keys")


def check_keys_address(url: str | None, settings: Settings) -> None:
    """When it is registered; whether the name leads where we call is judged at each fetch. Raises AddressRefused."""
    if url is not None:
        check_named(url, reach_of(settings), "jwks_uri")


class ApplicationKeys:
    """One for the process. What is fetched is kept in the database, for all processes."""

    def __init__(self, parts: Parts, look: LookUp = look_up):
        self.parts = parts
        self.look = look
        self.seconds = SECONDS
        self._lock = threading.Lock()
        self._waiting: Counter[str] = Counter()

    def at_hand(self, application: Application, assertion: str, *, audience: str) -> Application:
        """The application with the keys that it may be believed by at this moment; without any when it has none.

        Only for an assertion that could be good otherwise is anybody asked.
        """
        if application.jwks_uri is None:
            return application
        now = self.parts.clock.now()
        kid = kid_of_good(application, assertion, audience=audience, now=now)
        if kid is None:
            return replace(application, jwks=None)
        kept = self._kept(application)
        if not kept.has(kid, now):
            kept = self._fetched(application, now)
        return replace(application, jwks=kept.jwks(now))

    def _kept(self, application: Application) -> KeptKeys:
        with self.parts.identity.transaction() as connection:
            return kept_keys(connection, application)

    def _fetched(self, application: Application, now: datetime) -> KeptKeys:
        with self._place(application.client_id):
            with self.parts.identity.transaction() as connection:
                mine = begin_fetch(connection, application, now)
            if mine:
                self._fetch(application, now)
                return self._kept(application)
            return self._awaited(application)

    def _awaited(self, application: Application) -> KeptKeys:
        """What somebody else's fetch brings; at once when none is going on."""
        ends = time.monotonic() + self.seconds
        while not (kept := self._kept(application)).settled and time.monotonic() < ends:
            time.sleep(LOOK_AGAIN_SECONDS)
        return kept

    def _fetch(self, application: Application, asked: datetime) -> None:
        try:
            content, life = self._call(application.jwks_uri or "")
            keys = read_fetched(content)
        except SecretShown as error:
            self._note_failure(application)
            with self.parts.identity.transaction() as connection:
                keep(connection, application, [], asked=asked, life=timedelta(0), failure=error.message)
        except AlmonerError as error:
            self._note_failure(application)
            with self.parts.identity.transaction() as connection:
                keep_failure(connection, application, error.message, asked=asked)
        else:
            with self.parts.identity.transaction() as connection:
                keep(connection, application, keys, asked=asked, life=life)

    def _call(self, url: str) -> tuple[bytes, timedelta]:
        """What the address answers and how long that is good. Raises AddressRefused, CallFailed."""
        with calling(
            "GET",
            url,
            reach=reach_of(self.parts.settings),
            seconds=self.seconds,
            headers=HEADERS,
            look=self.look,
        ) as reply:
            if reply.status != 200:
                raise CallFailed(f"It answered {reply.status}.", reply.status)
            content = b"".join(reply.chunks(MOST_BYTES))
            return content, life_of(reply.header("Cache-Control"), reply.header("Age"))

    def _note_failure(self, application: Application) -> None:
        log.warning("application_keys_not_fetched", client=application.client_id)

    @contextmanager
    def _place(self, client_id: str) -> Iterator[None]:
        """A slow address holds up a few requests of its own application, and nobody else."""
        with self._lock:
            if self._waiting[client_id] >= MOST_WAITING:
                raise Unavailable(
                    "The keys of this application are being fetched. Try again in some seconds."
                )
            self._waiting[client_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[client_id] -= 1
