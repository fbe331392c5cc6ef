"""What a site may change about the rules, what it takes, and the arithmetic of interruptions."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cds.cards import Rule, Severity, Source, Tier
from cds.oversight import Interruptions, SiteChoice, in_force, why_refused

TODAY = date(2026, 11, 27)
SOURCE = Source(citation="A label")
SERIOUS = Rule("example.serious", "Serious", Severity.SERIOUS, Tier.INTERRUPTS, SOURCE)
FORBIDDEN = Rule("example.forbidden", "Forbidden", Severity.CONTRAINDICATED, Tier.INTERRUPTS, SOURCE)
ANAPHYLAXIS = Rule(
    "example.anaphylaxis", "Anaphylaxis", Severity.MONITOR, Tier.INLINE, SOURCE, anaphylaxis=True
)
UNCHECKED = Rule("example.unchecked", "Unchecked", Severity.SERIOUS, Tier.INLINE, SOURCE, retirable=False)
CARE = Rule("example.care", "Care", Severity.INFORMATION, Tier.PASSIVE, SOURCE, about_care=True)


def _choice(rule: Rule, tier: Tier | None = None, **more) -> SiteChoice:
    written = {
        "rule_id": rule.id,
        "tier": tier,
        "reason": "Fires at every visit of our clinic",
        "chosen_by": "ana",
        "chosen_on": TODAY,
        "until": TODAY + timedelta(days=90),
    }
    return SiteChoice(**{**written, **more})


@pytest.mark.parametrize(
    ("rule", "tier", "more", "approvals", "refused"),
    [
        (SERIOUS, None, {}, (), None),
        (SERIOUS, Tier.PASSIVE, {}, (), None),
        (FORBIDDEN, None, {}, (), "two people"),
        (FORBIDDEN, Tier.INLINE, {}, (), "two people"),
        (FORBIDDEN, Tier.INTERRUPTS, {}, (), None),
        (FORBIDDEN, None, {}, ("ana",), "two people"),
        (FORBIDDEN, None, {}, ("",), "two people"),
        (FORBIDDEN, None, {}, ("bo",), None),
        (FORBIDDEN, None, {"approved_by": frozenset({"bo"})}, (), None),
        (ANAPHYLAXIS, None, {}, (), "two people"),
        (ANAPHYLAXIS, Tier.PASSIVE, {}, (), "two people"),
        (ANAPHYLAXIS, Tier.INTERRUPTS, {}, (), None),
        (ANAPHYLAXIS, None, {}, ("bo", "cy"), None),
        (UNCHECKED, None, {}, ("bo",), "cannot be retired"),
        (UNCHECKED, Tier.PASSIVE, {}, ("bo",), "cannot be retired"),
        (UNCHECKED, Tier.INTERRUPTS, {}, (), None),
        (CARE, Tier.INTERRUPTS, {}, ("bo",), "never interrupts"),
        (CARE, Tier.INLINE, {}, (), None),
        (SERIOUS, None, {"reason": "  "}, (), "a name and a reason"),
        (SERIOUS, None, {"chosen_by": ""}, ("bo",), "a name and a reason"),
        (SERIOUS, None, {"until": TODAY - timedelta(days=1)}, (), "within a year"),
        (SERIOUS, None, {"until": TODAY}, (), None),
        (SERIOUS, None, {"until": TODAY + timedelta(days=366)}, (), None),
        (SERIOUS, None, {"until": TODAY + timedelta(days=367)}, (), "within a year"),
    ],
)
def test_what_a_choice_takes(rule, tier, more, approvals, refused):
    answer = why_refused(_choice(rule, tier, **more), rule, approvals)
    assert answer is None if refused is None else refused in answer


@pytest.mark.parametrize(("days", "holds"), [(-1, False), (0, True), (90, True), (91, False)])
def test_a_choice_holds_from_its_day_to_its_last(days, holds):
    assert bool(in_force([_choice(SERIOUS)], TODAY + timedelta(days=days))) is holds


def test_the_latest_choice_about_a_rule_holds():
    later = _choice(SERIOUS, Tier.PASSIVE, chosen_on=TODAY + timedelta(days=1))
    assert in_force([later, _choice(SERIOUS)], TODAY + timedelta(days=2)) == {SERIOUS.id: later}


@pytest.mark.parametrize(
    ("orders", "interrupted", "rate", "over"),
    [
        (0, 0, None, 0),
        (100, 5, 0.05, 0),
        (100, 6, 0.06, 1),
        (19, 1, 1 / 19, 1),
        (20, 1, 0.05, 0),
        (40, 0, 0.0, 0),
    ],
)
def test_interruptions_are_counted_against_one_order_in_twenty(orders, interrupted, rate, over):
    counted = Interruptions(orders, interrupted)
    assert counted.rate == (None if rate is None else pytest.approx(rate))
    assert counted.over_budget_by == over


def test_the_report_says_what_the_budget_is_and_that_it_holds_nothing_back():
    assert Interruptions(0, 0).words == "No order has been checked yet."
    assert "6 of 100 orders were interrupted (6.0 %): 1 over the budget" in Interruptions(100, 6).words
    assert "no card is held back" in Interruptions(100, 5).words


def test_safety_rules_are_those_that_are_grave_or_about_anaphylaxis():
    assert [one.is_safety for one in (SERIOUS, FORBIDDEN, ANAPHYLAXIS, CARE)] == [True, True, True, False]
