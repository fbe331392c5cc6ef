"""Rules of ordering drawn as tables: dates of repeats, what is missing, who is asked, and what reads back."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from data_contracts.api.orders import OrderDetails, Repeat
from data_contracts.code_systems import LOINC, ORDERABLE, RXNORM
from data_contracts.guidelines import definitions
from ehr_core.orders.catalogue import KINDS, catalogue
from ehr_core.orders.lines import Ordered, Subject, due_of, expected_by, missing, usual_details
from ehr_core.orders.resources import CATEGORY, build_order, detail_words, due_day, ordered_of, timing_of
from ehr_core.results_inbox.limits import critical_limits
from pipelines.deidentify import codes
from pipelines.deidentify.codes import has_loinc_digit

TODAY = date(2026, 11, 20)
A1C = {"coding": [{"system": LOINC.uri, "code": "4548-4"}]}
ANA = Subject("ana", "female", "F", 54)


def of(key: str) -> Ordered:
    item = catalogue().item(key)
    return Ordered(item.kind, item.code_system, item.code, item.name, item)


@pytest.mark.parametrize(
    ("every", "unit", "first", "number", "due"),
    [
        (1, "month", "2026-01-31", 1, "2026-02-28"),
        (1, "month", "2026-01-31", 2, "2026-03-31"),
        (1, "month", "2028-01-31", 1, "2028-02-29"),
        (3, "month", "2026-11-30", 1, "2027-02-28"),
        (12, "month", "2024-02-29", 1, "2025-02-28"),
        (2, "week", "2026-12-28", 1, "2027-01-11"),
        (10, "day", "2026-02-25", 1, "2026-03-07"),
        (1, "month", "2026-12-15", 0, "2026-12-15"),
    ],
)
def test_the_next_one_falls_on_its_day_or_on_the_months_last(every, unit, first, number, due):
    repeat = Repeat(every=every, unit=unit)
    assert due_of(date.fromisoformat(first), repeat, number) == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("gender", "birth_sex", "age", "asked"),
    [
        ("female", "F", 9, False),
        ("female", "F", 10, True),
        ("female", "F", 55, True),
        ("female", "F", 56, False),
        ("female", None, None, True),
        ("male", "M", 30, False),
        ("male", None, 30, False),
        ("male", "F", 30, True),
        ("male", "UNK", 30, True),
        ("other", None, 30, True),
        (None, None, 30, True),
        (None, None, None, True),
    ],
)
def test_who_the_record_does_not_rule_out_is_asked_about_pregnancy(gender, birth_sex, age, asked):
    assert Subject("x", gender, birth_sex, age).could_be_pregnant is asked


@pytest.mark.parametrize(
    ("details", "fields"),
    [
        ({}, []),
        ({"start_on": "2026-11-20"}, []),
        ({"start_on": "2026-11-19"}, ["start_on"]),
        ({"start_on": "2027-11-22"}, ["start_on"]),
        ({"repeat": {"every": 3, "unit": "month", "until": "2027-11-20"}}, []),
        ({"repeat": {"every": 3, "unit": "month", "until": "2027-11-22"}}, ["repeat"]),
        ({"repeat": {"every": 3, "unit": "month", "times": 5}}, []),
        ({"repeat": {"every": 3, "unit": "month", "times": 6}}, ["repeat"]),
        ({"repeat": {"every": 3, "unit": "month"}}, ["repeat"]),
        ({"standing_until": "2027-05-20"}, []),
        ({"standing_until": "2026-11-20"}, ["standing_until"]),
        ({"repeat": {"every": 1, "unit": "week", "times": 3}, "standing_until": "2027-01-01"}, ["repeat"]),
    ],
)
def test_every_repeat_ends_within_a_year(details, fields):
    found = missing(of("inr"), OrderDetails(**details), ANA, TODAY)
    assert [field for field, _ in found] == fields


def test_what_is_usual_fills_in_and_what_was_said_stays():
    mammogram = catalogue().item("mammogram-screening")
    assert usual_details(mammogram, OrderDetails()).laterality == "bilateral"
    assert usual_details(mammogram, OrderDetails(laterality="left")).laterality == "left"
    fasting = catalogue().item("glucose-fasting")
    assert usual_details(fasting, OrderDetails()).fasting is True
    assert usual_details(fasting, OrderDetails(fasting=False)).fasting is False


def test_an_order_reads_back_as_it_was_written():
    details = OrderDetails(
        priority="urgent",
        indication="Fall",
        laterality="left",
        contrast="without_and_with",
        pregnancy="not_pregnant",
        note="In a wheelchair",
    )
    order = build_order(
        of("mr-knee"),
        details,
        patient_id="ana",
        requester={"display": "Dr Okafor"},
        authored_on="2026-11-20T09:00:00-05:00",
        start=TODAY,
        due=expected_by(of("mr-knee"), details, TODAY),
    )
    assert detail_words(order) == ["Urgent", "Left", "Without and with contrast", "Pregnancy: not pregnant"]
    assert (ordered_of(order).kind, ordered_of(order).item.key) == ("imaging", "mr-knee")
    assert due_day(order) == date(2026, 11, 27)
    assert timing_of(OrderDetails(), TODAY) is None


@pytest.mark.parametrize(
    ("order", "due"),
    [
        ({"occurrencePeriod": {"end": "2026-12-01"}}, "2026-12-01"),
        (
            {
                "occurrenceDateTime": "2026-11-01",
                "code": {"coding": [{"system": LOINC.uri, "code": "4548-4"}]},
            },
            "2026-11-08",
        ),
        ({"authoredOn": "2026-11-01T10:00:00Z", "code": {"text": "Something"}}, "2026-12-01"),
        ({"occurrenceTiming": {"repeat": {}}, "authoredOn": "2026-11-01"}, None),
        ({}, None),
        ({"authoredOn": "in spring"}, None),
    ],
)
def test_an_order_from_elsewhere_is_due_as_far_as_it_says(order, due):
    assert due_day(order) == (date.fromisoformat(due) if due else None)


def test_the_catalogue_can_order_whatever_a_guideline_asks_for_and_its_sets_name_their_items():
    known = catalogue()
    for pack in definitions().values():
        for step in pack.next_step.values():
            for order in step.orders:
                assert order.system_uri == RXNORM.uri or known.of_code(order.system_uri, order.code), (
                    order.code
                )
    for _, lines in known.sets.values():
        assert all(line.item_key in known.items for line in lines)
    assert len({item.key for item in known.items.values()}) == len(known.items)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("a1c", "Hemoglobin A1c"),
        ("HEMO a", "Hemoglobin A1c"),
        ("lip fast", "Lipid panel, fasting"),
        ("cxr", "X-ray chest, 2 views"),
        ("4548-4", "Hemoglobin A1c"),
        ("eye", "Referral to ophthalmology"),
    ],
)
def test_the_search_finds_by_beginnings_of_words_other_names_and_codes(typed, first):
    assert catalogue().search(typed)[0].name == first


def test_the_search_finds_nothing_for_nothing():
    assert catalogue().search("  ") == []
    assert catalogue().search("zzz") == []


def test_every_loinc_code_has_its_check_digit_and_our_own_codes_pass_deidentification():
    page = Path(codes.__file__).with_name("profiles") / "code_systems.toml"
    passing = tomllib.loads(page.read_text(encoding="utf-8"))["public"]
    for item in catalogue().items.values():
        if item.code_system == ORDERABLE.uri:
            assert item.code in passing[ORDERABLE.uri]
        if item.code_system == LOINC.uri:
            assert has_loinc_digit(item.code), item.code
        assert all(has_loinc_digit(member) for member, _ in item.members), item.key
    assert all(map(has_loinc_digit, critical_limits()))
    assert set(passing[CATEGORY]) == {*KINDS, "other"}
