"""Proxies in the portal: whose record they reach, with what scope, and how age, expiry and an end cut them off."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from data_contracts.api.access import NewChartRule, NewProxy
from ehr_core.access.proxies import Grant, scope_now
from ehr_core.kernel.errors import Forbidden, NotFound
from ehr_core.store.repository import Store
from tests.lib.api import MORNING, running_api
from tests.lib.smart_app import SmartApp

BORN = {"small": "2019-01-10", "teen": "2011-11-21", "grown": "2008-11-20", "unknown": None}
ADOLESCENT = {"system": "https://almoner.dev/fhir/CodeSystem/sensitivity", "code": "adolescent-confidential"}


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            store = Store(work)
            for name, born in BORN.items():
                body = {"resourceType": "Patient", "name": [{"family": name.title()}]}
                store.create("Patient", body | ({"birthDate": born} if born else {}), id=name)
                for end, security in (("open", None), ("told", [ADOLESCENT])):
                    store.create("Observation", observation(name, security), id=f"{name}-{end}")
        yield running


def observation(patient: str, security: list | None) -> dict:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "something"},
        "subject": {"reference": f"Patient/{patient}"},
        **({"meta": {"security": security}} if security else {}),
    }


@pytest.fixture
def admin(api):
    return api.signed_in("root", "admin")


def parent_of(api, admin, *patients: str, **more):
    account = api.account("parent", "proxy")
    for patient in patients:
        values = {"relationship": "parent", "scope": ["record", "appointments"]} | more
        admin.access.give_proxy(NewProxy(account_id=account, patient_id=patient, **values))
    return api.client_of(api.session(account, "portal"), "portal")


def named(client) -> list[tuple[str, str | None, str | None]]:
    return [
        (one.patient_id, one.name and one.name.family, one.birth_date)
        for one in client.access.acting_for().choices
    ]


def seen(client) -> set[str]:
    bundle = json.loads(client.fhir.search("Observation", {}))
    return {entry["resource"]["id"] for entry in bundle.get("entry", [])}


def test_a_parent_reads_a_small_childs_record_and_nothing_told_in_confidence(api, admin):
    parent = parent_of(api, admin, "small")
    assert seen(parent) == {"small-open"}
    for hidden in ("small-told", "teen-open"):
        with pytest.raises(NotFound):
            parent.fhir.read("Observation", hidden)


def test_who_is_of_age_reads_all_of_the_own_record_and_hands_nothing_sensitive_on(api, admin):
    """A day before, and to a proxy or an application, what is labelled is not there."""
    own = {
        name: seen(api.signed_in(name, "patient", patient_id=name)) for name in ("teen", "grown", "unknown")
    }
    assert own == {
        "teen": {"teen-open"},
        "grown": {"grown-open", "grown-told"},
        "unknown": {"unknown-open"},
    }
    assert seen(parent_of(api, admin, "grown", relationship="caregiver")) == {"grown-open"}
    app = SmartApp(api)
    assert app.ids(app.tokens_for("grown")["access_token"]) == {"grown-open"}


def test_a_label_denied_to_all_staff_stays_the_patients_and_one_denied_to_their_account_does_not(api, admin):
    account = api.account("grown", "patient", patient_id="grown")
    own = api.client_of(api.session(account, "portal"), "portal")
    for whom, left in (
        ({"subject_kind": "everyone"}, {"grown-open", "grown-told"}),
        ({"subject_kind": "account", "subject": account}, {"grown-open"}),
    ):
        denied = {"patient_id": "grown", "effect": "deny", "label": ADOLESCENT["code"], "asked_by": "patient"}
        admin.access.make_rule(NewChartRule(**denied, **whom, reason="Asked for it"))
        assert seen(own) == left


def test_the_scope_narrows_at_the_site_set_age_and_ends_at_eighteen(api, admin):
    parent = parent_of(api, admin, "teen")
    assert parent.account.me().permissions == ["own.book", "own.check_in"]
    assert parent.portal.visits().patient_id == "teen", "appointments are what is left"
    assert parent.portal.language().language is None
    with pytest.raises(Forbidden):
        seen(parent)
    account = parent.account.me().account_id
    api.clock.instant += timedelta(days=3 * 365 + 2)
    grown = api.client_of(api.session(account, "portal"), "portal")
    assert grown.account.me().permissions == []


@pytest.mark.parametrize("patient", ["grown", "unknown"])
def test_a_grown_child_and_one_of_unknown_age_are_nobodys(api, admin, patient):
    parent = parent_of(api, admin, patient)
    assert parent.account.me().permissions == []
    assert parent.access.acting_for().choices == []


def test_what_a_court_renewed_goes_on(api, admin):
    parent = parent_of(api, admin, "grown", relationship="guardian", legally_renewed=True)
    assert seen(parent) == {"grown-open"}


def test_a_grant_that_is_over_or_ended_works_no_more_in_an_open_session(api, admin):
    parent = parent_of(api, admin, "small", ends_at=api.clock.now() + timedelta(minutes=5))
    assert seen(parent) == {"small-open"}
    api.clock.instant += timedelta(minutes=5)
    with pytest.raises(Forbidden):
        seen(parent)


def test_a_parent_of_two_chooses_and_cannot_choose_anybody_else(api, admin):
    parent = parent_of(api, admin, "small", "teen")
    assert named(parent) == [("small", "Small", "2019-01-10"), ("teen", "Teen", "2011-11-21")]
    assert parent.account.me().patient_id == "nobody"
    parent.access.act_for("small")
    assert seen(parent) == {"small-open"}
    with pytest.raises(Forbidden):
        parent.access.act_for("grown")
    parent.access.act_for("teen")
    with pytest.raises(Forbidden):
        seen(parent)


def test_the_names_to_choose_from_are_audited_and_leave_out_whom_a_proxy_acts_for_no_more(api, admin):
    parent = parent_of(api, admin, "small", ends_at=api.clock.now() + timedelta(minutes=5))
    me = parent.account.me().account_id
    admin.access.give_proxy(
        NewProxy(account_id=me, patient_id="grown", relationship="caregiver", scope=["record"])
    )
    assert [name for _, name, _ in named(parent)] == ["Grown", "Small"]
    api.clock.instant += timedelta(minutes=5)
    assert [name for _, name, _ in named(parent)] == ["Grown"]
    with api.work() as work:
        listed = work.connection.execute(
            text(
                "SELECT actor_id, patient_ids FROM audit.event WHERE act = 'records_to_act_for_listed' "
                "ORDER BY at, id"
            )
        ).all()
    assert [tuple(row) for row in listed] == [(me, ["grown", "small"]), (me, ["grown"])]


def test_the_end_of_a_grant_and_only_an_administrator_gives_one(api, admin):
    account = api.account("carer", "proxy")
    new = NewProxy(account_id=account, patient_id="grown", relationship="caregiver", scope=["record"])
    carer = api.client_of(api.session(account, "portal"), "portal")
    with pytest.raises(Forbidden):
        carer.access.give_proxy(new)
    grant = admin.access.give_proxy(new)
    assert seen(carer) == {"grown-open"}
    admin.access.end_proxy(grant)
    with pytest.raises(Forbidden):
        seen(carer)


def test_ages_are_counted_in_whole_years():

    grant = Grant("p", "parent", frozenset({"record", "appointments"}), False, MORNING, None)
    born = date(2013, 11, 20)
    for today, scope in (
        (date(2026, 11, 19), {"record", "appointments"}),
        (date(2026, 11, 20), {"appointments"}),
        (date(2031, 11, 19), {"appointments"}),
        (date(2031, 11, 20), set()),
    ):
        found = scope_now(grant, birth_date=born, today=today, now=MORNING, narrowing_age=13)
        assert found == scope, today
