"""The house's pages of the strong door over a real API: what is pressed is what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from data_contracts.api.access import NewProxy
from ehr_core.access.watch import raise_alerts
from ehr_core.access.watch_rules import Finding
from ehr_core.kernel.errors import BadRequest, Forbidden
from tests.integration.chart_records import MRN, put_patient, put_site
from tests.lib.api import RunningApi, running_api
from tests.lib.app_pages import field, opened, press, session_of, shown

WHOSE = "Patient's record number (MRN) or id"


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path, now=datetime.now(UTC), host="localhost") as running:
        put_site(running)
        put_patient(running, "ana", birth="2012-03-04")
        yield running


def of_ana(session, module: str, function: str):
    """The page with Ana's id typed into its field."""
    page = opened(session, module, function)
    field(page, WHOSE).set_value("ana")
    return page.run(timeout=60)


@pytest.fixture
def root(api):
    return session_of(api.signed_in("root", "admin"))


def test_alerts_are_taken_and_closed_with_an_outcome(api, root):
    now = api.clock.now()
    with api.work() as work:
        raise_alerts(work, [Finding("same_surname", "kim", "serious", 4, now, now, "kim", None, ("ana",))])
    page = opened(root, "dashboards.admin.alerts", "alerts_page")
    assert "Serious: Chart of somebody of the same family name" in shown(page)
    assert "REYES, Ana" in shown(page), "by name: nobody knows a patient by an id"
    page = press(page, "I look into it")
    page = press(page, "Close the alert")
    assert "Choose an outcome first." in shown(page)
    page.radio[0].set_value("explained")
    page = press(page, "Close the alert")
    assert "Nothing stands out." in shown(page)
    page = page.toggle[0].set_value(True).run(timeout=60)
    assert "Explained" in shown(page)


def test_a_rule_about_a_chart_is_made_and_ended_and_a_proxy_renewed(api, root):
    root.client.access.give_proxy(
        NewProxy(
            account_id=api.account("mom", "proxy"), patient_id="ana", relationship="parent", scope=["record"]
        )
    )
    place = ("dashboards.admin.chart_access", "chart_access_page")
    page = of_ana(root, *place)
    assert "No rule" in shown(page)
    assert "nothing today: age or expiry ended it" in shown(page), (
        "from 13 on a parent keeps appointments alone"
    )
    page = press(page, "Make the rule")
    assert "Give the reason" in shown(page)
    field(page, "Reason, for the file").set_value("Asked for it")
    next(box for box in page.selectbox if box.label == "Whom").set_value("role:nurse")
    next(box for box in page.selectbox if box.label == "Of what").set_value("PSY")
    page = press(page, "Make the rule")
    (rule,) = root.client.access.rules("ana")
    assert (rule.effect, rule.subject, rule.label) == ("deny", "nurse", "PSY")
    assert "Keep out: Nurse" in shown(page)
    page = press(page, "End the rule now")
    assert root.client.access.rules("ana") == []
    page = of_ana(root, *place)
    next(box for box in page.checkbox if box.label.startswith("Renewed by law")).check()
    page = press(page, "Save")
    (proxy,) = root.client.access.proxies("ana")
    assert proxy.legally_renewed
    assert proxy.scope_today == ["record"]
    press(page, "End it now")
    assert root.client.access.proxies("ana") == []


def test_a_roles_reach_is_changed(root):
    page = opened(root, "dashboards.admin.roles", "roles_page")
    next(box for box in page.selectbox if box.label == "Role").set_value("nurse")
    page = page.run(timeout=60)
    page.radio[0].set_value("panel")
    page = press(page, "Save")
    assert {one.role: one.reach for one in root.client.access.roles()}["nurse"] == "panel"
    assert "Own panel and care teams" in shown(page)


def test_a_rule_is_made_about_a_person_by_name_and_a_number_gets_into_no_address(api, root):
    page = opened(root, "dashboards.admin.chart_access", "chart_access_page")
    field(page, WHOSE).set_value(" M-ANA ")
    page = page.run(timeout=60)
    assert "REYES, Ana" in shown(page)
    assert "born 04-Mar-2012 · MRN M-ANA" in shown(page)
    assert page.query_params == {"patient": "ana"}
    seen = root.client.audit.page(patient_id="ana", page=1, size=20).events
    assert "patient_named" in {one.act for one in seen}
    field(page, WHOSE).set_value("M-NOBODY")
    page = page.run(timeout=60)
    assert "There is no patient of this id or record number" in shown(page)
    assert "No rule" not in shown(page), "nothing of the one before stays on the screen"


