"""Whose result is it? Drawn as a table: what both sides say, and how certain that makes it."""

from __future__ import annotations

import pytest

from data_contracts.api.results_inbox import SentPatient
from ehr_core.results_inbox.coverage import covered_by, final_covers
from ehr_core.results_inbox.matching import Person, match_person

SENT = {"family": "Reyes", "given": "Ana", "birth_date": "1972-03-14", "sex": "female", "mrn": "M-1"}
HERE = {"family": "Reyes", "given": "Ana", "birth_date": "1972-03-14", "sex": "female", "mrn": "M-1"}


@pytest.mark.parametrize(
    ("sent", "here", "match"),
    [
        ({}, {}, "certain"),
        ({"family": "REYES", "mrn": "m1"}, {"mrn": "M-1"}, "certain"),
        ({"family": "Reyez"}, {}, "certain"),
        ({"given": "Anita"}, {}, "possible"),
        ({"mrn": None}, {}, "possible"),
        ({"mrn": None}, {"names_our_order": True}, "certain"),
        ({"birth_date": None}, {}, "possible"),
        ({}, {"birth_date": "1972"}, "possible"),
        ({}, {"birth_date": None}, "possible"),
        ({}, {"birth_date": "1972-04-13"}, "possible"),
        ({"family": None}, {}, "possible"),
        ({"mrn": "M-2"}, {}, "possible"),
        ({"mrn": "M-2"}, {"birth_date": "1980-01-01"}, "certainly_not"),
        ({"mrn": None}, {"birth_date": "1980-01-01", "family": "Young"}, "certainly_not"),
        ({"mrn": None, "birth_date": None}, {"family": "Young", "given": "Ben"}, "certainly_not"),
        ({}, {"family": "Young", "given": "Ben"}, "possible"),
    ],
)
def test_two_independent_agreements_are_certain_and_silence_is_never_one(sent, here, match):
    judged = match_person(SentPatient(**(SENT | sent)), Person(**(HERE | here)))
    assert judged.match == match
    assert judged.reasons


@pytest.mark.parametrize(
    ("covers", "ends"),
    [
        ({}, []),
        ({"a": [("b", None)]}, [("b", None)]),
        ({"a": [("b", None)], "b": [("c", None)]}, [("c", None)]),
        ({"a": [("b", None)], "b": [("a", None)]}, [(None, "on_call")]),
        ({"a": [("b", None), (None, "team")]}, [("b", None), (None, "team")]),
    ],
)
def test_a_cover_who_is_away_is_covered_in_turn_and_a_ring_ends_on_call(covers, ends):
    assert final_covers(covers, "a") == ends


def test_one_covers_also_as_a_member_of_a_covering_pool():
    covers = {"a": [(None, "team")], "b": [("c", None)], "d": [("a", None)]}
    assert covered_by(covers, "c") == ["b"]
    assert covered_by(covers, "x", ["team"]) == ["a", "d"]
    assert covered_by(covers, "a") == []
