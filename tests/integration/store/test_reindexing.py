"""What an older version stored: held back from patients and not found by new parameters, until it is indexed."""

from __future__ import annotations

import psycopg
import pytest

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.kernel.clock import FixedClock
from ehr_core.kernel.errors import NotFound
from ehr_core.store.reindexing import reindex
from ehr_core.store.repository import Store
from tests.integration.store.conftest import NOON, SITE, patient

ANA = Actor("u-ana", "patient", "Ana", (), frozenset({"own.read"}), patient_id="ana")


def test_old_rows_are_hidden_from_patients_until_they_are_judged(database, admin_url, staff):
    with begin(database, staff, FixedClock(NOON), SITE) as work:
        Store(work).create("Patient", patient(address=[{"city": "Troy"}]), id="ana")
    with psycopg.connect(admin_url) as owner:
        owner.execute(
            "UPDATE fhir.patient SET restricted_labels = ARRAY['not yet judged'], search_values = NULL"
        )
    with begin(database, ANA, FixedClock(NOON), SITE) as work, pytest.raises(NotFound):
        Store(work, holds_back_labelled=True).read("Patient", "ana")

    assert reindex(database, staff, site_time_zone=SITE) == 1
    assert reindex(database, staff, site_time_zone=SITE) == 0

    with begin(database, ANA, FixedClock(NOON), SITE) as work:
        found = Store(work, holds_back_labelled=True).search("Patient", "address-city=troy")
        assert [(one.id, one.version_id) for one in found.resources] == [("ana", 1)]
    assert reindex(database, staff, site_time_zone=SITE, everything=True) == 1
