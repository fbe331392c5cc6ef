"""Attacks on the authorization server: each fails, and would not on a server that is a little less strict."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey
from sqlalchemy import text

from ehr_core.access import (
    app_grants,
    app_tokens,
    application_keys,
    authorization_codes,
    client_assertion,
    key_sets,
)
from ehr_core.api.smart import authorize, client_authentication, consent
from tests.lib.receiver import receiver
from tests.lib.sign_in import answer_of
from tests.lib.smart_app import REDIRECT, SmartApp, jwks_of, key_pair
from tests.lib.weakened import assert_guarded


@pytest.fixture(scope="module")
def owner(api, ana) -> str:
    """Somebody with a record, who lets applications in."""
    api.account("ana-at-home", "patient", patient_id="ana")
    return "ana-at-home"


def test_an_answer_goes_to_the_registered_address_and_to_none_that_begins_like_it(api, owner):
    app = SmartApp(api)

    class Beginnings(tuple):
        def __contains__(self, asked):
            return any(str(asked).startswith(one) for one in self)

    def attack() -> bool:
        page = app.browser.get("/auth/authorize", params=app.asked(redirect_uri=f"{REDIRECT}.evil.example/"))
        return page.status_code == 200

    read = authorize.read_request

    def by_beginning(query, find, **more):
        def found(client_id):
            client = find(client_id)
            return client and replace(client, redirect_uris=Beginnings(client.redirect_uris))

        return read(query, found, **more)

    assert_guarded(attack, lambda patch: patch.setattr(authorize, "read_request", by_beginning))


def test_a_code_that_was_used_gives_nothing_more(api, owner):
    app = SmartApp(api)

    def attack() -> bool:
        code = app.code_for(owner)
        app.redeem(code)
        return app.redeem(code).status_code == 200

    redeem = app_tokens.redeem_code

    def as_often_as_wanted(connection, code, **more):
        connection.execute(text("UPDATE access.authorization_code SET used_at = NULL"))
        return redeem(connection, code, **more)

    assert_guarded(attack, lambda patch: patch.setattr(app_tokens, "redeem_code", as_often_as_wanted))


def test_a_stolen_code_needs_the_verifier(api, owner):
    app = SmartApp(api)

    def attack() -> bool:
        return app.redeem(app.code_for(owner), code_verifier="x" * 50).status_code == 200

    assert_guarded(
        attack, lambda patch: patch.setattr(authorization_codes, "challenge_matches", lambda *given: True)
    )


def test_a_request_without_pkce_is_not_begun(api, owner):
    app = SmartApp(api)

    def attack() -> bool:
        asked = app.asked(code_challenge=None, code_challenge_method=None)
        return app.browser.get("/auth/authorize", params=asked).status_code == 200

    read = authorize.read_request

    def with_one_of_its_own(query, find, **more):
        own = {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
        return read(type(query)([*query.multi_items(), *own.items()]), find, **more)

    assert_guarded(attack, lambda patch: patch.setattr(authorize, "read_request", with_one_of_its_own))


def test_neither_consent_nor_refresh_gives_more_than_was_registered_and_allowed(api, owner):
    app = SmartApp(api, scopes=("launch/patient", "patient/Observation.rs", "offline_access"))
    everything = lambda asked, allowed, *, levels: tuple(asked)  # noqa: E731

    def more_at_consent() -> bool:
        wanted = "launch/patient patient/Observation.rs patient/Patient.rs"
        answer = answer_of(app.decide(app.consent(owner, scope=wanted)))
        return "Patient.rs" in app.redeem(answer["code"]).json().get("scope", "")

    assert_guarded(more_at_consent, lambda patch: patch.setattr(consent, "granted", everything))

    def more_at_refresh() -> bool:
        tokens = app.tokens_for(owner)
        answer = app.refresh(tokens["refresh_token"], scope="patient/Observation.rs patient/Patient.rs")
        return "Patient.rs" in answer.json().get("scope", "")

    assert_guarded(more_at_refresh, lambda patch: patch.setattr(app_tokens, "granted", everything))


def test_what_was_taken_back_is_not_refreshed(api, owner):
    app = SmartApp(api)

    def attack() -> bool:
        lasting = app.tokens_for(owner)["refresh_token"]
        form = {"client_id": app.client_id, "token": lasting}
        assert api.http().post("/auth/revoke", data=form).status_code == 200
        return app.refresh(lasting).status_code == 200

    read = app_grants.grant_of

    def never_revoked(patch) -> None:
        patch.setattr(app_grants, "grant_of", lambda row: replace(read(row), revoked=False))

    assert_guarded(attack, never_revoked)


def unsigned(head: dict, claims: dict) -> str:
    parts = (json.dumps(head), json.dumps(claims), "")
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


def test_an_assertion_is_believed_only_with_a_signature_of_its_own_key(api):
    app = SmartApp(api, kind="backend", scopes=("system/Observation.rs",))
    numbers = iter(range(1000))

    def claims() -> dict:
        now = int(api.clock.now().timestamp())
        address = f"{api.base_url}/auth/token"
        return {
            "iss": app.client_id, "sub": app.client_id, "aud": address, "exp": now + 60, "jti": f"n{next(numbers)}",
        }  # fmt: skip

    def without_signature() -> str:
        return unsigned({"alg": "none"}, claims())

    def by_the_public_key() -> str:
        public = OctKey.import_key(json.dumps(app.key.as_dict(private=False)))
        return jwt.encode({"alg": "HS256", "kid": app.key.kid}, claims(), public, algorithms=["HS256"])

    def by_another_key() -> str:
        return jwt.encode({"alg": "ES384"}, claims(), key_pair(), algorithms=["ES384"])

    for forge in (without_signature, by_the_public_key, by_another_key):

        def attack(forge=forge) -> bool:
            form = app.assertion_form() | {"client_assertion": forge()}
            asked = {
                "grant_type": "client_credentials",
                "scope": "system/Observation.rs",
                "client_id": app.client_id,
            }
            return api.http().post("/auth/token", data=asked | form).status_code == 200

        def read_only(application, assertion):
            payload = assertion.split(".")[1]
            return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

        assert_guarded(attack, lambda patch: patch.setattr(client_authentication, "claims_of", read_only))


def test_no_key_is_fetched_from_where_an_assertion_says(api):
    """`jku`: the attacker's own key set, and a call from inside the clinic's network."""
    app = SmartApp(api, kind="backend", scopes=("system/Observation.rs",))
    own = key_pair()
    with receiver(answer=lambda taken: (200, json.loads(jwks_of(own)))) as elsewhere:

        def attack() -> bool:
            forged = app.assertion(key=own, header={"jku": f"{elsewhere.url}/jwks"})
            form = app.assertion_form() | {"client_assertion": forged}
            asked = {
                "grant_type": "client_credentials",
                "scope": "system/Observation.rs",
                "client_id": app.client_id,
            }
            return api.http().post("/auth/token", data=asked | form).status_code == 200

        def from_where_it_says(application, assertion):
            head = assertion.partition(".")[0]
            address = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["jku"]
            keys = KeySet.import_key_set(httpx.get(address).json())
            return dict(jwt.decode(assertion, keys, algorithms=["ES384"]).claims)

        assert not attack()
        assert elsewhere.taken == [], "not even asked"
        assert_guarded(
            attack, lambda patch: patch.setattr(client_authentication, "claims_of", from_where_it_says)
        )


def with_keys_at(api, there) -> SmartApp:
    """A service that publishes its key at this address."""
    app = SmartApp(api, kind="backend", scopes=("system/Observation.rs",), jwks_uri=f"{there.url}/jwks.json")
    there.answer = lambda taken: (200, jwks_of(app.key).encode())
    return app


def gets_in(app: SmartApp, key=None) -> bool:
    form = app.assertion_form(key=key) | {
        "grant_type": "client_credentials",
        "scope": "system/Observation.rs",
    }
    return app.api.http().post("/auth/token", data=form).status_code == 200


def test_forged_key_names_are_no_hammer(api):
    """Each names a key that nobody has: whoever asks at each one calls a third machine as often as a stranger wants."""
    with receiver() as there:
        app = with_keys_at(api, there)

        def attack() -> bool:
            there.taken.clear()
            assert not any(gets_in(app, key_pair()) for _ in range(4))
            return len(there.taken) > 1

        assert_guarded(
            attack, lambda patch: patch.setattr(application_keys, "PAUSE", -application_keys.PAUSE)
        )


def test_a_key_that_was_taken_from_its_address_opens_nothing_after_its_life(api, monkeypatch):
    """A stolen one, and an address that does not answer any more."""
    with receiver(headers={"Cache-Control": "max-age=60"}) as there:
        app = with_keys_at(api, there)
        assert gets_in(app)
        there.answer = lambda taken: (500, b"")
        monkeypatch.setattr(api.clock, "instant", api.clock.instant + key_sets.LEAST_LIFE)

        def good_for_ever(patch) -> None:
            patch.setattr(application_keys.KeptKeys, "are_good", lambda self, now: True)

        assert_guarded(lambda: gets_in(app), good_for_ever)


def test_a_shared_key_at_an_address_lets_nobody_in(api, monkeypatch):
    """Whoever reads the set reads it; and a private one beside its public part."""
    with receiver() as there:
        app = with_keys_at(api, there)
        there.answer = lambda taken: (200, {"keys": [app.key.as_dict(private=True)]})

        def attack() -> bool:
            monkeypatch.setattr(api.clock, "instant", api.clock.instant + application_keys.PAUSE)
            return gets_in(app)

        assert_guarded(attack, lambda patch: patch.setattr(key_sets, "SECRET_PARTS", frozenset()))


def test_an_assertion_works_once(api):
    app = SmartApp(api, kind="backend", scopes=("system/Observation.rs",))
    numbers = iter(range(1000))

    def attack() -> bool:
        used = app.assertion_form(jti=f"again-{next(numbers)}")
        asked = {
            "grant_type": "client_credentials",
            "scope": "system/Observation.rs",
            "client_id": app.client_id,
        }
        api.http().post("/auth/token", data=asked | used)
        return api.http().post("/auth/token", data=asked | used).status_code == 200

    assert_guarded(attack, lambda patch: patch.setattr(client_authentication, "use_up", lambda *given: True))
    assert client_assertion.LONGEST_LIFE.total_seconds() == 300
