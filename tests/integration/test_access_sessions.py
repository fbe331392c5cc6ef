"""Sessions live and die at once: every call looks at the session, the account and the roles of that moment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from data_contracts.api.account import ChangeAccount, NewAccount
from ehr_core.kernel.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    SignInRequired,
)
from tests.lib.api import PASSWORD, running_api
from tests.lib.sign_in import SignInFlow


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def admin(api):
    return api.signed_in("root", "admin")


def refusals(api):
    with api.work() as work:
        rows = work.connection.execute(
            text(
                "SELECT act, detail ->> 'reason' AS reason FROM audit.event WHERE outcome = 'refused' ORDER BY id"
            )
        )
        return [tuple(row) for row in rows]


def test_me_says_who_i_am_and_what_i_may(api):
    me = api.signed_in("chen", "clinician", practitioner_id="pr-1").account.me()
    assert (me.name, me.kind, me.roles, me.practitioner_id) == ("Chen", "user", ["clinician"], "pr-1")
    assert "chart.write" in me.permissions
    assert "account.manage" not in me.permissions


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer not-a-token", "bearer \0"]
)
def test_without_a_good_token_there_is_no_answer(api, header):
    answer = api.http().get("/api/me", headers={"Authorization": header} if header is not None else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"] == "SignInRequired"


def test_a_token_in_the_address_is_no_token(api):
    client = api.signed_in("chen", "clinician")
    token = client.transport._token_source()
    assert api.http().get("/api/me", params={"access_token": token}).status_code == 401


def test_a_revoked_session_stops_at_its_next_call_although_its_token_is_young(api, admin):
    client = api.signed_in("chen", "clinician")
    me = client.account.me()
    token = client.transport._token_source()
    admin.account.revoke_session(me.session_id)
    answer = api.http().get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    with pytest.raises(SignInRequired):
        client.account.me()
    assert ("use_session", "revoked") in refusals(api)


def test_signing_out_ends_this_session_only(api):
    account = api.account("chen", "clinician")
    here, there = api.client_of(api.session(account)), api.client_of(api.session(account))
    here.account.end_session()
    with pytest.raises(SignInRequired):
        here.account.me()
    assert there.account.me().name == "Chen"


def test_an_idle_session_ends_and_use_keeps_it_alive(api):
    client = api.signed_in("chen", "clinician")
    idle = timedelta(minutes=api.parts.settings.session_idle_minutes)
    for _ in range(3):
        api.clock.instant += idle - timedelta(minutes=1)
        client.transport._token_source.renew()
        assert client.account.me()
    api.clock.instant += idle
    client.transport._token_source.renew()
    with pytest.raises(SignInRequired):
        client.account.me()


def test_a_session_ends_after_its_hours_even_in_use(api):
    client = api.signed_in("chen", "clinician")
    for _ in range(api.parts.settings.session_hours * 3 - 1):
        api.clock.instant += timedelta(minutes=20)
        client.transport._token_source.renew()
        assert client.account.me()
    api.clock.instant += timedelta(minutes=20)
    client.transport._token_source.renew()
    with pytest.raises(SignInRequired):
        client.account.me()


def test_an_access_token_lives_for_its_seconds_and_is_renewed_by_the_client(api):
    client = api.signed_in("chen", "clinician")
    client.account.me()
    old = client.transport._token_source()
    api.clock.instant += timedelta(seconds=api.parts.settings.access_token_seconds + 1)
    assert api.http().get("/api/me", headers={"Authorization": f"Bearer {old}"}).status_code == 401
    assert client.account.me().name == "Chen"


def test_a_role_that_is_taken_away_counts_at_the_next_call(api, admin):
    client = api.signed_in("chen", "clinician", "analyst")
    me = client.account.me()
    assert "chart.write" in me.permissions
    admin.account.change(me.account_id, ChangeAccount(roles=["analyst"]))
    assert "chart.write" not in client.account.me().permissions


def test_a_closed_account_is_out_at_once_and_stays_out(api, admin):
    client = api.signed_in("chen", "clinician")
    account_id = client.account.me().account_id
    admin.account.change(account_id, ChangeAccount(disabled=True))
    with pytest.raises(SignInRequired):
        client.account.me()
    admin.account.change(account_id, ChangeAccount(disabled=False))
    with pytest.raises(SignInRequired):
        client.account.me()


def test_a_new_password_ends_the_sessions_of_the_old_one(api, admin):
    client = api.signed_in("chen", "clinician")
    account_id = client.account.me().account_id
    admin.account.change(account_id, ChangeAccount(password="another long password"))
    with pytest.raises(SignInRequired):
        client.account.me()
    flow = SignInFlow(api)
    assert (
        "Choose a password of your own" in flow.submit(flow.open_page(), "chen", "another long password").text
    )


def test_a_session_id_is_worth_nothing_to_another_application(api):
    account = api.account("chen", "clinician")
    sid = api.session(account)
    assert SignInFlow(api, client_id="portal").session_token(sid).json()["error"] == "session_ended"


def test_a_patient_in_the_staff_workspace_has_no_role_there(api):
    account = api.account("ana", "patient", patient_id="ana-1")
    with pytest.raises(SignInRequired):
        api.client_of(api.session(account, "staff"), "staff").account.me()


def test_a_service_signs_in_as_itself_with_its_own_permissions_only(api):
    me = api.service("pipeline").account.me()
    assert (me.kind, me.roles, me.session_id) == ("service", ["service_pipeline"], None)
    assert "chart.write" not in me.permissions
    assert "fhir.write" not in me.permissions
    with pytest.raises(BadRequest):
        api.service("pipeline").account.end_session()


def test_i_see_my_own_sessions_and_an_administrator_anybodys(api, admin):
    account = api.account("chen", "clinician")
    client = api.client_of(api.session(account))
    api.session(account)
    mine = client.account.sessions()
    assert len(mine) == 2
    assert [session.current for session in mine].count(True) == 1
    assert mine[0].application == "Staff workspace"
    assert len(admin.account.sessions(account_id=account)) == 2
    with pytest.raises(Forbidden):
        client.account.sessions(account_id=admin.account.me().account_id)


def test_nobody_ends_somebody_elses_session_or_learns_that_it_exists(api, admin):
    client = api.signed_in("chen", "clinician")
    other = admin.account.me().session_id
    with pytest.raises(NotFound) as existing:
        client.account.revoke_session(other)
    with pytest.raises(NotFound) as made_up:
        client.account.revoke_session("made-up")
    assert existing.value.message == made_up.value.message
    assert admin.account.me()


def test_only_an_administrator_makes_and_changes_accounts(api, admin):
    client = api.signed_in("chen", "clinician")
    new = NewAccount(username="Mia", name="Mia Ruiz", password=PASSWORD, roles=["care_manager"])
    with pytest.raises(Forbidden):
        client.account.create(new)
    with pytest.raises(Forbidden):
        client.account.accounts()
    with pytest.raises(Forbidden):
        client.account.change(client.account.me().account_id, ChangeAccount(roles=["admin"]))
    made = admin.account.create(new)
    assert (made.username, made.roles) == ("mia", ["care_manager"])
    with pytest.raises(Conflict):
        admin.account.create(new)
    assert {account.username for account in admin.account.accounts()} == {"root", "chen", "mia"}
    assert ("GET /api/accounts", "Forbidden") in refusals(api)


@pytest.mark.parametrize(
    "roles", [["service_pipeline"], ["superuser"], ["patient"], ["clinician", "patient"]]
)
def test_roles_that_make_no_sense_are_refused(admin, roles):
    with pytest.raises(BadRequest):
        admin.account.create(NewAccount(username="x", name="X", password=PASSWORD, roles=roles))


def test_an_administrator_cannot_lock_the_door_from_inside(admin):
    me = admin.account.me().account_id
    with pytest.raises(BadRequest):
        admin.account.change(me, ChangeAccount(roles=["analyst"]))
    with pytest.raises(BadRequest):
        admin.account.change(me, ChangeAccount(disabled=True))


def test_a_short_password_is_refused_without_being_repeated(api, admin):
    body = {"username": "y", "name": "Y", "password": "tiny-secret", "roles": ["analyst"]}
    answer = api.http().post(
        "/api/accounts", json=body, headers={"Authorization": f"Bearer {admin.transport._token_source()}"}
    )
    assert answer.status_code == 400
    assert "tiny-secret" not in answer.text


def test_logout_ends_the_session_and_leads_back_to_the_application_only(api):
    flow = SignInFlow(api)
    api.account("chen", "clinician")
    granted = flow.redeem(flow.code_for("chen")).json()
    sid = api.parts.identity.signer.read(granted["id_token"])["sid"]
    browser = api.http(follow_redirects=False)
    evil = browser.get(
        "/auth/logout", params={"client_id": "staff", "post_logout_redirect_uri": "https://evil.example"}
    )
    assert evil.status_code == 200
    assert flow.session_token(sid).status_code == 200
    answer = browser.get(
        "/auth/logout",
        params={
            "id_token_hint": granted["id_token"],
            "client_id": "staff",
            "post_logout_redirect_uri": flow.client.redirect_uris[0],
        },
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == flow.client.redirect_uris[0]
    assert flow.session_token(sid).status_code == 401


def test_a_forged_id_token_ends_nobodys_session(api):
    from joserfc import jwt
    from joserfc.jwk import ECKey

    sid = api.session(api.account("chen", "clinician"))
    claims = {"sid": sid, "aud": "staff"}
    forged = [
        jwt.encode({"alg": "ES256"}, claims, ECKey.generate_key("P-256")),
        "eyJhbGciOiJub25lIn0.eyJzaWQiOiJ4IiwiYXVkIjoic3RhZmYifQ.",
        "garbage",
    ]
    for hint in forged:
        assert api.http().get("/auth/logout", params={"id_token_hint": hint}).status_code == 400
    assert SignInFlow(api).session_token(sid).status_code == 200


def test_expired_tokens_are_swept_away(api):
    client = api.signed_in("chen", "clinician")
    client.account.me()
    api.clock.instant += timedelta(hours=1)
    api.service("pipeline").account.me()
    with api.work() as work:
        left = work.connection.execute(text("SELECT count(*) FROM access.access_token")).scalar_one()
    assert left == 1
