"""The engine: who is asked, what becomes of a failure, and in which order the cards come."""

from __future__ import annotations

from datetime import date

import pytest

from cds.cards import Outcome, Rule, Severity, Source, Tier, fires
from cds.engine import Check, Registry, check, outcome, registry, review
from cds.facts import LOOKING_AT_THE_CHART, Facts, Medication, MissingFact, Proposal, Unknowable
from cds.oversight import SiteChoice

TODAY = date(2026, 11, 27)
FACTS = Facts(as_of=TODAY)
SOURCE = Source(citation="A label")


def _rule(name: str, severity=Severity.MONITOR, tier=Tier.INLINE, **more) -> Rule:
    return Rule(f"example.{name}", name, severity, tier, SOURCE, **more)


def _says(rule: Rule):
    return lambda facts, proposal: [fires(rule, "Look here.")]


def _order(*ingredients: str) -> Proposal:
    return Proposal(Medication("a drug", ingredients))


def _choice(rule: Rule, tier: Tier | None, *approved: str) -> SiteChoice:
    return SiteChoice(rule.id, tier, "too loud here", "ana", TODAY, date(2027, 1, 1), frozenset(approved))


def test_only_checks_that_touch_the_ingredient_are_asked():
    mine, other = _rule("mine"), _rule("other")
    known = Registry(
        [Check((mine,), _says(mine), frozenset({"1"})), Check((other,), _says(other), frozenset({"2"}))]
    )
    assert [card.rule for card in check(FACTS, _order("1"), among=known)] == [mine]
    assert check(FACTS, _order("3"), among=known) == ()


def test_a_check_of_two_ingredients_of_one_product_is_asked_once():
    mine = _rule("mine")
    known = Registry([Check((mine,), _says(mine), frozenset({"1", "2"}))])
    assert len(check(FACTS, _order("1", "2"), among=known)) == 1


def test_looking_at_a_chart_asks_only_what_is_meant_for_it():
    mine, other = _rule("mine"), _rule("other")
    known = Registry(
        [Check((mine,), _says(mine), moments=frozenset({"patient_view"})), Check((other,), _says(other))]
    )
    assert [card.rule for card in check(FACTS, LOOKING_AT_THE_CHART, among=known)] == [mine]


def test_a_missing_fact_becomes_a_card_and_keeps_what_was_already_said():
    mine = _rule("mine")

    def half(facts, proposal):
        yield fires(mine, "First.")
        raise MissingFact("a weight", "an age")

    first, second = check(FACTS, _order("1"), among=Registry([Check((mine,), half)]))
    assert (first.outcome, second.outcome) == (Outcome.FIRES, Outcome.COULD_NOT_CHECK)
    assert second.missing == ("a weight", "an age")
    assert "a weight; an age" in second.sentence


def test_a_rule_that_fails_is_a_card_and_the_others_still_speak():
    broken, mine = _rule("broken"), _rule("mine")

    def fail(facts, proposal):
        raise ZeroDivisionError

    known = Registry([Check((broken,), fail), Check((mine,), _says(mine))])
    assert {card.rule: card.outcome for card in check(FACTS, _order("1"), among=known)} == {
        broken: Outcome.COULD_NOT_CHECK,
        mine: Outcome.FIRES,
    }


def test_cards_come_by_tier_then_severity_then_could_not_check_last():
    loud = _rule("loud", Severity.SERIOUS, Tier.INTERRUPTS)
    grave = _rule("grave", Severity.CONTRAINDICATED)
    plain, lacking = _rule("plain"), _rule("lacking")

    def lack(facts, proposal):
        raise MissingFact("a weight")

    said = [Check((one,), _says(one)) for one in (plain, grave, loud)]
    cards = check(FACTS, _order("1"), among=Registry([Check((lacking,), lack), *said]))
    assert [card.rule for card in cards] == [loud, grave, plain, lacking]


@pytest.mark.parametrize(
    ("severity", "approved", "shown"),
    [
        (Severity.SERIOUS, (), False),
        (Severity.CONTRAINDICATED, (), True),
        (Severity.CONTRAINDICATED, ("ana",), True),
        (Severity.CONTRAINDICATED, ("bo",), False),
    ],
)
def test_a_retired_rule_is_silent_only_with_the_people_it_takes(severity, approved, shown):
    mine = _rule("mine", severity)
    known = Registry([Check((mine,), _says(mine))])
    assert bool(check(FACTS, _order("1"), [_choice(mine, None, *approved)], among=known)) is shown


def test_a_choice_moves_a_card_to_its_tier_and_ends_on_its_day():
    mine = _rule("mine")
    known = Registry([Check((mine,), _says(mine))])
    choice = _choice(mine, Tier.PASSIVE)
    assert check(FACTS, _order("1"), [choice], among=known)[0].tier is Tier.PASSIVE
    later = Facts(as_of=date(2027, 1, 2))
    assert check(later, _order("1"), [choice], among=known)[0].tier is Tier.INLINE


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"example\.mine"):
        Registry(
            [Check((_rule("mine"),), _says(_rule("mine"))), Check((_rule("mine"),), _says(_rule("mine")))]
        )


def test_care_that_is_due_cannot_be_written_to_interrupt():
    with pytest.raises(ValueError, match="must not interrupt"):
        _rule("mine", tier=Tier.INTERRUPTS, about_care=True)


def test_every_shipped_rule_says_its_source_and_that_nobody_reviewed_it():
    rules = registry().rules.values()
    assert rules
    for rule in rules:
        assert rule.source.citation, rule.id
        assert rule.source.written_on, rule.id
        assert rule.source.review, rule.id
        assert rule.tier is not Tier.INTERRUPTS or rule.override_reasons, rule.id


@pytest.mark.parametrize(
    ("drug", "expected"),
    [
        (Medication("warfarin", ("11289",)), Outcome.DOES_NOT_FIRE),
        (Medication("a herbal tea", (), coded=False), Outcome.COULD_NOT_CHECK),
        (Medication("half known", ("11289",), coded=False), Outcome.COULD_NOT_CHECK),
        (Medication("said to be coded, but of nothing"), Outcome.COULD_NOT_CHECK),
    ],
)
def test_a_drug_that_nobody_can_identify_is_could_not_be_checked(drug, expected):
    assert outcome("unidentified_drug.proposed", FACTS, Proposal(drug)) is expected
    taking = Facts(as_of=TODAY, medications=(drug,))
    assert outcome("unidentified_drug.taken", taking, _order("1191")) is expected


def test_a_medication_list_that_cannot_be_seen_is_said():
    hidden = Facts(as_of=TODAY, unknowable=(Unknowable("medications", "restricted"),))
    assert outcome("unidentified_drug.taken", hidden, _order("1191")) is Outcome.COULD_NOT_CHECK


def test_a_list_is_reviewed_drug_by_drug_and_says_each_thing_once():
    pair = _rule("pair")

    def meet(facts, proposal):
        others = sorted(one for each in facts.medications for one in each.ingredients)
        return [fires(pair, "They meet.", about=tuple(sorted((*proposal.ingredients, *others))))]

    known = Registry([Check((pair,), meet)])
    taking = Facts(as_of=TODAY, medications=(Medication("a", ("1",)), Medication("b", ("2",))))
    assert [card.about for card in review(taking, among=known)] == [("1", "2")]
    assert review(FACTS, among=known) == ()
