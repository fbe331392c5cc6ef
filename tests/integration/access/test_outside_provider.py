"""Signing in over the site's own OpenID Connect provider, on a real socket, and what attacks on it get."""

from __future__ import annotations

import hmac
import json
import secrets
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jws, jwt

from ehr_core.access import outside_provider
from ehr_core.access.outside_identity import LINKER, link, unlink
from ehr_core.kernel.errors import BadRequest, Conflict
from tests.lib.api import running_api
from tests.lib.oidc_provider import CLIENT, SECRET, b64, running_provider
from tests.lib.sign_in import SignInFlow, answer_of, ticket_of
from tests.lib.weakened import assert_guarded


@pytest.fixture
def house(database, tmp_path, monkeypatch):
    """(the API, the provider), with Kim's account linked by the user name."""
    monkeypatch.setattr(outside_provider, "KEYS_AGAIN_SECONDS", 0.0)
    clock = {}
    with running_provider(lambda: clock["api"].clock.now().timestamp()) as provider:
        settings = {
            "oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET,
            "oidc_account_claim": "preferred_username", "second_factor_roles": "admin",
        }  # fmt: skip
        with running_api(database, tmp_path, **settings) as api:
            clock["api"] = api
            api.account("kim", "nurse")
            yield api, provider


class Browser(SignInFlow):
    """A browser that signs in over the provider."""

    def sent_away(self):
        page = self.open_page()
        return self.browser.post("/auth/authorize/outside", data={"ticket": ticket_of(page)})

    def back(self, address: str):
        parts = urlsplit(address)
        return self.browser.get(f"{parts.path}?{parts.query}")

    def sign_in(self, provider):
        return self.back(provider.sign_in(self.sent_away().headers["location"]))


def signed_in(answer) -> bool:
    return answer.status_code == 303 and "code=" in answer.headers["location"]


def test_somebody_of_the_provider_signs_in_to_their_own_account(house):
    api, provider = house
    browser = Browser(api)
    answer = browser.sign_in(provider)
    token = browser.redeem(answer_of(answer)["code"]).json()
    claims = json.loads(jws.extract_compact(token["id_token"].encode()).payload)
    assert claims["preferred_username"] == "kim"
    asked = provider.asked[0]
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert "Sign in with single sign-on" in browser.open_page().text


def test_the_link_is_by_subject_and_outlives_the_name(house):
    api, provider = house
    assert signed_in(Browser(api).sign_in(provider))
    provider.person = {"sub": "u-1", "preferred_username": "somebody-else"}
    assert signed_in(Browser(api).sign_in(provider))
    provider.person = {"sub": "u-2", "preferred_username": "kim"}
    again = Browser(api).sign_in(provider)
    assert not signed_in(again), "another subject does not take over a linked account"


def test_a_stranger_is_told_so_and_no_account_is_made(house):
    api, provider = house
    provider.person = {"sub": "u-9", "preferred_username": "nobody", "name": "Nobody Here"}
    answer = Browser(api).sign_in(provider)
    assert "Nobody here is known" in answer.text
    root = api.signed_in("root", "admin")
    assert "nobody" not in {account.username for account in root.account.accounts()}
    refused = root.audit.page(outcome="refused").events
    assert any(event.act == "sign_in" for event in refused)
    assert "Nobody Here" not in str(refused)


def test_a_closed_account_and_one_of_another_application_stay_out(house):
    api, provider = house
    api.account("pat", "patient", patient_id="ana")
    provider.person = {"sub": "u-3", "preferred_username": "pat"}
    assert "not for this application" in Browser(api).sign_in(provider).text
    with api.work() as work:
        work.connection.exec_driver_sql("UPDATE access.account SET disabled = true WHERE username = 'kim'")
    provider.person = {"sub": "u-1", "preferred_username": "kim"}
    assert "closed here" in Browser(api).sign_in(provider).text


