"""Subscriptions: who is told of what, as they may see it on that day; signed, numbered, retried, never silent."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from data_contracts.api.access import NewChartRule
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import observation, patient
from tests.integration.outside.subscribing import (
    BACKPORT,
    Subscriber,
    foci,
    is_signed,
    match,
    messages,
    parameters,
    subscription,
    turn,
)
from tests.lib.api import SEEDER, running_api
from tests.lib.receiver import DEVELOPMENT, receiver
from tests.lib.smart_app import SmartApp


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path, **DEVELOPMENT) as running:
        with running.work() as work:
            for name in ("ana", "ben"):
                Store(work).create("Patient", patient(name), id=name)
        yield running


@pytest.fixture
def admin(api):
    return api.signed_in("robin", "admin", "clinician")


@pytest.fixture
def here():
    with receiver() as listening:
        yield listening


@pytest.fixture
def app(api) -> Subscriber:
    return Subscriber(api)


def write(api, *resources: dict) -> None:
    with api.work() as work:
        for one in resources:
            Store(work).update(one["resourceType"], one["id"], one)


def test_a_handshake_makes_it_active_and_then_each_change_is_told_under_its_number(api, app, here):
    made = app.subscribed(f"{here.url}/hook")
    assert app.status(made)["status"] == "requested"
    write(api, observation("before"))
    turn(api)
    assert app.status(made)["status"] == "active"
    assert parameters(here.taken[0])["type"] == "handshake"
    write(api, observation("first"), observation("second", "ben"))
    turn(api)
    assert messages(here)[0]["events"] == [(1, "Observation/first"), (2, "Observation/second")]
    write(api, observation("first", valueString="corrected"))
    turn(api)
    assert messages(here)[1]["events"] == [(3, "Observation/first")]
    assert messages(here)[1]["events-since-subscription-start"] == "3"
    assert all(is_signed(api, one) for one in here.taken)


@pytest.mark.parametrize("content", ["empty", "id-only", "full-resource"])
def test_the_payload_holds_what_was_asked_for(api, app, here, content):
    app.subscribed(f"{here.url}/hook", content=content)
    turn(api)
    write(api, observation("first"))
    turn(api)
    bundle = here.taken[-1].json
    assert bundle["type"] == "history"
    assert parameters(bundle)["events-since-subscription-start"] == "1"
    assert ("first" in here.taken[-1].body.decode()) is (content != "empty")
    sent = [entry.get("resource", {}).get("id") for entry in bundle["entry"][1:]]
    assert sent == (["first"] if content == "full-resource" else [])


def test_filters_are_the_searches_of_the_server(api, app, here):
    app.subscribed(
        f"{here.url}/hook",
        "Observation?patient=Patient/ana&code=http://loinc.org|4548-4&value-quantity=gt9",
        "Observation?status=final,amended",
    )
    turn(api)
    high = {"valueQuantity": {"value": 10.2, "system": "http://unitsofmeasure.org", "code": "%"}}
    low = {"valueQuantity": {"value": 7.1, "system": "http://unitsofmeasure.org", "code": "%"}}
    write(
        api,
        observation("high", **high),
        observation("low", **low),
        observation("of-ben", "ben", **high),
        observation("draft", status="preliminary") | high,
    )
    turn(api)
    assert foci(here) == ["Observation/high"]


def test_a_deletion_is_told_to_those_who_knew_of_the_resource(api, app, here):
    with receiver() as of_bens:
        app.subscribed(f"{here.url}/hook", "Observation?patient=ana")
        app.subscribed(f"{of_bens.url}/hook", "Observation?patient=ben")
        turn(api)
        write(api, observation("gone"))
        turn(api)
        with api.work() as work:
            Store(work).delete("Observation", "gone")
        turn(api)
        assert foci(here) == ["Observation/gone", "Observation/gone"]
        assert not messages(of_bens)


def test_what_an_import_brings_is_told_too(api, app, here):
    app.subscribed(f"{here.url}/hook", content="empty")
    turn(api)
    made = [("Observation", json.dumps(observation(f"o-{number}")).encode()) for number in range(30)]
    load_resources(api.parts.database, SEEDER, made, processes=1)
    turn(api)
    assert messages(here)[-1]["events-since-subscription-start"] == "30"
    assert len(messages(here)) == 2


def test_a_message_tells_what_the_subscriber_may_see_when_it_is_sent(api, app, here, admin):
    app.subscribed(f"{here.url}/hook", content="full-resource")
    turn(api)
    write(api, observation("first"), observation("of-ben", "ben"))
    match(api)
    rule = NewChartRule(
        patient_id="ana", effect="deny", subject_kind="everyone", asked_by="patient", reason="Asked for it"
    )
    admin.access.make_rule(rule)
    turn(api)
    assert messages(here)[0]["events"] == [(1, ""), (2, "Observation/of-ben")]
    assert "Observation/first" not in here.taken[-1].body.decode()
    write(api, observation("later"))
    turn(api)
    assert len(messages(here)) == 1


def test_scopes_narrow_what_is_told(api, here):
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    app = Subscriber(
        api, scopes=("system/Subscription.cruds", f"system/Observation.rs?category={category}|vital-signs")
    )
    app.subscribed(f"{here.url}/hook")
    turn(api)
    vital = {"category": [{"coding": [{"system": category, "code": "vital-signs"}]}]}
    write(api, observation("pressure", **vital), observation("laboratory"))
    turn(api)
    assert foci(here) == ["Observation/pressure"]


def test_an_application_of_a_patient_hears_of_that_patient_alone(api, here):
    api.account("ana", "patient", patient_id="ana")
    app = SmartApp(api, scopes=("launch/patient", "patient/*.cruds", "offline_access"))
    token = app.tokens_for("ana")["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    made = api.http().post("/fhir/Subscription", json=subscription(f"{here.url}/hook"), headers=headers)
    assert made.status_code == 201, made.text
    turn(api)
    write(api, observation("mine"), observation("of-ben", "ben"))
    turn(api)
    assert foci(here) == ["Observation/mine"]


def test_when_access_ends_so_does_the_subscription_and_what_waited_is_not_sent(api, app, here, admin):
    made = app.subscribed(f"{here.url}/hook")
    turn(api)
    write(api, observation("first"))
    match(api)
    admin.apps.close(app.app.client_id)
    turn(api)
    assert not messages(here)
    admin.apps.open_again(app.app.client_id)
    told = app.status(made)
    assert told["status"] == "off"
    assert "access has ended" in told["error"]


def test_a_failing_endpoint_is_tried_again_later_and_longer_and_then_given_up_with_its_reason(
    api, app, here, admin
):
    made = app.subscribed(f"{here.url}/hook")
    turn(api)
    here.answer = lambda taken: (500, b"")
    write(api, observation("first"))
    turn(api)
    turn(api)
    assert len(messages(here)) == 1
    listed = admin.outside.subscriptions()
    assert listed[0].status == "active"
    assert "answered 500" in listed[0].failure
    for _ in range(20):
        api.clock.instant += timedelta(hours=1)
        turn(api)
    assert len(messages(here)) == 12
    told = app.status(made)
    assert (told["status"], told["error"]) == ("error", "The endpoint answered 500.")
    admin = api.signed_in("robin-later", "admin")
    assert admin.outside.subscriptions()[0].waiting == 1
    here.answer = lambda taken: (200, b"")
    write(api, observation("meanwhile"))
    turn(api)
    assert len(messages(here)) == 12
    admin.outside.try_again(made)
    turn(api)
    assert [focus for told in messages(here)[12:] for _, focus in told["events"]] == [
        "Observation/first",
        "Observation/meanwhile",
    ]


def test_the_owner_asks_for_another_handshake_after_an_error(api, app, here):
    here.answer = lambda taken: (410, b"")
    made = app.subscribed(f"{here.url}/hook")
    for _ in range(4):
        turn(api)
        api.clock.instant += timedelta(hours=1)
    assert app.status(made)["status"] == "error"
    here.answer = lambda taken: (200, b"")
    again = subscription(f"{here.url}/other") | {"id": made}
    assert app.send("PUT", f"/Subscription/{made}", again).status_code == 200
    turn(api)
    assert app.status(made)["status"] == "active"
    assert here.taken[-1].path == "/other"


def test_what_happens_between_a_change_of_the_subscription_and_its_handshake_is_told(api, app, here):
    made = app.subscribed(f"{here.url}/hook")
    turn(api)
    changed = subscription(f"{here.url}/other") | {"id": made}
    assert app.send("PUT", f"/Subscription/{made}", changed).status_code == 200
    write(api, observation("meanwhile"))
    match(api)
    here.taken.clear()
    turn(api)
    assert [one.path for one in here.taken] == ["/other", "/other"]
    assert foci(here) == ["Observation/meanwhile"]


def test_a_heartbeat_is_sent_while_nothing_happens(api, app, here):
    beat = [{"url": f"{BACKPORT}/backport-heartbeat-period", "valueUnsignedInt": 60}]
    app.subscribed(f"{here.url}/hook", extension=beat)
    turn(api)
    api.clock.instant += timedelta(seconds=59)
    turn(api)
    assert not messages(here, "heartbeat")
    api.clock.instant += timedelta(seconds=1)
    turn(api)
    assert len(messages(here, "heartbeat")) == 1


def test_a_subscription_ends_when_its_time_is_over(api, app, here):
    over = (api.clock.now() + timedelta(minutes=5)).isoformat()
    answer = app.send("POST", "/Subscription", subscription(f"{here.url}/hook") | {"end": over})
    made = answer.json()["id"]
    turn(api)
    api.clock.instant += timedelta(minutes=6)
    write(api, observation("late"))
    turn(api)
    assert app.status(made)["status"] == "off"
    assert not messages(here)


def test_status_and_events_answer_whoever_missed_a_message(api, app, here):
    made = app.subscribed(f"{here.url}/hook")
    turn(api)
    write(api, *(observation(f"o-{number}") for number in range(5)))
    turn(api)
    told = app.send("GET", "/Subscription/$status").json()
    assert [one["name"] for one in told["entry"][0]["resource"]["parameter"]][:3] == [
        "subscription",
        "topic",
        "status",
    ]
    assert app.send("GET", f"/Subscription/{made}/$status").json()["total"] == 1
    path = f"/Subscription/{made}/$events?eventsSinceNumber=2&eventsUntilNumber=3&content=full-resource"
    bundle = app.send("GET", path).json()
    assert parameters(bundle)["events"] == [(2, "Observation/o-1"), (3, "Observation/o-2")]
    assert [entry["resource"]["id"] for entry in bundle["entry"][1:]] == ["o-1", "o-2"]
    assert app.send("GET", f"/Subscription/{made}/$events?eventsSinceNumber=x").status_code == 400


def test_a_subscription_is_its_owners_alone_and_keeps_its_headers_to_itself(api, app, here):
    made = app.subscribed(f"{here.url}/hook", header=["Authorization: Bearer our-secret"])
    other = Subscriber(api)
    assert other.send("GET", f"/Subscription/{made}").status_code == 404
    assert other.send("GET", f"/Subscription/{made}/$events").status_code == 404
    assert other.send("DELETE", f"/Subscription/{made}").status_code == 404
    assert other.send("GET", "/Subscription").json()["total"] == 0
    assert "our-secret" not in app.send("GET", f"/Subscription/{made}").text
    turn(api)
    assert here.taken[0].headers["Authorization"] == "Bearer our-secret"
    with api.work() as work:
        kept = work.connection.exec_driver_sql("SELECT s::text FROM outside.subscription s").scalar_one()
    assert "our-secret" not in kept
    staff = api.signed_in("chen", "clinician").transport._token_source()
    headers = {"Authorization": f"Bearer {staff}", "Content-Type": "application/fhir+json"}
    answer = api.http().post("/fhir/Subscription", json=subscription(here.url), headers=headers)
    assert answer.status_code == 403


def test_a_new_key_signs_and_the_last_one_is_still_known(api, app, here, admin):
    app.subscribed(f"{here.url}/hook")
    turn(api)
    before = api.http().get("/auth/outside-keys").json()["keys"]
    admin.outside.change_key()
    keys = api.http().get("/auth/outside-keys").json()["keys"]
    assert keys[1:] == before
    write(api, observation("first"))
    turn(api)
    assert all(is_signed(api, one) for one in here.taken)
    here.taken[0].body += b" "
    assert not is_signed(api, here.taken[0])
    api.clock.instant += timedelta(days=8)
    assert len(api.http().get("/auth/outside-keys").json()["keys"]) == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"criteria": "https://example.org/no-topic"}, "Subscription.criteria"),
        ({"status": "error"}, "Subscription.status"),
        ({"end": "2001-01-01T00:00:00Z"}, "Subscription.end"),
        ({"channel": {"type": "email"}}, "rest-hook"),
        ({"channel": {"payload": "text/plain"}}, "channel.payload"),
        ({"channel": {"_payload": None}}, "payload-content"),
        ({"channel": {"endpoint": None}}, "channel.endpoint"),
        ({"channel": {"endpoint": "ftp://example.org/x"}}, "channel.endpoint"),
        ({"channel": {"endpoint": "https://10.0.0.5/x"}}, "channel.endpoint"),
        ({"channel": {"endpoint": "https://hook..example.org/"}}, "channel.endpoint"),
        ({"channel": {"endpoint": "https://me:secret@example.org/x"}}, "channel.endpoint"),
        ({"channel": {"header": ["X-A: b\r\nX-Evil: c"]}}, "channel.header[0]"),
        ({"channel": {"header": ["Host: elsewhere"]}}, "channel.header[0]"),
        ({"filter": "Observation?nonsense=1"}, "nonsense"),
        ({"filter": "Observation?_sort=date"}, "search criteria"),
        ({"filter": "Encounter?patient=ana"}, "must be Type?query"),
    ],
)
def test_what_cannot_be_kept_is_refused_naming_its_element(app, change, word):
    made = subscription("https://example.org/hook", *([change["filter"]] if "filter" in change else ()))
    for name, value in change.items():
        if name == "channel":
            made["channel"] = {key: one for key, one in (made["channel"] | value).items() if one is not None}
        elif name != "filter":
            made[name] = value
    answer = app.send("POST", "/Subscription", made)
    assert answer.status_code == 422, answer.text
    assert word in answer.text


def test_where_a_new_one_is_can_be_read_and_it_is_found_by_form_too(app):
    made = app.send("POST", "/Subscription", subscription("https://example.org/hook?key=1"))
    there = app.api.http().get(made.headers["location"], headers=app.headers)
    assert (there.status_code, there.json()["id"]) == (200, made.json()["id"])

    def found(criteria: str, kind: str = "application/x-www-form-urlencoded"):
        headers = app.headers | {"Content-Type": kind}
        return app.api.http().post("/fhir/Subscription/_search", content=criteria, headers=headers)

    assert found("url=https%3A%2F%2Fexample.org%2Fhook%3Fkey%3D1").json()["total"] == 1
    assert found("status=off").json()["total"] == 0
    assert found("").json() == app.send("GET", "/Subscription").json()
    assert found("nonsense=1").status_code == 400
    assert found("{}", "application/fhir+json").status_code == 415
    other = Subscriber(app.api, scopes=("system/Observation.rs",))
    assert other.send("POST", "/Subscription/_search").status_code == 403


def test_what_was_told_of_whom_is_in_the_audit_log(api, app, here):
    app.subscribed(f"{here.url}/hook")
    turn(api)
    write(api, observation("first"))
    turn(api)
    with api.work() as work:
        row = work.connection.exec_driver_sql(
            "SELECT actor_id, patient_ids, detail FROM audit.event WHERE act = 'subscription_told'"
        ).one()
    assert (row.actor_id, row.patient_ids) == (f"app:{app.app.client_id}", ["ana"])
    assert row.detail["events"] == 1


def test_topics_and_operations_stand_in_the_capability_statement(api):
    told = api.http().get("/fhir/metadata").json()["rest"][0]["resource"]
    of_it = next(one for one in told if one["type"] == "Subscription")
    assert {one["code"] for one in of_it["interaction"]} == {
        "create",
        "read",
        "update",
        "delete",
        "search-type",
    }
    assert {one["name"] for one in of_it["operation"]} == {"status", "events"}
    assert any(one["valueCanonical"].endswith("/results") for one in of_it["extension"])
