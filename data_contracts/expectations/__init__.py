"""Checks that every table crossing a door must pass: derived from its contract, plus what only data can tell.

Two readings of one list: DuckDB counts every row of every table; Great Expectations reads a bounded batch as a second
pair of eyes. Both report breaches that name table, column, expectation, count and pseudonymous keys, never a value.
"""

from __future__ import annotations

from data_contracts.expectations.breach import Breach
from data_contracts.expectations.soundness import check_tables, require_sound
from data_contracts.expectations.suites import expectation_suite, suite_parameters
from ehr_core.kernel.errors import ContractBreached

__all__ = [
    "Breach",
    "ContractBreached",
    "check_tables",
    "expectation_suite",
    "require_sound",
    "suite_parameters",
]
