"""Somebody sets up a second factor at the screen, signs in with it, changes the password and ends another session."""

from __future__ import annotations

import secrets
import time

import httpx
import pyotp
import pytest
from playwright.sync_api import expect

from data_contracts.api.account import NewAccount
from tests.lib.browser import SIGN_OUT, Person, Room
from tests.lib.real_client import signed_in
from tests.lib.running_system import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.long]

PASSWORD = "a first long password"
ANOTHER = "another long password"


@pytest.fixture
def kim(room: Room) -> SignIn:
    """An account of this story's own: others sign in as the demonstration's people meanwhile. Kim was invited."""
    username = f"kim.{secrets.token_hex(3)}"
    accounts = signed_in(room.system, "admin").account
    made = accounts.create(NewAccount(username=username, name="Kim Lindqvist", roles=["front_desk"]))
    address, _, token = accounts.invite(made.account_id).partition("?token=")
    chosen = {"token": token, "password": PASSWORD, "again": PASSWORD}
    httpx.post(address, data=chosen).raise_for_status()
    return SignIn("staff", "front_desk", "Kim Lindqvist", username, PASSWORD)


def at_the_screen(room: Room, account: SignIn, code: str | None = None) -> Person:
    person = room.newcomer(account.name, room.system.staff_url)
    person.opens()
    person.asks_to_sign_in()
    person.gives_name_and_password(account)
    if code is not None:
        person.page.get_by_label("Six-digit code").fill(code)
        person.page.get_by_role("button", name="Continue").click()
    person.page.get_by_role("button", name=SIGN_OUT).wait_for(state="attached")
    person.settled()
    return person


def next_code(generator: pyotp.TOTP, used: list[str]) -> str:
    """A code works once: waits for one that was not used."""
    while (code := generator.now()) in used:
        time.sleep(1)
    used.append(code)
    return code


def test_a_second_factor_is_set_up_asked_for_and_taken_away(room: Room, kim: SignIn):
    desk = at_the_screen(room, kim)
    desk.goes_to("My account")
    desk.presses("Set up a second factor")
    desk.settled()
    generator = pyotp.TOTP(desk.page.locator("code").first.inner_text().replace(" ", ""))
    used: list[str] = []
    desk.types("Code that the app shows", "000000")
    desk.presses("Turn on")
    expect(desk.page.get_by_text("The code is not right")).to_be_visible()
    desk.types("Code that the app shows", next_code(generator, used))
    desk.presses("Turn on")
    expect(desk.page.get_by_text("The second factor is on")).to_be_visible()
    desk.settled()
    assert generator.secret not in desk.page.content().replace(" ", "")

    phone = at_the_screen(room, kim, next_code(generator, used))
    phone.goes_to("My account")
    expect(phone.page.get_by_text("On: signing in asks for a code.")).to_be_visible()
    phone.types("Code that the app shows", next_code(generator, used))
    phone.presses("Turn off")
    expect(phone.page.get_by_text("The second factor is off.")).to_be_visible()


def test_a_changed_password_and_an_ended_session_sign_out_elsewhere(room: Room, kim: SignIn):
    desk, other, third = (at_the_screen(room, kim) for _ in range(3))
    desk.goes_to("My account")
    desk.presses("End")
    expect(desk.page.get_by_text("Ended: it stops working at its next click.")).to_be_visible()

    desk.types("Present password", "not the right one")
    desk.types("New password", ANOTHER)
    desk.types("New password again", ANOTHER)
    desk.presses("Change password")
    expect(desk.page.get_by_text("The present password is not right.")).to_be_visible()
    desk.types("Present password", PASSWORD)
    desk.types("New password", ANOTHER)
    desk.types("New password again", ANOTHER)
    desk.presses("Change password")
    expect(desk.page.get_by_text("Your password is changed.")).to_be_visible()

    for elsewhere in (other, third):
        elsewhere.goes_to("Patients")
        expect(elsewhere.page.get_by_text("Your session has ended.")).to_be_visible()
    expect(desk.page.get_by_text("this one")).to_be_visible()
