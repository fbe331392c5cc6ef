"""The screens of what goes outside, over a real API: what fails is seen, and what comes from outside is marked."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from tests.integration.chart_records import put_patient, put_site
from tests.integration.outside.subscribing import Subscriber, turn
from tests.integration.outside.test_outside_cds import CARD, service
from tests.lib.api import RunningApi, running_api
from tests.lib.app_pages import opened, session_of
from tests.lib.receiver import DEVELOPMENT, receiver
from tests.lib.served_api import wait_for


@pytest.fixture(autouse=True)
def same_main() -> Iterator[None]:
    """AppTest puts the page in the place of `__main__`; a process that is spawned later would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path, now=datetime.now(UTC), host="localhost", **DEVELOPMENT) as running:
        put_site(running)
        put_patient(running, "ana")
        yield running


@pytest.fixture
def admin(api):
    return api.signed_in("root", "admin")


@pytest.fixture
def here():
    with receiver(answer=lambda taken: (200, {"cards": [CARD]})) as listening:
        yield listening


def html(page: AppTest) -> str:
    return " ".join(one.proto.body for one in page.get("html"))


def test_an_administrator_sees_what_fails_and_tries_it_again(api, admin, here):
    made = Subscriber(api).subscribed(f"{here.url}/hook")
    here.answer = lambda taken: (500, b"")
    turn(api)
    page = opened(session_of(admin), "dashboards.admin.outside", "outside_page")
    assert "One subscriber is not told" in page.error[0].value
    assert "answered 500" in html(page)
    here.answer = lambda taken: (200, b"")
    next(one for one in page.button if one.key == f"again_{made}").click()
    page.run()
    turn(api)
    assert admin.outside.subscriptions()[0].status == "active"
    page.run()
    assert not page.error


def test_an_administrator_adds_a_service_and_switches_it_off(api, admin):
    page = opened(session_of(admin), "dashboards.admin.outside", "outside_page")
    page.text_input[0].set_value("kidney-watch")
    page.text_input[1].set_value("Kidney Watch")
    page.text_input[2].set_value("https://cds.example/cds-services/kidney-watch")
    page.text_area[0].set_value("patient = Patient/{{context.patientId}}")
    next(one for one in page.button if one.label == "Save").click()
    page.run()
    assert not page.exception
    (kept,) = admin.outside.services()
    assert kept.prefetch == {"patient": "Patient/{{context.patientId}}"}
    next(one for one in page.button if one.key == "switch_kidney-watch").click()
    page.run()
    assert admin.outside.services()[0].disabled


def drawn(page: AppTest, word: str) -> str:
    """The page's HTML once the word is in it: cards come when they come."""
    ends = time.monotonic() + 20
    while word not in html(page) and time.monotonic() < ends:
        time.sleep(0.1)
        page.run(timeout=60)
    return html(page)


def test_cards_from_outside_stand_on_the_chart_marked_and_escaped(api, admin, here):
    evil = CARD | {"summary": "<img src=x onerror=alert(1)>", "detail": "<script>alert(2)</script>"}
    here.answer = lambda taken: (200, {"cards": [evil]})
    admin.outside.add_service(service(here.url))
    okafor = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    page = opened(session_of(okafor), "dashboards.clinician.chart", "chart_page", patient="ana")
    told = drawn(page, "From outside")
    assert "&lt;img src=x" in told
    assert "<img src=x" not in told
    assert "<script>alert(2)" not in told
    assert 'rel="noopener noreferrer nofollow"' in told
    assert len(here.taken) == 1
    next(one for one in page.button if one.label == "Followed").click()
    page.run(timeout=60)
    assert api.app.state.feedback_carrier.carry_one()
    assert here.taken[-1].json["feedback"][0]["outcome"] == "accepted"


def test_the_chart_does_not_wait_for_a_slow_service_and_says_what_could_not_be_checked(api, admin, here):
    def slow(taken):
        time.sleep(2)
        return 500, b""

    here.answer = slow
    admin.outside.add_service(service(here.url))
    okafor = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    page = opened(session_of(okafor), "dashboards.clinician.chart", "chart_page", patient="ana")
    assert any("being asked" in one.value for one in page.caption)
    assert "Could not be checked" in drawn(page, "Could not be checked")


def test_a_chart_without_outside_services_shows_nothing_of_them(api):
    okafor = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    page = opened(session_of(okafor), "dashboards.clinician.chart", "chart_page", patient="ana")
    wait_for(lambda: page.run(timeout=60) and not any("being asked" in one.value for one in page.caption))
    assert "Outside decision support" not in [one.value for one in page.subheader]
