"""The SQL of the recommendations, in the order in which a clinician would ask: who, unless, what was done, what now.

A fact holds over a span of days: from its day until its interval lapses; what was done on a day that nobody knows
only counts where once is for ever. Everything else follows from spans, so the
first day on which time alone changes an answer (`next_change`) is the nearest end or beginning that matters.
Rule tables come from the packs; `$as_of` is the day that is asked about.
"""

from __future__ import annotations

from data_contracts.guidelines.sql import (
    ALWAYS,
    NEVER,
    anniversary,
    moved,
    rests_on,
    season_end,
    settled,
)

_HELD = "FILTER (WHERE begins <= $as_of AND ends > $as_of)"
_BEGUN = "FILTER (WHERE begins <= $as_of)"
_LAST_DAY = "CASE WHEN f.until_day IS NOT NULL THEN greatest(f.on_day, f.until_day - 1) END"
"""The last day on which a fact is true; null while it goes on."""

SPANS = f"""
person AS MATERIALIZED (
  SELECT person_no, birth_low, birth_high, female FROM guideline_person WHERE active AND NOT died
),
counted AS (
  SELECT f.person_no, f.fact_no, f.number, f.flag, f.outcomes, f.on_day, f.until_day, p.birth_high,
    c.criterion, c.mode,
    CASE WHEN c.mode = 'after' THEN {_LAST_DAY} ELSE f.on_day END AS from_day, c.months,
    (NOT c.needs_number OR f.number IS NOT NULL)
      AND (c.needs_results IS NULL OR f.outcomes & c.needs_results <> 0 OR c.fact_type = 'procedure') AS readable
  FROM guideline_fact f
  JOIN rule_criterion c ON c.source_no = f.source_no
  JOIN person p ON p.person_no = f.person_no
  WHERE (c.number_at_least IS NULL OR (f.number >= c.number_at_least AND f.unit = c.number_unit))
    AND (c.age_at_least_months IS NULL OR {anniversary("p.birth_high", "c.age_at_least_months")} <= f.on_day)
    AND (f.on_day <> {ALWAYS} OR c.mode NOT IN ('months', 'season'))
),
span AS MATERIALIZED (
  SELECT person_no, criterion, mode, fact_no, number, flag, outcomes, readable, birth_high, on_day AS begins,
    CASE
      WHEN NOT readable THEN on_day
      WHEN mode = 'ever' THEN {NEVER}
      WHEN mode = 'season' THEN {season_end("on_day")}
      WHEN mode = 'months' THEN lapse
      WHEN mode = 'after' THEN coalesce(lapse, {NEVER})
      ELSE least(coalesce(until_day, {NEVER}), coalesce(lapse, {NEVER}))
    END AS ends
  FROM (SELECT *, {settled("moved", "from_day")} AS lapse
    FROM (SELECT *, {moved("from_day", "months")} AS moved FROM counted)) c
),
state AS MATERIALIZED (
  SELECT person_no, criterion,
    coalesce(bool_or(ends > $as_of) {_BEGUN}, FALSE) AS holds,
    max(fact_no) {_HELD} AS fact_no,
    max(fact_no) {_BEGUN} AS last_fact_no,
    arg_max(readable, fact_no) {_BEGUN} AS last_readable,
    arg_max(coalesce(CAST(flag AS INTEGER), -1), fact_no) {_BEGUN} AS last_flag,
    any_value(birth_high) AS birth_high,
    max(ends) {_BEGUN} AS last_end,
    CASE WHEN any_value(mode) IN ('active', 'after') THEN min(ends) {_HELD} ELSE max(ends) {_HELD} END AS lapses,
    min(begins) FILTER (WHERE begins > $as_of) AS next_begin
  FROM span
  GROUP BY person_no, criterion
)"""

