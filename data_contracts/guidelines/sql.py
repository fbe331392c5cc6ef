"""Pieces of SQL that both engines use, so that a birthday or a lapse means the same day everywhere."""

from __future__ import annotations

from datetime import date

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
    """Two steps after `placed`: the facts that an answer rests on beside its parts, and by answer the strictest label
    of all of them, as a text that sorts by strictness, and who they are but the deciding one."""
    return f"""
used AS (
  SELECT person_no, topic_no, evidence_fact_no, unnest(part_fact_nos) AS fact_no FROM placed
  UNION SELECT person_no, topic_no, evidence_fact_no, unnest([evidence_fact_no, {", ".join(facts)}]) FROM placed
),
resting AS (
  SELECT person_no, topic_no, max(label) AS label, string_agg(named, ',' ORDER BY named) AS also
  FROM (SELECT DISTINCT u.person_no, u.topic_no, {sensitivity_rank("f.sensitivity")} AS label,
      CASE WHEN f.fact_no <> u.evidence_fact_no OR u.evidence_fact_no IS NULL THEN concat(f.resource_type, '/',
        f.resource_key, '/', coalesce(CAST(nullif(f.on_day, {ALWAYS}) AS VARCHAR), '')) END AS named
    FROM used u JOIN guideline_fact f ON f.fact_no = u.fact_no) facts
  GROUP BY person_no, topic_no
)"""


def sensitivity_rank(label: str) -> str:
    """A text that sorts by strictness, as flatten does: very restricted, restricted, a named category, the rest."""
    return (
        f"CASE WHEN {label} IS NULL THEN NULL WHEN {label} = 'V' THEN '9' || {label} "
        f"WHEN {label} = 'R' THEN '7' || {label} WHEN {label} IN ('N', 'M', 'L', 'U') THEN '1' || {label} "
        f"ELSE '5' || {label} END"
    )
