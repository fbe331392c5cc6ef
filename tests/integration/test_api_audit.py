"""The audit log as people read it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ehr_core.kernel.errors import Forbidden
from tests.lib.api import running_api


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


def note(api, act, **facts):
    with api.work() as work:
        work.audit(act, **facts)


def test_reading_the_log_needs_its_permission_and_is_audited_itself(api):
    admin = api.signed_in("root", "admin")
    clinician = api.signed_in("chen", "clinician")
    with pytest.raises(Forbidden):
        clinician.audit.events()
    admin.audit.events()
    sentences = [event.sentence for event in admin.audit.events()]
    assert sentences[0] == "Root read the audit log"
    assert "Chen did 'GET /api/audit': refused (Forbidden)" in sentences


def test_a_patients_log_holds_the_searches_that_contained_them(api):
    note(api, "read", resource_type="Observation", resource_id="o-1", patient_id="ana")
    note(api, "search", resource_type="Patient", patient_ids=["ben", "ana"])
    note(api, "read", resource_type="Observation", resource_id="o-2", patient_id="ben")
    events = api.signed_in("root", "admin").audit.events(patient_id="ana")
    assert [event.sentence for event in events] == [
        "service:test-seeder searched Patient (2 patients)",
        "service:test-seeder read Observation o-1",
    ]


def test_pages_come_newest_first_do_not_overlap_and_all_are_counted(api):
    for number in range(5):
        api.clock.instant += timedelta(seconds=1)
        note(api, "read", resource_type="Patient", resource_id=f"p-{number}", patient_id="ana")
    admin = api.signed_in("root", "admin")
    pages = [
        admin.audit.page(actor_id="service:test-seeder", patient_id="ana", page=number, size=3)
        for number in (1, 2, 3)
    ]
    assert [[event.resource_id for event in page.events] for page in pages] == [
        ["p-4", "p-3", "p-2"],
        ["p-1", "p-0"],
        [],
    ]
    assert [(page.page.total, page.counted_all) for page in pages] == [(5, True)] * 3


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, ["late", "early"]),
        (date(2026, 11, 20), None, ["late"]),
        (None, date(2026, 11, 19), ["early"]),
        (date(2026, 11, 19), date(2026, 11, 19), ["early"]),
        (date(2026, 11, 21), None, []),
    ],
)
def test_days_are_those_of_the_site(api, since, until, found):
    """Half past four UTC is before midnight in New York."""
    for hour, name in ((4, "early"), (6, "late")):
        api.clock.instant = datetime(2026, 11, 20, hour, 30, tzinfo=UTC)
        note(api, name, patient_id="ana")
    page = api.signed_in("root", "admin").audit.page(patient_id="ana", since=since, until=until)
    assert [event.act for event in page.events] == found


def test_counting_stops_where_nobody_turns_pages_any_more(api, monkeypatch):
    monkeypatch.setattr("ehr_core.access.audit_reading.MOST_COUNTED", 2)
    monkeypatch.setattr("ehr_core.api.routes.audit.MOST_COUNTED", 2)
    for _ in range(3):
        note(api, "read", patient_id="ana")
    page = api.signed_in("root", "admin").audit.page(patient_id="ana")
    assert (len(page.events), page.page.total, page.counted_all) == (3, 2, False)


def test_the_log_may_be_narrowed_to_staff_and_services_and_names_no_patient(api):
    api.account("ana", "patient", patient_id="ana")
    admin = api.signed_in("root", "admin")
    people = dict(admin.audit.people().people)
    assert {"Root", "The nightly pipeline"} <= set(people.values())
    assert "Ana" not in people.values()
    with pytest.raises(Forbidden):
        api.signed_in("chen", "clinician").audit.people()


def test_an_act_without_words_is_told_by_its_name(api):
    note(api, "teleported", resource_type="Patient", resource_id="p-1")
    events = api.signed_in("root", "admin").audit.events(actor_id="service:test-seeder")
    assert "service:test-seeder did 'teleported' on Patient p-1" in [event.sentence for event in events]
