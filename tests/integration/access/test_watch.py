"""The watch over a real audit log: what is raised, once, what a closed alert means, and who may decide."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ehr_core.access import watch
from ehr_core.api.audit_watcher import AuditWatcher
from ehr_core.kernel.errors import Conflict, Forbidden, NotFound, StartupFailed
from ehr_core.store.repository import Store
from tests.lib.api import running_api
from tests.lib.weakened import assert_guarded

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            for name, family in (("ana", "Kimura"), ("ben", "Other"), ("cel", "Star")):
                body = {"resourceType": "Patient", "name": [{"family": family, "given": ["A"]}]}
                if name == "cel":
                    body["meta"] = {"security": [{"system": ACT_CODE, "code": "CEL"}]}
                Store(work).create("Patient", body, id=name)
        yield running


@pytest.fixture
def watcher(api) -> AuditWatcher:
    return api.app.state.audit_watcher


@pytest.fixture
def root(api):
    return api.signed_in("root", "admin")


def kimura(api):
    return api.signed_in("dr. kimura", "nurse")


def test_a_namesakes_and_a_well_known_chart_raise_an_alert_each_and_once(api, watcher, root):
    nurse = kimura(api)
    for name in ("ana", "ben", "cel"):
        nurse.fhir.read("Patient", name)
    assert watcher.look() == 2
    assert watcher.look() == 0
    found = {one.rule: one for one in root.alerts.all()}
    assert set(found) == {"same_surname", "well_known_chart"}
    assert found["same_surname"].patient_ids == ["ana"]
    assert found["well_known_chart"].patient_ids == ["cel"]
    assert found["same_surname"].account_name == "Dr. Kimura"
    raised = root.audit.page(act="alert_raised").events
    assert len(raised) == 2
    assert all("Kimura" not in event.sentence for event in raised)


def test_an_open_alert_grows_instead_of_another_being_raised(api, watcher, root):
    nurse = kimura(api)
    nurse.fhir.read("Patient", "ana")
    watcher.look()
    for _ in range(3):
        api.clock.instant += timedelta(minutes=7)
        nurse.fhir.read("Patient", "ana")
        assert watcher.look() == 0
    (one,) = root.alerts.all()
    assert one.acts == 4
    assert one.last_at > one.first_at


def test_a_closed_alert_comes_back_for_what_is_done_after_it_alone(api, watcher, root):
    nurse = kimura(api)
    nurse.fhir.read("Patient", "ana")
    watcher.look()
    (one,) = root.alerts.all()
    root.alerts.acknowledge(one.alert_id)
    assert root.alerts.all()[0].acknowledged_by == "Root"
    root.alerts.close(one.alert_id, "explained", "A cousin, at their own request")
    assert watcher.look() == 0
    assert root.alerts.all() == []
    assert [(each.outcome, each.closed_by) for each in root.alerts.all(closed=True)] == [
        ("explained", "Root")
    ]
    api.clock.instant += timedelta(minutes=6)
    nurse.fhir.read("Patient", "ana")
    assert watcher.look() == 1
    acts = {event.act for event in root.audit.events()}
    assert {"alert_acknowledged", "alert_closed", "alerts_listed"} <= acts


def test_who_treats_the_patient_raises_no_alert(api, watcher):
    nurse_id = api.account("dr. kimura", "nurse", practitioner_id="kimura")
    with api.work() as work:
        body = {
            "resourceType": "Patient", "name": [{"family": "Kimura"}],
            "generalPractitioner": [{"reference": "Practitioner/kimura"}],
        }  # fmt: skip
        Store(work).create("Practitioner", {"resourceType": "Practitioner"}, id="kimura")
        Store(work).update("Patient", "ana", body)
    client = api.client_of(api.session(nurse_id))

    def attack() -> bool:
        """Does an alert come of a chart of one's own panel?"""
        client.fhir.read("Patient", "ana")
        return watcher.look() > 0

    assert_guarded(
        attack,
        lambda patch: patch.setattr(
            watch, "TREATS", watch.text("SELECT '' AS account, '' AS patient_id WHERE :accounts = '{}' "
            "AND :patients = '{}' AND CAST(:since AS timestamptz) IS NULL")
        ),
    )  # fmt: skip


def test_guessing_at_the_door_raises_an_alert_about_the_address(api, watcher, root):
    from tests.lib.sign_in import SignInFlow

    flow = SignInFlow(api)
    for number in range(10):
        flow.submit(flow.open_page(), f"nobody-{number}", "wrong password here")
    assert watcher.look() == 1
    (one,) = root.alerts.all()
    assert (one.rule, one.account_id) == ("repeated_refusals", None)
    assert one.address


def test_nobody_decides_about_themselves_twice_or_about_what_is_not_there(api, watcher, root):
    own = api.signed_in("kimura", "admin", "nurse")
    own.fhir.read("Patient", "ana")
    watcher.look()
    (one,) = own.alerts.all()
    with pytest.raises(Forbidden):
        own.alerts.acknowledge(one.alert_id)
    with pytest.raises(Forbidden):
        own.alerts.close(one.alert_id, "explained", None)
    root.alerts.acknowledge(one.alert_id)
    with pytest.raises(Conflict):
        root.alerts.acknowledge(one.alert_id)
    root.alerts.close(one.alert_id, "incident", None)
    with pytest.raises(Conflict):
        root.alerts.close(one.alert_id, "explained", None)
    with pytest.raises(NotFound):
        root.alerts.acknowledge("none")
    for role in ("clinician", "front_desk", "analyst"):
        with pytest.raises(Forbidden):
            api.signed_in(f"one-{role}", role).alerts.all()


def test_a_site_says_its_own_thresholds_whole_or_not_at_all(tmp_path):
    path = tmp_path / "watch.toml"
    path.write_text("[same_surname]\ncharts = 5\n")
    with pytest.raises(StartupFailed, match=r"same_surname\.serious_charts"):
        watch.thresholds(path)
    with pytest.raises(StartupFailed, match="cannot be read"):
        watch.thresholds(tmp_path / "none.toml")
