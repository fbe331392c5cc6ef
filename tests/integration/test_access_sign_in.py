"""Signing in, as a person, as an application, and as somebody who is neither."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from ehr_core.access import throttle
from ehr_core.access.sign_in import NOT_RIGHT
from tests.lib.api import PASSWORD, running_api
from tests.lib.sign_in import SignInFlow, answer_of, ticket_of


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        running.account("chen", "clinician")
        yield running


@pytest.fixture
def flow(api):
    return SignInFlow(api)


def id_token_claims(api, token):
    keys = KeySet.import_key_set(api.http().get("/auth/jwks").json())
    return jwt.decode(token, keys, algorithms=["ES256"]).claims


def test_a_person_signs_in_and_the_application_learns_who_it_is(api, flow):
    answer = answer_of(flow.submit(flow.open_page(), "chen"))
    assert answer["state"] == "state-of-the-app"
    assert answer["iss"] == api.base_url
    granted = flow.redeem(answer["code"]).json()
    claims = id_token_claims(api, granted["id_token"])
    assert claims["name"] == "Chen"
    assert claims["roles"] == ["clinician"]
    assert claims["nonce"] == "nonce-of-the-app"
    assert claims["aud"] == "staff"
    assert claims["iss"] == api.base_url
    assert claims["auth_time"] == int(api.clock.now().timestamp())
    assert flow.session_token(claims["sid"]).status_code == 200


def test_the_token_of_the_code_exchange_opens_nothing_but_userinfo(api, flow):
    """Streamlit keeps that token in a browser cookie."""
    token = flow.redeem(flow.code_for("chen")).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert api.http().get("/api/me", headers=header).status_code == 401
    assert api.http().get("/auth/userinfo", headers=header).json()["preferred_username"] == "chen"


def test_no_secret_and_no_private_key_leaves_through_discovery(api):
    published = api.http().get("/auth/jwks").text + api.http().get("/.well-known/openid-configuration").text
    assert '"d"' not in published
    assert api.parts.secrets.token_signing_key not in published


def test_the_signing_key_survives_a_restart(api, database, tmp_path):
    before = api.http().get("/auth/jwks").json()
    with running_api(database, tmp_path) as again:
        assert again.http().get("/auth/jwks").json() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge": "short"},
        {"code_challenge": "A" * 43 + "\n"},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
    ],
)
def test_a_request_without_proper_pkce_is_refused_to_the_application(flow, changes):
    answer = answer_of(flow.open_page(**changes))
    assert answer["error"] == "invalid_request"
    assert answer["state"] == "state-of-the-app"
    assert "code" not in answer


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:8701/oauth2callback/../evil",
        "http://127.0.0.1:8701/oauth2callback?x=1",
        "http://127.0.0.1:8701/oauth2callback/",
        "http://127.0.0.1:8701.evil.example/oauth2callback",
        "http://127.0.0.1:8701@evil.example/oauth2callback",
        "HTTP://127.0.0.1:8701/oauth2callback",
        "http://localhost:8702/oauth2callback",
        "https://evil.example/",
        None,
    ],
)
def test_the_browser_is_never_sent_to_an_address_that_is_not_registered(flow, redirect_uri):
    page = flow.open_page(redirect_uri=redirect_uri)
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "evil" not in page.text


@pytest.mark.parametrize("client_id", ["pipeline", "nobody", None])
def test_a_service_or_a_stranger_gets_no_sign_in_page(flow, client_id):
    assert flow.open_page(client_id=client_id).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"response_mode": "fragment"}, "invalid_request"),
    ],
)
def test_what_this_provider_does_not_do_is_said_to_the_application(flow, changes, error):
    assert answer_of(flow.open_page(**changes))["error"] == error


def test_a_repeated_parameter_is_refused(api, flow):
    asked = [*flow.asked().items(), ("nonce", "another")]
    answer = answer_of(api.http(follow_redirects=False).get("/auth/authorize", params=asked))
    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "x" * 64},
        {"code_verifier": "too-short"},
        {"redirect_uri": "http://127.0.0.1:8701/"},
    ],
)
def test_a_code_with_the_wrong_proof_is_refused_and_is_spent(flow, changes):
    code = flow.code_for("chen")
    assert flow.redeem(code, **changes).json()["error"] == "invalid_grant"
    assert flow.redeem(code).json()["error"] == "invalid_grant"


def test_a_code_belongs_to_the_application_that_asked(api, flow):
    code = flow.code_for("chen")
    thief = SignInFlow(api, client_id="portal", verifier=flow.verifier)
    assert thief.redeem(code, redirect_uri=flow.client.redirect_uris[0]).json()["error"] == "invalid_grant"
    assert flow.redeem(code).status_code == 200


def test_a_replayed_code_ends_the_session_that_it_opened(api, flow):
    code = flow.code_for("chen")
    sid = id_token_claims(api, flow.redeem(code).json()["id_token"])["sid"]
    live = flow.session_token(sid).json()["access_token"]
    assert flow.redeem(code).json()["error"] == "invalid_grant"
    assert flow.session_token(sid).status_code == 401
    assert api.http().get("/api/me", headers={"Authorization": f"Bearer {live}"}).status_code == 401


def test_a_code_is_good_for_a_minute(api, flow):
    code = flow.code_for("chen")
    api.clock.instant += timedelta(seconds=61)
    assert flow.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("auth", [("staff", "wrong"), ("nobody", "x"), ("staff", ""), ("pipeline", "x")])
def test_a_wrong_client_secret_is_refused(api, auth):
    answer = api.http().post("/auth/token", data={"grant_type": "client_credentials"}, auth=auth)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


def test_an_application_for_people_gets_no_token_for_itself(api, flow):
    answer = api.http().post(
        "/auth/token", data={"grant_type": "client_credentials"}, auth=("staff", flow.client.secret)
    )
    assert answer.json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("grant_type", ["password", "refresh_token", None])
def test_other_grants_do_not_exist(api, flow, grant_type):
    answer = api.http().post(
        "/auth/token",
        data={"grant_type": grant_type} if grant_type else {},
        auth=("staff", flow.client.secret),
    )
    assert answer.json()["error"] == "unsupported_grant_type"


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer_for_the_same_work(api):
    """Processor time of the whole process, so that a busy machine does not blur it."""

    def attempt(name):
        flow = SignInFlow(api)
        page = flow.open_page()
        begun = time.process_time()
        answer = flow.submit(page, name, "not the right password")
        seconds = time.process_time() - begun
        return answer.status_code, answer.text.replace(ticket_of(answer), ""), seconds

    attempts = [(attempt("chen"), attempt("nobody-at-all")) for _ in range(throttle.PAIR_LIMIT)]
    assert {code for pair in attempts for code, _, _ in pair} == {401}
    assert len({told for pair in attempts for _, told, _ in pair}) == 1
    assert NOT_RIGHT in attempts[0][0][1]
    known, unknown = (min(pair[place][2] for pair in attempts) for place in (0, 1))
    assert 0.6 < known / unknown < 1.6


def test_a_closed_account_sounds_like_a_wrong_password(api, flow):
    account_id = api.account("gone", "clinician")
    with api.work() as work:
        work.connection.execute(
            text("UPDATE access.account SET disabled = true WHERE id = :id"), {"id": account_id}
        )
    assert NOT_RIGHT in flow.submit(flow.open_page(), "gone").text


def test_staff_cannot_enter_the_portal_nor_a_patient_the_workspace(api):
    api.account("ana", "patient", patient_id="ana-1")
    into_portal = SignInFlow(api, client_id="portal")
    assert into_portal.submit(into_portal.open_page(), "chen").status_code == 403
    into_workspace = SignInFlow(api)
    assert into_workspace.submit(into_workspace.open_page(), "ana").status_code == 403
    assert answer_of(into_portal.submit(into_portal.open_page(), "ana"))["code"]


def test_the_user_name_is_read_without_case_and_spaces(flow):
    assert flow.code_for("  CHEN ")


@pytest.mark.parametrize("name", ["", "ch\0en", "chen' OR 1=1 --", "ü" * 100])
def test_odd_user_names_are_only_wrong(flow, name):
    assert flow.submit(flow.open_page(), name).status_code == 401


def test_a_megabyte_password_is_refused_before_it_is_hashed(flow):
    answer = flow.submit(flow.open_page(), "chen", "x" * 1_000_000)
    assert answer.status_code == 400
    assert "xxx" not in answer.text
    with flow.api.work() as work:
        assert work.connection.execute(text("SELECT count(*) FROM access.sign_in_attempt")).scalar_one() == 0


def test_guessing_at_one_account_from_one_address_is_stopped_and_starts_again_by_itself(api, flow):
    page = flow.open_page()
    for _ in range(throttle.PAIR_LIMIT):
        assert flow.submit(page, "chen", "a wrong password").status_code == 401
    assert flow.submit(page, "chen").status_code == 429
    api.clock.instant += throttle.PAIR_WINDOW + timedelta(seconds=1)
    later = SignInFlow(api)
    assert later.code_for("chen")


def test_refused_attempts_do_not_prolong_the_wait(api, flow):
    page = flow.open_page()
    for _ in range(throttle.PAIR_LIMIT):
        flow.submit(page, "chen", "a wrong password")
    api.clock.instant += throttle.PAIR_WINDOW - timedelta(minutes=1)
    fresh = SignInFlow(api)
    assert fresh.submit(fresh.open_page(), "chen", "a wrong password").status_code == 429
    api.clock.instant += timedelta(minutes=2)
    assert SignInFlow(api).code_for("chen")


def test_guesses_from_elsewhere_do_not_lock_the_owner_out_at_their_own_desk(api, flow):
    assert flow.code_for("chen")
    sign_in, client = _sign_in(api)
    for number in range(throttle.NAME_LIMIT + 5):
        with pytest.raises(Exception, match=r"not right|too many"):
            sign_in.with_password("chen", "a wrong guess", address=f"10.0.0.{number}", client=client)
    with pytest.raises(Exception, match="too many"):
        sign_in.with_password("chen", PASSWORD, address="10.9.9.9", client=client)
    assert SignInFlow(api).code_for("chen")


def test_parallel_guesses_count_each_other(api):
    from concurrent.futures import ThreadPoolExecutor

    sign_in, client = _sign_in(api)

    def guess(_):
        try:
            sign_in.with_password("chen", "a wrong guess", address="10.0.0.1", client=client)
        except Exception as error:
            return type(error).__name__

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count("SignInRequired") <= throttle.PAIR_LIMIT
    assert set(answers) == {"SignInRequired", "TooMuch"}


def _sign_in(api):
    from ehr_core.access.sign_in import SignIn

    return SignIn(api.parts.identity), api.parts.identity.clients["staff"]


def test_a_ticket_is_worthless_in_another_browser(api, flow):
    """Else an attacker could sign a victim in to the attacker's account, or post a form from elsewhere."""
    page = flow.open_page()
    other = SignInFlow(api)
    other.open_page()
    assert other.submit(page, "chen").status_code == 400
    without_cookie = SignInFlow(api)
    assert without_cookie.submit(page, "chen").status_code == 400


