"""A browser and an application at the sign-in pages, step by step, so that a test can spoil any step."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.lib.api import PASSWORD, RunningApi

TICKET = re.compile(r'name="ticket" value="([^"]+)"')


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class SignInFlow:
    """One attempt of one browser to sign in to one application."""

    api: RunningApi
    client_id: str = "staff"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    address: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self.browser = self.api.http(follow_redirects=False)
        self.client = self.api.parts.identity.clients[self.client_id]

    def asked(self, **changes: str | None) -> dict[str, str]:
        """The application's request; a change to None leaves that parameter out."""
        request = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.client.redirect_uris[0],
            "scope": "openid profile",
            "state": "state-of-the-app",
            "nonce": "nonce-of-the-app",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        } | changes
        return {name: value for name, value in request.items() if value is not None}

    def open_page(self, **changes: str | None) -> httpx.Response:
        return self.browser.get("/auth/authorize", params=self.asked(**changes))

    def submit(self, page: httpx.Response, username: str, password: str = PASSWORD) -> httpx.Response:
        form = {"ticket": ticket_of(page), "username": username, "password": password}
        return self.browser.post("/auth/authorize", data=form)

    def submit_code(self, page: httpx.Response, code: str) -> httpx.Response:
        return self.browser.post("/auth/authorize/code", data={"ticket": ticket_of(page), "code": code})

    def code_for(self, username: str, password: str = PASSWORD) -> str:
        return answer_of(self.submit(self.open_page(), username, password))["code"]

    def redeem(self, code: str, **changes: str | None) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uris[0],
            "code_verifier": self.verifier,
        } | changes
        sent = {name: value for name, value in form.items() if value is not None}
        return self.api.http().post("/auth/token", data=sent, auth=(self.client_id, self.client.secret))

    def session_token(self, sid: str) -> httpx.Response:
        return self.api.http().post(
            "/auth/session-token", data={"sid": sid}, auth=(self.client_id, self.client.secret)
        )


def ticket_of(page: httpx.Response) -> str:
    found = TICKET.search(page.text)
    if found is None:
        raise AssertionError(f"no ticket on the page ({page.status_code}): {page.text[:500]}")
    return found[1]


def answer_of(redirect: httpx.Response) -> dict[str, str]:
    """What the browser carries back to the application."""
    assert redirect.status_code == 303, redirect.text
    query = parse_qs(urlsplit(redirect.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}
