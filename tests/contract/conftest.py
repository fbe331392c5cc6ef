"""A sound panel: generated people through de-identification, flatten, recommendations, measures, gaps, strata, risk."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import duckdb
import pytest

from data_contracts.api.official_measures import ActiveMeasures
from data_contracts.data_requirements import own_needs
from data_contracts.tables import TABLES
from data_contracts.tables.official import OFFICIAL_EVIDENCE, OFFICIAL_RESULTS
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.population import generate
from pipelines import gaps, measures, recommendations, risk
from pipelines.data_quality import find_defects
from pipelines.deidentify import Deidentifier, load_profile
from pipelines.flatten import flatten
from pipelines.measures.official.contents import expanded, packed
from pipelines.measures.official.evaluate import evaluate_lines
from pipelines.measures.official.kept import KeptPackages
from pipelines.run.official_inputs import make_inputs
from pipelines.write_back import derive_strata
from tests.lib.elm_package import small_package

AS_OF = date(2026, 11, 22)
ZONE = "America/New_York"


def through_the_pipeline(people: int) -> duckdb.DuckDBPyConnection:
    scrub = Deidentifier(load_profile("limited"), PseudonymKey("contract-test", bytes(range(32))))
    lines = defaultdict(list)
    for resource_type, line in generate(people, seed=2026, as_of=AS_OF, time_zone=ZONE):
        lines[resource_type].append(line)
    scrubbed = {kind: list(scrub.scrub_lines(kind, written)) for kind, written in lines.items()}
    connection = duckdb.connect()
    flatten(connection, scrubbed, key_id="contract-test", site_time_zone=ZONE)
    for step in (recommendations.evaluate, measures.evaluate, gaps.derive, derive_strata, risk.score):
        step(connection, as_of=AS_OF)
    _official(connection, scrubbed)
    unreadable = {kind: (0, len(written)) for kind, written in lines.items()}
    find_defects(connection, own_needs(), key_id="contract-test", as_of=AS_OF, unreadable=unreadable)
    return connection


def _official(connection: duckdb.DuckDBPyConnection, scrubbed: Mapping[str, Sequence[bytes]]) -> None:
    """The same people under a small official measure."""
    found, _ = expanded(small_package())
    content = packed(found)
    active = ActiveMeasures(packages={hashlib.sha256(content).hexdigest(): ["CMS999Adults"]})
    (ready,) = KeptPackages().ready(active, lambda _: content)
    tables = evaluate_lines(ready, scrubbed, key_id="contract-test", as_of=AS_OF, time_zone=ZONE)
    for contract, rows in zip((OFFICIAL_RESULTS, OFFICIAL_EVIDENCE), tables, strict=True):
        connection.register("rows", rows)
        connection.execute(contract.duckdb_ddl())
        connection.execute(f"INSERT INTO {contract.name} SELECT * FROM rows")
        connection.unregister("rows")
    gaps.derive_official(connection, ready.described, as_of=AS_OF)
    counted = {kind: len(written) for kind, written in scrubbed.items()}
    make_inputs(connection, [ready], scrubbed, counted)


@pytest.fixture(scope="session")
def panel() -> Iterator[duckdb.DuckDBPyConnection]:
    """300 people, every contract table."""
    with through_the_pipeline(300) as connection:
        yield connection


@pytest.fixture(scope="session")
def copies(panel: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The panel's tables without their NOT NULL, as a Parquet file would hold them."""
    with duckdb.connect() as connection:
        for name in TABLES:
            arrow = panel.sql(f'SELECT * FROM "{name}"').to_arrow_table()
            connection.register("rows", arrow)
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM rows')
            connection.unregister("rows")
        yield connection


@pytest.fixture
def tables(copies: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Sound tables that a test may break; they are whole again afterwards."""
    copies.execute("BEGIN")
    yield copies
    copies.execute("ROLLBACK")