@pytest.mark.parametrize("ticket", ["", "AAAA", "not base64 !", "A" * 200])
def test_a_made_up_ticket_is_refused(flow, ticket):
    flow.open_page()
    answer = flow.browser.post(
        "/auth/authorize", data={"ticket": ticket, "username": "chen", "password": PASSWORD}
    )
    assert answer.status_code == 400


def test_a_ticket_grows_old(api, flow):
    page = flow.open_page()
    api.clock.instant += timedelta(minutes=16)
    assert flow.submit(page, "chen").status_code == 400


def test_the_code_step_cannot_be_reached_without_the_password(flow):
    assert flow.submit_code(flow.open_page(), "000000").status_code == 400


def test_every_attempt_is_audited_and_nothing_that_was_typed_is_kept(api, flow):
    flow.submit(flow.open_page(), "chen", "my-secret-typo")
    flow.submit(flow.open_page(), "my-password-as-name", "x")
    flow.code_for("chen")
    with api.work() as work:
        rows = work.connection.execute(
            text("SELECT act, outcome, resource_id, detail::text AS detail FROM audit.event ORDER BY id")
        ).all()
        everything = str(work.connection.execute(text("SELECT * FROM audit.event")).all())
        everything += str(work.connection.execute(text("SELECT * FROM access.sign_in_attempt")).all())
    assert [(row.act, row.outcome) for row in rows][-3:] == [
        ("sign_in", "refused"),
        ("sign_in", "refused"),
        ("signed_in", "success"),
    ]
    assert "typo" not in everything
    assert "my-password-as-name" not in everything


def test_the_page_is_safe_and_usable_without_any_other_server(flow, api):
    page = flow.open_page()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert flow.client.origins[0] in policy.split("form-action")[1]
    assert page.headers["cache-control"] == "no-store"
    assert api.parts.settings.site_name in page.text
    assert "demonstration with synthetic data" in page.text
    assert "http" not in page.text
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_in_production_the_page_does_not_speak_of_a_demonstration(database, tmp_path):
    with running_api(database, tmp_path, environment="production") as api:
        assert "demonstration" not in SignInFlow(api).open_page().text


def test_a_site_name_with_markup_stays_text(database, tmp_path):
    with running_api(database, tmp_path, site_name="<b>Clinic</b> & Co") as api:
        assert "<b>" not in SignInFlow(api).open_page().text
