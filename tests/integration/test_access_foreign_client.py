"""An application that somebody else wrote signs in: Authlib's client, the one inside Streamlit's st.login."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.lib.api import PASSWORD, running_api
from tests.lib.sign_in import answer_of, ticket_of

APP = "http://127.0.0.1:8701"


def foreign_app(api) -> Starlette:
    """As Streamlit sets it up: metadata by address, S256 because the metadata offers it, prompt=select_account."""
    client = api.parts.identity.clients["staff"]
    oauth = OAuth()
    oauth.register(
        "default",
        client_id=client.client_id,
        client_secret=client.secret,
        server_metadata_url=f"{api.base_url}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email profile",
            "prompt": "select_account",
            "code_challenge_method": "S256",
            "transport": httpx.ASGITransport(app=api.app),
        },
    )

    async def login(request: Request):
        return await oauth.default.authorize_redirect(request, f"{APP}/oauth2callback")

    async def callback(request: Request):
        token = await oauth.default.authorize_access_token(request)
        return JSONResponse(token["userinfo"])

    return Starlette(
        routes=[Route("/login", login), Route("/oauth2callback", callback)],
        middleware=[Middleware(SessionMiddleware, secret_key="of the test")],
    )


@pytest.fixture
def api(database, tmp_path):
    """At the real time of day: a foreign client looks at its own clock."""
    with running_api(database, tmp_path, now=datetime.now(UTC)) as running:
        running.account("chen", "clinician")
        yield running


def test_a_foreign_client_signs_a_person_in_and_verifies_the_token(api):
    async def story():
        app = httpx.AsyncClient(transport=httpx.ASGITransport(app=foreign_app(api)), base_url=APP)
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(app=api.app), base_url=api.base_url)
        sent_to = (await app.get("/login")).headers["location"]
        page = await browser.get(sent_to)
        back = await browser.post(
            "/auth/authorize", data={"ticket": ticket_of(page), "username": "chen", "password": PASSWORD}
        )
        answer = answer_of(back)
        claims = (await app.get("/oauth2callback", params=answer)).json()
        return claims

    claims = asyncio.run(story())
    assert (claims["name"], claims["roles"]) == ("Chen", ["clinician"])
    assert api.client_of(claims["sid"]).account.me().name == "Chen"
