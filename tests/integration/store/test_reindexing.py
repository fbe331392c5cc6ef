"""What an older version stored is not found by new parameters until it is indexed again; no version changes."""

from __future__ import annotations

import psycopg

from ehr_core.access.unit_of_work import begin
from ehr_core.kernel.clock import FixedClock
from ehr_core.store.reindexing import reindex
from ehr_core.store.repository import Store
from tests.integration.store.conftest import NOON, SITE, patient


def test_old_rows_are_found_by_new_parameters_once_they_are_indexed(database, admin_url, staff):
    with begin(database, staff, FixedClock(NOON), SITE) as work:
        Store(work).create("Patient", patient(address=[{"city": "Troy"}]), id="ana")
    with psycopg.connect(admin_url) as owner:
        owner.execute("UPDATE fhir.patient SET search_values = NULL")

    def found() -> list[tuple[str, int]]:
        with begin(database, staff, FixedClock(NOON), SITE) as work:
            page = Store(work).search("Patient", "address-city=troy")
            return [(one.id, one.version_id) for one in page.resources]

    assert found() == []
    assert reindex(database, staff, site_time_zone=SITE) == 1
    assert found() == [("ana", 1)]
