"""Pieces of SQL that both engines use, so that a birthday or a lapse means the same day everywhere."""

from __future__ import annotations

from datetime import date

_WHAT_IT_SAYS = ("until_day", "on_high", "number", "diastolic", "unit", "comparator", "flag", "outcomes")
"""Beside its kind and day: facts alike in all of it are alike to every rule."""
NEVER = "DATE '9999-12-31'"
ALWAYS = "DATE '1000-01-01'"


def dated(select: str, as_of: date) -> str:
    """The SELECT for one day: `$as_of` written out, so that a plan that is kept knows its day."""
    return select.replace("$as_of", f"DATE '{as_of}'")


def moved(day: str, months: str) -> str:
    """The day `months` later, or the last day of that month where it lacks the day. Give it to `settled`."""
    return f"CAST({day} + to_months({months}) AS DATE)"


def settled(moved_day: str, day: str) -> str:
    """A moved day that its month lacks becomes the first of the next month.

    So somebody born on 29 February has their birthday on 1 March in ordinary years. Two steps rather than one
    expression, because each repeated expression is planned again for every patient who is measured.
    """
    return f"({moved_day} + CAST(day({moved_day}) < day({day}) AS INTEGER))"


def anniversary(day: str, months: str) -> str:
    """Both steps at once, where it stands only once."""
    return settled(moved(day, months), day)


def season_end(day: str) -> str:
    """The first day of the next influenza season (1 July) after a day."""
    return f"make_date(year({day}) + CASE WHEN month({day}) >= 7 THEN 1 ELSE 0 END, 7, 1)"


def earliest(*days: str) -> str:
    """The earliest of some days, leaving out nulls."""
    return f"least({', '.join(days)})"


def rests_on(*facts: str) -> str:
    """Three steps after `placed`: the facts that an answer rests on beside its parts; with each, those that say the
    same of the same day, for only a pseudonym chooses among them; and by answer the strictest label of all of them, as
    a text that sorts by strictness, and who they are but the deciding one."""
    same = " AND ".join(f"t.{name} IS NOT DISTINCT FROM f.{name}" for name in _WHAT_IT_SAYS)
    return f"""
used AS (
  SELECT person_no, topic_no, evidence_fact_no, unnest(part_fact_nos) AS fact_no FROM placed
  UNION SELECT person_no, topic_no, evidence_fact_no, unnest([evidence_fact_no, {", ".join(facts)}]) FROM placed
),
rested AS (
  SELECT u.person_no, u.topic_no, t.resource_type, t.resource_key, min(nullif(t.on_day, {ALWAYS})) AS on_day,
    max({sensitivity_rank("t.sensitivity")}) AS label, bool_or(t.fact_no = u.evidence_fact_no) AS decides
  FROM used u
  JOIN guideline_fact f ON f.fact_no = u.fact_no
  JOIN guideline_fact t ON t.person_no = f.person_no AND t.source_no = f.source_no AND t.on_day = f.on_day AND {same}
  GROUP BY u.person_no, u.topic_no, t.resource_type, t.resource_key
),
resting AS (
  SELECT person_no, topic_no, max(label) AS label, string_agg(named, ',' ORDER BY named) AS also
  FROM (SELECT person_no, topic_no, label, CASE WHEN decides IS NOT TRUE THEN concat(
      resource_type, '/', resource_key, '/', coalesce(CAST(on_day AS VARCHAR), '')) END AS named FROM rested) facts
  GROUP BY person_no, topic_no
)"""


def sensitivity_rank(label: str) -> str:
    """A text that sorts by strictness, as flatten does: very restricted, restricted, a named category, the rest."""
    return (
        f"CASE WHEN {label} IS NULL THEN NULL WHEN {label} = 'V' THEN '9' || {label} "
        f"WHEN {label} = 'R' THEN '7' || {label} WHEN {label} IN ('N', 'M', 'L', 'U') THEN '1' || {label} "
        f"ELSE '5' || {label} END"
    )
