"""Changing one's own password: with the present one, counted guesses, and everywhere else signed out."""

from __future__ import annotations

import pytest

from ehr_core.access import throttle
from ehr_core.kernel.errors import BadRequest, SignInRequired, TooMuch
from tests.lib.api import PASSWORD, running_api
from tests.lib.sign_in import SignInFlow

NEW = "a password of this year"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def here_and_there(api):
    account_id = api.account("chen", "clinician")
    return [api.client_of(api.session(account_id)) for _ in range(2)]


def test_the_new_password_counts_and_the_other_sessions_end_at_once(api, here_and_there):
    here, there = here_and_there
    assert there.account.me().name == "Chen"
    here.account.change_password(PASSWORD, NEW)
    assert here.account.me().name == "Chen"
    with pytest.raises(SignInRequired):
        there.account.me()
    flow = SignInFlow(api)
    assert flow.submit(flow.open_page(), "chen").status_code == 401
    assert SignInFlow(api).code_for("chen", NEW)
    with api.work() as work:
        acts = work.connection.exec_driver_sql(
            "SELECT actor_id = resource_id FROM audit.event WHERE act = 'own_password_changed'"
        )
        assert acts.scalars().all() == [True]


def test_a_new_password_that_cannot_be_changes_nothing(api):
    account_id = api.account("chen.of.radiology", "clinician")
    with pytest.raises(BadRequest, match="must not be the user name"):
        api.client_of(api.session(account_id)).account.change_password(PASSWORD, "Chen.of.Radiology")
    assert SignInFlow(api).code_for("chen.of.radiology")


def test_guessing_the_present_password_at_an_open_screen_is_stopped(here_and_there):
    here, there = here_and_there
    for _ in range(throttle.PAIR_LIMIT):
        with pytest.raises(BadRequest, match="present password is not right"):
            here.account.change_password("a wrong guess here", NEW)
    with pytest.raises(TooMuch):
        here.account.change_password(PASSWORD, NEW)
    assert there.account.me().name == "Chen"


def test_a_service_has_no_password(api):
    with pytest.raises(BadRequest, match="A service has no password"):
        api.service("remeasure").account.change_password(PASSWORD, NEW)
