"""An outside application at work: registered, opened in a browser, allowed, with tokens to attack with."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from ehr_core.access.actor import Actor
from ehr_core.access.applications import NewApplication, register
from ehr_core.access.client_assertion import ASSERTION_TYPE
from tests.lib.api import PASSWORD, RunningApi
from tests.lib.sign_in import answer_of, challenge_of, ticket_of

REDIRECT = "https://app.example/callback"
REGISTRAR = Actor("root", "user", "Root", ("admin",), frozenset({"access.manage"}))


def key_pair() -> ECKey:
    return ECKey.generate_key("P-384", {"use": "sig", "kid": secrets.token_hex(4)})


def jwks_of(*keys: ECKey) -> str:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


@dataclass
class SmartApp:
    """One registered application and one browser that opens it."""

    api: RunningApi
    kind: str = "public"
    scopes: tuple[str, ...] = ("launch/patient", "patient/*.rs", "offline_access", "openid", "fhirUser")
    more: dict[str, Any] = field(default_factory=dict)
    jwks_uri: str | None = None

    def __post_init__(self) -> None:
        self.key = key_pair()
        self.verifier = secrets.token_urlsafe(48)
        self.browser = self.api.http(follow_redirects=False)
        with self.api.work(REGISTRAR) as work:
            self.client_id = register(
                work,
                NewApplication(
                    name="Glucose Buddy",
                    kind=self.kind,
                    redirect_uris=() if self.kind == "backend" else (REDIRECT,),
                    scopes=self.scopes,
                    jwks=None if self.kind == "public" or self.jwks_uri else jwks_of(self.key),
                    jwks_uri=self.jwks_uri,
                    **self.more,
                ),
            )

    def asked(self, **changes: str | None) -> dict[str, str]:
        request = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "scope": " ".join(self.scopes),
            "state": "state-of-the-app",
            "aud": f"{self.api.base_url}/fhir",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        } | changes
        return {name: value for name, value in request.items() if value is not None}

    def consent(self, username: str, **changes: str | None) -> httpx.Response:
        """The page that asks the person, after the sign-in."""
        page = self.browser.get("/auth/authorize", params=self.asked(**changes))
        form = {"ticket": ticket_of(page), "username": username, "password": PASSWORD}
        return self.browser.post("/auth/authorize", data=form)

    def decide(self, page: httpx.Response, decision: str = "allow", patient: str = "") -> httpx.Response:
        form = {"ticket": ticket_of(page), "decision": decision, "patient": patient}
        return self.browser.post("/auth/authorize/consent", data=form)

    def code_for(self, username: str, patient: str = "", **changes: str | None) -> str:
        return answer_of(self.decide(self.consent(username, **changes), patient=patient))["code"]

    def token(self, **form: str | None) -> httpx.Response:
        proof = {"client_id": self.client_id} if self.kind == "public" else self.assertion_form()
        sent = {name: value for name, value in (proof | form).items() if value is not None}
        return self.api.http().post("/auth/token", data=sent)

    def redeem(self, code: str, **changes: str | None) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
        } | changes
        return self.token(**form)

    def refresh(self, refresh_token: str, **more: str) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **more)

    def tokens_for(self, username: str, patient: str = "", **changes: str | None) -> dict[str, Any]:
        answer = self.redeem(self.code_for(username, patient, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def assertion_form(self, **changes: Any) -> dict[str, str]:
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(**changes)}

    def assertion(
        self, key: ECKey | None = None, header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        now = int(self.api.clock.now().timestamp())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": f"{self.api.base_url}/auth/token",
            "exp": now + 240,
            "jti": secrets.token_hex(8),
        } | changes
        chosen = key or self.key
        return jwt.encode(
            {"alg": "ES384", "kid": chosen.kid} | (header or {}), claims, chosen, algorithms=["ES384"]
        )

    def get(self, path: str, token: str) -> httpx.Response:
        return self.api.http().get(path, headers={"Authorization": f"Bearer {token}"})

    def ids(self, token: str, path: str = "/fhir/Observation") -> set[str]:
        answer = self.get(path, token)
        assert answer.status_code == 200, answer.text
        return {entry["resource"]["id"] for entry in answer.json().get("entry", [])}
