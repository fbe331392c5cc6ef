"""Applications that publish their keys at an address: fetched when needed, seldom, where we call, and for a time."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from joserfc.jwk import OctKey
from sqlalchemy import text

from data_contracts.api.apps import NewApp, NewKeys
from ehr_core.access.application_keys import begin_fetch
from ehr_core.api.smart.application_keys import MOST_WAITING, ApplicationKeys
from ehr_core.db.database import connect
from ehr_core.kernel.errors import Forbidden, NotFound, Unavailable
from ehr_core.outside import calls
from tests.lib import postgres
from tests.lib.api import running_api
from tests.lib.published_keys import KIND, certificate_for, publishing
from tests.lib.receiver import DEVELOPMENT, receiver
from tests.lib.smart_app import SmartApp, jwks_of, key_pair


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory):
    """One for all: each test has an application and an address of its own, and the clock only goes on."""
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        database = connect(postgres.app_url_of(url))
        settings = DEVELOPMENT | {"address_requests_per_second": 0}
        with running_api(database, tmp_path_factory.mktemp("state"), **settings) as running:
            yield running
        database.dispose()


@pytest.fixture(scope="module")
def root(api) -> str:
    return api.account("root", "admin")


@pytest.fixture
def admin(api, root):
    """A session of its own, as the clock goes on."""
    return api.client_of(api.session(root))


def part(said: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def unsigned(head: object, claims: object) -> str:
    return f"{part(head)}.{part(claims)}.AAAA"


def test_an_application_changes_its_key_without_being_registered_again(api):
    with publishing(api, Cache_Control="max-age=3600") as published:
        assert [published.ask(), published.ask()] == [200, 200]
        assert [taken.path for taken in published.there.taken] == ["/jwks.json"], "kept keys are used"
        old = published.rotate()
        published.later()
        assert published.ask() == 200
        assert published.ask(old) == 401, "it was not shown any more at the last fetch"
        assert len(published.there.taken) == 2
        detail = published.audited()[0][1]
    assert published.audited()[0][0] == "success"
    assert (detail["client"], detail["keys"]) == (published.app.client_id, 1)


def test_a_key_that_is_shown_no_more_opens_nothing_once_the_life_is_over(api):
    with publishing(api, Cache_Control="max-age=600") as published:
        assert published.ask() == 200
        old = published.rotate()
        published.later(timedelta(seconds=599))
        assert published.ask(old) == 200, "nobody has looked again yet"
        published.later(timedelta(seconds=1))
        assert published.ask(old) == 401
        assert published.ask() == 200


def test_without_an_answer_the_old_keys_are_good_until_their_life_is_over_and_then_the_door_is_shut(api):
    with publishing(api, Cache_Control="max-age=600") as published:
        assert published.ask() == 200
        published.status = 500
        published.later()
        assert published.ask(key_pair()) == 401
        assert published.ask() == 200
        published.later(timedelta(minutes=10))
        assert published.ask() == 401
        assert [outcome for outcome, _ in published.audited()] == ["success", "failure", "failure"]
        assert published.audited()[-1][1]["reason"] == "It answered 500."
        published.status = 200
        assert published.ask() == 401, "not asked again within the pause"
        published.later()
        assert published.ask() == 200


def test_no_set_is_good_for_more_than_a_day(api):
    with publishing(api, Cache_Control="max-age=31536000") as published:
        assert published.ask() == 200
        published.status = 404
        published.later(timedelta(days=1))
        assert published.ask() == 401


def test_forged_key_names_do_not_make_us_hammer_the_address(api):
    with publishing(api) as published:
        assert [published.ask(key_pair()) for _ in range(6)] == [401] * 6
        assert len(published.there.taken) == 1
        assert published.ask() == 200, "and keep nobody out whose key is known"
        published.later()
        assert [published.ask(key_pair()) for _ in range(3)] == [401] * 3
        assert len(published.there.taken) == 2


def test_nothing_is_fetched_for_an_assertion_that_no_key_would_make_good(api):
    with publishing(api) as published:
        app, now = published.app, int(api.clock.now().timestamp())
        for proof in (
            {"aud": "https://elsewhere.example/token"},
            {"exp": now - 60},
            {"exp": now + 3600},
            {"jti": None},
            {"header": {"jku": f"{published.there.url}/other.json"}},
        ):
            assert published.ask(**proof) == 401, proof
        asked = {"grant_type": "client_credentials", "client_id": app.client_id}
        claims = app.assertion().split(".")[1]
        for odd in ({"exp": 10**400}, {"exp": now + 60, "nbf": -(10**400), "jti": {}}, {"iss": "\ud800"}):
            said = {
                "iss": app.client_id,
                "sub": app.client_id,
                "aud": f"{api.base_url}/auth/token",
                "jti": "j",
            }
            form = (
                asked
                | app.assertion_form()
                | {"client_assertion": unsigned({"alg": "ES384", "kid": "k"}, said | odd)}
            )
            assert api.http().post("/auth/token", data=form).status_code == 401, odd
        for head in (
            {"alg": "none", "kid": "k"},
            {"alg": "HS384", "kid": "k"},
            {"alg": "ES384"},
            {"alg": "ES384", "kid": 5},
            {"alg": "ES384", "kid": "k", "jku": None},
            [],
        ):
            form = app.assertion_form() | asked | {"client_assertion": f"{part(head)}.{claims}.AAAA"}
            assert api.http().post("/auth/token", data=form).status_code == 401, head
        assert published.there.taken == []


def test_the_header_may_name_the_registered_address_and_no_other(api):
    with publishing(api) as published:
        assert published.ask(header={"jku": f"{published.there.url}/jwks.json"}) == 200
        assert published.ask(header={"jku": f"{published.there.url}/jwks.json?"}) == 401
    direct = SmartApp(api, **KIND)
    form = {"grant_type": "client_credentials", "scope": "system/Observation.rs"}
    named = direct.assertion_form(header={"jku": "https://app.example/jwks.json"})
    assert api.http().post("/auth/token", data=form | named).status_code == 200, "its keys are registered"


def test_the_address_is_called_under_the_name_that_its_certificate_is_for(api, tmp_path, monkeypatch):
    monkeypatch.setattr(api.app.state.application_keys, "look", lambda host, port: ["127.0.0.1"])
    served, trusting = certificate_for("keys.example", tmp_path)
    monkeypatch.setattr(calls, "_trust", lambda: trusting)
    with receiver(tls=served) as there:
        for name, status in (("keys.example", 200), ("other.example", 401)):
            app = SmartApp(api, **KIND, jwks_uri=f"https://{name}:{there.port}/jwks.json")
            there.answer = lambda taken, app=app: (200, jwks_of(app.key).encode())
            form = app.assertion_form() | {
                "grant_type": "client_credentials",
                "scope": "system/Observation.rs",
            }
            assert api.http().post("/auth/token", data=form).status_code == status, name
        monkeypatch.undo()
        assert len(there.taken) == 1
    with api.work() as work:
        failure = text("SELECT failure FROM access.fetched_keys WHERE client_id = :id")
        told = work.connection.execute(failure, {"id": app.client_id}).scalar_one()
    assert told == "No secure connection could be made."


def test_a_signed_call_of_hooks_is_checked_by_fetched_keys_too(api):
    with publishing(api) as published:
        body = {
            "hook": "patient-view",
            "hookInstance": str(uuid4()),
            "context": {"userId": "Practitioner/x", "patientId": "a"},
        }
        address = f"{api.base_url}/cds-services/almoner-patient-view"
        for key, known in ((None, True), (key_pair(), False)):
            signed = published.app.assertion(key, aud=address, sub=None)
            answer = api.http().post(address, json=body, headers={"Authorization": f"Bearer {signed}"})
            assert (answer.status_code != 401) is known
        assert len(published.there.taken) == 1


def test_a_redirect_is_not_followed(api):
    with receiver() as inside, publishing(api, Location=f"{inside.url}/jwks.json") as published:
        inside.answer = lambda taken: (200, published.content)
        published.status = 302
        assert published.ask() == 401
        assert inside.taken == []
        assert "redirect" in published.audited()[0][1]["reason"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" " * 70_000, "larger than 65,536 bytes"),
        (b"<html>Not here</html>", "no JSON Web Key Set"),
        (json.dumps({"keys": [{"kty": "RSA"}] * 51}).encode(), "more than 50 keys"),
    ],
)
def test_a_set_that_is_huge_or_malformed_is_refused_and_the_audit_says_why(api, content, reason):
    with publishing(api) as published:
        assert published.ask() == 200
        good, published.content = published.content, content
        published.later()
        assert published.ask(key_pair()) == 401
        assert published.ask() == 200
        outcome, detail = published.audited()[-1]
        assert (outcome, detail["client"]) == ("failure", published.app.client_id)
        assert reason in detail["reason"]
        published.content = good


def test_an_address_that_drips_is_left_when_the_time_is_up(api, monkeypatch):
    monkeypatch.setattr(api.app.state.application_keys, "seconds", 0.3)
    with publishing(api) as published:
        published.there.drip_seconds = 0.05
        assert published.ask() == 401
        assert "within 0.3 seconds" in published.audited()[0][1]["reason"]


def test_a_private_or_shared_key_at_the_address_shuts_the_door_at_once(api):
    with publishing(api) as published:
        assert published.ask() == 200
        shared = OctKey.generate_key(256, {"kid": "s"}).as_dict(private=True)
        for shown in (published.app.key.as_dict(private=True), shared):
            published.content = json.dumps({"keys": [shown]}).encode()
            published.later()
            assert published.ask(key_pair()) == 401
            assert published.ask() == 401
            assert "private or shared key" in published.audited()[-1][1]["reason"]
            assert "AAAA" not in str(published.audited())


def test_two_requests_at_once_fetch_once(api):
    with publishing(api) as published:
        begun, go_on = threading.Event(), threading.Event()

        def slowly(taken):
            begun.set()
            go_on.wait(3)
            return 200, published.content

        published.there.answer = slowly
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(published.ask)
            assert begun.wait(3)
            second = pool.submit(published.ask)
            threading.Timer(0.2, go_on.set).start()
            assert (first.result(), second.result()) == (200, 200)
        assert len(published.there.taken) == 1


def test_another_process_waits_for_the_fetch_that_is_going_on_and_takes_what_it_brings(api):
    with publishing(api) as published:
        begun, go_on = threading.Event(), threading.Event()
        another, application = ApplicationKeys(api.parts), api.parts.identity.client(published.app.client_id)

        def slowly(taken):
            begun.set()
            go_on.wait(3)
            return 200, published.content

        published.there.answer = slowly
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(published.ask)
            assert begun.wait(3)
            audience = f"{api.base_url}/auth/token"
            second = pool.submit(another.at_hand, application, published.app.assertion(), audience=audience)
            threading.Timer(0.1, go_on.set).start()
            assert first.result() == 200
            assert [key["kid"] for key in second.result().jwks["keys"]] == [published.app.key.kid]
        assert len(published.there.taken) == 1


def test_of_many_at_one_moment_one_gets_the_turn(api):
    with publishing(api) as published:
        application = api.parts.identity.client(published.app.client_id)
        at_once = threading.Barrier(6)

        def try_it(_: int) -> bool:
            with api.parts.identity.transaction() as connection:
                at_once.wait(3)
                return begin_fetch(connection, application, api.clock.now())

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(try_it, range(6))) == 1


def test_a_fetch_that_died_is_taken_over_after_the_pause(api, monkeypatch):
    monkeypatch.setattr(api.app.state.application_keys, "seconds", 0.2)
    with publishing(api) as published:
        with api.parts.identity.transaction() as connection:
            assert begin_fetch(
                connection, api.parts.identity.client(published.app.client_id), api.clock.now()
            )
        assert published.ask() == 401
        published.later()
        assert published.ask() == 200


def test_a_clock_that_was_ahead_neither_keeps_keys_for_longer_nor_the_door_shut(api, monkeypatch):
    with publishing(api, Cache_Control="max-age=86400") as published:
        with monkeypatch.context() as ahead:
            ahead.setattr(api.clock, "instant", api.clock.instant + timedelta(days=300))
            assert published.ask() == 200
        old = published.rotate()
        assert published.ask(old) == 401
        assert published.ask() == 200


def test_a_fetch_holds_no_row_and_more_than_a_few_who_wait_are_told_to_come_again(api):
    with publishing(api) as published:
        keys = api.app.state.application_keys

        def while_it_is_asked(taken):
            with api.parts.identity.transaction() as connection:
                connection.execute(text("SET LOCAL lock_timeout = 100"))
                connection.execute(text("SELECT FROM access.fetched_keys FOR UPDATE"))
                connection.execute(text("SELECT FROM access.application FOR UPDATE"))
            return 200, published.content

        published.there.answer = while_it_is_asked
        assert published.ask() == 200
        keys._waiting[published.app.client_id] = MOST_WAITING
        assert published.ask(key_pair()) == Unavailable.http_status
        assert published.ask() == 200, "kept keys need no waiting"


def test_a_closed_application_is_not_asked_for_its_keys(api, admin):
    with publishing(api) as published:
        admin.apps.close(published.app.client_id)
        assert published.ask() == 401
        assert published.there.taken == []


def test_keys_of_an_earlier_address_open_nothing(api, admin):
    with publishing(api) as published, receiver() as other:
        assert published.ask() == 200
        old, new = published.app.key, key_pair()
        other.answer = lambda taken: (200, jwks_of(new).encode())
        admin.apps.change_keys(published.app.client_id, NewKeys(jwks_uri=f"{other.url}/keys"))
        assert published.ask(old) == 401
        assert published.ask(new) == 200
        assert len(other.taken) == 1
        admin.apps.change_keys(published.app.client_id, NewKeys(jwks=jwks_of(old)))
        assert published.ask(new) == 401
        assert published.ask(old) == 200
        changes = [event for event in admin.audit.events() if event.act == "application_keys_changed"]
        assert len(changes) == 2


# Registering


def test_an_administrator_registers_an_address_and_sees_how_its_fetches_go(api, admin):
    doctor = api.signed_in("chen", "clinician")
    with receiver(answer=lambda taken: (503, b"")) as there:
        new = NewApp(name="B", kind="backend", scopes=["system/Patient.rs"], jwks_uri=f"{there.url}/k")
        with pytest.raises(Forbidden):
            doctor.apps.register(new)
        client_id = admin.apps.register(new)
        app = next(one for one in admin.apps.all() if one.client_id == client_id)
        assert (app.jwks_uri, app.fetched_keys) == (new.jwks_uri, None)
        published = SmartApp.__new__(SmartApp)
        published.api, published.client_id, published.key = api, client_id, key_pair()
        form = published.assertion_form() | {"grant_type": "client_credentials"}
        assert api.http().post("/auth/token", data=form).status_code == 401
        app = next(one for one in admin.apps.all() if one.client_id == client_id)
        assert app.fetched_keys.failure == "It answered 503."
    with pytest.raises(Forbidden):
        doctor.apps.change_keys(client_id, NewKeys(jwks_uri="https://app.example/k"))
    with pytest.raises(NotFound):
        admin.apps.change_keys("nobody", NewKeys(jwks_uri="https://app.example/k"))
