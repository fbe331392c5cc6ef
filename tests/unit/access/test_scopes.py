"""Scopes: a table of what is understood, and of what is given for what is registered."""

from __future__ import annotations

import pytest

from ehr_core.access.scopes import covering, granted, parse, permissions_of_scopes, sentence

LABORATORY = "patient/Observation.rs?category=http://c|laboratory"


@pytest.mark.parametrize(
    ("scope", "acts"),
    [
        ("patient/Observation.rs", "rs"),
        ("user/*.cruds", "cruds"),
        ("system/Patient.read", "rs"),
        ("patient/Patient.write", "cud"),
        ("patient/*.*", "cruds"),
        (LABORATORY, "rs"),
    ],
)
def test_scopes_of_both_versions_are_understood(scope, acts):
    assert parse(scope).acts == frozenset(acts)


@pytest.mark.parametrize(
    "scope",
    [
        "patient/Observation.",
        "patient/Observation.sr",
        "patient/observation.rs",
        "clinic/Observation.rs",
        "patient/Observation.rs?code=http://loinc.org|1",
        "patient/Observation.rs?category=laboratory",
        "patient/Observation.rs?category=a|b&category=c|d",
        "patient/Patient.rs?category=a|b",
        "patient/*.rs?category=a|b",
        "patient/Observation.rs patient/Patient.rs",
        "openid",
        "",
    ],
)
def test_what_is_no_scope_of_resources_or_narrowed_in_a_way_we_do_not_hold_is_none(scope):
    assert parse(scope) is None


@pytest.mark.parametrize(
    ("asked", "registered", "given"),
    [
        ("patient/Observation.r", "patient/*.rs", True),
        ("patient/*.rs", "patient/Observation.rs", False),
        ("patient/Observation.rsc", "patient/Observation.rs", False),
        (LABORATORY, "patient/Observation.rs", True),
        ("patient/Observation.rs", LABORATORY, False),
        (LABORATORY.replace("laboratory", "vital-signs"), LABORATORY, False),
        ("user/Observation.rs", "patient/*.rs", False),
        ("system/Observation.rs", "system/*.rs", False),
        ("openid", "openid", True),
        ("openid", "patient/*.rs", False),
        ("made-up", "made-up", False),
    ],
)
def test_nobody_is_given_more_than_is_registered(asked, registered, given):
    assert granted([asked], [registered], levels=("patient", "user")) == ((asked,) if given else ())


def test_scopes_leave_fhir_and_nothing_of_the_screens():
    assert permissions_of_scopes(["patient/*.rs"]) == {"fhir.read", "own.read"}
    assert permissions_of_scopes(["user/*.c"]) == {"fhir.write"}
    assert permissions_of_scopes(["openid", "launch"]) == frozenset()


def test_an_act_is_covered_by_a_scope_of_its_type_or_of_all():
    assert covering(["patient/*.s", LABORATORY], "Observation", "r") == [parse(LABORATORY)]
    assert covering(["patient/*.s"], "Observation", "r") == []


def test_each_scope_is_told_in_words():
    told = sentence(LABORATORY)
    assert told == "Read test results and measurements (laboratory alone) in the chosen record"
    assert (
        sentence("user/*.cruds")
        == "Read, add, change and delete everything in every record that you can open"
    )
    assert sentence("patient/Basic.c") == "Add Basic records in the chosen record"
