"""Antibiotics outside hospital: likely viral illness, first choice, shortest course, and the penicillin-allergy label.

Judged by the reason that was given with the order, never by guessing a diagnosis. Drops, creams and drugs for the gut
alone are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.coded import condition_group, icd_10_cm
from cds.engine import Check
from cds.facts import Allergy, Code, Facts, Medication, Proposal
from cds.ingredients import members, rxcui_of
from cds.knowledge import read_toml
from cds.sourced import source_of

KNOWLEDGE = "antibiotics.toml"
STEWARDSHIP = source_of(KNOWLEDGE)

LIKELY_VIRAL = Rule(
    "antibiotic.likely_viral",
    "Antibiotic for a likely viral illness",
    Severity.MONITOR,
    Tier.INLINE,
    STEWARDSHIP,
)
REASON = Rule(
    "antibiotic.reason", "What the antibiotic is for", Severity.INFORMATION, Tier.INLINE, STEWARDSHIP
)
FIRST_CHOICE = Rule(
    "antibiotic.first_choice", "First-choice antibiotic", Severity.MONITOR, Tier.INLINE, STEWARDSHIP
)
DURATION = Rule(
    "antibiotic.duration", "Shortest course that works", Severity.INFORMATION, Tier.INLINE, STEWARDSHIP
)
RESERVED = Rule(
    "antibiotic.fluoroquinolone_reserved",
    "Fluoroquinolone where others will do",
    Severity.MONITOR,
    Tier.INLINE,
    source_of(KNOWLEDGE, "source_fluoroquinolones"),
)
LABEL = Rule(
    "antibiotic.penicillin_label",
    "Penicillin allergy that may not be one",
    Severity.INFORMATION,
    Tier.PASSIVE,
    source_of(KNOWLEDGE, "source_penicillin_label"),
)

Infection = dict[str, Any]


def rxcui(name: str) -> str:
    return read_toml(KNOWLEDGE)["ingredient"].get(name) or rxcui_of(name)


@cache
def antibiotics() -> frozenset[str]:
    """The ingredients this file looks at."""
    listed = read_toml(KNOWLEDGE)["antibiotics"]
    of_classes = frozenset().union(*(members(one) for one in listed["classes"]))
    named = frozenset(rxcui(name) for name in listed["ingredients"])
    return (of_classes | named) - frozenset(rxcui(name) for name in listed["not_these"])


@cache
def _rxcuis(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(rxcui(name) for name in names)


def _acts_in_the_whole_body(medication: Medication) -> bool:
    route = (medication.route or "").lower()
    return not any(word in route for word in read_toml(KNOWLEDGE)["antibiotics"]["local_routes"])


def _reasons(proposal: Proposal) -> tuple[Code, ...]:
    return (*proposal.reasons, *(proposal.medication.indications if proposal.medication else ()))


def choice(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """What the order's reason says about need, drug and duration."""
    medication = proposal.medication
    if medication is None or not _acts_in_the_whole_body(medication):
        return
    reasons = _reasons(proposal)
    if not reasons:
        yield could_not_check(REASON, "which infection it is for", about=proposal.ingredients)
        return
    yield from _not_needed(facts, proposal, reasons)
    yield from _reserved(proposal, reasons)
    infection = _infection(facts, reasons)
    if infection:
        yield from _first_choice(facts, proposal, infection)
        yield from _duration(proposal, infection)


def _not_needed(facts: Facts, proposal: Proposal, reasons: tuple[Code, ...]) -> Iterator[Card]:
    viral = condition_group("viral_respiratory") | condition_group("viral_other")
    if all(viral.holds([one]) for one in reasons):
        yield _card(
            LIKELY_VIRAL,
            proposal,
            f"{_named(reasons)}: usually viral, and antibiotics do not help.",
            SYMPTOMS,
        )
    elif icd_10_cm(*read_toml(KNOWLEDGE)["strep_tests"]["sore_throat"]).holds(reasons):
        yield from _sore_throat(facts, proposal)
    elif _is_best_left_alone(facts, reasons):
        untreated = read_toml(KNOWLEDGE)["untreated"]
        yield _card(LIKELY_VIRAL, proposal, f"{untreated['title']}: not to be treated.", untreated["except"])


SYMPTOMS = "Offer relief of symptoms, say how long it lasts, and when to come back. The colour of phlegm says nothing."


def _is_best_left_alone(facts: Facts, reasons: tuple[Code, ...]) -> bool:
    group = icd_10_cm(*read_toml(KNOWLEDGE)["untreated"]["icd-10-cm"])
    return group.holds(reasons) and facts.pregnancy.state != "pregnant"


