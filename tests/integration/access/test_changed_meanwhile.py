"""A sign-in under way and a link that was sent are worth nothing once the account has been made safe again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from data_contracts.api.account import ChangeAccount
from ehr_core.access.invitations import invite
from tests.lib.api import PASSWORD, running_api
from tests.lib.sign_in import SignInFlow, answer_of, ticket_of
from tests.lib.smart_app import SmartApp

NEW = "a password that nobody else has seen"
WHAT_ENDS_IT = ("password set", "account closed", "time")


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path, second_factor_roles="admin, clinician") as running:
        yield running


@pytest.fixture
def admin(api):
    return api.signed_in("root", "admin")


def end(api, admin, account_id: str, what: str) -> None:
    api.clock.instant += timedelta(minutes=1)
    if what == "password set":
        admin.account.change(account_id, ChangeAccount(password=NEW))
    elif what == "account closed":
        admin.account.change(account_id, ChangeAccount(disabled=True))
    else:
        api.clock.instant += timedelta(minutes=15)


@pytest.mark.parametrize("what", WHAT_ENDS_IT)
def test_whoever_waits_at_the_consent_page_is_not_let_in_afterwards(api, admin, what):
    ana = api.account("ana", "patient", patient_id="ana")
    app = SmartApp(api)
    page = app.consent("ana")
    end(api, admin, ana, what)
    assert app.decide(page).status_code == 400


def test_no_page_is_kept_fresh_by_sending_it_wrongly_again_and_again(api):
    api.account("ana", "patient", patient_id="ana")
    app = SmartApp(api)
    page = app.consent("ana")
    for _ in range(2):
        api.clock.instant += timedelta(minutes=7)
        page = app.decide(page, patient="somebody-else")
        assert "You may not act for this person" in page.text
    api.clock.instant += timedelta(minutes=7)
    assert app.decide(page).status_code == 400


@pytest.mark.parametrize("what", WHAT_ENDS_IT)
def test_whoever_waits_before_setting_up_a_second_factor_sets_up_none(api, admin, what):
    chen = api.account("chen", "clinician")
    flow = SignInFlow(api)
    page = flow.submit(flow.open_page(), "chen")
    assert "Key:" in page.text
    end(api, admin, chen, what)
    answer = flow.browser.post("/auth/authorize/enrol", data={"ticket": ticket_of(page), "code": "000000"})
    assert answer.status_code == 400


def test_a_password_of_ones_own_goes_on_to_the_next_step(api, admin):
    """The step that changes the password is not stopped by the change that it makes."""
    ana = api.account("ana", "patient", patient_id="ana", known_to="maker")
    flow = SignInFlow(api, client_id="portal")
    page = flow.submit(flow.open_page(), "ana")
    api.clock.instant += timedelta(minutes=1)
    form = {"ticket": ticket_of(page), "password": NEW, "again": NEW}
    answer = flow.browser.post("/auth/authorize/new-password", data=form)
    assert flow.redeem(answer_of(answer)["code"]).json()["access_token"]
    assert ana


@pytest.mark.parametrize("by", ["the owner", "an administrator"])
def test_a_link_to_choose_a_password_is_spent_when_the_password_changes_otherwise(api, admin, by):
    ana = api.account("ana", "patient", patient_id="ana")
    with api.work() as work:
        token = invite(work, ana, "reset")
    if by == "the owner":
        patient = api.client_of(api.session(ana, "portal"), "portal")
        patient.account.change_password(PASSWORD, NEW)
    else:
        admin.account.change(ana, ChangeAccount(password=NEW))
    form = {"token": token, "password": "yet another long password", "again": "yet another long password"}
    assert api.http().get("/auth/invitation", params={"token": token}).status_code == 400
    assert api.http().post("/auth/invitation", data=form).status_code == 400


def test_somebody_whose_passkeys_fail_shuts_no_colleague_at_the_same_address_out(api):
    statuses = set()
    for _ in range(7):
        flow = SignInFlow(api)
        form = {"ticket": ticket_of(flow.open_page()), "credential": "{}"}
        statuses.add(flow.browser.post("/auth/authorize/passkey", data=form).status_code)
    assert statuses == {401}
