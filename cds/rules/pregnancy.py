"""Drugs in pregnancy: by what is recorded, and for the worst of them a question where nothing is.

Where somebody could be pregnant and nobody recorded it, only the drugs of the hard list (`unknown` in pregnancy.toml)
say that they could not be checked; the others are silent, so that the question keeps its weight.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds.cards import Card, Rule, Suggestion, Tier, could_not_check, fires
from cds.childbearing import could_be_pregnant, pregnancy_reasons, pregnancy_state, week_of_pregnancy
from cds.drug_groups import DrugGroup, checks_of
from cds.facts import Facts, Proposal
from cds.label_rules import capital

TOPIC = "pregnancy"
TEST = Suggestion("lab", "Pregnancy test (hCG in urine)", "http://loinc.org|2106-3")
RECORD = Suggestion("record", "Record whether she is pregnant, and contraception")


def check_pregnancy(rule: Rule, group: DrugGroup, facts: Facts, proposal: Proposal) -> Iterator[Card]:
    meant = group.meant_by(proposal.medication)
    if not meant:
        return
    state = pregnancy_state(facts)
    if state == "pregnant":
        yield from _in_pregnancy(rule, group, facts, proposal, meant)
    elif state == "unknown" and "unknown" in group.more and could_be_pregnant(facts):
        card = could_not_check(
            rule, "whether the patient is or could become pregnant", about=meant, suggestions=(RECORD, TEST)
        )
        yield card.on_tier(Tier[group.more["unknown"].upper()])


def _in_pregnancy(
    rule: Rule, group: DrugGroup, facts: Facts, proposal: Proposal, meant: tuple[str, ...]
) -> Iterator[Card]:
    within = _within(group, week_of_pregnancy(facts))
    if within is None:
        yield could_not_check(rule, "the week of pregnancy (no due date is recorded)", about=meant)
    elif within:
        yield fires(
            rule,
            f"{capital(proposal.medication.name)} in pregnancy{_weeks(group)}.",
            detail=group.words,
            because=pregnancy_reasons(facts),
            suggestions=group.suggestions(),
            about=meant,
        )


def _within(group: DrugGroup, week: int | None) -> bool | None:
    """Whether the entry holds in that week; None where it depends on a week that is not known."""
    first, end = group.more.get("from_week"), group.more.get("below_week")
    if first is None and end is None:
        return True
    if week is None:
        return None
    return (first is None or week >= first) and (end is None or week < end)


def _weeks(group: DrugGroup) -> str:
    first, end = group.more.get("from_week"), group.more.get("below_week")
    if first is not None and end is not None:
        return f" (weeks {first} to {end - 1})"
    if first is not None:
        return f" (from week {first} on)"
    return f" (before week {end})" if end is not None else ""


CHECKS = checks_of(TOPIC, "pregnancy.toml", "{drug} in pregnancy", check_pregnancy)
