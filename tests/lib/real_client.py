"""A demonstration's person at the API of a running system, signed in through its own sign-in pages."""

from __future__ import annotations

import json
from types import SimpleNamespace

import httpx
from joserfc import jws

from ehr_core.access.clients import registered_clients
from ehr_core.client import AlmonerClient
from ehr_core.client.tokens import SessionToken, SessionTokens
from ehr_core.kernel.secrets import load_or_create_secrets
from ehr_core.kernel.settings import Settings
from tests.lib.running_system import RunningSystem
from tests.lib.sign_in import SignInFlow


def signed_in(system: RunningSystem, role: str) -> AlmonerClient:
    """Of the staff: the client that the workspace would act with, its tokens renewed as they end."""
    account = system.sign_in_of(role)
    settings = Settings(state=system.state, api_port=system.ports["API"], staff_port=system.ports["STAFF"])
    clients = registered_clients(settings, load_or_create_secrets(system.state))
    api = SimpleNamespace(
        http=lambda **options: httpx.Client(base_url=system.api_url, trust_env=False, **options),
        parts=SimpleNamespace(identity=SimpleNamespace(clients=clients)),
    )
    flow = SignInFlow(api)
    granted = flow.redeem(flow.code_for(account.user_name, account.password)).json()
    session_id = json.loads(jws.extract_compact(granted["id_token"].encode()).payload)["sid"]
    tokens = SessionTokens(system.api_url, "staff", clients["staff"].secret)
    return AlmonerClient(system.api_url, SessionToken(tokens, session_id))
