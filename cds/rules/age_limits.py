"""Drugs that are not for children below an age: one rule a drug."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby

from cds.cards import Card, Rule, Tier, fires
from cds.dosing import route_of
from cds.engine import Check
from cds.facts import Facts, Proposal
from cds.knowledge import read_rows
from cds.label_rules import capital, label_rule, severity_of

TOPIC = "age_limits"


def check_age(
    rule: Rule, rows: tuple[dict[str, str], ...], facts: Facts, proposal: Proposal
) -> Iterator[Card]:
    """Fires below the age. A row with a route does not speak of other routes; an unknown route counts."""
    route = route_of(proposal.medication)
    months = facts.age_months
    meant = [one for one in rows if route is None or one["route"] in ("", route)]
    found = [one for one in meant if months < int(one["below_months"])]
    if not found:
        return
    row = min(found, key=lambda one: int(one["below_months"]))
    yield fires(
        rule,
        f"{capital(row['ingredient'])} is not for children below {age_words(int(row['below_months']))}.",
        detail=row["words"],
        about=(row["rxcui"],),
        tier=Tier(int(row["tier"])),
        severity=severity_of(row["severity"]),
    )


def age_words(months: int) -> str:
    """An age limit in years, or in months where it is not whole years or below two."""
    if months >= 24 and months % 12 == 0:
        return f"{months // 12} years"
    return "1 month" if months == 1 else f"{months} months"


def _check(rows: tuple[dict[str, str], ...]) -> Check:
    drug = rows[0]["ingredient"]
    gravest = min(severity_of(one["severity"]) for one in rows)
    loudest = Tier(min(int(one["tier"]) for one in rows))
    rule = label_rule(TOPIC, drug, f"{capital(drug)} in children", gravest, loudest)
    return Check((rule,), partial(check_age, rule, rows), frozenset({rows[0]["rxcui"]}))


_BY_DRUG = groupby(
    sorted(read_rows("age_limits.csv"), key=lambda row: row["rxcui"]), key=lambda row: row["rxcui"]
)
CHECKS = tuple(_check(tuple(rows)) for _, rows in _BY_DRUG)
