"""Radiation and gadolinium in pregnancy: by the record and by what the order itself says; the two may disagree.

Where the order asked and the answer was no, and the record says nothing else, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.childbearing import could_be_pregnant, pregnancy_reasons, pregnancy_state
from cds.engine import Check
from cds.facts import Facts, OrderedService, Proposal
from cds.imaging import KNOWLEDGE, agent_of
from cds.knowledge import override_reasons, read_toml
from cds.sourced import source_of

TOPIC = "imaging_pregnancy"
SOURCE = source_of(KNOWLEDGE, "source_pregnancy")
TEST = Suggestion("lab", "Pregnancy test (hCG in urine)", "http://loinc.org|2106-3")
OTHER = Suggestion("replace", "Ultrasound, or MRI without gadolinium, where it can answer the question")


def _rule(name: str, title: str) -> Rule:
    return Rule(
        f"{TOPIC}.{name}",
        title,
        Severity.SERIOUS,
        Tier.INTERRUPTS,
        SOURCE,
        override_reasons=override_reasons(),
    )


RADIATION = _rule("radiation", "Ionising radiation in pregnancy")
GADOLINIUM = _rule("gadolinium", "Gadolinium in pregnancy")


def radiation(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    if proposal.order is not None and proposal.order.ionising:
        yield from _asked(RADIATION, facts, proposal.order, _tier(proposal.order))


def gadolinium(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    if agent_of(proposal.order) == "gadolinium":
        yield from _asked(GADOLINIUM, facts, proposal.order, Tier.INTERRUPTS)


def _tier(order: OrderedService) -> Tier:
    loud = read_toml(KNOWLEDGE)["pregnancy"]["interrupts_for"]
    return Tier.INTERRUPTS if order.modality in loud else Tier.INLINE


def _asked(rule: Rule, facts: Facts, order: OrderedService, tier: Tier) -> Iterator[Card]:
    recorded = pregnancy_state(facts)
    if "pregnant" in (recorded, order.pregnancy):
        yield _pregnant(rule, facts, order, recorded == "pregnant", tier)
    elif order.pregnancy != "not_pregnant" and recorded == "unknown" and could_be_pregnant(facts):
        yield could_not_check(
            rule, "whether the patient is pregnant", about=(order.code.token,), suggestions=(TEST,)
        )


def _pregnant(rule: Rule, facts: Facts, order: OrderedService, recorded: bool, tier: Tier) -> Card:
    because = pregnancy_reasons(facts) if recorded else (Reason("the order says that she is pregnant"),)
    if recorded and order.pregnancy == "not_pregnant":
        because = (*because, Reason("the order says that she is not pregnant"))
    return fires(
        rule,
        f"{order.name or 'This study'} in pregnancy.",
        detail="Do it where it is needed and nothing else can answer the question; tell radiology, and keep the dose "
        "low. Gadolinium only where it changes what is done for her or the child.",
        because=because,
        suggestions=(OTHER,),
        about=(order.code.token,),
        tier=tier,
    )


CHECKS = (Check((RADIATION,), radiation), Check((GADOLINIUM,), gadolinium))