WHO = f"""
membership AS (
  SELECT p.person_no, r.topic_no, r.rank,
    p.birth_low, p.birth_high,
    {moved("p.birth_low", "r.from_months")} AS enters_low, {moved("p.birth_high", "r.from_months")} AS enters_high,
    {moved("p.birth_low", "r.until_months")} AS leaves_low, {moved("p.birth_high", "r.until_months")} AS leaves_high,
    r.organ_criterion IS NULL OR CASE o.last_flag WHEN 1 THEN TRUE WHEN 0 THEN FALSE ELSE p.female END AS organ,
    r.condition_criterion IS NULL OR coalesce(c.holds, FALSE) AS condition,
    c.fact_no AS condition_fact_no, CASE o.last_flag WHEN 1 THEN o.last_fact_no END AS organ_fact_no,
    o.next_begin AS organ_next, least(c.next_begin, c.lapses) AS condition_next
  FROM person p CROSS JOIN rule_population r
  LEFT JOIN state o ON o.person_no = p.person_no AND o.criterion = r.organ_criterion
  LEFT JOIN state c ON c.person_no = p.person_no AND c.criterion = r.condition_criterion
),
aged AS (
  SELECT person_no, topic_no, rank, organ, condition, condition_fact_no, organ_fact_no, organ_next, condition_next,
    birth_low IS NOT NULL AS born_known,
    {settled("enters_low", "birth_low")} AS enters_low, {settled("enters_high", "birth_high")} AS enters_high,
    coalesce({settled("leaves_low", "birth_low")}, {NEVER}) AS leaves_low,
    coalesce({settled("leaves_high", "birth_high")}, {NEVER}) AS leaves_high
  FROM membership
),
judged AS (
  SELECT *, CASE
      WHEN organ IS FALSE THEN 1
      WHEN born_known AND ($as_of < enters_low OR $as_of >= leaves_high) THEN 2
      WHEN NOT condition THEN 3
      WHEN organ IS NULL THEN 4
      WHEN NOT born_known THEN 6
      WHEN $as_of < enters_high OR $as_of >= leaves_low THEN 5
      ELSE 9
    END AS verdict,
    least(
      CASE WHEN enters_low > $as_of THEN enters_low WHEN enters_high > $as_of THEN enters_high
        WHEN leaves_low > $as_of THEN leaves_low WHEN leaves_high > $as_of THEN leaves_high END,
      organ_next, condition_next) AS next_change
  FROM aged
),
who AS MATERIALIZED (
  SELECT person_no, topic_no, max(verdict) AS verdict,
    min(rank) FILTER (WHERE verdict = 9) AS rank,
    CASE max(verdict) WHEN 9 THEN max(condition_fact_no) FILTER (WHERE verdict = 9)
      ELSE max(condition_fact_no) FILTER (WHERE organ IS NOT FALSE AND condition) END AS condition_fact_no,
    max(organ_fact_no) AS organ_fact_no,
    bool_or(organ IS NOT FALSE AND condition) AS but_for_age,
    min(next_change) AS next_change
  FROM judged
  GROUP BY person_no, topic_no
)"""

UNLESS = f"""
exclusion_part AS (
  SELECT s.person_no, x.exclusion_no, x.way, x.parts, s.holds, s.fact_no, s.next_begin, s.lapses,
    CASE WHEN x.age_at_least_months IS NULL THEN {ALWAYS}
      ELSE coalesce({anniversary("s.birth_high", "x.age_at_least_months")}, {NEVER}) END AS old_enough_on
  FROM rule_exclusion x
  JOIN state s ON s.criterion = x.criterion
),
exclusion_way AS (
  SELECT person_no, exclusion_no, way,
    count(*) FILTER (WHERE holds AND old_enough_on <= $as_of) = max(parts) AS holds,
    max(fact_no) AS fact_no, list(fact_no) FILTER (WHERE holds) AS fact_nos,
    min(least(next_begin, lapses, CASE WHEN old_enough_on > $as_of THEN old_enough_on END)) AS next_change
  FROM exclusion_part
  GROUP BY person_no, exclusion_no, way
),
exclusion_held AS (
  SELECT person_no, exclusion_no, holds, fact_no, flatten(list(fact_nos)) AS fact_nos, min(next_change) AS next_change
  FROM exclusion_way
  GROUP BY person_no, exclusion_no, holds, fact_no
),
unless AS (
  SELECT h.person_no, t.topic_no, arg_min(t.exclusion, t.rank) FILTER (WHERE h.holds) AS reason,
    arg_min(h.fact_no, row(t.rank, -h.fact_no)) FILTER (WHERE h.holds) AS fact_no,
    arg_min(h.fact_nos, row(t.rank, -h.fact_no)) FILTER (WHERE h.holds) AS fact_nos, min(h.next_change) AS next_change
  FROM exclusion_held h JOIN rule_topic_exclusion t ON t.exclusion_no = h.exclusion_no
  GROUP BY h.person_no, t.topic_no
)"""

