"""A lost phone, a required second factor, invitations: every way in is proved, works once, and tells nothing away."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from sqlalchemy import text

from data_contracts.api.account import ChangeAccount, NewAccount
from ehr_core.access.sign_in import SignIn
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, SignInRequired, TooMuch
from tests.lib.api import PASSWORD, running_api
from tests.lib.sign_in import SignInFlow, answer_of, ticket_of

NEW = "a password that nobody else has seen"
KEY = re.compile(r"Key: <code>([A-Z2-7]+)</code>")
CODE = re.compile(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>")


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def strict(database, tmp_path):
    with running_api(database, tmp_path, second_factor_roles="admin, clinician") as running:
        yield running


def now_code(api, secret: str) -> str:
    return pyotp.TOTP(secret).at(int(api.clock.now().timestamp()))


def with_factor(api, client):
    """(the secret, the recovery codes) of a second factor that is now on."""
    secret = client.account.enrol_totp().secret
    codes = client.account.confirm_totp(now_code(api, secret)).recovery_codes
    api.clock.instant += timedelta(seconds=60)
    return secret, codes


def signed_in(answer) -> bool:
    return answer.status_code == 303 and "code" in answer_of(answer)


# Recovery codes


def test_a_recovery_code_lets_in_once_in_place_of_the_phone(api):
    chen = api.signed_in("chen", "clinician")
    _, codes = with_factor(api, chen)
    assert len(set(codes)) == 10
    flow = SignInFlow(api)
    assert signed_in(
        flow.submit_code(flow.submit(flow.open_page(), "chen"), codes[0].upper().replace("-", " "))
    )
    again = SignInFlow(api)
    page = again.submit(again.open_page(), "chen")
    assert again.submit_code(page, codes[0]).status_code == 401
    assert chen.account.me().recovery_codes_left == 9
    with api.work() as work:
        used = work.connection.execute(
            text("SELECT resource_id FROM audit.event WHERE act = 'recovery_code_used'")
        )
        assert used.scalars().all() == [chen.account.me().account_id]


def test_new_codes_need_a_code_and_end_the_old_ones(api):
    chen = api.signed_in("chen", "clinician")
    secret, codes = with_factor(api, chen)
    with pytest.raises(BadRequest):
        chen.account.new_recovery_codes("000000")
    fresh = chen.account.new_recovery_codes(now_code(api, secret)).recovery_codes
    assert not set(fresh) & set(codes)
    flow = SignInFlow(api)
    assert flow.submit_code(flow.submit(flow.open_page(), "chen"), codes[1]).status_code == 401


def test_codes_are_kept_as_hashes_of_a_key_and_go_with_the_factor(api, admin_url):
    chen = api.signed_in("chen", "clinician")
    secret, codes = with_factor(api, chen)
    with api.parts.identity.transaction() as connection:
        kept = connection.exec_driver_sql("SELECT code_hash FROM access.recovery_code").scalars().all()
    assert len(kept) == 10
    assert not any(code.replace("-", "").encode() in bytes(one) for one in kept for code in codes)
    chen.account.disable_totp(now_code(api, secret))
    assert chen.account.me().recovery_codes_left == 0


def test_codes_cannot_be_guessed_for_long_and_another_address_is_not_locked_out(api):
    chen = api.signed_in("chen", "clinician")
    secret, _ = with_factor(api, chen)
    thief = SignInFlow(api)
    page = thief.submit(thief.open_page(), "chen")
    answers = [
        thief.submit_code(page, f"aaaaa-{number:05}".replace("0", "b").replace("1", "c"))
        for number in range(7)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    api.clock.instant += timedelta(minutes=15)
    owner = SignInFlow(api)
    assert signed_in(owner.submit_code(owner.submit(owner.open_page(), "chen"), now_code(api, secret)))


# A second factor that the role needs


def test_a_role_that_needs_a_second_factor_sets_one_up_before_anything_opens(strict):
    strict.account("chen", "clinician")
    flow = SignInFlow(strict)
    page = flow.submit(flow.open_page(), "chen")
    assert "Your role needs one" in page.text
    assert "<svg" in page.text
    secret = KEY.search(page.text)[1]
    wrong = flow.browser.post("/auth/authorize/enrol", data={"ticket": ticket_of(page), "code": "000000"})
    assert wrong.status_code == 401
    assert KEY.search(wrong.text)[1] == secret
    form = {"ticket": ticket_of(wrong), "code": now_code(strict, secret)}
    shown = flow.browser.post("/auth/authorize/enrol", data=form)
    assert len(CODE.findall(shown.text)) == 10
    assert signed_in(flow.browser.post("/auth/authorize/kept", data={"ticket": ticket_of(shown)}))


def test_the_set_up_cannot_be_skipped(strict):
    strict.account("chen", "clinician")
    flow = SignInFlow(strict)
    page = flow.submit(flow.open_page(), "chen")
    for step in ("kept", "code", "new-password", "consent"):
        answer = flow.browser.post(f"/auth/authorize/{step}", data={"ticket": ticket_of(page), "code": "1"})
        assert answer.status_code == 400, step
    assert "location" not in answer.headers


def test_other_roles_are_not_asked(strict):
    strict.account("dana", "front_desk")
    flow = SignInFlow(strict)
    assert signed_in(flow.submit(flow.open_page(), "dana"))


# Invitations and resets


@pytest.fixture
def admin(api):
    return api.signed_in("root", "admin")


def token_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["token"][0]


def choose(api, address: str, password: str = NEW, again: str | None = None):
    form = {"token": token_of(address), "password": password, "again": again or password}
    return api.http().post("/auth/invitation", data=form)


def test_an_invited_account_opens_by_its_link_alone_and_the_link_works_once(api, admin):
    made = admin.account.create(NewAccount(username="kim", name="Kim", roles=["nurse"]))
    link = admin.account.invite(made.account_id)
    assert link.startswith(f"{api.base_url}/auth/invitation?token=")
    assert api.http().get("/auth/invitation", params={"token": token_of(link)}).status_code == 200
    assert choose(api, link, "too short").status_code == 400
    assert choose(api, link, "password123456").status_code == 400
    assert choose(api, link, NEW, "something else entirely").status_code == 400
    assert choose(api, link).status_code == 200
    assert "not good any more" in choose(api, link, "yet another long password").text
    flow = SignInFlow(api)
    assert signed_in(flow.submit(flow.open_page(), "kim", NEW))


def test_a_reset_ends_the_sessions_at_once_and_leaves_the_second_factor(api, admin):
    kim = api.signed_in("kim", "nurse")
    secret, _ = with_factor(api, kim)
    account = kim.account.me().account_id
    link = admin.account.invite(account, "reset")
    with pytest.raises(SignInRequired):
        kim.account.me()
    assert choose(api, link).status_code == 200
    flow = SignInFlow(api)
    page = flow.submit(flow.open_page(), "kim", NEW)
    assert "Enter your code" in page.text
    assert signed_in(flow.submit_code(page, now_code(api, secret)))


@pytest.mark.parametrize("what", ["late", "newer link", "closed", "made up"])
def test_a_link_that_is_not_good_says_the_same_whatever_the_reason(api, admin, what):
    account = api.account("kim", "nurse")
    link = admin.account.invite(account, "reset")
    if what == "late":
        api.clock.instant += timedelta(hours=1)
    elif what == "newer link":
        admin.account.invite(account, "reset")
    elif what == "closed":
        admin.account.change(account, ChangeAccount(disabled=True))
    else:
        link += "x"
    page = api.http().get("/auth/invitation", params={"token": token_of(link)})
    assert (page.status_code, "not good any more" in page.text) == (400, True)
    assert choose(api, link).status_code == 400
    flow = SignInFlow(api)
    assert not signed_in(flow.submit(flow.open_page(), "kim", NEW))


def test_links_are_made_by_administrators_and_kept_as_hashes(api, admin, admin_url):
    kim = api.signed_in("kim", "nurse")
    with pytest.raises(Forbidden):
        kim.account.invite(kim.account.me().account_id)
    token = token_of(admin.account.invite(kim.account.me().account_id))
    with api.parts.identity.transaction() as connection:
        kept = connection.exec_driver_sql("SELECT token_hash FROM access.invitation").scalars().all()
    assert token.encode() not in b"".join(bytes(one) for one in kept)
    told = str(admin.audit.events())
    assert token not in told
    assert PASSWORD not in told


# Nobody learns who has an account, and nobody locks another out


def test_a_wrong_name_and_a_wrong_password_sound_the_same(api):
    api.account("chen", "clinician")
    texts = set()
    for name in ("chen", "nobody"):
        flow = SignInFlow(api)
        page = flow.submit(flow.open_page(), name, "not the right password")
        texts.add((page.status_code, re.sub(r'value="[^"]*"', "", page.text)))
    assert len(texts) == 1


def test_a_flood_of_wrong_passwords_does_not_keep_the_owner_out_where_they_are_known(api):
    api.account("chen", "clinician")
    home = SignInFlow(api)
    assert signed_in(home.submit(home.open_page(), "chen"))
    identity = api.parts.identity
    thief = SignIn(identity)
    refused = 0
    for number in range(40):
        try:
            thief.with_password(
                "chen", "guess", address=f"10.0.0.{number % 20}", client=identity.clients["staff"]
            )
        except TooMuch:
            refused += 1
        except SignInRequired:
            pass
    assert refused > 0
    again = SignInFlow(api)
    assert signed_in(again.submit(again.open_page(), "chen"))


def test_a_second_enrolment_over_a_factor_that_is_on_is_refused(api):
    chen = api.signed_in("chen", "clinician")
    with_factor(api, chen)
    with pytest.raises(Conflict):
        chen.account.enrol_totp()
