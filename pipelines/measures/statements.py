"""The SQL of the measures: population, denominator, exclusions, numerator, each with the fact that decided it.

The same packs and facts as the recommendations, but over a period: a fact counts when it lies in its window, up to
the as-of day. Rule tables come from the packs, with the days of each period beside its name.
"""

from __future__ import annotations

from data_contracts.guidelines.sql import ALWAYS, anniversary, moved, rests_on, settled

_ORGAN = "CASE o.last_flag WHEN 1 THEN TRUE WHEN 0 THEN FALSE ELSE a.female END"
_COUNTS = "FILTER (WHERE counts AND readable)"

FACTS = f"""
counted AS MATERIALIZED (
  SELECT f.person_no, f.fact_no, f.number, f.flag, f.outcomes, f.on_day, p.birth_high, c.criterion,
    (NOT c.needs_number OR f.number IS NOT NULL)
      AND (c.needs_results IS NULL OR f.outcomes & c.needs_results <> 0 OR c.fact_type = 'procedure') AS readable,
    f.on_day <= c.anchor AND CASE c.window_mode
      WHEN 'ever' THEN TRUE
      WHEN 'active' THEN f.until_day IS NULL OR f.until_day > c.begins OR f.on_day >= c.begins
      ELSE f.on_day >= CAST(c.begins - to_months(c.months_before) AS DATE) AND f.on_high <= c.ends
    END AS counts,
    f.on_day > c.anchor AND f.on_day <= c.ends AS still_to_come
  FROM guideline_fact f
  JOIN rule_criterion c ON c.source_no = f.source_no
  JOIN guideline_person p ON p.person_no = f.person_no
  WHERE (c.number_at_least IS NULL OR (f.number >= c.number_at_least AND f.unit = c.number_unit))
    AND (c.age_at_least_months IS NULL OR {anniversary("p.birth_high", "c.age_at_least_months")} <= f.on_day)
),
state AS MATERIALIZED (
  SELECT person_no, criterion,
    coalesce(bool_or(counts AND readable), FALSE) AS holds,
    max(fact_no) {_COUNTS} AS fact_no,
    max(fact_no) FILTER (WHERE counts) AS last_fact_no,
    arg_max(coalesce(CAST(flag AS INTEGER), -1), fact_no) FILTER (WHERE counts) AS last_flag,
    any_value(birth_high) AS birth_high,
    min(on_day) FILTER (WHERE still_to_come) AS next_begin
  FROM counted
  GROUP BY person_no, criterion
)"""

WHO = f"""
aged AS (
  SELECT p.person_no, p.birth_low, p.birth_high, p.female, r.topic_no, r.rank, r.organ_criterion,
    r.condition_criterion, r.begins, r.ends, CASE r.age_on WHEN 'first_day' THEN r.begins ELSE r.ends END AS day,
    {moved("p.birth_low", "r.from_months")} AS enters_low, {moved("p.birth_high", "r.from_months")} AS enters_high,
    {moved("p.birth_low", "r.until_months")} AS leaves_low, {moved("p.birth_high", "r.until_months")} AS leaves_high,
    p.active AND NOT (p.died AND coalesce(p.died_on < r.begins, FALSE)) AS on_panel,
    p.died AND coalesce(p.died_on BETWEEN r.begins AND r.ends, TRUE) AS died
  FROM guideline_person p CROSS JOIN rule_population r
),
membership AS (
  SELECT a.person_no, a.topic_no, a.begins, a.ends, a.on_panel, a.died, c.fact_no AS condition_fact_no,
    CASE WHEN a.organ_criterion IS NOT NULL AND o.last_flag = 1 THEN o.last_fact_no END AS organ_fact_no,
    CASE
      WHEN a.organ_criterion IS NOT NULL AND {_ORGAN} IS FALSE THEN 1
      WHEN a.day < {settled("a.enters_low", "a.birth_low")}
        OR a.day >= {settled("a.leaves_high", "a.birth_high")} THEN 1
      WHEN a.condition_criterion IS NOT NULL AND c.holds IS NOT TRUE THEN 1
      WHEN a.organ_criterion IS NOT NULL AND {_ORGAN} IS NULL THEN 4
      WHEN a.birth_low IS NULL THEN 6
      WHEN a.day < {settled("a.enters_high", "a.birth_high")}
        OR a.day >= {settled("a.leaves_low", "a.birth_low")} THEN 5
      ELSE 9
    END AS verdict
  FROM aged a
  LEFT JOIN state o ON o.person_no = a.person_no AND o.criterion = a.organ_criterion
  LEFT JOIN state c ON c.person_no = a.person_no AND c.criterion = a.condition_criterion
),
who AS MATERIALIZED (
  SELECT person_no, topic_no, begins, ends, on_panel, died,
    CASE WHEN on_panel THEN max(verdict) ELSE 1 END AS verdict,
    arg_max(condition_fact_no, row(verdict, condition_fact_no)) FILTER (WHERE verdict <> 1) AS condition_fact_no,
    max(organ_fact_no) FILTER (WHERE verdict <> 1) AS organ_fact_no
  FROM membership
  GROUP BY person_no, topic_no, begins, ends, on_panel, died
)"""

