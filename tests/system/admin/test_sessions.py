"""An administrator ends a session; its owner is signed out at the next click."""

from __future__ import annotations

import json
from types import SimpleNamespace

import httpx
import pytest
from joserfc import jws
from playwright.sync_api import expect

from ehr_core.access.clients import registered_clients
from ehr_core.client import AlmonerClient
from ehr_core.kernel.secrets import load_or_create_secrets
from ehr_core.kernel.settings import Settings
from tests.lib.browser import Room
from tests.lib.running_system import RunningSystem
from tests.lib.sign_in import SignInFlow

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_whose_session_was_ended_is_signed_out_at_the_next_click(room: Room):
    dana = room.sign_in("front_desk")
    expect(dana.page.get_by_role("heading", name="Today")).to_be_visible()

    robin = administrator(room.system)
    account = next(one for one in robin.account.accounts() if one.username == "dana.pruitt")
    for session in robin.account.sessions(account_id=account.account_id):
        robin.account.revoke_session(session.session_id)

    dana.page.get_by_role("navigation").get_by_role("link", name="Patients").click()
    expect(dana.page.get_by_text("Your session has ended.")).to_be_visible()
    expect(dana.page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(dana.page.get_by_label("Name, birth date, MRN or phone")).to_have_count(0)


def administrator(system: RunningSystem) -> AlmonerClient:
    """Robin at the API: there is no screen for sessions yet."""
    account = system.sign_in_of("admin")
    settings = Settings(state=system.state, api_port=system.ports["API"], staff_port=system.ports["STAFF"])
    clients = registered_clients(settings, load_or_create_secrets(system.state))
    api = SimpleNamespace(
        http=lambda **options: httpx.Client(base_url=system.api_url, trust_env=False, **options),
        parts=SimpleNamespace(identity=SimpleNamespace(clients=clients)),
    )
    flow = SignInFlow(api)
    granted = flow.redeem(flow.code_for(account.user_name, account.password)).json()
    session_id = json.loads(jws.extract_compact(granted["id_token"].encode()).payload)["sid"]
    token = flow.session_token(session_id).json()["access_token"]
    return AlmonerClient(system.api_url, lambda: token)
