"""What the command line does with pseudonym keys: in the installation's own database, as the person who typed it."""

from __future__ import annotations

from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import connect
from ehr_core.db.own_database import own_database
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.settings import Settings
from ehr_core.store.operators import operator
from ehr_core.workflows.write_back.keys import rotate_key


def rotate_in_own_database(settings: Settings) -> tuple[str, str]:
    """The ids of the key that was in use and of the one that is now."""
    with own_database(settings) as url:
        database = connect(url, pool_size=1)
        try:
            with begin(database, operator(), SystemClock(), settings.site_time_zone) as work:
                return rotate_key(work, "limited")
        finally:
            database.dispose()