UNLESS = f"""
exclusion_way AS (
  SELECT s.person_no, x.exclusion_no, max(s.fact_no) AS fact_no, list(s.fact_no) AS fact_nos
  FROM rule_exclusion x
  JOIN state s ON s.criterion = x.criterion
  WHERE (x.age_at_least_months IS NULL OR {anniversary("s.birth_high", "x.age_at_least_months")} <= x.ends)
    AND s.holds
  GROUP BY s.person_no, x.exclusion_no, x.way
  HAVING count(*) = max(x.parts)
),
exclusion_held AS (
  SELECT person_no, exclusion_no, fact_no, flatten(list(fact_nos)) AS fact_nos
  FROM exclusion_way
  GROUP BY person_no, exclusion_no, fact_no
),
unless AS (
  SELECT h.person_no, t.topic_no,
    arg_min(t.exclusion, t.rank) FILTER (WHERE t.role = 'exclusion') AS exclusion,
    arg_min(h.fact_no, row(t.rank, -h.fact_no)) FILTER (WHERE t.role = 'exclusion') AS exclusion_fact_no,
    arg_min(h.fact_nos, row(t.rank, -h.fact_no)) FILTER (WHERE t.role = 'exclusion') AS exclusion_fact_nos,
    arg_min(t.exclusion, t.rank) FILTER (WHERE t.role = 'exception') AS exception,
    arg_min(h.fact_no, row(t.rank, -h.fact_no)) FILTER (WHERE t.role = 'exception') AS exception_fact_no,
    arg_min(h.fact_nos, row(t.rank, -h.fact_no)) FILTER (WHERE t.role = 'exception') AS exception_fact_nos
  FROM exclusion_held h JOIN rule_topic_exclusion t ON t.exclusion_no = h.exclusion_no
  GROUP BY h.person_no, t.topic_no
)"""

DONE = """
part AS (
  SELECT s.person_no, e.topic_no, e.alternative, e.part, max(e.parts) AS parts, bool_or(s.holds) AS holds,
    max(s.fact_no) AS fact_no, max(s.last_fact_no) AS last_fact_no
  FROM rule_evidence e JOIN state s ON s.criterion = e.criterion
  GROUP BY s.person_no, e.topic_no, e.alternative, e.part
),
alternative AS (
  SELECT person_no, topic_no, alternative, count(*) FILTER (WHERE holds) = max(parts) AS holds,
    max(fact_no) AS fact_no, max(last_fact_no) AS last_fact_no,
    list(coalesce(fact_no, last_fact_no)) FILTER (WHERE last_fact_no IS NOT NULL) AS fact_nos
  FROM part
  GROUP BY person_no, topic_no, alternative
),
done AS (
  SELECT person_no, topic_no, bool_or(holds) AS holds, max(fact_no) FILTER (WHERE holds) AS fact_no,
    max(last_fact_no) AS last_fact_no,
    coalesce(arg_max(fact_nos, row(fact_no, -alternative)) FILTER (WHERE holds),
      arg_max(fact_nos, row(last_fact_no, -alternative)) FILTER (WHERE last_fact_no IS NOT NULL)) AS fact_nos
  FROM alternative
  GROUP BY person_no, topic_no
)"""

FOLLOWED = """
positive AS (
  SELECT c.person_no, a.topic_no, a.abnormal_no, c.fact_no, c.on_day, a.follow_up_within_days
  FROM counted c
  JOIN rule_abnormal a ON a.criterion = c.criterion
  JOIN done d ON d.person_no = c.person_no AND d.topic_no = a.topic_no AND d.fact_no = c.fact_no
  WHERE c.outcomes & a.results <> 0 OR c.number >= a.number_at_least
),
followed AS (
  SELECT p.person_no, p.topic_no,
    max(s.fact_no) FILTER (WHERE s.counts AND s.on_day >= p.on_day + u.earliest_day
      AND s.on_day <= p.on_day + p.follow_up_within_days) AS fact_no
  FROM positive p
  LEFT JOIN rule_follow_up u ON u.abnormal_no = p.abnormal_no
  LEFT JOIN counted s ON s.person_no = p.person_no AND s.criterion = u.criterion
  GROUP BY p.person_no, p.topic_no
)"""

