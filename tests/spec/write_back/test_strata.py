"""Strata: patients and coverages in, by what each person is counted out."""

from __future__ import annotations

from datetime import date

import pytest

from data_contracts.tables.results import RESULT_TABLES
from ehr_core.kernel.errors import BadSetting
from pipelines.write_back import derive_strata
from pipelines.write_back.attribution import AttributionRules
from tests.lib.flat_tables import FlatTables


@pytest.fixture(scope="module")
def connected() -> FlatTables:
    """Flat tables with empty results beside them: strata take only their next-change days from those."""
    tables = FlatTables()
    for table in RESULT_TABLES:
        tables.connection.execute(table.duckdb_ddl())
    return tables


@pytest.fixture
def tables(connected: FlatTables) -> FlatTables:
    return connected.empty()


def stratum(tables: FlatTables, as_of: str = "2026-06-15", patient: str = "ana") -> dict:
    derive_strata(tables.connection, as_of=date.fromisoformat(as_of))
    return tables.one("patient_strata", patient_key=patient)


def cover(
    tables: FlatTables, key: str, payer: str | None, order: int | None = None, **columns: object
) -> None:
    row = {"status": "active", "payer_type": payer, "coverage_order": order} | columns
    tables.insert("coverage", key_id="test-key", patient_key="ana", resource_key=key, **row)


@pytest.mark.parametrize(
    ("born", "as_of", "band", "next_change_on"),
    [
        ("2008-06-15", "2026-06-14", "0-17", date(2026, 6, 15)),
        ("2008-06-15", "2026-06-15", "18-44", date(2053, 6, 15)),
        ("1981-06-16", "2026-06-15", "18-44", date(2026, 6, 16)),
        ("1951-06-15", "2026-06-15", "75+", None),
        ("2008-02-29", "2026-02-28", "0-17", date(2026, 3, 1)),
        ("2008-02-29", "2026-03-01", "18-44", date(2053, 3, 1)),
        ("1960-02-29", "2035-02-28", "65-74", date(2035, 3, 1)),
        (("1981-01-01", "1981-12-31"), "2026-06-15", None, date(2026, 12, 31)),
        (("1971-01-01", "1971-12-31"), "2026-06-15", "45-64", date(2036, 1, 1)),
        (None, "2026-06-15", None, None),
    ],
)
def test_the_birthday_decides_the_age_band_also_on_29_february(tables, born, as_of, band, next_change_on):
    tables.patient(born=born)
    row = stratum(tables, as_of)
    assert (row["age_band"], row["next_change_on"]) == (band, next_change_on)


EARLY, LATE = {"start_low": "2015-01-01"}, {"start_low": "2025-01-01"}


@pytest.mark.parametrize(
    ("coverages", "payer"),
    [
        ([], None),
        ([("commercial", None, {})], "commercial"),
        ([("commercial", 2, {}), ("Medicare", 1, {})], "Medicare"),
        ([("Medicare", 2, {}), ("commercial", 1, {})], "commercial"),
        ([("commercial", None, {}), ("Medicare", 3, {})], "Medicare"),
        ([("commercial", None, EARLY), ("Medicare", None, LATE)], "Medicare"),
        ([("commercial", 1, EARLY), ("Medicare", 1, LATE)], "Medicare"),
        ([("commercial", 1, {"end_high": "2026-06-14"}), ("Medicare", 2, {})], "Medicare"),
        ([("commercial", 1, {"end_high": "2026-06-15"}), ("Medicare", 2, {})], "commercial"),
        ([("commercial", 1, {"start_low": "2026-06-16"}), ("Medicare", 2, {})], "Medicare"),
        ([("commercial", 1, {"status": "cancelled"}), ("Medicare", 2, {})], "Medicare"),
        ([(None, 1, {}), ("Medicare", 2, {})], "Medicare"),
    ],
)
def test_the_payer_is_the_one_that_pays_first(tables, coverages, payer):
    for turn in (coverages, coverages[::-1]):
        tables.empty().patient()
        for number, (kind, order, columns) in enumerate(turn):
            cover(tables, f"coverage-{number}", kind, order, **columns)
        assert stratum(tables)["payer"] == payer


def test_a_coverage_to_come_and_one_to_end_are_days_on_which_the_answer_changes(tables):
    tables.patient()
    cover(tables, "a", "commercial", 1, end_high="2026-08-31")
    cover(tables, "b", "Medicare", 1, start_low="2026-08-01")
    assert stratum(tables)["next_change_on"] == date(2026, 8, 1)
    assert stratum(tables, "2026-08-01")["next_change_on"] == date(2026, 9, 1)


