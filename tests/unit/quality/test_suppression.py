"""Small cells: hidden, and not to be worked out from what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.suppression import (
    FIELDS,
    LINKED_FIELDS,
    Cell,
    hidden_groups,
    suppress_cell,
    suppress_counts,
    suppress_strata,
)

LIMIT = 11


def cell(denominator=0, numerator=0, exclusions=0, exceptions=0, not_evaluable=0) -> Cell:
    return Cell(
        denominator + exclusions + exceptions, denominator, exclusions, exceptions, numerator, not_evaluable
    )


def total_of(cells: list[Cell]) -> Cell:
    return Cell(**{name: sum(getattr(one, name) for one in cells) for name in FIELDS})


@pytest.mark.parametrize(
    ("given_cell", "hidden"),
    [
        (cell(100, 50), set()),
        (cell(100, 0), set()),
        (cell(100, 10), {"numerator"}),
        (cell(100, 11), set()),
        (cell(100, 95), {"numerator"}),
        (cell(100, 100), set()),
        (cell(10, 5), {"initial_population", "denominator", "exclusions", "exceptions", "numerator"}),
        (cell(100, 50, exclusions=3), {*FIELDS} - {"not_evaluable"}),
        (cell(100, 50, exceptions=3), {*FIELDS} - {"not_evaluable"}),
        (cell(100, 50, exclusions=3, exceptions=20), {*FIELDS} - {"not_evaluable"}),
        (cell(100, 50, not_evaluable=1), {"not_evaluable"}),
        (cell(), set()),
    ],
)
def test_what_is_small_is_hidden_with_what_would_give_it_away(given_cell, hidden):
    shown = suppress_cell(given_cell, LIMIT)
    assert {name for name in FIELDS if getattr(shown, name) is None} == hidden


def test_one_small_stratum_hides_the_next_smallest_too():
    cells = [cell(500, 250), cell(40, 20), cell(5, 2)]
    shown = suppress_strata(total_of(cells), cells, LIMIT)
    assert [one.denominator for one in shown] == [500, None, None]
    assert shown[1].numerator is None


def test_two_small_strata_that_add_up_to_little_hide_a_third():
    cells = [cell(500, 250), cell(40, 20), cell(3, 0), cell(2, 0)]
    shown = suppress_strata(total_of(cells), cells, LIMIT)
    assert [one.denominator for one in shown] == [500, None, None, None]


@pytest.mark.parametrize(
    ("given_counts", "shown"),
    [
        ([500, 40, 5], [500, None, None]),
        ([500, 40, 3, 2], [500, None, None, None]),
        ([500, 40, 10, 9], [500, 40, None, None]),
        ([500, 0, 40], [500, 0, 40]),
        ([5], [None]),
        ([], []),
    ],
)
def test_plain_counts_hide_what_is_small_and_what_would_give_it_away(given_counts, shown):
    assert suppress_counts(given_counts, LIMIT) == shown


def test_twelve_people_of_whom_one_met_show_neither_the_one_nor_a_rate_that_tells_it():
    cells = [cell(12, 1), cell(500, 250)]
    shown = suppress_strata(total_of(cells), cells, LIMIT)
    assert [(one.denominator, one.numerator) for one in shown] == [(12, None), (500, None)]


def test_strata_without_anybody_stay_as_they_are():
    cells = [cell(500, 250), cell()]
    assert suppress_strata(total_of(cells), cells, LIMIT) == cells


counts = st.integers(0, 60)


@given(st.lists(st.builds(cell, counts, counts, counts, counts, counts), min_size=1, max_size=6))
def test_no_small_count_is_shown_and_none_follows_by_subtraction(cells):
    cells = [Cell(**{**vars(one), "numerator": min(one.numerator, one.denominator)}) for one in cells]
    total = total_of(cells)
    shown = suppress_strata(total, cells, LIMIT)
    assert [one for one in map(worked_out, shown) if one] == []
    for name in FIELDS:
        values = [getattr(one, name) for one in shown]
        assert not any(value is not None and 0 < value < LIMIT for value in values)
        hidden = [getattr(one, name) for one, value in zip(cells, values, strict=True) if value is None]
        if getattr(suppress_cell(total, LIMIT), name) is not None and hidden and any(hidden):
            everything_hidden = len(hidden) == len(cells) or not any(v for v in values if v)
            assert everything_hidden or (len(hidden) >= 2 and sum(hidden) >= LIMIT)


def worked_out(shown: Cell) -> str | None:
    """What an attacker adds up: initial population = denominator + exclusions + exceptions, with one unknown."""
    hidden = [name for name in LINKED_FIELDS if getattr(shown, name) is None]
    return hidden[0] if len(hidden) == 1 else None


@given(st.builds(cell, counts, st.just(0), counts, counts))
def test_nothing_small_follows_by_addition_in_one_stratum(one):
    assert worked_out(suppress_cell(one, LIMIT)) is None


@pytest.mark.parametrize(
    ("people", "hidden"),
    [
        ([50, 50], [False, False]),
        ([95, 5], [True, True]),
        ([60, 35, 5], [False, True, True]),
        ([70], [False]),
        ([95], [True]),
        ([0, 100], [False, False]),
        ([80, 80], [False, False]),
        ([3, 80], [True, False]),
    ],
)
def test_groups_are_hidden_whole_and_none_follows_from_everybody(people, hidden):
    assert hidden_groups({"ip": 100}, [{"ip": count} for count in people], LIMIT) == hidden


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 40))
def test_of_groups_that_add_up_no_small_one_can_be_worked_out(people, in_none):
    total = sum(people) + in_none
    hidden = hidden_groups({"ip": total}, [{"ip": count} for count in people], LIMIT)
    shown = [count for count, is_hidden in zip(people, hidden, strict=True) if not is_hidden]
    assert all(count == 0 or count >= LIMIT for count in shown)
    left = total - sum(shown)
    assert left == 0 or left >= LIMIT or not any(shown)
