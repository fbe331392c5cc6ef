"""How many requests an account, an outside application and an address may send: buckets that fill again by themselves.

A refused request takes nothing out, so a flood ends when it ends; and an address is asked of strangers alone: whoever
brings a token that was good a moment ago goes past it, so that nobody locks colleagues behind the same router out.
Where several processes answer, each keeps to its share, so that all of them together give what is set.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ehr_core.access.actor import Actor
from ehr_core.kernel.errors import TooMuch
from ehr_core.kernel.settings import Settings

MOST_BUCKETS = 50_000
"""The ones that were not used for longest go: they are full again by then, or nearly."""
MOST_TOKENS = 20_000
SECONDS_OF_BURST = 200
"""A bucket holds what fills it in this time: a screen asks much at once and then nothing."""
STRANGERS_BURST = 60
OURS = frozenset({"/health", "/auth/session-token"})
"""Asked by our own apps for everybody, with their own secret."""


class TooFast(TooMuch):
    """More requests than may be sent. `seconds` until the next one is taken."""

    def __init__(self, seconds: float):
        self.seconds = max(1, math.ceil(seconds))
        super().__init__(f"There are too many requests. Wait {self.seconds} seconds and try again.")


@dataclass
class _Bucket:
    left: float
    at: float


class Buckets:
    """Token buckets by key, all of one rate (a second) and one size. A rate of 0: no limit."""

    def __init__(self, rate: float, size: float, clock: Callable[[], float] = time.monotonic):
        self._rate, self._size, self._clock = rate, size, clock
        self._processes = 1
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def share_among(self, processes: int) -> None:
        """From now on this many processes give out what is one rate and one size."""
        self._processes = max(1, processes)

    def take(self, key: str) -> float:
        """0 when one may go on, else the seconds to wait; then nothing was taken."""
        if self._rate <= 0:
            return 0
        with self._lock:
            now, rate = self._clock(), self._rate / self._processes
            size = max(1.0, self._size / self._processes)
            bucket = self._buckets.pop(key, None) or _Bucket(size, now)
            bucket.left = min(size, bucket.left + (now - bucket.at) * rate)
            bucket.at = now
            self._buckets[key] = bucket
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
            if bucket.left < 1:
                return (1 - bucket.left) / rate
            bucket.left -= 1
            return 0


class RateLimits:
    """One for each process of the API; see process_census.py for how many there are."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic):
        account, client, address = (
            settings.account_requests_per_second,
            settings.application_requests_per_second,
            settings.address_requests_per_second,
        )
        self._accounts = Buckets(account, account * SECONDS_OF_BURST, clock)
        self._clients = Buckets(client, client * SECONDS_OF_BURST, clock)
        self._addresses = Buckets(address, address * STRANGERS_BURST, clock)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def share_among(self, processes: int) -> None:
        for buckets in (self._accounts, self._clients, self._addresses):
            buckets.share_among(processes)

    def of_actor(self, actor: Actor) -> None:
        """Raises TooFast for a person or an outside application; our own services are not counted."""
        if actor.application is not None:
            wait = self._clients.take(actor.application.client_id)
        else:
            wait = 0 if actor.kind == "service" else self._accounts.take(actor.actor_id)
        if wait:
            raise TooFast(wait)

    def of_address(self, address: str, path: str, authorization: str) -> None:
        """Raises TooFast for a stranger at this address."""
        if path in OURS or self._was_good(authorization):
            return
        if wait := self._addresses.take(address):
            raise TooFast(wait)

    def was_answered(self, authorization: str, status: int, *, known: bool) -> None:
        """Remembers a token that let somebody in (`known`), and forgets one that is refused; what anybody may ask
        with any token, such as the CapabilityStatement, changes nothing.
        """
        if authorization[:7].lower() != "bearer ":
            return
        key = _digest(authorization)
        with self._lock:
            if status == 401:
                self._good.pop(key, None)
            elif known:
                self._good[key] = None
                self._good.move_to_end(key)
                if len(self._good) > MOST_TOKENS:
                    self._good.popitem(last=False)

    def _was_good(self, authorization: str) -> bool:
        with self._lock:
            return bool(authorization) and _digest(authorization) in self._good


def _digest(authorization: str) -> bytes:
    return hashlib.sha256(authorization.encode()).digest()
