"""The site's own OpenID Connect provider: its discovery document, its keys, and what it says of somebody, checked.

Nothing is believed that its keys did not sign for us, for this very sign-in. Keys are fetched again when one is
unknown, at most twice a minute. No redirect is followed, and no address is called but those of the provider's document.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from ehr_core.kernel.errors import SignInRequired, Unavailable
from ehr_core.kernel.settings import Settings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""No other is looked at: not `none`, and no HMAC that would take a public key for a shared one."""
SECONDS = 5.0
LONGEST_ANSWER = 1024 * 1024
KEYS_AGAIN_SECONDS = 30.0
DOCUMENT_KEPT_SECONDS = 3600.0
CLOCK_SKEW = timedelta(seconds=60)
LONGEST_AGE = timedelta(minutes=10)
"""An ID token of a sign-in that is just going on is not older."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

NOT_BELIEVED = (
    "The sign-in of the other service could not be checked. Start again, or sign in with your password."
)


class ProviderAway(Unavailable):
    """The site's identity provider cannot be reached, or does not say what it has to."""


@dataclass(frozen=True)
class Person:
    """What the provider says of who signed in."""

    subject: str
    claims: dict[str, Any]
    second_factor: bool


class OutsideProvider:
    """One provider, named by its issuer."""

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None):
        self.issuer = (settings.oidc_issuer or "").rstrip("/")
        self.client_id = settings.oidc_client_id or ""
        self._secret = settings.oidc_client_secret or ""
        self.name = settings.oidc_name
        self._factor_contexts = frozenset(settings.oidc_second_factor_acr.split())
        self._factor_methods = frozenset(settings.oidc_second_factor_amr.split())
        self._transport = transport
        self._lock = threading.Lock()
        self._document: dict[str, Any] = {}
        self._document_at = 0.0
        self._keys: KeySet | None = None
        self._keys_at = 0.0

    @property
    def is_there(self) -> bool:
        return bool(self.issuer and self.client_id)

    @property
    def origin(self) -> str:
        """Where the browser is sent to sign in. Raises ProviderAway."""
        parts = urlsplit(self._described()["authorization_endpoint"])
        return f"{parts.scheme}://{parts.netloc}"

    def sign_in_address(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Raises ProviderAway."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if self._factor_contexts:
            asked["acr_values"] = " ".join(sorted(self._factor_contexts))
        address = self._described()["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    def person(self, code: str, *, redirect_uri: str, nonce: str, verifier: str, now: datetime) -> Person:
        """Who the code is of. Raises SignInRequired for whatever cannot be believed, ProviderAway."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        answer = self._call("POST", self._described()["token_endpoint"], data=form)
        if answer.status_code != 200:
            raise SignInRequired(NOT_BELIEVED)
        told = _json(answer)
        token = told.get("id_token")
        if not isinstance(token, str):
            raise SignInRequired(NOT_BELIEVED)
        claims = self._claims(token)
        if not self._is_for_us(claims, nonce, now) or not _goes_with(claims, told.get("access_token"), token):
            raise SignInRequired(NOT_BELIEVED)
        return Person(claims["sub"], claims, self._had_second_factor(claims))

    def _is_for_us(self, claims: dict[str, Any], nonce: str, now: datetime) -> bool:
        """Issuer, audience, life and the nonce of this sign-in."""
        heard = claims.get("aud")
        audience = heard if isinstance(heard, list) else [heard]
        moments = [claims.get(name) for name in ("exp", "iat")]
        if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in moments):
            return False
        expires, issued = moments
        skew, clock = CLOCK_SKEW.total_seconds(), now.timestamp()
        return (
            str(claims.get("iss", "")).rstrip("/") == self.issuer
            and self.client_id in audience
            and (len(audience) == 1 or claims.get("azp") == self.client_id)
            and claims.get("azp", self.client_id) == self.client_id
            and clock < expires + skew
            and clock - LONGEST_AGE.total_seconds() - skew <= issued <= clock + skew
            and isinstance(claims.get("sub"), str)
            and 1 <= len(claims["sub"]) <= 255
            and hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())
        )

    def _had_second_factor(self, claims: dict[str, Any]) -> bool:
        """By the methods (`amr`) or the context (`acr`) that the site counts as one; what is no text counts as none.

        A context is one whole value: one that only holds or begins like a counted one is another.
        """
        methods, context = claims.get("amr"), claims.get("acr")
        listed = methods if isinstance(methods, list) else []
        named = {method for method in listed if isinstance(method, str)}
        if len(named) == len(listed) and named & self._factor_methods:
            return True
        return isinstance(context, str) and context in self._factor_contexts

    def _claims(self, token: str) -> dict[str, Any]:
        for fetched in (self._known_keys, self._fresh_keys):
            keys = fetched()
            if keys is None:
                continue
            try:
                return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)
            except InvalidKeyIdError:
                continue
            except (JoseError, ValueError, TypeError, KeyError):
                break
        raise SignInRequired(NOT_BELIEVED)

    def _known_keys(self) -> KeySet | None:
        return self._keys or self._fresh_keys()

    def _fresh_keys(self) -> KeySet | None:
        """None when they were fetched a moment ago: a forged key id makes nobody ask again and again."""
        with self._lock:
            if self._keys is not None and time.monotonic() - self._keys_at < KEYS_AGAIN_SECONDS:
                return None
            try:
                self._keys = KeySet.import_key_set(_json(self._call("GET", self._described()["jwks_uri"])))
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise ProviderAway("The keys of the identity provider cannot be read.") from error
            self._keys_at = time.monotonic()
            return self._keys

    def _described(self) -> dict[str, Any]:
        if not self._document or time.monotonic() - self._document_at > DOCUMENT_KEPT_SECONDS:
            found = _json(self._call("GET", f"{self.issuer}/.well-known/openid-configuration"))
            needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if str(found.get("issuer", "")).rstrip("/") != self.issuer:
                raise ProviderAway(
                    "The identity provider calls itself by another name than ALMONER_OIDC_ISSUER."
                )
            for name in needed:
                _require_safe(str(found.get(name, "")))
            self._document, self._document_at = found, time.monotonic()
        return self._document

    def _call(self, method: str, address: str, **given: Any) -> httpx.Response:
        _require_safe(address)
        auth = (self.client_id, self._secret) if method == "POST" and self._secret else None
        if method == "POST" and not self._secret:
            given["data"] = given["data"] | {"client_id": self.client_id}
        try:
            with (
                httpx.Client(timeout=SECONDS, transport=self._transport, trust_env=False) as http,
                http.stream(method, address, auth=auth, **given) as answer,
            ):
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > LONGEST_ANSWER:
                        raise ProviderAway("The identity provider answered with more than is read.")
                return httpx.Response(answer.status_code, content=bytes(body))
        except httpx.HTTPError as error:
            raise ProviderAway(
                "The identity provider cannot be reached. Sign in with your password."
            ) from error


def _require_safe(address: str) -> None:
    """HTTPS, or this machine itself."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return
    raise ProviderAway("The identity provider names an address that is not https.")


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise ProviderAway("The identity provider's answer cannot be read.") from error
    if not isinstance(found, dict) or answer.status_code != 200:
        raise ProviderAway("The identity provider's answer cannot be read.")
    return found


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _goes_with(claims: dict[str, Any], access_token: object, id_token: str) -> bool:
    """`at_hash`, where the provider sends one, has to be that of the access token beside it."""
    expected = claims.get("at_hash")
    if expected is None:
        return True
    if not isinstance(access_token, str) or not isinstance(expected, str):
        return False
    bits = {"256": "sha256", "384": "sha384", "512": "sha512", "dSA": "sha512"}
    digest = hashlib.new(bits[_algorithm(id_token)[-3:]], access_token.encode()).digest()
    made = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    return hmac.compare_digest(made.encode(), expected.encode())


def _algorithm(token: str) -> str:
    head = token.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["alg"]
