"""Passkeys: added by who is signed in and knows the password, good for this site and this page's challenge alone."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from data_contracts.api.account import ChangeAccount
from ehr_core.kernel.errors import BadRequest, NotFound
from tests.lib.api import PASSWORD, running_api
from tests.lib.sign_in import SignInFlow, answer_of, ticket_of
from tests.lib.soft_passkey import PRESENT, SoftPasskey

SITE = "http://localhost:8700"
OPTIONS = re.compile(r'data-options="([^"]+)"')


@pytest.fixture
def api(database, tmp_path):
    """Passkeys need a host name."""
    with running_api(database, tmp_path, host="localhost") as running:
        yield running


@pytest.fixture
def chen(api):
    return api.signed_in("chen", "clinician")


def device(**more) -> SoftPasskey:
    return SoftPasskey(**({"origin": SITE, "host": "localhost"} | more))


def options_of(page) -> str:
    return html.unescape(OPTIONS.search(page.text)[1])


def add(api, client, passkey: SoftPasskey, name: str = "Phone"):
    address = client.account.add_passkey(PASSWORD)
    page = api.http().get(address)
    form = {
        "ticket": parse_qs(urlsplit(address).query)["ticket"][0],
        "credential": passkey.create(options_of(page)),
        "name": name,
    }
    return api.http().post("/auth/passkeys/new", data=form)


def sign_in(api, passkey: SoftPasskey, **changes):
    flow = SignInFlow(api)
    page = flow.open_page()
    form = {"ticket": ticket_of(page), "credential": passkey.get(options_of(page), **changes)}
    return flow.browser.post("/auth/authorize/passkey", data=form)


def is_in(answer) -> bool:
    return answer.status_code == 303 and "code" in answer_of(answer)


def test_a_passkey_is_added_and_signs_in_without_password_and_code(api, chen):
    passkey = device()
    assert add(api, chen, passkey).status_code == 200
    assert is_in(sign_in(api, passkey))
    (kept,) = chen.account.passkeys()
    assert kept.name == "Phone"
    assert kept.last_used_at == api.clock.now()


def test_adding_one_needs_the_password_and_a_session_that_is_open(api, chen):
    with pytest.raises(BadRequest):
        chen.account.add_passkey("not the password")
    address = chen.account.add_passkey(PASSWORD)
    chen.account.end_session()
    assert api.http().get(address).status_code == 400


def test_the_page_for_adding_is_good_for_minutes(api, chen):
    address = chen.account.add_passkey(PASSWORD)
    api.clock.instant += timedelta(minutes=5, seconds=1)
    assert "too old" in api.http().get(address).text


@pytest.mark.parametrize(
    "spoiled",
    [
        {"origin": "http://localhost.evil.example:8700"},
        {"origin": "http://localhost:8701"},
        {"host": "evil.example"},
        {"flags": PRESENT},
    ],
)
def test_a_key_made_for_another_site_or_without_a_finger_or_pin_is_not_taken(api, chen, spoiled):
    assert add(api, chen, device(**spoiled)).status_code == 400
    assert chen.account.passkeys() == []


def test_a_phished_replayed_or_unverified_signature_lets_nobody_in(api, chen):
    passkey = device()
    add(api, chen, passkey)
    for attempt in (
        sign_in(api, replace(passkey, origin="https://evil.example")),
        sign_in(api, replace(passkey, host="evil.example")),
        sign_in(api, passkey, flags=PRESENT),
        sign_in(api, passkey, challenge="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        sign_in(api, device(credential_id=passkey.credential_id)),
        sign_in(api, device()),
    ):
        assert attempt.status_code in (401, 429)
    api.clock.instant += timedelta(minutes=15)
    flow = SignInFlow(api)
    page = flow.open_page()
    form = {"ticket": ticket_of(page), "credential": passkey.get(options_of(page))}
    assert is_in(flow.browser.post("/auth/authorize/passkey", data=form))
    other = SignInFlow(api)
    replayed = {"ticket": ticket_of(other.open_page()), "credential": form["credential"]}
    assert other.browser.post("/auth/authorize/passkey", data=replayed).status_code == 401


def test_a_challenge_signs_once_also_with_a_key_that_does_not_count(api, chen):
    passkey = device(count=-1)
    add(api, chen, replace(passkey, count=0))
    flow = SignInFlow(api)
    page = flow.open_page()
    form = {"ticket": ticket_of(page), "credential": passkey.get(options_of(page))}
    kept = dict(flow.browser.cookies)
    assert is_in(flow.browser.post("/auth/authorize/passkey", data=form))
    again = api.http(cookies=kept).post("/auth/authorize/passkey", data=form)
    assert again.status_code == 401
    passkey.count = -1
    assert is_in(sign_in(api, passkey))


def test_a_copied_key_is_noticed_by_its_count(api, chen):
    passkey = device()
    add(api, chen, passkey)
    copy = replace(passkey)
    assert is_in(sign_in(api, passkey))
    assert sign_in(api, copy).status_code == 401


def test_a_key_belongs_to_one_account_and_is_taken_away_by_its_owner(api, chen):
    passkey = device()
    add(api, chen, passkey)
    lee = api.signed_in("lee", "clinician")
    assert add(api, lee, passkey).status_code == 400
    (kept,) = chen.account.passkeys()
    with pytest.raises(NotFound):
        lee.account.remove_passkey(kept.key_id)
    chen.account.remove_passkey(kept.key_id)
    assert sign_in(api, passkey).status_code == 401


def test_a_closed_account_and_a_reset_factor_take_the_passkey_with_them(api, chen):
    passkey, admin = device(), api.signed_in("root", "admin")
    add(api, chen, passkey)
    account = chen.account.me().account_id
    admin.account.change(account, ChangeAccount(disabled=True))
    assert sign_in(api, passkey).status_code == 401
    admin.account.change(account, ChangeAccount(disabled=False))
    assert is_in(sign_in(api, passkey))
    admin.account.change(account, ChangeAccount(reset_second_factor=True))
    assert sign_in(api, passkey).status_code == 401


def test_a_portal_does_not_open_to_staff_by_passkey(api, chen):
    passkey = device()
    add(api, chen, passkey)
    flow = SignInFlow(api, "portal")
    page = flow.open_page()
    form = {"ticket": ticket_of(page), "credential": passkey.get(options_of(page))}
    assert flow.browser.post("/auth/authorize/passkey", data=form).status_code == 403


def test_the_page_runs_its_own_script_alone_and_none_is_offered_without_a_host_name(api, database, tmp_path):
    page = SignInFlow(api).open_page()
    policy = page.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy
    assert "unsafe" not in policy
    with running_api(database, tmp_path / "other") as bare:
        assert "passkey" not in SignInFlow(bare).open_page().text.partition("<script>")[0]
