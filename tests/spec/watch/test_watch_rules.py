"""What the watch finds, drawn as tables: acts in, findings out, with the values on either side of each threshold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ehr_core.access.watch import thresholds
from ehr_core.access.watch_rules import RULES, Act, Facts, findings, network_of

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
"""12:00 at the site, in New York."""
LIMITS = thresholds(None)
ZONE = "America/New_York"


def look(minute: float, patient: str, account: str = "kim", act: str = "chart_summary_read") -> Act:
    return Act(NOON + timedelta(minutes=minute), account, act, patients=(patient,))


def looks(number: int, minutes: float = 1, account: str = "kim") -> list[Act]:
    """So many different charts, evenly over some minutes."""
    return [look(place * minutes / max(number, 1), f"p{place}", account) for place in range(number)]


def refused(
    number: int, minutes: float = 1, account: str | None = "kim", address: str | None = None
) -> list[Act]:
    return [
        Act(
            NOON + timedelta(minutes=place * minutes / max(number, 1)),
            account,
            "read",
            "refused",
            (),
            address,
        )
        for place in range(number)
    ]


def signed(*addresses: str, minutes: float = 10) -> list[Act]:
    return [
        Act(NOON + timedelta(minutes=place * minutes), "kim", "signed_in", address=address)
        for place, address in enumerate(addresses)
    ]


def glass(minute: float, patient: str, account: str = "kim") -> Act:
    return look(minute, patient, account, "glass_broken")


def told(acts: list[Act], **facts) -> list[tuple[str, str, str, int]]:
    found = findings(acts, Facts(ZONE, **facts), LIMITS)
    return [(one.rule, one.about, one.severity, one.acts) for one in found]


def names(*patients: str, account: str = "kim") -> frozenset[tuple[str, str]]:
    return frozenset((account, patient) for patient in patients)


def rule_of(name: str, acts: list[Act], **facts) -> list[str]:
    """The severities that one rule finds."""
    return [one.severity for one in RULES[name](acts, Facts(ZONE, **facts), LIMITS[name])]


@pytest.mark.parametrize(
    ("opened", "treats", "found"),
    [
        ([], (), []),
        (["a"], (), ["look"]),
        (["a", "a", "a"], (), ["look"]),
        (["a", "b"], (), ["look"]),
        (["a", "b", "c"], (), ["serious"]),
        (["a"], ("a",), []),
        (["a", "b", "c"], ("c",), ["look"]),
        (["stranger"], (), []),
    ],
)
def test_same_surname(opened, treats, found):
    acts = [look(minute, patient) for minute, patient in enumerate(opened)]
    assert rule_of("same_surname", acts, namesakes=names("a", "b", "c"), treats=names(*treats)) == found


@pytest.mark.parametrize(("minutes", "found"), [(1439, ["serious"]), (1440, ["look"])])
def test_charts_count_together_within_the_window_alone(minutes, found):
    acts = [look(0, "a"), look(1, "b"), look(minutes, "c")]
    assert rule_of("same_surname", acts, namesakes=names("a", "b", "c")) == found


@pytest.mark.parametrize(
    ("act", "outcome", "found"),
    [("read", "success", 1), ("results_read", "success", 1), ("read", "refused", 0), ("update", "success", 0),
     ("chart_rules_read", "success", 0)],
)  # fmt: skip
def test_only_an_opened_record_is_a_look(act, outcome, found):
    one = Act(NOON, "kim", act, outcome, ("a",))
    assert len(rule_of("same_surname", [one], namesakes=names("a"))) == found


@pytest.mark.parametrize(
    ("label", "treats", "opened", "found"),
    [
        ("CEL", (), ["a"], ["look"]),
        ("EMP", (), ["a"], ["look"]),
        ("PSY", (), ["a"], []),
        ("CEL", (), ["a", "b"], ["serious"]),
        ("CEL", ("a",), ["a"], []),
    ],
)
def test_well_known_chart(label, treats, opened, found):
    acts = [look(minute, patient) for minute, patient in enumerate(opened)]
    labelled = {label: frozenset({"a", "b"})}
    assert rule_of("well_known_chart", acts, labelled=labelled, treats=names(*treats)) == found


@pytest.mark.parametrize(
    ("role", "charts", "minutes", "found"),
    [
        ("nurse", 79, 30, []),
        ("nurse", 80, 30, ["look"]),
        ("nurse", 199, 30, ["look"]),
        ("nurse", 200, 30, ["serious"]),
        ("nurse", 80, 90, []),
        ("front_desk", 199, 30, []),
        ("front_desk", 200, 30, ["serious"]),
    ],
)
def test_bulk_look_ups(role, charts, minutes, found):
    assert rule_of("bulk_look_ups", looks(charts, minutes), roles={"kim": (role,)}) == found


def test_the_same_chart_again_and_again_is_no_bulk_look_up():
    acts = [look(minute / 10, "a") for minute in range(300)]
    assert rule_of("bulk_look_ups", acts) == []


@pytest.mark.parametrize(
    ("hour", "acts", "found"),
    [
        (22, 5, []),
        (23, 4, []),
        (23, 5, ["look"]),
        (0, 5, ["look"]),
        (4, 5, ["look"]),
        (5, 5, []),
        (2, 50, ["serious"]),
    ],
)
def test_impossible_hours(hour, acts, found):
    midnight = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
    at = midnight + timedelta(hours=hour)
    some = [Act(at + timedelta(seconds=place), "kim", "read", patients=("a",)) for place in range(acts)]
    assert rule_of("impossible_hours", some) == found


@pytest.mark.parametrize(
    ("addresses", "minutes", "found"),
    [
        (["10.0.0.1", "10.0.1.1"], 10, []),
        (["10.0.0.1", "10.0.1.1", "10.0.2.1"], 10, ["look"]),
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], 10, []),
        (["10.0.0.1", "10.0.1.1", "10.0.2.1"], 30, []),
        (["10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.3.1", "10.0.4.1"], 10, ["serious"]),
        (["2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:2::1"], 10, []),
    ],
)
def test_impossible_places(addresses, minutes, found):
    assert rule_of("impossible_places", signed(*addresses, minutes=minutes)) == found


@pytest.mark.parametrize(
    ("number", "minutes", "found"), [(9, 10, []), (10, 14, ["look"]), (10, 30, []), (50, 10, ["serious"])]
)
def test_repeated_refusals(number, minutes, found):
    assert rule_of("repeated_refusals", refused(number, minutes)) == found
    assert rule_of("repeated_refusals", refused(number, minutes, account=None, address="10.0.0.9")) == found


def test_refusals_of_nobody_from_nowhere_are_nobodys():
    assert rule_of("repeated_refusals", refused(100, account=None)) == []


@pytest.mark.parametrize(
    ("acts", "found"),
    [
        ([glass(0, "a"), glass(1, "b")], []),
        ([glass(0, "a"), glass(1, "b"), glass(2, "c")], [("kim", "look")]),
        ([glass(minute, f"p{minute}") for minute in range(6)], [("kim", "serious")]),
        ([glass(0, "a", "kim"), glass(1, "a", "lee"), glass(2, "a", "max")], [("chart a", "look")]),
        ([glass(0, "a", "kim"), glass(1, "a", "lee"), glass(1440, "a", "max")], []),
    ],
)
def test_glass_cluster(acts, found):
    some = RULES["glass_cluster"](acts, Facts(ZONE), LIMITS["glass_cluster"])
    assert [(one.about, one.severity) for one in some] == found


def test_a_storm_of_one_rule_is_one_finding():
    many = [act for number in range(21) for act in refused(10, account=f"account-{number}")]
    assert told(many) == [("repeated_refusals", "many at once", "serious", 210)]
    fewer = [act for number in range(20) for act in refused(10, account=f"account-{number}")]
    assert len(told(fewer)) == 20


def test_acts_in_any_order_give_the_same():
    acts = looks(100, 30) + refused(12) + [look(5, "a")]
    facts = {"namesakes": names("a")}
    assert told(acts, **facts) == told(list(reversed(acts)), **facts)
    assert told([], **facts) == []


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.1.2.3", "10.1.2.0/24"), ("2001:db8:1:2::1", "2001:db8:1::/48"), ("unknown", "unknown")],
)
def test_the_network_of_an_address(address, network):
    assert network_of(address) == network