def test_the_role_that_needs_a_second_factor_gets_it_there_or_here(house):
    api, provider = house
    api.account("root", "admin")
    provider.person = {"sub": "u-4", "preferred_username": "root"}
    assert "authenticator" in Browser(api).sign_in(provider).text.lower(), "our own is set up first"
    provider.person["amr"] = ["pwd"]
    assert not signed_in(Browser(api).sign_in(provider))
    provider.person["amr"] = ["pwd", "otp"]
    assert signed_in(Browser(api).sign_in(provider))


MFA = "urn:clinic:two-factors"


@pytest.fixture
def by_context(database, tmp_path):
    """(the API, the provider) of a site that counts a context (`acr`) and no method; the administrator needs both."""
    clock = {}
    with running_provider(lambda: clock["api"].clock.now().timestamp()) as provider:
        settings = {
            "oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET,
            "oidc_account_claim": "preferred_username", "second_factor_roles": "admin",
            "oidc_second_factor_acr": f"{MFA} urn:clinic:smart-card", "oidc_second_factor_amr": "",
        }  # fmt: skip
        with running_api(database, tmp_path, **settings) as api:
            clock["api"] = api
            api.account("root", "admin")
            provider.person = {"sub": "u-4", "preferred_username": "root"}
            yield api, provider


def test_the_context_of_two_factors_is_asked_for_and_counts(by_context):
    api, provider = by_context
    provider.person["acr"] = MFA
    assert signed_in(Browser(api).sign_in(provider))
    assert provider.asked[0]["acr_values"].split() == ["urn:clinic:smart-card", MFA]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"acr": None},
        {"acr": ""},
        {"acr": "0"},
        {"acr": "urn:clinic:password"},
        {"acr": MFA.upper()},
        {"acr": f"{MFA} urn:clinic:password"},
        {"acr": f"{MFA}-not-done"},
        {"acr": [MFA]},
        {"acr": {"value": MFA}},
        {"acr": True},
        {"amr": ["mfa", "otp"]},
        {"amr": MFA},
        {"amr": [[MFA]]},
        {"acr_values": MFA},
    ],
    ids=str,
)
def test_a_provider_that_leaves_the_context_out_or_words_it_otherwise_proves_no_second_factor(
    by_context, said
):
    """What it omits is asked for here: the page for setting up a second factor, and no session."""
    api, provider = by_context
    provider.person |= said
    answer = Browser(api).sign_in(provider)
    assert (answer.status_code, "authenticator" in answer.text.lower()) == (200, True)


def test_a_provider_that_lies_about_the_context_is_not_believed(by_context):
    """Whoever has no key of the provider's, and whoever alters what it signed, may write any context."""
    api, provider = by_context
    provider.person["acr"] = "urn:clinic:password"

    def with_the_context(provider, claims) -> str:
        head, _, tail = jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, provider.key).split(".")
        return f"{head}.{b64(json.dumps(claims | {'acr': MFA}).encode())}.{tail}"

    provider.token = with_the_context
    assert_guarded(
        lambda: signed_in(Browser(api).sign_in(provider)),
        lambda patch: patch.setattr(
            outside_provider.OutsideProvider, "_claims",
            lambda self, token: json.loads(jws.extract_compact(token.encode()).payload),
        ),
    )  # fmt: skip
    provider.token = None
    assert_guarded(
        lambda: signed_in(Browser(api).sign_in(provider)),
        lambda patch: patch.setattr(
            outside_provider.OutsideProvider, "_had_second_factor", lambda self, claims: "acr" in claims
        ),
    )


def test_accounts_are_made_only_where_the_site_says_with_which_roles(database, tmp_path):
    clock = {}
    with running_provider(lambda: clock["api"].clock.now().timestamp()) as provider:
        settings = {
            "oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET,
            "oidc_account_claim": "email", "oidc_new_account_roles": "nurse",
        }  # fmt: skip
        with running_api(database, tmp_path, **settings) as api:
            clock["api"] = api
            provider.person = {"sub": "u-7", "email": "new@example.org", "name": "New Nurse"}
            assert not signed_in(Browser(api).sign_in(provider)), "an address that nobody verified"
            provider.person["email_verified"] = True
            assert signed_in(Browser(api).sign_in(provider))
            made = {one.username: one.roles for one in api.signed_in("root", "admin").account.accounts()}
            assert made["new@example.org"] == ["nurse"]
    with (
        pytest.raises(BadRequest, match="admin"),
        running_api(database, tmp_path, oidc_new_account_roles="admin"),
    ):
        pass


