"""Drugs and breastfeeding, where it is recorded; asked where a birth within the last year is on record.

No card says that breastfeeding must end, and a drug without an entry is not thereby safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds.cards import Card, Reason, Rule, Severity, Suggestion, could_not_check, fires
from cds.childbearing import breastfeeds, gave_birth_lately
from cds.drug_groups import DrugGroup, checks_of
from cds.facts import Facts, Proposal
from cds.label_rules import capital

TOPIC = "lactation"
RECORD = Suggestion("record", "Record whether she breastfeeds")


def check_lactation(rule: Rule, group: DrugGroup, facts: Facts, proposal: Proposal) -> Iterator[Card]:
    meant = group.meant_by(proposal.medication)
    if not meant:
        return
    answer = breastfeeds(facts)
    if answer:
        yield fires(
            rule,
            f"{capital(proposal.medication.name)} while breastfeeding.",
            detail=group.words,
            because=(Reason("breastfeeding is recorded"),),
            suggestions=group.suggestions(),
            about=meant,
        )
    elif answer is None and gave_birth_lately(facts) and group.severity <= Severity.SERIOUS:
        missing = "whether the patient breastfeeds (a birth in the last year is likely)"
        yield could_not_check(rule, missing, about=meant, suggestions=(RECORD,))


CHECKS = checks_of(TOPIC, "lactation.toml", "{drug} while breastfeeding", check_lactation)