DONE = """
part AS (
  SELECT w.person_no, w.topic_no, e.alternative, e.part, max(e.parts) AS parts, bool_or(e.waiting) AS waiting,
    bool_or(s.holds) AS holds,
    arg_max(s.fact_no, row(s.lapses, s.fact_no)) FILTER (WHERE s.holds) AS fact_no,
    max(s.last_fact_no) AS last_fact_no,
    arg_max(s.last_readable, row(s.last_fact_no, s.last_readable)) FILTER (WHERE s.last_fact_no IS NOT NULL)
      AS last_readable,
    max(s.last_end) AS last_end,
    max(s.lapses) AS lapses,
    min(s.next_begin) AS next_begin
  FROM who w
  JOIN rule_evidence e ON e.topic_no = w.topic_no AND (e.population_rank IS NULL OR e.population_rank = w.rank)
  JOIN state s ON s.person_no = w.person_no AND s.criterion = e.criterion
  GROUP BY w.person_no, w.topic_no, e.alternative, e.part
),
alternative AS (
  SELECT person_no, topic_no, alternative, bool_or(waiting) AS waiting,
    count(*) FILTER (WHERE holds) = max(parts) AS holds,
    count(*) FILTER (WHERE holds) > 0 AND max(parts) > 1 AS partial,
    arg_min(fact_no, row(lapses, fact_no)) FILTER (WHERE holds) AS fact_no,
    CASE WHEN count(*) FILTER (WHERE last_end IS NOT NULL) = max(parts) THEN min(last_end) END AS last_end,
    max(last_fact_no) AS last_fact_no,
    list(coalesce(fact_no, last_fact_no)) FILTER (WHERE last_fact_no IS NOT NULL) AS fact_nos,
    arg_max(last_readable, row(last_fact_no, last_readable)) FILTER (WHERE last_fact_no IS NOT NULL) AS last_readable,
    least(min(next_begin), min(lapses)) AS next_change
  FROM part
  GROUP BY person_no, topic_no, alternative
),
done AS (
  SELECT person_no, topic_no, bool_or(holds) AS holds, bool_or(partial) AS partial,
    bool_and(waiting) FILTER (WHERE holds) AS waiting,
    arg_max(fact_no, row(last_end, fact_no)) FILTER (WHERE holds) AS fact_no,
    coalesce(arg_max(fact_nos, row(last_end, fact_no, -alternative)) FILTER (WHERE holds),
      arg_max(fact_nos, row(last_fact_no, -alternative)) FILTER (WHERE partial),
      arg_max(fact_nos, row(last_end, last_fact_no, -alternative)) FILTER (WHERE last_end IS NOT NULL)) AS fact_nos,
    max(last_end) FILTER (WHERE holds) AS due_on,
    max(last_end) AS lapsed_on,
    max(last_fact_no) AS last_fact_no,
    arg_max(last_readable, row(last_fact_no, last_readable)) FILTER (WHERE last_fact_no IS NOT NULL) AS last_readable,
    min(next_change) AS next_change
  FROM alternative
  GROUP BY person_no, topic_no
)"""

ABNORMAL = f"""
found AS MATERIALIZED (
  SELECT person_no, topic_no, abnormal_no, fact_no, begins, deadline_days, relevant_until
  FROM (
    SELECT s.person_no, a.topic_no, a.abnormal_no, s.fact_no, s.begins, a.deadline_days,
      coalesce({anniversary("s.begins", "a.relevant_for_months")}, {NEVER}) AS relevant_until
    FROM span s
    JOIN rule_abnormal a ON a.criterion = s.criterion
    JOIN state l ON l.person_no = s.person_no AND l.criterion = s.criterion
    WHERE s.begins <= $as_of
      AND (s.outcomes & a.results <> 0 OR s.number >= a.number_at_least)
      AND (NOT a.only_latest OR s.fact_no = l.last_fact_no)
  ) a
  WHERE relevant_until > $as_of
),
followed AS (
  SELECT f.person_no, f.topic_no, f.abnormal_no, f.fact_no, max(s.ends) AS until, max(s.fact_no) AS follow_fact_no
  FROM found f
  JOIN rule_follow_up u ON u.abnormal_no = f.abnormal_no
  JOIN span s ON s.person_no = f.person_no AND s.criterion = u.criterion
    AND s.begins <= $as_of AND s.ends > $as_of AND s.begins >= f.begins + u.earliest_day
  GROUP BY f.person_no, f.topic_no, f.abnormal_no, f.fact_no
),
abnormal AS (
  SELECT f.person_no, f.topic_no,
    max(f.fact_no) FILTER (WHERE u.until IS NULL) AS open_fact_no,
    arg_max(f.begins + f.deadline_days, row(f.fact_no, -f.deadline_days)) FILTER (WHERE u.until IS NULL) AS deadline,
    max(u.follow_fact_no) AS follow_fact_no,
    max(f.fact_no) AS last_fact_no,
    least(min(f.relevant_until), min(u.until)) AS next_change
  FROM found f
  LEFT JOIN followed u ON u.person_no = f.person_no AND u.topic_no = f.topic_no AND u.abnormal_no = f.abnormal_no
    AND u.fact_no = f.fact_no
  GROUP BY f.person_no, f.topic_no
),
watch AS (
  SELECT s.person_no, w.topic_no, min(s.next_begin) AS next_change
  FROM state s JOIN rule_watch w ON w.criterion = s.criterion
  GROUP BY s.person_no, w.topic_no
)"""