def test_a_link_is_made_and_taken_away_by_an_administrator(house):
    api, provider = house
    account = api.account("lee", "nurse")
    with api.work(LINKER) as work:
        link(work, account, provider.issuer, "u-8")
    with api.work(LINKER) as work, pytest.raises(Conflict):
        link(work, account, provider.issuer, "u-88")
    provider.person = {"sub": "u-8"}
    assert signed_in(Browser(api).sign_in(provider))
    with api.work(LINKER) as work:
        unlink(work, account)
    assert not signed_in(Browser(api).sign_in(provider))


def hmac_with_the_public_key(provider, claims) -> str:
    """Key confusion: the public key, which everybody has, as the shared secret of an HMAC."""
    public = provider.key.as_pem(private=False)
    head = b64(json.dumps({"alg": "HS256", "kid": provider.key.kid}).encode())
    signed = f"{head}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(hmac.digest(public, signed.encode(), 'sha256'))}"


def without_signature(provider, claims) -> str:
    head = b64(json.dumps({"alg": "none", "kid": provider.key.kid}).encode())
    return f"{head}.{b64(json.dumps(claims).encode())}."


def of_another_key(provider, claims) -> str:
    known = provider.key.kid
    provider.new_key()
    forged = jwt.encode({"alg": "RS256", "kid": known}, claims, provider.key)
    provider.key = provider.published[0]
    return forged


def altered(provider, claims) -> str:
    head, _, tail = jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, provider.key).split(".")
    return f"{head}.{b64(json.dumps(claims | {'sub': 'u-1'}).encode())}.{tail}"


@pytest.mark.parametrize(
    "forge",
    [
        hmac_with_the_public_key,
        without_signature,
        of_another_key,
        altered,
        lambda *_: "x",
        lambda *_: "a.b.c",
    ],
)
def test_a_token_that_the_providers_key_did_not_sign_is_not_believed(house, forge):
    api, provider = house
    if forge is altered:
        provider.person = {"sub": "other"}
    provider.token = forge
    answer = Browser(api).sign_in(provider)
    assert not signed_in(answer)
    assert "could not be checked" in answer.text


def changed(**claims):
    def change(said: dict) -> dict:
        return {name: value for name, value in (said | claims).items() if value is not None}

    return change


NOW = 1_795_183_200
"""The clock of the tests: 2026-11-20 14:00 UTC."""


def test_a_token_that_is_not_for_this_sign_in_is_not_believed(house):
    api, provider = house
    assert api.clock.now().timestamp() == NOW
    wrong = [
        {"iss": "http://127.0.0.1:1"}, {"iss": None}, {"aud": "another"}, {"aud": None}, {"aud": []},
        {"aud": [CLIENT, "another"]}, {"aud": [CLIENT, "another"], "azp": "another"}, {"azp": "another"},
        {"nonce": "another"}, {"nonce": None}, {"sub": None}, {"sub": ""}, {"sub": 7}, {"exp": None}, {"iat": None},
        {"exp": NOW - 60}, {"exp": "tomorrow"}, {"exp": True}, {"iat": NOW + 61}, {"iat": NOW - 661},
        {"at_hash": "AAAA"}, {"at_hash": 7},
    ]  # fmt: skip
    for claims in wrong:
        provider.claims = changed(**claims)
        assert not signed_in(Browser(api).sign_in(provider)), claims
    right = [
        {"aud": [CLIENT]}, {"aud": [CLIENT, "another"], "azp": CLIENT}, {"exp": NOW - 59}, {"iat": NOW + 60},
        {"iat": NOW - 660},
    ]  # fmt: skip
    for claims in right:
        provider.claims = changed(**claims)
        assert signed_in(Browser(api).sign_in(provider)), claims


