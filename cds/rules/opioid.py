"""Opioids for pain, by the CDC guideline of 2022.

Not for sickle-cell disease, cancer pain, palliative or end-of-life care, and not under 18. No card here asks anybody to
stop or to cut down an opioid that a person already takes: ending it abruptly does harm. The pair of an opioid and a
benzodiazepine is the interaction check's card, for everybody; here it is a reason to offer naloxone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.coded import active_conditions, codes_of, condition_group, ever_conditions
from cds.dates import months_after
from cds.engine import Check
from cds.facts import Event, Facts, Medication, MissingFact, Proposal
from cds.ingredients import members
from cds.knowledge import read_toml
from cds.morphine import MorphineTotal, holds_any, morphine_total, opioids, taken_together
from cds.sourced import source_of

KNOWLEDGE = "opioids.toml"
LIMITS = read_toml(KNOWLEDGE)["limits"]
CDC_2022 = source_of(KNOWLEDGE)
NOT_ABRUPTLY = "An opioid that a person already takes is not ended or cut down abruptly."

TOTAL = Rule("opioid.total", "Opioids in all", Severity.INFORMATION, Tier.PASSIVE, CDC_2022)
AT_LEAST_50 = Rule(
    "opioid.at_least_50", "Opioids of 50 MME a day or more", Severity.SERIOUS, Tier.INLINE, CDC_2022
)
NALOXONE = Rule("opioid.naloxone", "Offer naloxone", Severity.MONITOR, Tier.INLINE, CDC_2022)
PDMP = Rule("opioid.pdmp_review", "Prescription monitoring program", Severity.MONITOR, Tier.INLINE, CDC_2022)
DRUG_TEST = Rule("opioid.urine_drug_test", "Urine drug testing", Severity.INFORMATION, Tier.PASSIVE, CDC_2022)
EXTENDED_RELEASE = Rule(
    "opioid.extended_release_start",
    "Starting with an extended-release opioid",
    Severity.SERIOUS,
    Tier.INLINE,
    CDC_2022,
)


def is_outside(facts: Facts, proposal: Proposal) -> bool:
    """Whether the guideline does not speak of this person. Raises MissingFact where age or problems are not known."""
    if facts.age_years < LIMITS["adult_from_years"]:
        return True
    spared = condition_group("sickle_cell_disease") | condition_group("cancer_pain")
    spared |= condition_group("palliative_or_end_of_life") | codes_of("palliative_care")
    medication = proposal.medication
    stated = (*proposal.reasons, *(medication.indications if medication else ()))
    return spared.holds(stated) or bool(active_conditions(facts, spared)) or _in_comfort_care(facts)


def _in_comfort_care(facts: Facts) -> bool:
    """By what is recorded; where events cannot be seen, no: a warning too many is the safer slip."""
    group = codes_of("hospice_encounter", "hospice_discharge", "palliative_care")
    since = months_after(facts.as_of, -12)
    return any(
        since <= one.on <= facts.as_of
        and (one.kind in ("hospice", "palliative_care") or group.holds(one.codes))
        for one in facts.events
    )


def _is_opioid(medication: Medication | None) -> bool:
    return medication is not None and holds_any(medication, opioids())


def _together(facts: Facts, proposal: Proposal) -> tuple[Medication, ...]:
    facts.need("medications")
    return taken_together(facts, proposal)


def total(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """The arithmetic, whenever an opioid is proposed or taken; from 50 MME a day on it stands inline."""
    together = _together(facts, proposal)
    summed = morphine_total(together)
    if not summed.lines or is_outside(facts, proposal):
        return
    if summed.known >= LIMITS["careful_from_mme_per_day"]:
        yield _careful(summed)
    elif not summed.is_complete:
        yield could_not_check(AT_LEAST_50, *_what_is_missing(summed), about=opioids_in(summed))
    elif summed.known > 0:
        yield fires(
            TOTAL,
            f"Opioids come to {summed.known:g} MME a day.",
            detail=_arithmetic(summed),
            because=_because(summed),
            about=opioids_in(summed),
        )


def _careful(summed: MorphineTotal) -> Card:
    at_least = "" if summed.is_complete else "at least "
    return fires(
        AT_LEAST_50,
        f"Opioids come to {at_least}{summed.known:g} MME a day. From 50 on, harm grows faster than relief.",
        detail=f"{_arithmetic(summed)} Weigh benefit and risk again, see the person more often, offer naloxone. "
        f"{NOT_ABRUPTLY}",
        because=_because(summed),
        suggestions=(Suggestion("read", "Weigh benefit and risk before a higher dose, and write it down"),),
        about=opioids_in(summed),
    )


def _arithmetic(summed: MorphineTotal) -> str:
    lines = "; ".join(f"{line.medication.name}: {line.arithmetic}" for line in summed.lines)
    return f"{lines}. MME compare risk; they are not for changing one opioid to another."


def _because(summed: MorphineTotal) -> tuple[Reason, ...]:
    return tuple(
        Reason(line.medication.name, line.arithmetic, line.medication.started_on, line.medication.reference)
        for line in summed.lines
    )


def _what_is_missing(summed: MorphineTotal) -> tuple[str, ...]:
    first, *others = summed.problems
    return (*others, f"{first} (what is known comes to {summed.known:g} MME a day)")


def opioids_in(summed: MorphineTotal) -> tuple[str, ...]:
    found = {rxcui for line in summed.lines for rxcui in line.medication.ingredients if rxcui in opioids()}
    return tuple(sorted(found))


def naloxone(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """The offer that the guideline asks for at 50 MME, with a benzodiazepine, after an overdose, and so on."""
    together = _together(facts, proposal)
    if not any(_is_opioid(one) for one in together) or is_outside(facts, proposal):
        return
    if _has_naloxone(facts, together):
        return
    summed = morphine_total(together)
    if reasons := tuple(_reasons_for_naloxone(facts, summed, together)):
        yield fires(
            NALOXONE,
            f"No naloxone on record, and the risk of an overdose is raised: {reasons[0].words}.",
            detail="Offer naloxone, and show the person and those at home how to use it.",
            because=reasons,
            suggestions=(Suggestion("order", "Prescribe naloxone nasal spray", NALOXONE_CODE),),
            about=("naloxone",),
        )
        return
    facts.need("events")
    if not summed.is_complete:
        yield could_not_check(NALOXONE, *_what_is_missing(summed), about=("naloxone",))


NALOXONE_CODE = f"http://www.nlm.nih.gov/research/umls/rxnorm|{read_toml(KNOWLEDGE)['reversal']['naloxone']}"


def _has_naloxone(facts: Facts, together: tuple[Medication, ...]) -> bool:
    reversal = frozenset(read_toml(KNOWLEDGE)["reversal"].values())
    if any(holds_any(one, reversal) and not _is_opioid(one) for one in together):
        return True
    return _recent(facts, "naloxone_supplied", LIMITS["naloxone_counts_for_months"]) is not None


def _reasons_for_naloxone(
    facts: Facts, summed: MorphineTotal, together: tuple[Medication, ...]
) -> Iterator[Reason]:
    if summed.known >= LIMITS["careful_from_mme_per_day"]:
        yield Reason("opioids of 50 MME a day or more", f"{summed.known:g} MME/day")
    for one in together:
        if holds_any(one, members("benzodiazepines")):
            yield Reason(f"a benzodiazepine as well ({one.name})", None, one.started_on, one.reference)
    for words, group in RAISED_RISK.items():
        for one in _raising(facts, words, group):
            yield Reason(words, one.name, one.onset, one.reference)
    if (overdose := _recent(facts, "opioid_overdose", None)) is not None:
        yield Reason("an overdose before", None, overdose.on, overdose.reference)


RAISED_RISK = {
    "an overdose before": "opioid_overdose",
    "a substance use disorder": "substance_use_disorder",
    "sleep-disordered breathing": "sleep_disordered_breathing",
}


def _raising(facts: Facts, words: str, group: str):
    """An overdose counts ever; the others while they are active."""
    look = ever_conditions if group == "opioid_overdose" else active_conditions
    return look(facts, condition_group(group))


def pdmp_review(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """A recorded look into the prescription monitoring program, before the start and at least every three months."""
    if not _is_opioid(proposal.medication) or is_outside(facts, proposal):
        return
    facts.need("events")
    if _recent(facts, "pdmp_review", LIMITS["pdmp_review_months"]) is not None:
        return
    last = _recent(facts, "pdmp_review", None)
    yield fires(
        PDMP,
        "No review of the prescription monitoring program in the last 3 months is on record."
        if last
        else "No review of the prescription monitoring program is on record.",
        detail="Look there before an opioid is started and at least every 3 months, then record that you did.",
        because=(Reason("last review", None, last.on, last.reference),) if last else (),
        suggestions=(Suggestion("record", "Review the program and record it"),),
        about=("pdmp_review",),
    )


def urine_drug_test(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """Testing to be considered once an opioid is taken for longer than a month."""
    if not _is_opioid(proposal.medication) or is_outside(facts, proposal):
        return
    if not _goes_on(facts, proposal):
        return
    since = months_after(facts.as_of, -LIMITS["drug_test_months"])
    last = facts.latest_result(read_toml(KNOWLEDGE)["urine_drug_tests"]["loinc"])
    tested = _recent(facts, "urine_drug_test", LIMITS["drug_test_months"])
    if (last and last.on > since) or tested:
        return
    yield fires(
        DRUG_TEST,
        "Consider urine drug testing: none in the last 12 months is on record.",
        detail="Explain it as part of safe care, never as a punishment. An unexpected result is talked over and "
        f"confirmed first; it is no ground for turning somebody away. {NOT_ABRUPTLY}",
        because=(Reason("last test", last.words, last.on, last.reference),) if last else (),
        suggestions=(Suggestion("lab", "Opiates in urine by screen method", "http://loinc.org|19295-5"),),
        about=("urine_drug_test",),
    )


def _goes_on(facts: Facts, proposal: Proposal) -> bool:
    """Whether opioids are or will be taken for longer than a month; raises MissingFact where no start is known."""
    long_enough = LIMITS["ongoing_from_days"]
    if proposal.duration_days is not None and proposal.duration_days > long_enough:
        return True
    facts.need("medications")
    current = [one for one in facts.medications if _is_opioid(one)]
    cut_off = facts.as_of - timedelta(days=long_enough)
    if any(one.started_on is not None and one.started_on <= cut_off for one in current):
        return True
    for one in current:
        if one.started_on is None:
            raise MissingFact(f"since when {one.name} is taken")
    return False


def extended_release_start(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """A long-acting opioid for somebody who has taken none lately."""
    medication = proposal.medication
    if not _is_opioid(medication) or is_outside(facts, proposal) or _took_lately(facts):
        return
    long_acting = _is_long_acting(medication)
    if long_acting is None:
        yield could_not_check(
            EXTENDED_RELEASE, f"whether {medication.name} is extended-release", about=proposal.ingredients
        )
    elif long_acting:
        yield fires(
            EXTENDED_RELEASE,
            f"{medication.name} is long-acting, and no opioid of the last {LIMITS['naive_after_days']} days is known.",
            detail="Start with an immediate-release opioid at the lowest dose that works, for no longer than needed.",
            about=proposal.ingredients,
        )


def _took_lately(facts: Facts) -> bool:
    facts.need("medications")
    cut_off = facts.as_of - timedelta(days=LIMITS["naive_after_days"])
    ended = [one for one in facts.stopped_medications if _is_opioid(one)]
    return any(_is_opioid(one) for one in facts.medications) or any(
        one.stopped_on is not None and one.stopped_on >= cut_off for one in ended
    )


def _is_long_acting(medication: Medication) -> bool | None:
    """Patches and methadone are; otherwise what the product says. None: the product does not say."""
    opioid_lines = morphine_total([medication]).lines
    if any(line.is_left_out for line in opioid_lines):
        return False
    if any(dose.unit == "ug/h" for dose in medication.ingredient_doses):
        return True
    if any(line.opioid == "methadone" for line in opioid_lines):
        return True
    return medication.extended_release


def _recent(facts: Facts, kind: str, months: int | None) -> Event | None:
    """The newest event of that kind, on or before `as_of`, within so many months (None: ever)."""
    since = months_after(facts.as_of, -months) if months else None
    found = [
        one
        for one in facts.events
        if one.kind == kind and one.on <= facts.as_of and (since is None or one.on > since)
    ]
    return max(found, key=lambda one: one.on, default=None)


EITHER = opioids() | members("benzodiazepines")
AT_THE_CHART = frozenset({"patient_view"})

CHECKS = (
    Check((AT_LEAST_50, TOTAL), total, opioids()),
    Check((AT_LEAST_50, TOTAL), total, None, AT_THE_CHART),
    Check((NALOXONE,), naloxone, EITHER),
    Check((NALOXONE,), naloxone, None, AT_THE_CHART),
    Check((PDMP,), pdmp_review, opioids()),
    Check((DRUG_TEST,), urine_drug_test, opioids()),
    Check((EXTENDED_RELEASE,), extended_release_start, opioids()),
)