def test_a_number_that_several_bear_names_nobody_and_who_keeps_no_rules_learns_no_name(api, root):
    put_patient(api, "twin", family="Young", identifier=[{"system": MRN, "value": "M-ANA"}])
    with pytest.raises(BadRequest, match="Several records"):
        root.client.access.patient("M-ANA")
    assert root.client.access.patient("twin").name.family == "Young"
    with pytest.raises(Forbidden):
        api.signed_in("lee", "analyst").access.patient("ana")


def test_the_log_is_searched_by_record_number_and_by_act_and_names_whose_record_it_was(api, root):
    api.signed_in("chen", "clinician").charting.summary("ana")
    put_patient(api, "ben", "Okafor", "Ben")
    page = opened(root, "dashboards.admin.audit", "audit_page")
    field(page, WHOSE).set_value("M-ANA")
    page = page.run(timeout=60)
    assert page.query_params["patient"] == "ana"
    assert "M-ANA" not in page.query_params.values()
    assert "REYES, Ana" in shown(page)
    next(box for box in page.selectbox if box.label == "What").set_value("chart_summary_read")
    page = page.run(timeout=60)
    assert shown(page).startswith("Looking here is audited too. 1 entries")
    assert page.query_params["act"] == "chart_summary_read"
    page = press(page, "All patients again")
    assert "patient" not in page.query_params
    field(page, WHOSE).set_value("M-NOBODY")
    page = page.run(timeout=60)
    assert "There is no patient of this id or record number" in shown(page)
    assert "entries" not in shown(page), "never everybody's log under a number of nobody"


def test_the_last_role_is_not_taken_without_a_word_and_nobody_closes_their_own_account(api, root):
    kim = api.account("kim", "nurse")
    page = opened(root, "dashboards.admin.accounts", "accounts_page")
    page.multiselect[0].set_value([])
    page = press(page, "Save the roles")
    assert "Choose at least one role" in shown(page)
    assert next(one.roles for one in root.client.account.accounts() if one.account_id == kim) == ["nurse"]
    own = root.me.account_id
    assert not [button for button in page.button if button.key == f"close_{own}"]
    assert "another administrator closes it" in shown(page)


def test_a_disclosure_is_recorded_for_the_accounting(root):
    page = of_ana(root, "dashboards.admin.disclosures", "disclosures_page")
    page = press(page, "Record it")
    assert "Fill in to whom" in shown(page)
    field(page, "To whom").set_value("County Health")
    field(page, "What of the record").set_value("A culture")
    field(page, "Law, order or request it rests on").set_value("State law")
    next(box for box in page.selectbox if box.label == "Why").set_value("public_health")
    page = press(page, "Record it")
    assert [one.recipient for one in root.client.disclosures.of("ana")] == ["County Health"]
    assert "County Health" in shown(page)


def test_somebodys_session_is_ended_from_their_account(api, root):
    account = api.account("kim", "nurse")
    kim = api.client_of(api.session(account))
    kim.account.me()
    api.clock.instant += timedelta(minutes=1)
    page = opened(root, "dashboards.admin.accounts", "accounts_page")
    page = page.toggle(key=f"sessions_of_{account}").set_value(True).run(timeout=60)
    label = next(one.label for one in page.button if one.label.startswith("End the session of"))
    press(page, label)
    assert [one.ended for one in root.client.account.sessions(account_id=account)] == ["revoked"]


def test_the_portal_shows_passkeys_and_to_whom_the_record_was_given(api, root):
    from portal.session import PatientSession
    from portal.text import Words

    client = api.signed_in("anas", "patient", patient_id="ana")
    told = {"en": ("Passkeys", "Nothing of your record"), "es": ("Claves de acceso", "En estos años")}
    for language, (passkeys, nobody) in told.items():
        session = PatientSession(client, Words(language))
        page = opened(session, "portal.pages.account", "account_page")
        assert passkeys in [header.value for header in page.header]
        field(page, session.words("account.passkey_password")).set_value("a long enough password")
        page = press(page, session.words("account.passkey_next"))
        assert next(link.proto.url for link in page.get("link_button")).startswith("http://localhost")
        looked = opened(session, "portal.pages.who_looked", "who_looked_page")
        assert nobody in shown(looked)
