"""What the site's owner of decision support sees and decides: rates per rule, and retiring or re-tiering one.

What is contraindicated and what warns of anaphylaxis is made quieter by two people: the first one's choice waits for
the second's agreement and is not followed until then (cds.oversight).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, text

from cds.cards import Rule, Tier
from cds.engine import registry
from cds.oversight import Interruptions, SiteChoice, why_refused
from data_contracts.api.decision_support import ChooseRule, RuleFigures, SupportFigures
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.decision_support import queries
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound

PERIOD_DAYS = 90
USUAL_LENGTH = timedelta(days=180)
"""How long a choice holds where no end is given."""
TIERS = {"tier_1": Tier.INTERRUPTS, "tier_2": Tier.INLINE, "tier_3": Tier.PASSIVE}
INSERT = text("""
INSERT INTO decision_support.choice
       (choice_id, rule_id, tier, reason, chosen_by, chosen_by_name, chosen_on, until)
VALUES (:choice_id, :rule_id, :tier, :reason, :by, :name, :on, :until)
""")
END = text("""
UPDATE decision_support.choice SET ended_on = :on, ended_by = :by WHERE rule_id = :rule_id AND ended_on IS NULL
""")
APPROVE = text("""
UPDATE decision_support.choice SET approved_by = :by, approved_by_name = :name, approved_on = :on
 WHERE choice_id = :choice_id AND ended_on IS NULL AND approved_by IS NULL AND chosen_by <> :by
""")


def read_figures(work: UnitOfWork, *, days: int = PERIOD_DAYS) -> SupportFigures:
    """Every rule that was shown or has a choice, most overridden first, and the interruption rate. No patient data."""
    work.actor.require("decision_support.manage")
    since = work.today() - timedelta(days=days)
    at = work.now() - timedelta(days=days)
    totals = work.connection.execute(queries.TOTALS, {"since": at}).one()
    rows = {row.rule_id: row for row in work.connection.execute(queries.FIGURES, {"since": at})}
    choices = queries.choice_rows(work.connection, work.today())
    rules = registry().rules
    figures = [
        _figures(rules[rule_id], rows.get(rule_id), choices.get(rule_id))
        for rule_id in sorted({*rows, *choices})
        if rule_id in rules
    ]
    work.audit("decision_support_figures", detail={"rules": len(figures)})
    return SupportFigures(
        since=since,
        checks=totals.checks,
        interruptions=totals.interruptions,
        budget=Interruptions(totals.checks, totals.interruptions).words,
        rules=sorted(figures, key=lambda one: (-one.overridden, -one.shown, one.rule_id)),
        as_of=work.now(),
    )


def choose(work: UnitOfWork, *, rule_id: str, choice: ChooseRule) -> RuleFigures:
    """Puts a choice in the place of the one that holds, or ends it (`as_written`). Raises Conflict saying why not."""
    work.actor.require("decision_support.manage")
    rule = _rule(rule_id)
    work.connection.execute(END, {"rule_id": rule_id, "on": work.today(), "by": work.actor.actor_id})
    if choice.choice != "as_written":
        _insert(work, rule, choice)
    work.audit("decision_support_choice", detail={"rule": rule_id, "choice": choice.choice})
    return _now(work, rule)


def agree(work: UnitOfWork, *, rule_id: str) -> RuleFigures:
    """The second person's agreement to the choice that waits for one. Raises Conflict for the first person."""
    work.actor.require("decision_support.manage")
    rule = _rule(rule_id)
    waiting = queries.choice_rows(work.connection, work.today()).get(rule_id)
    if waiting is None or waiting.approved_by:
        raise NotFound("No choice about this rule waits for agreement.")
    if waiting.chosen_by == work.actor.actor_id:
        raise Conflict("You made this choice yourself. A second person has to agree.")
    given = {
        "by": work.actor.actor_id,
        "name": work.actor.name,
        "on": work.today(),
        "choice_id": waiting.choice_id,
    }
    work.connection.execute(APPROVE, given)
    work.audit("decision_support_agreed", detail={"rule": rule_id})
    return _now(work, rule)


def _insert(work: UnitOfWork, rule: Rule, choice: ChooseRule) -> None:
    until = choice.until or work.today() + USUAL_LENGTH
    wanted = SiteChoice(
        rule.id, TIERS.get(choice.choice), choice.reason, work.actor.actor_id, work.today(), until
    )
    refused = why_refused(wanted, rule, approvals=["a second person"])
    if refused:
        raise BadRequest(refused)
    work.connection.execute(
        INSERT,
        {
            "choice_id": uuid4(),
            "rule_id": rule.id,
            "tier": None if wanted.tier is None else int(wanted.tier),
            "reason": choice.reason,
            "by": work.actor.actor_id,
            "name": work.actor.name,
            "on": work.today(),
            "until": until,
        },
    )


def _rule(rule_id: str) -> Rule:
    rule = registry().rules.get(rule_id)
    if rule is None:
        raise NotFound("There is no such rule.")
    return rule


def _now(work: UnitOfWork, rule: Rule) -> RuleFigures:
    since = work.now() - timedelta(days=PERIOD_DAYS)
    rows = {row.rule_id: row for row in work.connection.execute(queries.FIGURES, {"since": since})}
    return _figures(rule, rows.get(rule.id), queries.choice_rows(work.connection, work.today()).get(rule.id))


def _figures(rule: Rule, row: Row[Any] | None, choice: Row[Any] | None) -> RuleFigures:
    return RuleFigures(
        rule_id=rule.id,
        title=rule.title,
        severity=rule.severity.word,
        tier=int(rule.tier),
        shown=row.shown if row else 0,
        interrupted=row.interrupted if row else 0,
        accepted=row.accepted if row else 0,
        overridden=row.overridden if row else 0,
        could_not_check=row.could_not_check if row else 0,
        choice=_choice_words(rule, choice) if choice else None,
        waits_for_agreement=bool(choice and _waits(rule, choice)),
        may_retire=_needs(rule),
    )


def _waits(rule: Rule, choice: Row[Any]) -> bool:
    return why_refused(_site_choice(choice), rule) is not None and not choice.approved_by


def _site_choice(row: Row[Any]) -> SiteChoice:
    tier = None if row.tier is None else Tier(row.tier)
    approved = frozenset({row.approved_by} if row.approved_by else ())
    return SiteChoice(row.rule_id, tier, row.reason, row.chosen_by, row.chosen_on, row.until, approved)


def _choice_words(rule: Rule, row: Row[Any]) -> str:
    what = "Retired" if row.tier is None else f"On tier {row.tier}"
    said = f"{what} until {row.until:%d-%b-%Y} by {row.chosen_by_name}: {row.reason}"
    if row.approved_by_name:
        return f"{said} (agreed by {row.approved_by_name})"
    return f"{said} (waits for a second person; not followed yet)" if _waits(rule, row) else said


def _needs(rule: Rule) -> str | None:
    if not rule.retirable:
        return "Cannot be retired: it says that something could not be checked."
    return "Needs two people." if rule.needs_two_to_retire else None