ANSWER = f"""
watch AS (
  SELECT s.person_no, w.topic_no, min(s.next_begin) AS next_change
  FROM state s JOIN rule_watch w ON w.criterion = s.criterion
  WHERE s.next_begin IS NOT NULL
  GROUP BY s.person_no, w.topic_no
),
judged AS (
  SELECT w.person_no, w.topic_no, t.topic, t.version, w.begins, w.ends, w.verdict, w.condition_fact_no, w.organ_fact_no,
    w.verdict = 9 AS in_population,
    CASE WHEN w.died THEN 'died_in_period' ELSE x.exclusion END AS exclusion, x.exclusion_fact_no,
    x.exclusion_fact_nos, w.died,
    x.exception, x.exception_fact_no, x.exception_fact_nos, u.fact_no AS follow_fact_no,
    CASE WHEN t.goal_below IS NULL THEN d.fact_nos END AS done_fact_nos,
    coalesce(d.holds, FALSE) AND (u.person_no IS NULL OR u.fact_no IS NOT NULL)
      AND CASE WHEN t.goal_below IS NULL THEN TRUE ELSE coalesce(
        g.unit = t.goal_unit AND (t.goal_diastolic_below IS NULL OR g.diastolic < t.goal_diastolic_below)
          AND CASE coalesce(g.comparator, '=')
            WHEN '=' THEN g.number < t.goal_below WHEN '<' THEN g.number <= t.goal_below
            WHEN '<=' THEN g.number < t.goal_below ELSE FALSE END, FALSE) END
      AS met,
    CASE WHEN t.goal_below IS NULL THEN coalesce(d.fact_no, d.last_fact_no) ELSE d.last_fact_no END AS done_fact_no,
    h.next_change
  FROM who w
  JOIN rule_topic t ON t.topic_no = w.topic_no
  LEFT JOIN unless x ON x.person_no = w.person_no AND x.topic_no = w.topic_no
  LEFT JOIN done d ON d.person_no = w.person_no AND d.topic_no = w.topic_no
  LEFT JOIN guideline_fact g ON t.goal_below IS NOT NULL AND g.fact_no = d.last_fact_no
  LEFT JOIN followed u ON u.person_no = w.person_no AND u.topic_no = w.topic_no
  LEFT JOIN watch h ON h.person_no = w.person_no AND h.topic_no = w.topic_no
),
flagged AS (
  SELECT *, in_population AND exclusion IS NOT NULL AS is_excluded,
    in_population AND exclusion IS NULL AND NOT met AND exception IS NOT NULL AS is_excepted
  FROM judged
),
placed AS MATERIALIZED (
  SELECT *, CASE
      WHEN NOT in_population THEN NULL
      WHEN is_excluded THEN CASE WHEN NOT died THEN exclusion_fact_nos END
      WHEN is_excepted THEN exception_fact_nos
      ELSE done_fact_nos
    END AS part_fact_nos,
    CASE WHEN in_population AND NOT is_excluded AND NOT is_excepted THEN follow_fact_no END AS following_fact_no,
    CASE
      WHEN NOT in_population THEN NULL
      WHEN is_excluded THEN CASE WHEN died THEN NULL ELSE exclusion_fact_no END
      WHEN is_excepted THEN exception_fact_no
      ELSE done_fact_no
    END AS evidence_fact_no
  FROM flagged
),{rests_on("condition_fact_no", "organ_fact_no", "following_fact_no")}
SELECT n.key_id, n.patient_key, p.topic, p.version, p.begins, p.ends,
  p.verdict NOT BETWEEN 4 AND 6, CASE p.verdict WHEN 4 THEN 'missing_sex' WHEN 5 THEN 'imprecise_birth_date'
    WHEN 6 THEN 'missing_birth_date' END,
  p.in_population, p.in_population, p.is_excluded, p.is_excepted,
  p.in_population AND NOT p.is_excluded AND NOT p.is_excepted AND p.met,
  CASE WHEN p.is_excluded THEN p.exclusion WHEN p.is_excepted THEN p.exception END,
  f.resource_type, f.resource_key, nullif(f.on_day, {ALWAYS}), f.system, f.code, f.words,
  substr(r.label, 2), r.also, $as_of, least(p.next_change, CASE WHEN $turns THEN p.ends + 1 END)
FROM placed p
JOIN guideline_person n ON n.person_no = p.person_no
LEFT JOIN guideline_fact f ON f.fact_no = p.evidence_fact_no
LEFT JOIN resting r ON r.person_no = p.person_no AND r.topic_no = p.topic_no
"""

MEASURES = "WITH" + ",".join((FACTS, WHO, UNLESS, DONE, FOLLOWED, ANSWER))
