"""Great Expectations reads the contracts as the SQL counts do, for sound and for broken batches, and stays offline."""

from __future__ import annotations

import json
import socket

import pytest

from data_contracts.expectations import check_tables, expectation_suite, suite_parameters
from data_contracts.expectations.catalog import queries_of, row_checks_of
from data_contracts.expectations.in_sql import query_breaches, row_breaches
from data_contracts.expectations.on_batch import batch_breaches, batch_of
from data_contracts.tables import TABLES
from tests.contract.conftest import AS_OF
from tests.contract.test_breaches_are_found import ONE_ROW_BREAKS

BOTH_CAN_TELL = {
    (check.table, check.column, check.should)
    for name in TABLES
    for check in (*row_checks_of(name), *queries_of(name))
    if check.expectation
}


def both(connection, name):
    """(SQL, Great Expectations): the breaches that both can tell, as sets with their counts."""
    table = TABLES[name]
    counted = row_breaches(connection, table, frozenset(table.by_name), as_of=AS_OF)
    counted += query_breaches(connection, table, frozenset(TABLES), as_of=AS_OF)
    read = batch_breaches(batch_of(connection, table), table, as_of=AS_OF)
    return tuple(
        {
            (one.column, one.expectation, one.rows_failing, one.sample_keys)
            for one in breaches
            if (one.table, one.column, one.expectation) in BOTH_CAN_TELL
        }
        for breaches in (counted, read)
    )


@pytest.mark.parametrize("broken", ONE_ROW_BREAKS, ids=lambda case: f"{case[0]}.{case[2]}")
def test_both_readings_find_the_same_rows(tables, broken):
    table, sql, column, should = broken
    if table == "observation":
        tables.execute("DELETE FROM observation WHERE rowid > 400")
    tables.execute(f"UPDATE {table} {sql}")
    counted, read = both(tables, table)
    assert read == counted
    if (table, column, should) in BOTH_CAN_TELL:
        assert (column, should) in {(one[0], one[1]) for one in read}


def test_both_readings_find_a_doubled_row(tables):
    tables.execute("INSERT INTO patient SELECT * FROM patient LIMIT 1")
    counted, read = both(tables, "patient")
    assert read == counted
    assert {(one[0], one[1], one[2]) for one in read} == {("patient_key", "be unique", 2)}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_both_readings_find_generated_tables_sound(panel, name):
    assert both(panel, name) == (set(), set())


def test_an_expectation_that_cannot_be_evaluated_is_a_breach(panel):
    frame = batch_of(panel, TABLES["care_gaps"]).drop(columns=["due_on"])
    found = {
        (breach.column, breach.expectation)
        for breach in batch_breaches(frame, TABLES["care_gaps"], as_of=AS_OF)
    }
    assert ("due_on", "be a day in a lifetime") in found
    assert ("*", "have the columns of its contract") in found


def test_a_number_where_text_should_be_is_a_breach_for_the_library_too(panel):
    frame = batch_of(panel, TABLES["care_gaps"]).assign(priority="first")
    found = {
        (breach.column, breach.expectation)
        for breach in batch_breaches(frame, TABLES["care_gaps"], as_of=AS_OF)
    }
    assert ("priority", "be of the type that its contract says") in found


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_suite_of_a_table_names_each_expectation_and_can_be_kept_as_json(name):
    suite = expectation_suite(name)
    assert suite.name == name
    assert len(suite.expectations) >= len(TABLES[name].column_names) // 2
    assert all(set(one.meta) == {"column", "should"} for one in suite.expectations)
    asked = json.dumps(suite.to_json_dict())
    assert all(f'"{day}"' in asked for day in suite_parameters(name, AS_OF))


def test_nothing_is_sent_while_a_suite_runs(panel, monkeypatch):
    attempts = []

    def refuse(self, address):
        attempts.append(address)
        raise OSError("the network is shut")

    def refuse_name(*name, **_):
        attempts.append(name)
        raise OSError("the network is shut")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse_name)
    assert check_tables(panel, ["care_gaps", "patient"], as_of=AS_OF) == []
    assert attempts == []
