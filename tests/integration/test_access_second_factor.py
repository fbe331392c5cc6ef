"""The second factor: enrolled by its owner, asked for at sign-in, good once."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text

from data_contracts.api.account import ChangeAccount
from ehr_core.access import throttle
from ehr_core.kernel.errors import BadRequest, Conflict, TooMuch
from tests.lib.api import running_api
from tests.lib.sign_in import SignInFlow, answer_of


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def enrolled(api):
    """(client, code maker) of an account with a confirmed second factor."""
    client = api.signed_in("chen", "clinician")
    secret = client.account.enrol_totp().secret
    generator = pyotp.TOTP(secret)

    def code():
        """The code of the next step: each call moves the clock on, since a code works once."""
        api.clock.instant += timedelta(seconds=30)
        return generator.at(api.clock.now())

    assert client.account.confirm_totp(code()).enabled
    return client, code


def test_the_code_is_asked_for_after_the_password_and_then_the_door_opens(api, enrolled):
    _, code = enrolled
    flow = SignInFlow(api)
    step = flow.submit(flow.open_page(), "chen")
    assert step.status_code == 200
    assert "Enter your code" in step.text
    assert answer_of(flow.submit_code(step, code()))["code"]


def test_a_wrong_password_never_reaches_the_code_page(api, enrolled):
    flow = SignInFlow(api)
    answer = flow.submit(flow.open_page(), "chen", "a wrong password")
    assert answer.status_code == 401
    assert "Enter your code" not in answer.text


def test_a_code_that_was_seen_cannot_be_used_again(api, enrolled):
    _, code = enrolled
    seen = code()
    first, second = SignInFlow(api), SignInFlow(api)
    assert answer_of(first.submit_code(first.submit(first.open_page(), "chen"), seen))["code"]
    assert second.submit_code(second.submit(second.open_page(), "chen"), seen).status_code == 401


@pytest.mark.parametrize("given", ["", "000000", "12345", "1234567", "abcdef", "٠٠٠٠٠٠"])
def test_other_codes_are_refused(api, enrolled, given):
    flow = SignInFlow(api)
    assert flow.submit_code(flow.submit(flow.open_page(), "chen"), given).status_code == 401


def test_guessing_codes_is_stopped_even_across_pages(api, enrolled):
    _, code = enrolled
    flow = SignInFlow(api)
    for _ in range(throttle.PAIR_LIMIT):
        step = flow.submit(flow.open_page(), "chen")
        assert flow.submit_code(step, "000000").status_code == 401
    step = flow.submit(flow.open_page(), "chen")
    assert flow.submit_code(step, code()).status_code == 429


def test_guessing_codes_with_an_open_session_is_stopped_too(enrolled):
    client, code = enrolled
    for _ in range(throttle.PAIR_LIMIT):
        with pytest.raises(BadRequest):
            client.account.disable_totp("000000")
    with pytest.raises(TooMuch):
        client.account.disable_totp(code())


def test_an_enrolment_that_was_never_confirmed_asks_for_nothing(api):
    client = api.signed_in("chen", "clinician")
    client.account.enrol_totp()
    assert SignInFlow(api).code_for("chen")


def test_it_is_taken_away_with_a_code_and_not_replaced_without(enrolled):
    client, code = enrolled
    with pytest.raises(Conflict):
        client.account.enrol_totp()
    assert not client.account.disable_totp(code()).enabled
    assert not client.account.me().totp_enabled


def test_an_administrator_helps_after_a_lost_phone(api, enrolled):
    client, _ = enrolled
    account_id = client.account.me().account_id
    api.signed_in("root", "admin").account.change(account_id, ChangeAccount(reset_second_factor=True))
    assert SignInFlow(api).code_for("chen")


def test_the_secret_is_sealed_in_the_database(api):
    client = api.signed_in("chen", "clinician")
    secret = client.account.enrol_totp().secret
    with api.work() as work:
        stored = work.connection.execute(
            text("SELECT totp_secret FROM access.account WHERE username = 'chen'")
        )
        assert secret.encode() not in bytes(stored.scalar_one())
