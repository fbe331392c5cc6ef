"""Labels and who is kept from what: a table of actors and labels."""

from __future__ import annotations

import pytest

from ehr_core.access.sensitivity import (
    ADOLESCENT_CONFIDENTIAL,
    CONFIDENTIALITY,
    SENSITIVITY,
    may_see,
    may_see_label,
    split_visible,
)

PSYCHIATRY = (SENSITIVITY, "PSY")
RESTRICTED = (CONFIDENTIALITY, "R")
ORDINARY = (CONFIDENTIALITY, "N")


@pytest.mark.parametrize(
    ("kind", "labels", "seen"),
    [
        ("patient", [], True),
        ("patient", [ORDINARY], True),
        ("patient", [RESTRICTED], False),
        ("patient", [(CONFIDENTIALITY, "V")], False),
        ("patient", [PSYCHIATRY], False),
        ("patient", [ORDINARY, (SENSITIVITY, "HIV")], False),
        ("patient", [ADOLESCENT_CONFIDENTIAL], False),
        ("patient", [("https://elsewhere.example/labels", "N")], False),
        ("patient", [("", "")], False),
        ("proxy", [(SENSITIVITY, "SUD")], False),
        ("proxy", [], True),
        ("something new", [PSYCHIATRY], False),
        ("user", [PSYCHIATRY, RESTRICTED], True),
        ("service", [PSYCHIATRY], True),
    ],
)
def test_a_restricting_or_unknown_label_keeps_an_item_from_everybody_but_staff(kind, labels, seen):
    assert may_see(kind, labels) is seen


@pytest.mark.parametrize(
    ("kind", "label", "seen"),
    [
        ("patient", None, True),
        ("patient", "N", True),
        ("patient", "PSY", False),
        ("patient", f"{SENSITIVITY}|HIV", False),
        ("user", "PSY", True),
    ],
)
def test_an_inherited_label_of_a_gap_counts_the_same(kind, label, seen):
    assert may_see_label(kind, label) is seen


def test_what_is_held_back_is_counted():
    open_item = {"id": "open"}
    restricted = {"id": "hidden", "meta": {"security": [{"system": SENSITIVITY, "code": "ETH"}]}}
    assert split_visible("patient", [open_item, restricted]) == ([open_item], 1)
    assert split_visible("user", [open_item, restricted]) == ([open_item, restricted], 0)
