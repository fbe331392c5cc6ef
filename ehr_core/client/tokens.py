"""Where the client's tokens come from: a person's session, or a service as itself. Kept in memory, never longer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import httpx

from ehr_core.client.transport import TIMEOUT
from ehr_core.kernel.errors import SignInRequired, Unavailable

RENEW_BEFORE_SECONDS = 20.0
"""A token is renewed this long before it expires, so that it does not expire on the way."""

MOST_KEPT = 5_000
"""Sessions whose tokens are kept at once."""


@dataclass(frozen=True)
class _Kept:
    token: str
    good_until: float


class _TokenEndpoint:
    """Asks the API for tokens as one application."""

    def __init__(
        self, base_url: str, client_id: str, client_secret: str, http: httpx.BaseTransport | None = None
    ):
        self._credentials = (client_id, client_secret)
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT, transport=http, trust_env=False)

    def ask(self, path: str, form: dict[str, str]) -> _Kept:
        """A new token; SignInRequired when it is refused, Unavailable when the API is away."""
        asked_at = time.monotonic()
        try:
            answer = self._http.post(path, data=form, auth=self._credentials)
        except httpx.TransportError as error:
            raise Unavailable("The server cannot be reached. Try again in a minute.") from error
        if answer.status_code >= 500:
            raise Unavailable("The server cannot give out tokens at the moment. Try again in a minute.")
        if answer.is_error:
            raise SignInRequired(_why(answer))
        granted = answer.json()
        life = float(granted["expires_in"])
        return _Kept(granted["access_token"], asked_at + life - min(RENEW_BEFORE_SECONDS, life / 2))


class SessionTokens:
    """Tokens for the sessions of one application (staff or portal); safe to share between threads.

    A revoked session stops at the API at once whatever is kept here: the API looks at each call.
    """

    def __init__(
        self, base_url: str, client_id: str, client_secret: str, http: httpx.BaseTransport | None = None
    ):
        self._endpoint = _TokenEndpoint(base_url, client_id, client_secret, http)
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def token_for(self, sid: str) -> str:
        """A token that is good now; raises SignInRequired when the session has ended."""
        with self._lock:
            kept = self._kept.get(sid)
        if kept is not None and time.monotonic() < kept.good_until:
            return kept.token
        try:
            fresh = self._endpoint.ask("/auth/session-token", {"sid": sid})
        except SignInRequired:
            self.forget(sid)
            raise
        with self._lock:
            if len(self._kept) >= MOST_KEPT:
                self._drop_stale()
            self._kept[sid] = fresh
        return fresh.token

    def forget(self, sid: str) -> None:
        with self._lock:
            self._kept.pop(sid, None)

    def _drop_stale(self) -> None:
        now = time.monotonic()
        self._kept = {sid: kept for sid, kept in self._kept.items() if kept.good_until > now}
        while len(self._kept) >= MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))


class SessionToken:
    """The token source of one session, for AlmonerClient."""

    def __init__(self, tokens: SessionTokens, sid: str):
        self._tokens, self._sid = tokens, sid

    def __call__(self) -> str:
        return self._tokens.token_for(self._sid)

    def renew(self) -> None:
        """After a 401: the next call asks for a fresh token, which fails when the session has ended."""
        self._tokens.forget(self._sid)


class ServiceTokens:
    """The token source of a service that signs in as itself (client_credentials)."""

    def __init__(
        self, base_url: str, client_id: str, client_secret: str, http: httpx.BaseTransport | None = None
    ):
        self._endpoint = _TokenEndpoint(base_url, client_id, client_secret, http)
        self._kept: _Kept | None = None
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            if self._kept is None or time.monotonic() >= self._kept.good_until:
                self._kept = self._endpoint.ask("/auth/token", {"grant_type": "client_credentials"})
            return self._kept.token

    def renew(self) -> None:
        with self._lock:
            self._kept = None


def _why(answer: httpx.Response) -> str:
    """The server's sentence, or ours."""
    try:
        return str(answer.json()["error_description"])
    except (ValueError, KeyError, TypeError):
        return "The sign-in was refused. Sign in again."
