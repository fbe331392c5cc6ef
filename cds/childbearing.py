"""Whether a person is pregnant, could be, or breastfeeds, as far as it is recorded: unknown is never no."""

from __future__ import annotations

from datetime import timedelta

from cds.cards import Reason
from cds.coded import active_conditions, codes_of, ever_conditions
from cds.dates import months_after
from cds.facts import Condition, Facts, PregnancyState
from cds.knowledge import read_toml

TERM = timedelta(weeks=40)
LONGEST_MONTHS = 10


def pregnancy_state(facts: Facts) -> PregnancyState:
    """What was recorded; where nothing was, a pregnancy among the active problems of the last ten months."""
    if facts.pregnancy.state != "unknown":
        return facts.pregnancy.state
    return "pregnant" if _pregnancies(facts) else "unknown"


def _pregnancies(facts: Facts) -> tuple[Condition, ...]:
    since = months_after(facts.as_of, -LONGEST_MONTHS)
    active = active_conditions(facts, codes_of("pregnancy"))
    return tuple(one for one in active if one.onset is None or one.onset >= since)


def could_be_pregnant(facts: Facts) -> bool:
    """By sex, age and recorded menopause or surgery; an unknown sex could. Raises MissingFact without a birth date."""
    if facts.sex == "male":
        return False
    asked = read_toml("pregnancy.toml")["asked"]
    if not asked["from_years"] <= facts.age_years <= asked["to_years"]:
        return False
    return not ever_conditions(facts, codes_of("cannot_become_pregnant"))


def week_of_pregnancy(facts: Facts) -> int | None:
    """Completed weeks, counted back from the due date; None without one."""
    due = facts.pregnancy.due_on
    return None if due is None else (facts.as_of - (due - TERM)).days // 7


def breastfeeds(facts: Facts) -> bool | None:
    """What was recorded, or an active problem that says so; None where nobody asked."""
    if facts.pregnancy.breastfeeding is not None:
        return facts.pregnancy.breastfeeding
    return True if active_conditions(facts, codes_of("breastfeeding")) else None


def gave_birth_lately(facts: Facts) -> bool:
    """Whether a recorded due date lies within the last year: breastfeeding is then likely enough to ask."""
    due = facts.pregnancy.due_on
    return due is not None and months_after(facts.as_of, -12) <= due <= facts.as_of


def pregnancy_reasons(facts: Facts) -> tuple[Reason, ...]:
    week = week_of_pregnancy(facts)
    recorded = tuple(Reason(one.name, None, one.onset, one.reference) for one in _pregnancies(facts))
    return (Reason("pregnant", None if week is None else f"week {week}", facts.pregnancy.due_on), *recorded)
