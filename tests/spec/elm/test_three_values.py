"""Logic and comparison with nulls and with dates that are not fully known: what cannot be decided is null."""

import pytest

from tests.lib.elm import (
    NULL,
    date,
    interval,
    items,
    literal,
    moment,
    null_of,
    op,
    quantity,
    value,
)

T, F, N = literal(True), literal(False), null_of("Boolean")


@pytest.mark.parametrize(
    ("name", "first", "second", "expected"),
    [
        ("And", T, N, None),
        ("And", F, N, False),
        ("And", N, F, False),
        ("Or", T, N, True),
        ("Or", N, F, None),
        ("Or", F, F, False),
        ("Xor", T, N, None),
        ("Xor", T, F, True),
        ("Implies", F, N, True),
        ("Implies", N, T, True),
        ("Implies", T, N, None),
    ],
)
def test_logic_is_three_valued(name, first, second, expected):
    assert value(op(name, first, second)) is expected


@pytest.mark.parametrize(
    ("name", "first", "second", "expected"),
    [
        ("Before", moment("2026"), moment("2027-03"), True),
        ("Before", moment("2026"), moment("2026-03"), None),
        ("SameOrBefore", moment("2026-03"), moment("2026-03"), True),
        ("Equal", moment("2026-03-01T10:00:00.000Z"), moment("2026-03-01"), None),
        ("Equal", moment("2026-03-01T10:00:00.000Z"), moment("2026-03-02"), False),
        ("Equal", moment("2026-03-01T10:00:00Z"), moment("2026-03-01T12:00:00.000+02:00"), True),
        ("Equal", date("2026-03-01"), date("2026-03-01"), True),
        ("After", date("2026-03-02"), date("2026-03-01"), True),
        ("Less", literal(3), literal(3.5), True),
        ("Less", literal(3), NULL, None),
        ("Greater", quantity(10.2, "%"), quantity(9, "%"), True),
        ("Equal", quantity(1, "g/dL"), quantity(10, "g/L"), True),
        ("Equal", quantity(180, "mg/dL"), quantity(1.8, "g/L"), True),
        ("Less", quantity(1, "h"), quantity(90, "min"), True),
        ("Less", quantity(1, "mg"), quantity(1, "mL"), None),
        ("Equivalent", NULL, NULL, True),
        ("Equivalent", literal("Final"), literal("final"), True),
        ("Equivalent", literal(1), NULL, False),
    ],
)
def test_comparisons_say_null_when_they_cannot_know(name, first, second, expected):
    assert value(op(name, first, second)) is expected


@pytest.mark.parametrize(
    ("precision", "expected"),
    [("Year", True), ("Month", True), ("Day", None), ("Hour", None)],
)
def test_a_precision_decides_what_a_partial_date_leaves_open(precision, expected):
    first, second = moment("2026-03"), moment("2026-03-15T08:00:00.000Z")
    assert value(op("SameAs", first, second, precision=precision)) is expected


@pytest.mark.parametrize(
    ("birth", "at", "expected"),
    [
        ("2008-02-29", "2026-02-27", 17),
        ("2008-02-29", "2026-02-28", 18),
        ("2008-02-29", "2028-02-28", 19),
        ("2007-12-31", "2026-01-01", 18),
    ],
)
def test_an_age_counts_birthdays(birth, at, expected):
    assert value(op("CalculateAgeAt", date(birth), date(at), precision="Year")) == expected


@pytest.mark.parametrize(("least", "expected"), [(17, True), (18, None), (19, False)])
def test_an_age_from_a_birth_year_is_uncertain(least, expected):
    age = op("CalculateAgeAt", op("ToDate", literal("2008")), date("2026-06-01"), precision="Year")
    assert value(op("GreaterOrEqual", age, literal(least))) is expected


@pytest.mark.parametrize(
    ("item", "container", "expected"),
    [
        (literal(2), items(literal(1), literal(2)), True),
        (literal(3), items(literal(1), literal(2)), False),
        (literal(2), interval(literal(1), literal(2), "[)"), False),
        (literal(2), interval(literal(1), literal(2)), True),
        (NULL, interval(literal(1), literal(2)), None),
        (literal(5), interval(literal(1), null_of("Integer"), "[)"), None),
        (literal(5), interval(literal(1), null_of("Integer"), "[]"), True),
    ],
)
def test_membership_knows_open_and_unknown_ends(item, container, expected):
    assert value(op("In", item, container)) is expected
