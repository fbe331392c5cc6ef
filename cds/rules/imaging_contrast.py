"""Contrast media: weak kidneys, metformin beside iodine, and a reaction before.

`radiologist_decides` counts as contrast that may be given. Ultrasound media are not covered.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.coded import active_conditions, codes_of, condition_group
from cds.engine import Check
from cds.facts import Allergy, Facts, Medication, MissingFact, Proposal
from cds.imaging import KNOWLEDGE, Agent, agent_of, limits, reactions_to
from cds.ingredients import rxcui_of
from cds.kidney_function import KidneyFunction, is_changing, kidney_function
from cds.knowledge import override_reasons
from cds.sourced import source_of

TOPIC = "imaging_contrast"
SOURCE = source_of(KNOWLEDGE, "source_contrast")


def _rule(name: str, title: str, severity: Severity, tier: Tier, source=SOURCE, **more) -> Rule:
    reasons = override_reasons("allergy" if name == "reaction_before" else "general")
    return Rule(f"{TOPIC}.{name}", title, severity, tier, source, override_reasons=reasons, **more)


KIDNEYS = _rule("weak_kidneys", "Iodinated contrast with weak kidneys", Severity.SERIOUS, Tier.INTERRUPTS)
REDUCED = _rule(
    "reduced_kidneys", "Iodinated contrast with reduced kidney function", Severity.MONITOR, Tier.PASSIVE
)
GADOLINIUM = _rule(
    "gadolinium_and_kidneys", "Gadolinium with weak kidneys", Severity.SERIOUS, Tier.INTERRUPTS
)
METFORMIN = _rule(
    "metformin",
    "Metformin and iodinated contrast",
    Severity.MONITOR,
    Tier.INLINE,
    source_of(KNOWLEDGE, "source_metformin"),
)
REACTION = _rule(
    "reaction_before",
    "Reaction to a contrast medium before",
    Severity.SERIOUS,
    Tier.INTERRUPTS,
    anaphylaxis=True,
)
CREATININE = Suggestion("lab", "Creatinine with eGFR", "http://loinc.org|2160-0")
WITHOUT = Suggestion("replace", "Order it without contrast, or ask radiology for another study")
ADVICE: dict[Agent, str] = {
    "iodinated": "Contrast may harm them further. Where the study cannot do without, ask radiology about fluid before "
    "and after, and stop other drugs that harm kidneys. On dialysis without urine the kidneys are not at risk.",
    "gadolinium": "Nephrogenic systemic fibrosis: never a group I agent. A group II agent may be given where the study "
    "cannot do without; ask radiology which one it keeps.",
}


def kidneys(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """By eGFR; acute injury counts as weak whatever the figure. Unknown is louder where weakness is likely."""
    agent = agent_of(proposal.order)
    if agent is None:
        return
    rule = KIDNEYS if agent == "iodinated" else GADOLINIUM
    try:
        if is_changing(facts):
            yield _weak(rule, agent, "acute kidney injury is recorded", ())
            return
        found = kidney_function(facts, "egfr", limits()["creatinine_months"])
    except MissingFact as missing:
        card = could_not_check(rule, *missing.what, about=(agent,), suggestions=(CREATININE,))
        yield card.on_tier(Tier.INLINE if _is_worth_asking(facts) else Tier.PASSIVE)
        return
    if found.value < limits()["weak_below_egfr"]:
        yield _weak(rule, agent, found.words, found.because)
    elif agent == "iodinated" and found.value < limits()["reduced_below_egfr"]:
        yield _reduced(found)


def _weak(rule: Rule, agent: Agent, words: str, because: tuple[Reason, ...]) -> Card:
    return fires(
        rule,
        f"{agent.capitalize()} contrast: {words}.",
        detail=ADVICE[agent],
        because=because,
        suggestions=(WITHOUT,),
        about=(agent,),
    )


def _reduced(found: KidneyFunction) -> Card:
    return fires(
        REDUCED,
        f"Iodinated contrast: {found.words}.",
        detail="Low risk at this level for contrast into a vein; weigh it in heart failure or beside a drug that harms "
        "kidneys.",
        because=found.because,
        about=("iodinated",),
    )


def _is_worth_asking(facts: Facts) -> bool:
    """Kidney disease, diabetes, age or metformin; a part that cannot be seen speaks for it too."""
    try:
        groups = condition_group("chronic_kidney_disease") | codes_of("diabetes")
        return bool(
            active_conditions(facts, groups)
            or _metformin(facts)
            or facts.age_years >= limits()["asked_from_years"]
        )
    except MissingFact:
        return True


def metformin(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    if agent_of(proposal.order) != "iodinated":
        return
    facts.need("medications")
    taken = _metformin(facts)
    if not taken:
        return
    try:
        found = kidney_function(facts, "egfr", limits()["creatinine_months"])
    except MissingFact as missing:
        yield could_not_check(METFORMIN, *missing.what, about=("metformin",), suggestions=(CREATININE,))
        return
    if found.value < limits()["metformin_below_egfr"] or is_changing(facts):
        yield fires(
            METFORMIN,
            f"{taken[0].name} and iodinated contrast: {found.words}. Stop it at or before the study.",
            detail="Measure eGFR again 48 hours after, and go on only when the kidneys are stable. The same holds with "
            "liver disease, alcoholism or heart failure, and for contrast into an artery.",
            because=(*_because(taken), *found.because),
            about=("metformin",),
        )


def _metformin(facts: Facts) -> tuple[Medication, ...]:
    return facts.medications_by_ingredient.get(rxcui_of("metformin"), ())


def _because(taken: tuple[Medication, ...]) -> Iterator[Reason]:
    return (Reason(f"Takes {one.name}", None, one.started_on, one.reference) for one in taken)


def reaction_before(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    agent = agent_of(proposal.order)
    if agent is None:
        return
    facts.need("allergies")
    if facts.allergy_list == "not_asked":
        yield could_not_check(
            REACTION, "whether there was a reaction before (allergies were not asked)", about=(agent,)
        )
        return
    before = reactions_to(agent, facts.allergies)
    if before:
        yield fires(
            REACTION,
            f"{agent.capitalize()} contrast, and {before[0].name} is recorded as an allergy.",
            detail="Ask which medium it was and what happened. Another medium of the kind, with everything ready for a "
            "reaction, is safer than the same one; premedication does not prevent every severe reaction.",
            because=tuple(map(_told, before)),
            suggestions=(WITHOUT,),
            about=(agent,),
        )


def _told(one: Allergy) -> Reason:
    said = ", ".join(filter(None, (*one.reactions, one.severity)))
    return Reason(f"Allergy to {one.name}", said or "reaction not recorded", one.recorded_on, one.reference)


CHECKS = (
    Check((KIDNEYS, GADOLINIUM, REDUCED), kidneys),
    Check((METFORMIN,), metformin),
    Check((REACTION,), reaction_before),
)
