"""Everything that the pipeline makes of 300 generated people keeps its contracts, on two days of the year."""

from __future__ import annotations

from data_contracts.expectations import check_tables
from data_contracts.expectations.catalog import queries_of, row_checks_of
from data_contracts.expectations.rules import written_rules
from data_contracts.tables import TABLES
from tests.contract.conftest import AS_OF


def test_every_table_of_a_generated_panel_is_sound(panel):
    assert check_tables(panel, list(TABLES), as_of=AS_OF) == []


def test_the_panel_has_rows_in_every_table(panel):
    empty = [name for name in TABLES if not panel.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchall()]
    assert empty == []


def test_every_written_rule_is_about_columns_that_are_in_the_contracts():
    places = {
        (check.table, column) for name in TABLES for check in row_checks_of(name) for column in check.uses
    }
    places |= {(query.table, query.column) for name in TABLES for query in queries_of(name)}
    places |= {tuple(place.split(".")) for place in written_rules()["recorded"]}
    assert [place for place in places if place[1] not in TABLES[place[0]].by_name] == []


def test_every_written_rule_is_a_check():
    rules = written_rules()
    rows = {
        (rule["table"], rule["column"])
        for kind in ("listed", "needs", "order", "days")
        for rule in rules[kind]
    }
    queries = {(rule["table"], rule["column"]) for rule in rules["query"]}
    assert rows <= {(check.table, check.column) for name in TABLES for check in row_checks_of(name)}
    assert queries <= {(query.table, query.column) for name in TABLES for query in queries_of(name)}
    assert set(rules) == {"recorded", "listed", "needs", "order", "days", "query"}