def see(
    tables: FlatTables, clinician: str | None, on: str, clinic: str | None = None, **columns: object
) -> None:
    tables.insert(
        "encounter",
        **{
            "key_id": "test-key",
            "patient_key": "ana",
            "resource_key": f"{clinician}-{on}",
            "status": "finished",
            "class_code": "AMB",
            "start_low": on,
            "clinician_key": clinician,
            "clinic_key": clinic,
            **columns,
        },
    )


@pytest.mark.parametrize(
    ("visits", "clinician"),
    [
        ([], None),
        ([("ngozi", "2026-01-05", {})], "ngozi"),
        ([("ngozi", "2025-01-05", {}), ("ngozi", "2025-02-05", {}), ("sven", "2026-05-05", {})], "ngozi"),
        ([("ngozi", "2025-01-05", {}), ("sven", "2026-05-05", {})], "sven"),
        ([("ngozi", "2026-05-05", {}), ("sven", "2026-05-05", {})], "sven"),
        ([("ngozi", "2024-06-15", {}), ("ngozi", "2024-06-14", {}), ("sven", "2024-06-16", {})], "sven"),
        ([("ngozi", "2026-06-15", {})], "ngozi"),
        ([("ngozi", "2026-06-16", {})], None),
        ([("ngozi", "2026-01-05", {"status": "cancelled"})], None),
        ([("ngozi", "2026-01-05", {"class_code": "EMER"})], None),
        ([("ngozi", "2026-01-05", {"sensitivity": "R"}), ("sven", "2025-01-05", {})], "sven"),
        ([("ngozi", None, {})], None),
        ([(None, "2026-01-05", {"clinic_key": "north"})], None),
    ],
)
def test_who_names_no_practitioner_is_counted_with_the_clinician_of_most_visits(tables, visits, clinician):
    for turn in (visits, visits[::-1]):
        tables.empty().patient()
        for who, on, columns in turn:
            see(tables, who, on, **columns)
        assert stratum(tables)["clinician_key"] == clinician


def test_what_is_recorded_wins_and_clinic_and_clinician_are_looked_for_apart(tables):
    tables.patient(clinician_key="dr")
    see(tables, "ngozi", "2026-01-05", "north")
    see(tables, "ngozi", "2026-02-05", "south")
    see(tables, "sven", "2026-03-05", "north")
    row = stratum(tables)
    assert (row["clinician_key"], row["clinic_key"]) == ("dr", "north")


def test_a_visit_that_stops_counting_or_is_to_come_is_a_day_on_which_the_answer_changes(tables):
    tables.patient(born=None)
    see(tables, "ngozi", "2024-08-31")
    see(tables, "sven", "2026-09-30")
    assert stratum(tables)["next_change_on"] == date(2026, 8, 31)
    assert stratum(tables, "2026-08-30")["clinician_key"] == "ngozi"
    row = stratum(tables, "2026-08-31")
    assert (row["clinician_key"], row["next_change_on"]) == (None, date(2026, 9, 30))


def test_visits_change_nothing_about_who_has_both_recorded(tables):
    tables.patient(born=None, clinician_key="dr", clinic_key="north")
    see(tables, "ngozi", "2026-01-05", "south")
    assert stratum(tables)["next_change_on"] is None


@pytest.mark.parametrize(
    "rules",
    [
        {"months": 0},
        {"months": 121},
        {"statuses": ()},
        {"classes": ("AMB'; DROP TABLE patient; --",)},
    ],
)
def test_rules_of_attribution_that_cannot_be_are_refused(rules):
    with pytest.raises(BadSetting, match=r"attribution\.toml"):
        AttributionRules(**{"months": 24, "statuses": ("finished",), "classes": ("AMB",), **rules})


def test_everybody_is_counted_by_what_is_recorded_and_by_nothing_else(tables):
    tables.patient(
        "ana", clinic_key="north", clinician_key="dr", race="2106-3", ethnicity="2186-5", language="es"
    )
    tables.patient("gone", sex=None, active=False)
    names = ("clinic_key", "clinician_key", "sex", "race", "ethnicity", "language")
    assert [stratum(tables)[name] for name in names] == ["north", "dr", "female", "2106-3", "2186-5", "es"]
    assert [stratum(tables, patient="gone")[name] for name in names] == [None] * 6
