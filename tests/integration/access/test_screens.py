"""The screens of access and identity over a real API: what is pressed is what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from streamlit.testing.v1 import AppTest

from dashboards.shared.session import StaffSession
from data_contracts.api.access import NewChartRule, NewProxy, RolePolicyInfo
from ehr_core.client import AlmonerClient
from portal.session import PatientSession
from portal.text import Words
from tests.integration.chart_records import put_patient, put_site
from tests.lib.api import PASSWORD, RunningApi, running_api
from tests.lib.smart_app import REDIRECT, SmartApp

PORTAL = Path(__file__).parents[3] / "portal" / "main.py"
WORDS = "Found unresponsive in the waiting room"


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path, now=datetime.now(UTC), host="localhost") as running:
        put_site(running)
        put_patient(running, "ana")
        yield running


@pytest.fixture
def admin(api) -> AlmonerClient:
    return api.signed_in("root", "admin")


@pytest.fixture
def okafor(api) -> AlmonerClient:
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


def staff_page(session, name) -> None:
    import streamlit as st

    from dashboards.account import my_account
    from dashboards.admin import accounts, apps, audit, break_glass
    from dashboards.clinician import chart

    st.session_state["session"] = session
    if name == "chart":
        st.query_params["patient"] = "ana"
    {
        "chart": chart.chart_page,
        "reviews": break_glass.break_glass_page,
        "accounts": accounts.accounts_page,
        "apps": apps.apps_page,
        "audit": audit.audit_page,
        "account": my_account.account_page,
    }[name]()


def portal_page(session, name) -> None:
    import streamlit as st

    from portal.pages import account, who_looked

    st.session_state["session"] = session
    {"account": account.account_page, "looked": who_looked.who_looked_page}[name]()


def page_of(client: AlmonerClient, name: str) -> AppTest:
    session = StaffSession(client, client.account.me())
    page = AppTest.from_function(staff_page, args=(session, name)).run(timeout=30)
    assert not page.exception, page.exception
    return page


def portal_of(client: AlmonerClient, name: str, language: str = "en") -> AppTest:
    session = PatientSession(client, Words(language))
    page = AppTest.from_function(portal_page, args=(session, name)).run(timeout=30)
    assert not page.exception, page.exception
    return page


def press(page: AppTest, label: str) -> AppTest:
    found = [button for button in page.button if button.label == label]
    assert found, f"no button '{label}', but {[button.label for button in page.button]}"
    page = found[0].click().run(timeout=30)
    assert not page.exception, page.exception
    return page


def field(page: AppTest, label: str):
    return next(one for one in (*page.text_input, *page.text_area) if one.label == label)


def told(page: AppTest) -> str:
    kinds = (page.error, page.warning, page.info, page.success, page.markdown, page.title, page.caption)
    return "\n".join(one.value for kind in kinds for one in kind)


def deny() -> NewChartRule:
    values = {"effect": "deny", "subject_kind": "everyone", "asked_by": "patient", "reason": "Asked for it"}
    return NewChartRule(patient_id="ana", **values)


def test_a_closed_chart_says_so_and_opens_by_breaking_the_glass(api, admin, okafor):
    admin.access.make_rule(deny())
    page = page_of(okafor, "chart")
    assert "This chart is closed to you" in told(page)
    page = press(page, "Break the glass and open the chart")
    assert "Choose a reason" in told(page)
    page.selectbox[0].select("emergency")
    field(page, "What happens, in your words").set_value(WORDS)
    page = press(page, "Break the glass and open the chart")
    assert "You broke the glass to open this chart" in told(page_of(okafor, "chart"))
    page = press(page_of(okafor, "chart"), "Close the chart now")
    assert "This chart is closed to you" in told(page_of(okafor, "chart"))


def test_a_broken_glass_is_reviewed_at_the_screen(api, admin, okafor):
    admin.access.make_rule(deny())
    okafor.access.break_glass("ana", "emergency", WORDS)
    page = page_of(admin, "reviews")
    assert "REYES, Ana" in "".join(part.proto.body for part in page.get("html"))
    page = press(page, "Record the review")
    assert "Choose a judgement first" in told(page)
    page.radio[0].set_value("justified")
    press(page, "Record the review")
    assert "Nothing waits for a review" in told(page_of(admin, "reviews"))


def test_an_account_is_made_with_a_link_and_closed_at_the_screen(api, admin):
    page = page_of(admin, "accounts")
    field(page, "Name, as colleagues see it").set_value("Kim Lindqvist")
    field(page, "User name").set_value("kim")
    page.multiselect[-1].set_value(["nurse"])
    page = press(page, "Make it, and a link to choose a password")
    assert any("/auth/invitation?token=" in one.value for one in page.code)
    kim = next(one for one in admin.account.accounts() if one.username == "kim")
    assert kim.roles == ["nurse"]
    page = page_of(admin, "accounts")
    field(page, "Find by name or user name").set_value("lindqvist").run(timeout=30)
    press(page, "Close the account")
    assert next(one for one in admin.account.accounts() if one.username == "kim").disabled


def test_an_app_is_registered_at_the_screen_and_a_fault_is_told(api, admin):
    page = page_of(admin, "apps")
    field(page, "Name, as people are asked about it").set_value("Buddy")
    field(page, "Redirect addresses, one a line").set_value("http://not.safe/callback")
    field(page, "Scopes, one a line").set_value("launch/patient\npatient/Observation.rs")
    page = press(page, "Register")
    assert "redirect_uris" in told(page)
    field(page, "Redirect addresses, one a line").set_value(REDIRECT)
    press(page, "Register")
    (app,) = admin.apps.all()
    assert app.scopes == ["launch/patient", "patient/Observation.rs"]
    press(page_of(admin, "apps"), "Close Buddy")
    assert admin.apps.all()[0].closed


def test_an_app_is_registered_by_the_address_of_its_keys_and_given_others(api, admin):
    page = page_of(admin, "apps")
    field(page, "Name, as people are asked about it").set_value("Nightly")
    page.selectbox[0].set_value("backend")
    field(page, "Scopes, one a line").set_value("system/Observation.rs")
    field(page, "Address of its public keys (jwks_uri)").set_value("https://10.0.0.5/jwks.json")
    page = press(page, "Register")
    assert "jwks_uri: it leads into a private network" in told(page)
    field(page, "Address of its public keys (jwks_uri)").set_value("https://app.example/jwks.json")
    press(page, "Register")
    (app,) = admin.apps.all()
    assert app.jwks_uri == "https://app.example/jwks.json"
    SmartApp(api, kind="backend", scopes=("system/Patient.rs",))
    page = press(page_of(admin, "apps"), "Give Nightly these keys")
    assert "one of both" in told(page)
    mine = [one.label for one in page.text_input].index("Address of its public keys (jwks_uri)", 1)
    page.text_input[mine].set_value("https://app.example/newer.json")
    press(page, "Give Nightly these keys")
    assert {one.name: one.jwks_uri for one in admin.apps.all()}["Nightly"] == "https://app.example/newer.json"


def test_the_audit_page_exports_what_matches(api, admin):
    page = press(page_of(admin, "audit"), "Prepare an export of what matches (CSV)")
    assert "audit_exported" in {event.act for event in admin.audit.events()}
    assert not page.error


def test_my_account_shows_codes_once_passkeys_and_apps(api, okafor):
    SmartApp(api, scopes=("user/Observation.rs",)).tokens_for("okafor")
    page = press(page_of(okafor, "account"), "Set up a second factor")
    secret = page.code[0].value.replace(" ", "")
    field(page, "Code that the app shows").set_value(pyotp.TOTP(secret).at(int(api.clock.now().timestamp())))
    page = press(page, "Turn on")
    assert len(page.code[0].value.splitlines()) == 10
    press(page, "I have kept them")
    page = page_of(okafor, "account")
    assert "10 recovery codes are left" in told(page)
    field(page, "Password, to add a passkey").set_value(PASSWORD)
    assert not press(page, "Continue").error
    press(page_of(okafor, "account"), "Put Glucose Buddy out")
    assert okafor.apps.let_in() == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_patient_keeps_their_account_and_sees_who_looked(api, okafor, language):
    ana = api.signed_in("ana", "patient", patient_id="ana")
    okafor.charting.summary("ana")
    words = Words(language)
    page = portal_of(ana, "looked", language)
    assert words("looked.nobody") not in [one.value for one in page.info]
    page = press(portal_of(ana, "account", language), words("account.set_up"))
    assert any(words("account.scan") in one.value for one in page.markdown)
    field(page, words("account.present")).set_value("wrong password here")
    field(page, words("account.new", least=12)).set_value("a wholly new pass phrase")
    field(page, words("account.again")).set_value("a wholly new pass phrase")
    page = press(page, words("account.change"))
    assert words("account.password_refused") in told(page)


def test_a_proxy_chooses_whose_record_to_look_at(api, admin):
    put_patient(api, "ben", birth="2001-05")
    account = api.account("carer", "proxy")
    for patient in ("ana", "ben"):
        new = NewProxy(account_id=account, patient_id=patient, relationship="caregiver", scope=["record"])
        admin.access.give_proxy(new)
    carer = api.client_of(api.session(account, "portal"), "portal")
    page = portal_of(carer, "account")
    assert page.radio[0].options == ["Ana Reyes, born 14 March 1972", "Ana Reyes, born May 2001"]
    page.radio[0].set_value("ben").run(timeout=30)
    press(page, "Look at this record")
    assert carer.access.acting_for().patient_id == "ben"


def test_a_proxy_comes_in_before_a_record_is_chosen_and_reads_whose_it_is(api, admin, monkeypatch):
    put_patient(api, "ben", given="Ben")
    account = api.account("carer", "proxy")
    for patient, scope in (("ana", "record"), ("ben", "appointments")):
        new = NewProxy(account_id=account, patient_id=patient, relationship="caregiver", scope=[scope])
        admin.access.give_proxy(new)
    carer = api.client_of(api.session(account, "portal"), "portal")
    monkeypatch.setattr("portal.session.signed_in_client", lambda _: carer)

    def come_in() -> AppTest:
        page = AppTest.from_file(PORTAL).run(timeout=30)
        assert not page.exception, page.exception
        return page

    page = come_in()
    assert page.title[0].value == "My account", "where the record is chosen"
    assert not page.markdown or "Where the portal opens" not in told(page)
    for patient, name, first in (("ana", "Ana Reyes", "Hello Ana"), ("ben", "Ben Reyes", "Visits")):
        carer.access.act_for(patient)
        page = come_in()
        assert f"You are looking at the record of {name}." in told(page)
        assert page.title[0].value == first


def test_a_role_that_was_narrowed_finds_the_chart_closed(api, admin, okafor):
    admin.access.set_role(RolePolicyInfo(role="clinician", reach="panel", labels=["*"]))
    page = page_of(okafor, "chart")
    shown = told(page)
    assert ("closed to you" in shown) is not okafor.access.chart("ana").open