_VERDICTS = """CASE verdict WHEN 1 THEN 'organ_absent' WHEN 2 THEN 'outside_age' WHEN 3 THEN 'no_condition'
        WHEN 4 THEN 'missing_sex' WHEN 5 THEN 'imprecise_birth_date' WHEN 6 THEN 'missing_birth_date' END"""

GATHERED = f"""
gathered AS (
  SELECT w.person_no, w.topic_no, t.topic, t.version, t.kind, t.goal_unit, t.goal_below, t.goal_diastolic_below,
    t.recheck_months, w.verdict, w.condition_fact_no, w.organ_fact_no,
    w.verdict = 9 OR (a.open_fact_no IS NOT NULL AND w.but_for_age) AS applies,
    u.reason AS exclusion, u.fact_no AS exclusion_fact_no, u.fact_nos AS exclusion_fact_nos,
    a.open_fact_no, a.deadline,
    a.follow_fact_no, a.last_fact_no AS abnormal_fact_no,
    coalesce(month($as_of) BETWEEN 7 AND t.asked_from_month - 1, FALSE) AS too_early, t.asked_from_month,
    coalesce(greatest(a.last_fact_no, a.follow_fact_no) >= d.last_fact_no, FALSE) AS abnormal_is_latest,
    coalesce(d.holds, FALSE) AS holds, coalesce(d.partial, FALSE) AS partial, coalesce(d.waiting, FALSE) AS waiting,
    d.fact_no AS done_fact_no, d.fact_nos AS done_fact_nos, d.due_on, d.lapsed_on, d.last_fact_no,
    coalesce(d.last_readable, TRUE) AS last_readable,
    w.next_change AS who_next, u.next_change AS unless_next, d.next_change AS done_next,
    CASE WHEN w.but_for_age THEN least(a.next_change, h.next_change) END AS abnormal_next
  FROM who w
  JOIN rule_topic t ON t.topic_no = w.topic_no
  LEFT JOIN unless u ON u.person_no = w.person_no AND u.topic_no = w.topic_no
  LEFT JOIN done d ON d.person_no = w.person_no AND d.topic_no = w.topic_no
  LEFT JOIN abnormal a ON a.person_no = w.person_no AND a.topic_no = w.topic_no
  LEFT JOIN watch h ON h.person_no = w.person_no AND h.topic_no = w.topic_no
),
read AS (
  SELECT g.*, f.on_day AS done_on, CASE
      WHEN g.goal_below IS NULL OR NOT g.holds THEN NULL
      WHEN f.unit IS DISTINCT FROM g.goal_unit THEN 'unreadable'
      WHEN f.number >= g.goal_below AND coalesce(f.comparator, '>') IN ('>', '>=') THEN 'above'
      WHEN f.diastolic >= g.goal_diastolic_below THEN 'above'
      WHEN f.number < g.goal_below AND f.comparator IS NULL
        AND (g.goal_diastolic_below IS NULL OR f.diastolic < g.goal_diastolic_below) THEN 'at_goal'
      WHEN f.number <= g.goal_below AND f.comparator IN ('<', '<=') AND g.goal_diastolic_below IS NULL
        AND (f.comparator = '<' OR f.number < g.goal_below) THEN 'at_goal'
      ELSE 'unreadable'
    END AS reading
  FROM gathered g
  LEFT JOIN guideline_fact f ON g.goal_below IS NOT NULL AND f.fact_no = g.done_fact_no
),
decided AS (
  SELECT *,
    CASE WHEN asked_from_month IS NULL OR holds THEN NULL
      WHEN too_early THEN make_date(year($as_of), asked_from_month, 1)
      ELSE {season_end("$as_of")} END AS season_next,
    CASE
      WHEN NOT applies AND verdict >= 4 THEN 'not_evaluable'
      WHEN NOT applies THEN 'not_applicable'
      WHEN exclusion IS NOT NULL THEN 'excluded'
      WHEN open_fact_no IS NOT NULL THEN 'follow_up_due'
      WHEN reading = 'unreadable' THEN 'due'
      WHEN reading = 'above' THEN 'above_goal'
      WHEN holds THEN 'up_to_date'
      WHEN too_early THEN 'not_applicable'
      ELSE 'due'
    END AS status
  FROM read
),
worded AS (
  SELECT *, CASE status
      WHEN 'not_evaluable' THEN {_VERDICTS}
      WHEN 'not_applicable' THEN CASE WHEN applies THEN 'out_of_season' ELSE {_VERDICTS} END
      WHEN 'excluded' THEN exclusion
      WHEN 'follow_up_due' THEN 'abnormal_result'
      WHEN 'above_goal' THEN 'above_goal'
      WHEN 'up_to_date' THEN CASE
        WHEN kind = 'control' THEN 'at_goal' WHEN kind = 'therapy' THEN 'on_therapy'
        WHEN abnormal_is_latest AND follow_fact_no IS NOT NULL THEN 'followed_up'
        WHEN waiting THEN 'next_dose_not_yet_due' ELSE 'done_in_interval' END
      ELSE CASE
        WHEN kind = 'therapy' THEN 'no_therapy' WHEN reading = 'unreadable' THEN 'unreadable_result'
        WHEN last_fact_no IS NULL THEN 'never_done' WHEN NOT last_readable THEN 'unreadable_result'
        WHEN partial THEN 'missing_part' ELSE 'interval_lapsed' END
    END AS reason_code
  FROM decided
),
placed AS MATERIALIZED (
  SELECT *, CASE WHEN status = 'excluded' THEN exclusion_fact_nos
      WHEN status IN ('due', 'above_goal', 'up_to_date') THEN done_fact_nos END AS part_fact_nos,
    CASE WHEN reason_code = 'followed_up' THEN abnormal_fact_no END AS followed_fact_no,
    CASE WHEN reason_code = 'followed_up' THEN follow_fact_no END AS following_fact_no,
    CASE
      WHEN status IN ('not_evaluable', 'not_applicable') THEN NULL
      WHEN status = 'excluded' THEN exclusion_fact_no
      WHEN status = 'follow_up_due' THEN open_fact_no
      WHEN reason_code = 'followed_up' THEN greatest(follow_fact_no, done_fact_no)
      WHEN holds THEN done_fact_no
      ELSE last_fact_no
    END AS evidence_fact_no,
    nullif(CASE
      WHEN NOT applies THEN least(who_next, abnormal_next)
      WHEN status = 'excluded' AND verdict = 9 THEN least(who_next, unless_next)
      ELSE least(who_next, unless_next, done_next, abnormal_next, season_next)
    END, {NEVER}) AS next_change
  FROM worded
)"""


