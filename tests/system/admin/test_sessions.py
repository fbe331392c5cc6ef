"""An administrator ends a session; its owner is signed out at the next click."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room
from tests.lib.real_client import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_whose_session_was_ended_is_signed_out_at_the_next_click(room: Room):
    dana = room.sign_in("front_desk")
    expect(dana.page.get_by_role("heading", name="Flow board")).to_be_visible()

    robin = signed_in(room.system, "admin")
    account = next(one for one in robin.account.accounts() if one.username == "dana.pruitt")
    for session in robin.account.sessions(account_id=account.account_id):
        robin.account.revoke_session(session.session_id)

    dana.page.get_by_role("navigation").get_by_role("link", name="Patients").click()
    expect(dana.page.get_by_text("Your session has ended.")).to_be_visible()
    expect(dana.page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(dana.page.get_by_label("Name, birth date, MRN or phone")).to_have_count(0)