def test_the_providers_keys_may_turn(house):
    api, provider = house
    assert signed_in(Browser(api).sign_in(provider))
    provider.new_key("EC")
    provider.publish()
    assert signed_in(Browser(api).sign_in(provider))
    fetched = provider.keys_fetched
    assert signed_in(Browser(api).sign_in(provider))
    assert provider.keys_fetched == fetched, "known keys are not fetched again"


def test_a_forged_key_id_makes_nobody_ask_the_provider_again_and_again(house, monkeypatch):
    api, provider = house
    assert signed_in(Browser(api).sign_in(provider))
    monkeypatch.setattr(outside_provider, "KEYS_AGAIN_SECONDS", 30.0)
    fetched = provider.keys_fetched
    provider.new_key()
    for _ in range(5):
        assert not signed_in(Browser(api).sign_in(provider))
    assert provider.keys_fetched == fetched


def test_an_answer_belongs_to_the_browser_that_asked(house):
    api, provider = house
    address = provider.sign_in(Browser(api).sent_away().headers["location"])
    victim = Browser(api)
    assert not signed_in(victim.back(address)), "a browser that never asked"
    victim.sent_away()
    assert not signed_in(victim.back(address)), "a browser that asked for itself"


def test_an_answer_works_once_and_not_when_altered_or_of_another_provider(house):
    api, provider = house
    browser = Browser(api)
    address = provider.sign_in(browser.sent_away().headers["location"])
    query = parse_qs(urlsplit(address).query)
    for path in (
        "/auth/outside", f"/auth/outside?code={query['code'][0]}", f"/auth/outside?state={query['state'][0][:-4]}AAAA",
        f"/auth/outside?state={query['state'][0]}&code=forged&iss=http://elsewhere",
    ):  # fmt: skip
        assert not signed_in(browser.browser.get(path)), path
    browser = Browser(api)
    address = provider.sign_in(browser.sent_away().headers["location"])
    assert signed_in(browser.back(address))
    assert not signed_in(browser.back(address))


def test_a_code_that_was_fetched_for_another_challenge_is_worth_nothing(house):
    api, provider = house
    browser = Browser(api)
    address = provider.sign_in(browser.sent_away().headers["location"])
    code = parse_qs(urlsplit(address).query)["code"][0]
    provider.codes[code]["code_challenge"] = b64(secrets.token_bytes(32))
    assert not signed_in(browser.back(address))


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "http://elsewhere"},
        {"token_endpoint": "http://example.org/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_that_leads_elsewhere_is_not_followed(house, document):
    api, provider = house
    provider.document = changed(**document)
    page = Browser(api).sent_away()
    assert "location" not in page.headers
    assert (
        "Sign in with your password" in page.text or "not https" in page.text or "another name" in page.text
    )


def test_a_provider_that_is_away_or_redirects_leaves_the_password_to_sign_in_with(house):
    api, provider = house
    provider.redirects_to = "http://169.254.169.254/latest/meta-data"
    browser = Browser(api)
    assert "location" not in browser.sent_away().headers
    assert browser.code_for("kim")


def test_the_checks_are_what_keeps_a_forged_sign_in_out(house):
    api, provider = house
    provider.claims = changed(nonce="another")
    assert_guarded(
        lambda: signed_in(Browser(api).sign_in(provider)),
        lambda patch: patch.setattr(outside_provider.OutsideProvider, "_is_for_us", lambda *given: True),
    )
    provider.claims, provider.token = changed(), of_another_key
    assert_guarded(
        lambda: signed_in(Browser(api).sign_in(provider)),
        lambda patch: patch.setattr(
            outside_provider.OutsideProvider, "_claims",
            lambda self, token: json.loads(jws.extract_compact(token.encode()).payload),
        ),
    )  # fmt: skip


def test_a_clock_that_is_a_little_off_does_no_harm(house):
    api, provider = house
    before = api.clock.instant
    provider.now = lambda: (before + timedelta(seconds=50)).timestamp()
    assert signed_in(Browser(api).sign_in(provider))


def test_without_a_provider_there_is_no_button_and_no_way(database, tmp_path):
    with running_api(database, tmp_path) as api:
        browser = Browser(api)
        assert "/auth/authorize/outside" not in browser.open_page().text
        assert browser.sent_away().status_code == 400
