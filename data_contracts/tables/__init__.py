"""Every table that crosses a door, by name."""

from __future__ import annotations

from data_contracts.contract import Table
from data_contracts.tables.data_quality import DATA_QUALITY_TABLES
from data_contracts.tables.flat import FLAT_TABLES
from data_contracts.tables.official import OFFICIAL_TABLES
from data_contracts.tables.official_inputs import OFFICIAL_INPUT_TABLES
from data_contracts.tables.results import RESULT_TABLES
from data_contracts.tables.risk import RISK_TABLES

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *FLAT_TABLES,
        *RESULT_TABLES,
        *OFFICIAL_INPUT_TABLES,
        *OFFICIAL_TABLES,
        *RISK_TABLES,
        *DATA_QUALITY_TABLES,
    )
}
