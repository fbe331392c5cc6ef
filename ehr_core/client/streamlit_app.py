"""A Streamlit app that signs people in through the API: its ASGI shell, and the client of whoever is signed in."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.routing import BaseRoute

from ehr_core.client import AlmonerClient
from ehr_core.client.app_headers import GuardedApp
from ehr_core.client.tokens import SessionToken, SessionTokens
from ehr_core.kernel.errors import SignInRequired
from ehr_core.kernel.logging import configure_logging, get_logger
from ehr_core.kernel.secrets import Secrets, load_or_create_secrets
from ehr_core.kernel.settings import Settings


@dataclass(frozen=True)
class AppIdentity:
    """Which app this is to the authorization server. `sorry` is what people read when a page fails."""

    client_id: str
    secret: Callable[[Secrets], str]
    url: Callable[[Settings], str]
    sorry: str


@st.cache_resource
def app_settings() -> Settings:
    return Settings()


@st.cache_resource
def _tokens(client_id: str, _secret: Callable[[Secrets], str]) -> SessionTokens:
    settings = app_settings()
    return SessionTokens(settings.api_url, client_id, _secret(load_or_create_secrets(settings.state_folder)))


@st.cache_resource(max_entries=500)
def _client(session_id: str, client_id: str, _tokens: SessionTokens) -> AlmonerClient:
    return AlmonerClient(app_settings().api_url, SessionToken(_tokens, session_id))


def signed_in_client(identity: AppIdentity) -> AlmonerClient:
    """The client of the person at this screen. Raises SignInRequired when nobody is signed in.

    That the session is still alive is checked at the API with the first call; the cookie proves nothing.
    """
    if not st.user.is_logged_in or not st.user.get("sid"):
        raise SignInRequired("Sign in to go on.")
    return _client(str(st.user["sid"]), identity.client_id, _tokens(identity.client_id, identity.secret))


def build_app(main: Path, identity: AppIdentity, *, routes: Sequence[BaseRoute] = ()) -> GuardedApp:
    """The ASGI app of `main`: one process, one worker, everything served from this machine.

    `routes`: pages and files of the app's own that need no Streamlit session.
    """
    settings = Settings()
    configure_logging(settings.log_level, json=True)
    secrets = load_or_create_secrets(settings.state_folder)
    auth = {
        "redirect_uri": f"{identity.url(settings)}/oauth2callback",
        "cookie_secret": f"{identity.client_id}:{secrets.cookie_secret}",
        "client_id": identity.client_id,
        "client_secret": identity.secret(secrets),
        "server_metadata_url": f"{settings.api_url}/.well-known/openid-configuration",
        "client_kwargs": {"scope": "openid profile", "code_challenge_method": "S256"},
    }
    app = st.App(
        main,
        secrets={"auth": auth},
        lifespan=_preload,
        routes=list(routes),
        on_script_error=_error_teller(identity),
    )
    return GuardedApp(app)


@asynccontextmanager
async def _preload(_app: Any) -> AsyncIterator[None]:
    """Loads the heavy libraries once and freezes them: Streamlit collects garbage after every script run."""
    import altair  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow  # noqa: F401

    gc.collect()
    gc.freeze()
    yield


def _error_teller(identity: AppIdentity) -> Callable[[Exception], bool]:
    log = get_logger(identity.client_id)

    def tell(error: Exception) -> bool:
        """Logs the kind of error and where, never its text, which may hold patient data."""
        frame = error.__traceback__
        while frame and frame.tb_next:
            frame = frame.tb_next
        where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "unknown"
        log.error("page_failed", kind=type(error).__name__, where=where)
        st.error(identity.sorry)
        return True

    return tell
