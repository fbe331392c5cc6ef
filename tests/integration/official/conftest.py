"""A site of published cases whom one night has measured by official measures; shared by what only reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ehr_core.db.database import connect
from pipelines.measures.elm.cases import Case
from tests.integration.loop.panel import Panel
from tests.integration.official.house import cases_of, import_measures, site
from tests.lib.postgres import app_url_of, fresh_database

A1C, KIDNEY, PAP, VISITS = "CMS122", "CMS951", "CMS124", "CMS154"
GLYCEMIC = "CMS122FHIRDiabetesAssessGT9Pct"
KIDNEYS = "CMS951FHIRKidneyHealthEval"
CERVICAL = "CMS124FHIRCervicalCancerScreen"
COLDS = "CMS154FHIRAppropriateTxforURI"


@pytest.fixture(scope="package")
def cases() -> list[Case]:
    return cases_of(A1C, KIDNEY, PAP, VISITS)


@pytest.fixture(scope="package")
def measured(postgres_server, template_database, tmp_path_factory, cases) -> Iterator[Panel]:
    """After one night. Nobody changes anything here."""
    with fresh_database(postgres_server, template=template_database) as url:
        database = connect(app_url_of(url))
        with site(database, tmp_path_factory.mktemp("official"), cases) as panel:
            import_measures(panel, A1C, KIDNEY, PAP, VISITS)
            panel.night()
            yield panel
        database.dispose()
