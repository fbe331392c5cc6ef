"""A small OpenID Connect provider on a socket of its own, which misbehaves as a test says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "almoner", "the provider's secret for us"
Change = Callable[[dict[str, Any]], dict[str, Any] | None]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Provider:
    """`person` is who signs in there; `claims` changes what the token says, `token` how it is made."""

    port: int
    now: Callable[[], float]
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "u-1", "preferred_username": "kim"})
    claims: Change = lambda claims: claims
    token: Callable[[Provider, dict[str, Any]], str] | None = None
    document: Change = lambda document: document
    asked: list[dict[str, str]] = field(default_factory=list)
    keys_fetched: int = 0
    redirects_to: str | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.new_key()
        self.published = [self.key]

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_key(self, kind: str = "RSA") -> None:
        """Signs with another key from now on; `publish` says when the world may know it."""
        made = RSAKey.generate_key(2048) if kind == "RSA" else ECKey.generate_key("P-256")
        self.key = type(made).import_key(made.as_dict(private=True) | {"kid": secrets.token_hex(4)})

    def publish(self) -> None:
        self.published = [self.key]

    def code_for(self, asked: dict[str, str]) -> str:
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return code

    def id_token(self, nonce: str) -> str:
        now = int(self.now())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce} | self.person
        said = self.claims(said) or {}
        if self.token is not None:
            return self.token(self, said)
        algorithm = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        return jwt.encode({"alg": algorithm, "kid": self.key.kid}, said, self.key)

    def answer(self, method: str, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, self.document(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                }
            )
        if path == "/keys":
            self.keys_fetched += 1
            return 200, {"keys": [key.as_dict(private=False) for key in self.published]}
        if path == "/token" and method == "POST":
            return self.redeem(form, authorization)
        return 404, {}

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """As a provider should: one use, our secret, our address, our verifier."""
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        good = (
            asked is not None
            and hmac.compare_digest(authorization, f"Basic {expected}")
            and asked["redirect_uri"] == form.get("redirect_uri")
            and asked["code_challenge"] == challenge
        )
        if not good or asked is None:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "not for us",
            "token_type": "Bearer",
            "id_token": self.id_token(asked["nonce"]),
        }

    def sign_in(self, address: str) -> str:
        """What the person's browser does there: from the address that it was sent to, the address it comes back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.asked.append(query)
        answer = {"code": self.code_for(query), "state": query["state"]}
        return f"{query['redirect_uri']}?{urlencode(answer)}"


@contextmanager
def running_provider(now: Callable[[], float]) -> Iterator[Provider]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer("GET", {})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            self._answer("POST", {name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, method: str, form: dict[str, str]) -> None:
            given = self.headers.get("authorization", "")
            status, told = provider.answer(method, urlsplit(self.path).path, form, given)
            if provider.redirects_to:
                status, told = 302, {}
            body = json.dumps(told).encode()
            self.send_response(status)
            if provider.redirects_to:
                self.send_header("location", provider.redirects_to)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    provider = Provider(server.server_port, now)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