def _sore_throat(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """Sore throat is treated after a positive strep test; one that cannot be read is said."""
    tests = read_toml(KNOWLEDGE)["strep_tests"]
    last = facts.latest_result(tests["loinc"])
    if last is None or last.on < facts.as_of - timedelta(days=tests["counts_for_days"]):
        yield _card(
            LIKELY_VIRAL,
            proposal,
            "Sore throat without a strep test: most are viral.",
            "Test first, then treat.",
        )
        return
    is_positive = _is_positive(last.words or "")
    if is_positive is None:
        yield could_not_check(LIKELY_VIRAL, "what the strep test says", about=proposal.ingredients)
    elif not is_positive:
        why = Reason("strep test", last.words, last.on, last.reference)
        yield _card(
            LIKELY_VIRAL, proposal, "Sore throat with a negative strep test: likely viral.", SYMPTOMS, why
        )


def _is_positive(words: str) -> bool | None:
    """What a strep test says; None where its words are not understood."""
    tests, said = read_toml(KNOWLEDGE)["strep_tests"], words.lower()
    if said.startswith(tuple(tests["positive_words"])):
        return True
    if any(word in said for word in tests["negative_words"]):
        return False
    return True if any(word in said for word in tests["positive_words"]) else None


def _reserved(proposal: Proposal, reasons: tuple[Code, ...]) -> Iterator[Card]:
    group = icd_10_cm(*read_toml(KNOWLEDGE)["reserved_fluoroquinolones"]["icd-10-cm"])
    if group.holds(reasons) and not members("fluoroquinolones").isdisjoint(proposal.ingredients):
        yield _card(
            RESERVED,
            proposal,
            f"{proposal.medication.name}: keep it for people with no other choice in this illness.",
            "Tendons, nerves, mood, blood sugar and the aorta can suffer lastingly.",
        )


def _infection(facts: Facts, reasons: tuple[Code, ...]) -> Infection | None:
    """The infection that the reasons name, for this age and sex; raises MissingFact without a birth date."""
    named = [one for one in read_toml(KNOWLEDGE)["infection"] if icd_10_cm(*one["icd-10-cm"]).holds(reasons)]
    return next((one for one in named if _speaks_of(one, facts)), None)


def _speaks_of(infection: Infection, facts: Facts) -> bool:
    within = infection["from_months"] <= facts.age_months <= infection.get("to_months", 12 * 130)
    if within and "sex" in infection:
        return facts.sex == infection["sex"] and facts.pregnancy.state != "pregnant"
    return within


def _first_choice(facts: Facts, proposal: Proposal, infection: Infection) -> Iterator[Card]:
    accepted = _rxcuis((*infection["first"], *infection.get("also", ())))
    chosen = [one for one in proposal.ingredients if one in antibiotics()]
    if all(one in accepted for one in chosen):
        return
    labels = penicillin_allergies(facts)
    if labels and all(one in _rxcuis(tuple(infection["after_penicillin_allergy"])) for one in chosen):
        return
    names = ", ".join(dict.fromkeys(infection["first"]))
    instead = infection["after_penicillin_allergy"]
    after = f" After a penicillin allergy: {', '.join(instead)}." if instead else ""
    because = tuple(Reason("penicillin allergy on record", one.name, None, one.reference) for one in labels)
    yield fires(
        FIRST_CHOICE,
        f"{infection['title']}: first choice is {names}.",
        detail=f"{infection['note']}{after} Germs and resistance differ by place: local advice goes first.",
        because=because,
        suggestions=tuple(Suggestion("replace", name, _rxnorm(name)) for name in infection["first"])
        if not labels
        else (),
        about=proposal.ingredients,
    )


def _duration(proposal: Proposal, infection: Infection) -> Iterator[Card]:
    low, high = _days(proposal, infection)
    words = f"{high} day{'s' if high > 1 else ''}" if low == high else f"{low} to {high} days"
    if proposal.duration_days is None:
        yield could_not_check(DURATION, f"for how many days ({words} is usual)", about=proposal.ingredients)
    elif proposal.duration_days > high:
        yield _card(DURATION, proposal, f"{infection['title']}: {words} is enough.", infection["note"])
    elif proposal.duration_days < low:
        yield _card(DURATION, proposal, f"{infection['title']}: {words} is needed.", infection["note"])


def _days(proposal: Proposal, infection: Infection) -> tuple[int, int]:
    own = {rxcui(name): days for name, days in infection.get("days_for", {}).items()}
    low, high = next((own[one] for one in proposal.ingredients if one in own), infection["days"])
    return low, high


def penicillin_allergies(facts: Facts) -> tuple[Allergy, ...]:
    """Recorded allergies to a penicillin; raises MissingFact where allergies could not be seen."""
    facts.need("allergies")
    return tuple(
        one
        for one in facts.allergies
        if not members("penicillins").isdisjoint(one.ingredients) or "penicillin" in one.name.lower()
    )


def penicillin_label(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """A prompt to ask about an old or vague label. It never says that a penicillin is safe."""
    labels = penicillin_allergies(facts)
    doubtful = [one for one in labels if not _was_severe(one)]
    if not labels or len(doubtful) < len(labels):
        return
    yield fires(
        LABEL,
        "The recorded penicillin allergy shows no sign of a severe reaction. Ask about it: most people can be cleared.",
        detail="Nine in ten people with this label tolerate penicillin when tested. Ask what happened, when, and what "
        "has been taken since. Until it is cleared, the allergy stands and every allergy check keeps to it.",
        because=tuple(Reason(one.name, _told(one), one.last_reaction_on, one.reference) for one in doubtful),
        suggestions=(Suggestion("refer", "Evaluation of a penicillin allergy"),),
        about=("penicillin_label",),
    )


def _was_severe(allergy: Allergy) -> bool:
    told = " ".join(allergy.reactions).lower()
    severe = read_toml(KNOWLEDGE)["penicillin_label"]["severe_words"]
    return (
        allergy.severity == "severe" or allergy.criticality == "high" or any(word in told for word in severe)
    )


def _told(allergy: Allergy) -> str:
    return ", ".join(allergy.reactions) or "the reaction is not recorded"


def _named(reasons: tuple[Code, ...]) -> str:
    return ", ".join(one.display or one.code for one in reasons)


def _rxnorm(name: str) -> str:
    return f"http://www.nlm.nih.gov/research/umls/rxnorm|{rxcui(name)}"


def _card(rule: Rule, proposal: Proposal, sentence: str, detail: str, *because: Reason) -> Card:
    return fires(rule, sentence, detail=detail, because=because, about=proposal.ingredients)


CHECKS = (
    Check((REASON, LIKELY_VIRAL, FIRST_CHOICE, DURATION, RESERVED), choice, antibiotics()),
    Check((LABEL,), penicillin_label, antibiotics()),
)
