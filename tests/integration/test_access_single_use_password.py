"""A password that somebody else made opens nothing: the first sign-in replaces it."""

from __future__ import annotations

import pyotp
import pytest

from data_contracts.api.account import ChangeAccount, NewAccount
from ehr_core.access.accounts import create_account, set_disabled
from tests.lib.api import PASSWORD, RunningApi, running_api
from tests.lib.sign_in import SignInFlow, answer_of, ticket_of

OWN = "only the owner knows this"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def account_id(api: RunningApi) -> str:
    with api.work() as work:
        return create_account(
            work,
            username="chen",
            display_name="Chen",
            password=PASSWORD,
            known_to="maker",
            roles=["clinician"],
        )


def choose(flow: SignInFlow, page, password: str, again: str | None = None):
    form = {
        "ticket": ticket_of(page),
        "password": password,
        "again": password if again is None else again,
    }
    return flow.browser.post("/auth/authorize/new-password", data=form)


def test_a_new_password_is_asked_for_and_the_old_one_opens_nothing_afterwards(api, account_id):
    flow = SignInFlow(api)
    page = flow.submit(flow.open_page(), "chen")
    assert "Choose a password of your own" in page.text
    assert answer_of(choose(flow, page, OWN))["code"]
    other = SignInFlow(api)
    assert other.submit(other.open_page(), "chen").status_code == 401
    assert SignInFlow(api).code_for("chen", OWN)
    with api.work() as work:
        told = work.connection.exec_driver_sql(
            "SELECT actor_id FROM audit.event WHERE act = 'single_use_password_replaced'"
        )
        assert told.scalars().all() == [account_id]


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        (OWN, "something else here", "not the same"),
        ("short", None, "12 to 256 characters"),
        ("chen", None, "12 to 256 characters"),
        (PASSWORD, None, "the same as the one that you were given"),
    ],
)
def test_a_bad_choice_is_told_on_the_page_and_can_be_made_again(api, account_id, password, again, said):
    flow = SignInFlow(api)
    page = choose(flow, flow.submit(flow.open_page(), "chen"), password, again)
    assert page.status_code == 400
    assert said in page.text
    assert password not in page.text
    assert answer_of(choose(flow, page, OWN))["code"]


def test_whoever_comes_second_with_the_same_password_is_refused(api, account_id):
    first, second = SignInFlow(api), SignInFlow(api)
    theirs = second.submit(second.open_page(), "chen")
    choose(first, first.submit(first.open_page(), "chen"), OWN)
    late = choose(second, theirs, "a password of the thief")
    assert late.status_code == 400
    assert "was replaced in the meantime" in late.text
    assert SignInFlow(api).code_for("chen", OWN)


def test_an_account_that_is_closed_meanwhile_is_not_opened(api, account_id):
    flow = SignInFlow(api)
    page = flow.submit(flow.open_page(), "chen")
    with api.work() as work:
        set_disabled(work, account_id, True)
    assert choose(flow, page, OWN).status_code == 400


def test_the_step_cannot_be_taken_before_the_password_or_without_the_code(api, account_id):
    flow = SignInFlow(api)
    assert choose(flow, flow.open_page(), OWN).status_code == 400
    client = api.client_of(api.session(account_id))
    generator = pyotp.TOTP(client.account.enrol_totp().secret)
    client.account.confirm_totp(generator.at(api.clock.now()))
    page = flow.submit(flow.open_page(), "chen")
    assert "Enter your code" in page.text
    assert choose(flow, page, OWN).status_code == 400
    assert flow.submit_code(flow.open_page(), "123456").status_code == 400


def test_after_the_code_the_new_password_is_still_asked_for(api, account_id):
    client = api.client_of(api.session(account_id))
    generator = pyotp.TOTP(client.account.enrol_totp().secret)
    client.account.confirm_totp(generator.at(api.clock.now()))
    flow = SignInFlow(api)
    code = generator.at(api.clock.now().timestamp() + 30)
    page = flow.submit_code(flow.submit(flow.open_page(), "chen"), code)
    assert "Choose a password of your own" in page.text
    assert answer_of(choose(flow, page, OWN))["code"]


def test_what_an_administrator_typed_for_somebody_else_is_replaced_and_their_own_is_not(api, account_id):
    root = api.signed_in("root", "admin")
    root.account.create(NewAccount(username="mia", name="Mia", password=PASSWORD, roles=["nurse"]))
    root.account.change(account_id, ChangeAccount(password="typed by root for chen"))
    root.account.change(root.account.me().account_id, ChangeAccount(password=OWN))
    for username, password in (("mia", PASSWORD), ("chen", "typed by root for chen")):
        flow = SignInFlow(api)
        page = flow.submit(flow.open_page(), username, password)
        assert "Choose a password of your own" in page.text
    assert SignInFlow(api).code_for("root", OWN)
