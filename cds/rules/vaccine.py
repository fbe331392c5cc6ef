"""A vaccine against what speaks against it: pregnancy, weak immunity, a reaction before, its substances, its spacing.

Whether a vaccine is due is said by the care gaps and the forecast. What the record does not hold is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from cds.allergens import Grade, grade
from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.childbearing import could_be_pregnant, pregnancy_reasons, pregnancy_state
from cds.coded import active_conditions, codes_of, condition_group, ever_conditions
from cds.dates import months_after
from cds.engine import Check
from cds.facts import Allergy, Facts, Proposal
from cds.immunization.schedule import Vaccine, plain
from cds.ingredients import resolve
from cds.knowledge import override_reasons
from cds.label_rules import severity_of
from cds.sourced import source_of
from cds.vaccine_safety import (
    KNOWLEDGE,
    all_allergies,
    by_mouth,
    components,
    is_live,
    is_to_vaccine,
    known,
    ordered_cvx,
    product_of,
)

TOPIC = "vaccine"
SOURCE = source_of(KNOWLEDGE)
RECORD_PREGNANCY = Suggestion("record", "Record whether she is pregnant")
TEST = Suggestion("lab", "Pregnancy test (hCG in urine)", "http://loinc.org|2106-3")
ASK_ALLERGIES = Suggestion("record", "Ask about allergies and record the answer")


def _rule(name: str, title: str, severity: Severity, tier: Tier, offered: str = "general", **more) -> Rule:
    return Rule(
        f"{TOPIC}.{name}", title, severity, tier, SOURCE, override_reasons=override_reasons(offered), **more
    )


WORST, SERIOUS = Severity.CONTRAINDICATED, Severity.SERIOUS
PREGNANCY = _rule("live_in_pregnancy", "Live vaccine in pregnancy", WORST, Tier.INTERRUPTS)
WAITS = _rule("wait_for_birth", "Vaccine that waits until after birth", Severity.MONITOR, Tier.INLINE)
BEFORE = _rule(
    "reaction_before", "Reaction to this vaccine before", WORST, Tier.INTERRUPTS, "allergy", anaphylaxis=True
)
COMPONENT = _rule(
    "component", "Allergy to what the vaccine holds", WORST, Tier.INTERRUPTS, "allergy", anaphylaxis=True
)
SPACING = _rule("live_spacing", "Live vaccine too soon", SERIOUS, Tier.INLINE)
NASAL = _rule("nasal_influenza", "Influenza vaccine by the nose: not for everybody", SERIOUS, Tier.INTERRUPTS)
UNLISTED = _rule("unlisted", "Vaccine that is not on the list", SERIOUS, Tier.INLINE, retirable=False)
PROBLEMS = {
    key: _rule(key, one["title"], severity_of(one["severity"]), Tier(one["tier"]))
    for key, one in known()["problem"].items()
}

Asked = Callable[[Facts, Vaccine], Iterator[Card]]


def _of_vaccine(asked: Asked, facts: Facts, proposal: Proposal) -> Iterator[Card]:
    cvx = ordered_cvx(proposal)
    product = product_of(cvx) if cvx else None
    if product is not None:
        yield from asked(facts, product)


def unlisted(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    cvx = ordered_cvx(proposal)
    if cvx is not None and product_of(cvx) is None:
        yield could_not_check(UNLISTED, f"what is known of the vaccine with the CVX code {cvx}", about=(cvx,))


def pregnancy(facts: Facts, product: Vaccine) -> Iterator[Card]:
    live, waits = is_live(product.cvx), product.cvx in known()["wait_for_birth"]["cvx"]
    if not (live or waits):
        return
    state, rule = pregnancy_state(facts), PREGNANCY if live else WAITS
    if state == "pregnant":
        yield fires(
            rule,
            f"{product.name} in pregnancy.",
            detail="Give it after birth."
            if waits
            else "The virus or bacterium of the vaccine may reach the child. Give it after birth.",
            because=pregnancy_reasons(facts),
            about=(product.cvx,),
        )
    elif live and state == "unknown" and could_be_pregnant(facts):
        yield could_not_check(
            rule,
            "whether the patient is pregnant",
            about=(product.cvx,),
            suggestions=(RECORD_PREGNANCY, TEST),
        )


def reaction_before(facts: Facts, product: Vaccine) -> Iterator[Card]:
    for allergy in all_allergies(facts):
        meant = is_to_vaccine(allergy, product)
        if meant is None:
            yield _unsure(BEFORE, product, "to which vaccine the recorded reaction was")
        elif meant:
            yield from _by_grade(BEFORE, product, allergy, "A dose before")
    if ever_conditions(facts, codes_of("vaccine_reaction")):
        yield _unsure(BEFORE, product, "to which vaccine the reaction on the problem list was")
    elif facts.allergy_list == "not_asked":
        yield could_not_check(
            BEFORE, "allergies (nobody asked)", about=(product.cvx,), suggestions=(ASK_ALLERGIES,)
        )


def component(facts: Facts, product: Vaccine) -> Iterator[Card]:
    for one in components():
        if product.cvx not in one.cvx | one.some:
            continue
        for allergy in filter(one.is_in, all_allergies(facts)):
            if product.cvx in one.cvx:
                yield from _by_grade(COMPONENT, product, allergy, one.title, one.key)
            elif grade(allergy) is not Grade.SIDE_EFFECT:
                yield _unsure(COMPONENT, product, f"whether this maker's product holds {one.title.lower()}")


def _by_grade(
    rule: Rule, product: Vaccine, allergy: Allergy, what: str, about: str = "any"
) -> Iterator[Card]:
    """A severe reaction fires; one whose gravity nobody recorded is asked about; a side effect says nothing."""
    graded = grade(allergy)
    if graded is Grade.SEVERE:
        yield fires(
            rule,
            f"{product.name}: {what.lower()} caused a severe reaction.",
            detail="Do not give it outside the care of somebody who treats allergies.",
            because=(
                Reason(
                    allergy.name,
                    ", ".join(allergy.reactions) or None,
                    allergy.recorded_on,
                    allergy.reference,
                ),
            ),
            about=(product.cvx, about),
        )
    elif graded is Grade.ALLERGIC:
        yield _unsure(rule, product, f"how grave the reaction to {allergy.name} was")


def _unsure(rule: Rule, product: Vaccine, missing: str) -> Card:
    return could_not_check(rule, missing, about=(product.cvx,), suggestions=(ASK_ALLERGIES,))


def spacing(facts: Facts, product: Vaccine) -> Iterator[Card]:
    if not is_live(product.cvx) or by_mouth(product.cvx):
        return
    facts.need("immunizations")
    limits = known()["spacing"]
    for given in facts.immunizations:
        cvx = plain(given.cvx) if given.cvx else None
        days = (facts.as_of - given.on).days
        near = cvx and is_live(cvx) and not by_mouth(cvx) and 0 < days < limits["not_by_mouth_days"]
        months = limits["antibody_months"].get(cvx) if product.cvx in limits["after_antibodies"] else None
        if near or (months and days >= 0 and given.on > months_after(facts.as_of, -months)):
            until = (
                months_after(given.on, months)
                if months
                else given.on + timedelta(days=limits["not_by_mouth_days"])
            )
            yield fires(
                SPACING,
                f"{product.name} too soon after {given.name or 'another product'}: it may not take.",
                detail=f"Give it on {until.isoformat()} or later, or both on one day.",
                because=(Reason(given.name or "given", None, given.on, given.reference),),
                about=(product.cvx,),
            )


def nasal(facts: Facts, product: Vaccine) -> Iterator[Card]:
    limits = known()["nasal"]
    if product.cvx not in limits["cvx"]:
        return
    if not limits["from_years"] <= facts.age_years < limits["below_years"]:
        yield _nasal(product, "outside the ages for which it is meant", Reason("age", f"{facts.age_years}"))
    facts.need("medications")
    if facts.age_years < limits["asthma_below_years"]:
        for problem in active_conditions(facts, condition_group("asthma")):
            yield _nasal(
                product, "in a small child with asthma", Reason(problem.name, None, problem.onset), "asthma"
            )
    unwanted = dict.fromkeys(resolve(limits["antivirals"]), "while an influenza antiviral is taken")
    if facts.age_years < limits["aspirin_below_years"]:
        unwanted |= dict.fromkeys(resolve(["aspirin"]), "in a child who takes aspirin")
    for rxcui, why in unwanted.items():
        for drug in facts.medications_by_ingredient.get(rxcui, ()):
            yield _nasal(product, why, Reason(drug.name, None, drug.started_on, drug.reference), rxcui)


def _nasal(product: Vaccine, why: str, because: Reason, about: str = "age") -> Card:
    instead = (Suggestion("replace", "An injected influenza vaccine"),)
    return fires(
        NASAL,
        f"{product.name} {why}.",
        because=(because,),
        suggestions=instead,
        about=(product.cvx, about),
    )


def problem(key: str, facts: Facts, product: Vaccine) -> Iterator[Card]:
    entry = known()["problem"][key]
    if set(entry["groups"]).isdisjoint(product.groups):
        return
    for name in entry["problems"]:
        for found in ever_conditions(facts, condition_group(name)):
            yield fires(
                PROBLEMS[key],
                f"{product.name}: {found.name} is on record.",
                detail=entry["words"],
                because=(Reason(found.name, None, found.onset, found.reference),),
                about=(product.cvx,),
            )


CHECKS = (
    Check((UNLISTED,), unlisted),
    Check((PREGNANCY, WAITS), partial(_of_vaccine, pregnancy)),
    Check((BEFORE,), partial(_of_vaccine, reaction_before)),
    Check((COMPONENT,), partial(_of_vaccine, component)),
    Check((SPACING,), partial(_of_vaccine, spacing)),
    Check((NASAL,), partial(_of_vaccine, nasal)),
    *(Check((rule,), partial(_of_vaccine, partial(problem, key))) for key, rule in PROBLEMS.items()),
)
