"""What screens show: dates, times, names, ages, doses, quantities, languages and phones, as tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from data_contracts.api.patients import PatientName
from ehr_core import display

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (date(2026, 11, 5), "05-Nov-2026"),
        ("2026-11-05", "05-Nov-2026"),
        ("2026-11", "Nov-2026 (day not recorded)"),
        ("2026", "2026 (month not recorded)"),
        ("2024-02-29", "29-Feb-2024"),
        (None, "not recorded"),
        ("", "not recorded"),
        ("2026-02-30", "2026-02-30"),
        ("2026-13", "2026-13"),
        ("some time ago", "some time ago"),
        ("2026-01-01T03:30:00Z", "01-Jan-2026"),
        ("2026-11-05T09:00:00-05:00", "05-Nov-2026"),
    ],
)
def test_a_date_is_day_month_name_year_and_a_partial_one_says_what_is_missing(value, shown):
    assert display.show_date(value) == shown


def test_an_instant_near_midnight_falls_on_the_sites_day():
    assert display.show_date("2026-01-01T03:30:00Z", NEW_YORK) == "31-Dec-2025"
    assert display.show_date(datetime(2026, 1, 1, 3, 30, tzinfo=UTC), NEW_YORK) == "31-Dec-2025"


def test_a_time_is_in_the_sites_zone_and_an_instant_names_the_zone():
    at = datetime(2026, 11, 22, 19, 5, tzinfo=UTC)
    assert display.show_time(at, NEW_YORK) == "14:05"
    assert display.show_time("2026-07-01T12:00:00Z", NEW_YORK) == "08:00"
    assert display.show_time("2026-07-01") == "time not recorded"
    assert display.show_time(None) == "time not recorded"
    assert display.show_instant(at, NEW_YORK) == "22-Nov-2026 14:05 EST"
    assert display.show_instant(at) == "22-Nov-2026 19:05 UTC"
    assert display.show_instant(None) == "not recorded"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (PatientName(family="Reyes", given="Ana María", prefix="Mrs"), "REYES, Ana María (Mrs)"),
        (PatientName(family="Reyes", given="Ana"), "REYES, Ana"),
        (PatientName(family="Reyes"), "REYES"),
        (PatientName(given="Ana"), "Ana"),
        (PatientName(family="O’Neil", given="Robert", used="Bob"), "O’NEIL, Robert “Bob”"),
        (PatientName(used="Bob"), "Bob (name in use)"),
        (PatientName(), "Name not recorded"),
        (None, "Name not recorded"),
    ],
)
def test_a_name_is_family_in_capitals_then_given_then_title(name, shown):
    assert display.show_name(name) == shown


@pytest.mark.parametrize(
    ("born", "shown"),
    [
        ("2026-11-22", "0 days"),
        ("2026-11-21", "1 day"),
        ("2026-10-26", "27 days"),
        ("2026-10-25", "4 weeks"),
        ("2026-08-23", "13 weeks"),
        ("2026-08-22", "3 months"),
        ("2024-11-23", "23 months"),
        ("2024-11-22", "2 y"),
        ("1972-11-23", "53 y"),
        ("1972-11-22", "54 y"),
        ("1972", "53 or 54 y"),
        ("1972-11", "53 or 54 y"),
        ("1972-10", "54 y"),
        ("2027-01-01", "not yet born"),
        ("2027", "not yet born"),
        (None, "age not known"),
        ("unknown", "age not known"),
    ],
)
def test_an_age_is_finer_for_the_young_and_a_range_when_the_birth_date_is_partial(born, shown):
    assert display.show_age_on(born, date(2026, 11, 22)) == shown


def test_someone_born_on_29_february_turns_a_year_older_on_1_march_of_a_common_year():
    assert display.show_age_on("2000-02-29", date(2026, 2, 28)) == "25 y"
    assert display.show_age_on("2000-02-29", date(2026, 3, 1)) == "26 y"


@pytest.mark.parametrize(
    ("years", "shown"), [(54, "54 y"), (1, "1 y"), (0, "under 1 y"), (None, "age not known")]
)
def test_completed_years_are_shown_and_an_unknown_age_is_not_zero(years, shown):
    assert display.show_age(years) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (Decimal("7.10"), "%", "7.10 %"),
        (Decimal("1E+2"), "mg/dL", "100 mg/dL"),
        (Decimal("0.000000001"), "g", "0.000000001 g"),
        (Decimal("36.60"), "Cel", "36.60 °C"),
        (Decimal("14"), "{score}", "14"),
        (Decimal("-2.5"), "{T-score}", "-2.5 T-score"),
        (Decimal("62"), "mL/min/{1.73_m2}", "62 mL/min/1.73 m²"),
        (Decimal("5"), None, "5"),
        (None, "%", "not recorded"),
    ],
)
def test_a_measured_value_keeps_every_digit_that_was_recorded(value, unit, shown):
    assert display.show_quantity(value, unit) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        ("1.0", "mg", "1 mg"),
        (".5", "mg", "0.5 mg"),
        ("0.250", "mg", "0.25 mg"),
        ("1000", "mg", "1,000 mg"),
        ("12500.50", "[IU]", "12,500.5 units"),
        ("100", "ug", "100 mcg"),
        (Decimal("1E+1"), "mg", "10 mg"),
        ("one", "tablet", "one tablet"),
        (None, "mg", "dose not recorded"),
    ],
)
def test_a_dose_has_a_leading_zero_and_no_trailing_one(value, unit, shown):
    assert display.show_dose(value, unit) == shown


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("es", "Spanish"),
        ("en-US", "English"),
        ("pt-BR", "Portuguese (Brazil)"),
        ("zh-Hant-TW", "Chinese (Taiwan)"),
        ("ase", "American Sign Language"),
        ("tlh", "language code tlh"),
        (None, "not recorded"),
    ],
)
def test_a_language_is_said_in_words_and_an_unlisted_one_keeps_its_code(tag, shown):
    assert display.show_language(tag) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("5550123456", "(555) 012-3456"),
        ("+1 555 012 3456", "(555) 012-3456"),
        ("1-555-012-3456", "(555) 012-3456"),
        ("+44 20 7946 0958", "+44 20 7946 0958"),
        ("555-0123 ext 4", "555-0123 ext 4"),
        (None, "not recorded"),
    ],
)
def test_a_phone_number_is_grouped_only_when_it_is_a_north_american_one(number, shown):
    assert display.show_phone(number) == shown
