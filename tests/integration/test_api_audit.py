"""The audit log as people read it."""

from __future__ import annotations

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


def test_the_newest_come_first_and_more_is_said(api):
    for number in range(5):
        note(api, "read", resource_type="Patient", resource_id=f"p-{number}")
    admin = api.signed_in("root", "admin")
    page = admin.audit.page(actor_id="service:test-seeder", limit=3)
    assert page.more
    assert len(page.events) == 3
    at = [event.at for event in page.events]
    assert at == sorted(at, reverse=True)


def test_an_act_without_words_is_told_by_its_name(api):
    note(api, "teleported", resource_type="Patient", resource_id="p-1")
    events = api.signed_in("root", "admin").audit.events(actor_id="service:test-seeder")
    assert "service:test-seeder did 'teleported' on Patient p-1" in [event.sentence for event in events]