def _asked(day: str) -> str:
    """The day on which care is asked for again once it has lapsed; null for never. A season's begins in its month."""
    return f"nullif(coalesce(make_date(year({day}), p.asked_from_month, 1), {day}), {NEVER})"


_RECHECK = anniversary("p.done_on", "p.recheck_months")

ANSWER = f""",{rests_on("condition_fact_no", "organ_fact_no", "followed_fact_no", "following_fact_no")}
SELECT n.key_id, n.patient_key, p.topic, p.version, p.status, p.reason_code,
  CASE
    WHEN p.status = 'follow_up_due' THEN p.deadline
    WHEN p.status = 'above_goal' THEN {_RECHECK}
    WHEN p.reason_code = 'unreadable_result' THEN f.on_day
    WHEN p.status = 'up_to_date' THEN {_asked("p.due_on")}
    WHEN p.status = 'due' THEN {_asked("p.lapsed_on")}
  END,
  f.resource_type, f.resource_key, nullif(f.on_day, {ALWAYS}), f.system, f.code, f.words,
  substr(r.label, 2), r.also, $as_of, p.next_change
FROM placed p
JOIN guideline_person n ON n.person_no = p.person_no
LEFT JOIN guideline_fact f ON f.fact_no = p.evidence_fact_no
LEFT JOIN resting r ON r.person_no = p.person_no AND r.topic_no = p.topic_no
"""

RECOMMENDATIONS = "WITH" + ",".join((SPANS, WHO, UNLESS, DONE, ABNORMAL, GATHERED)) + ANSWER
