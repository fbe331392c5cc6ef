"""The SQL of the measures: population, denominator, exclusions, numerator, each with the fact that decided it.

The same packs and facts as the recommendations, but over a period: a fact counts when it lies in its window, up to
the as-of day. Rule tables come from the packs; `measure_period` holds the period of each kind.
"""

from __future__ import annotations

from data_contracts.guidelines.sql import NEVER, anniversary, sensitivity_rank

_COUNTS = "FILTER (WHERE counts AND readable)"

FACTS = f"""
person AS MATERIALIZED (
  SELECT key_id, patient_key, birth_low, coalesce(birth_high, birth_low) AS birth_high,
    CASE WHEN birth_sex = 'F' THEN TRUE WHEN birth_sex = 'M' THEN FALSE
      WHEN sex = 'female' THEN TRUE WHEN sex = 'male' THEN FALSE END AS female,
    active IS DISTINCT FROM FALSE AS active,
    deceased IS TRUE OR deceased_low IS NOT NULL AS died, deceased_low AS died_on
  FROM patient
  WHERE replaced_by_key IS NULL
),
readable_result AS (
  SELECT DISTINCT o.fact_type, o.resource_key, r.criterion
  FROM guideline_outcome o JOIN rule_result r ON r.outcome = o.outcome
),
counted AS MATERIALIZED (
  SELECT f.patient_key, f.fact_type, f.resource_key, f.fact_no, f.number, f.on_day, c.criterion,
    (NOT c.needs_number OR f.number IS NOT NULL) AND (NOT c.needs_result OR r.criterion IS NOT NULL) AS readable,
    f.on_day <= m.anchor AND CASE c.window_mode
      WHEN 'ever' THEN TRUE
      WHEN 'active' THEN f.until_day IS NULL OR f.until_day > m.begins OR f.on_day >= m.begins
      ELSE f.on_day >= CAST(m.begins - to_months(c.months_before) AS DATE) AND f.on_high <= m.ends
    END AS counts,
    f.on_day > m.anchor AND f.on_day <= m.ends AS still_to_come
  FROM guideline_fact f
  JOIN rule_source s ON s.value_set = f.value_set AND s.fact_type = f.fact_type
  JOIN rule_criterion c ON c.criterion = s.criterion
  JOIN measure_period m ON m.period = c.period
  JOIN person p ON p.patient_key = f.patient_key
  LEFT JOIN readable_result r
    ON r.criterion = c.criterion AND r.resource_key = f.resource_key AND r.fact_type = f.fact_type
  WHERE (c.number_at_least IS NULL OR (f.number >= c.number_at_least AND f.unit = c.number_unit))
    AND (c.age_at_least_months IS NULL OR {anniversary("p.birth_high", "c.age_at_least_months")} <= f.on_day)
),
state AS MATERIALIZED (
  SELECT patient_key, criterion,
    coalesce(bool_or(counts AND readable), FALSE) AS holds,
    max(fact_no) {_COUNTS} AS fact_no,
    max(fact_no) FILTER (WHERE counts) AS last_fact_no,
    min(on_day) FILTER (WHERE still_to_come) AS next_begin
  FROM counted
  GROUP BY patient_key, criterion
)"""

_DAY = "CASE r.age_on WHEN 'first_day' THEN m.begins ELSE m.ends END"
_ENTERS_LOW, _ENTERS_HIGH = (anniversary(f"p.birth_{end}", "r.from_months") for end in ("low", "high"))
_LEAVES_LOW, _LEAVES_HIGH = (
    f"coalesce({anniversary(f'p.birth_{end}', 'r.until_months')}, {NEVER})" for end in ("low", "high")
)

WHO = f"""
membership AS (
  SELECT p.key_id, p.patient_key, r.topic, c.fact_no AS condition_fact_no,
    m.begins, m.ends,
    p.active AND NOT (p.died AND coalesce(p.died_on < m.begins, FALSE)) AS on_panel,
    p.died AND coalesce(p.died_on BETWEEN m.begins AND m.ends, TRUE) AS died,
    CASE
      WHEN r.organ_criterion IS NOT NULL AND coalesce(f.flag, p.female) IS FALSE THEN '1'
      WHEN p.birth_low IS NOT NULL AND ({_DAY} < {_ENTERS_LOW} OR {_DAY} >= {_LEAVES_HIGH}) THEN '1'
      WHEN r.condition_criterion IS NOT NULL AND c.holds IS NOT TRUE THEN '1'
      WHEN r.organ_criterion IS NOT NULL AND coalesce(f.flag, p.female) IS NULL THEN '4missing_sex'
      WHEN p.birth_low IS NULL THEN '6missing_birth_date'
      WHEN {_DAY} < {_ENTERS_HIGH} OR {_DAY} >= {_LEAVES_LOW} THEN '5imprecise_birth_date'
      ELSE '9in'
    END AS verdict
  FROM person p CROSS JOIN rule_population r
  JOIN measure_period m ON m.period = r.period
  LEFT JOIN state o ON o.patient_key = p.patient_key AND o.criterion = r.organ_criterion
  LEFT JOIN guideline_fact f ON f.fact_no = o.last_fact_no
  LEFT JOIN state c ON c.patient_key = p.patient_key AND c.criterion = r.condition_criterion
),
who AS MATERIALIZED (
  SELECT key_id, patient_key, topic, begins, ends, on_panel, died,
    CASE WHEN on_panel THEN max(verdict) ELSE '1' END AS verdict,
    max(condition_fact_no) FILTER (WHERE verdict = '9in') AS condition_fact_no
  FROM membership
  GROUP BY key_id, patient_key, topic, begins, ends, on_panel, died
)"""

UNLESS = f"""
exclusion_way AS (
  SELECT s.patient_key, x.name, x.way,
    count(*) FILTER (WHERE s.holds) = max(x.parts) AS holds, max(s.fact_no) AS fact_no
  FROM rule_exclusion x
  JOIN state s ON s.criterion = x.criterion
  JOIN person p ON p.patient_key = s.patient_key
  JOIN measure_period m ON m.period = x.period
  WHERE x.age_at_least_months IS NULL OR {anniversary("p.birth_high", "x.age_at_least_months")} <= m.ends
  GROUP BY s.patient_key, x.name, x.way
),
exclusion_held AS (
  SELECT patient_key, name, max(fact_no) AS fact_no FROM exclusion_way WHERE holds GROUP BY patient_key, name
),
unless AS (
  SELECT h.patient_key, t.topic, t.role, arg_min(t.exclusion, t.rank) AS reason, arg_min(h.fact_no, t.rank) AS fact_no
  FROM exclusion_held h JOIN rule_topic_exclusion t ON t.name = h.name
  GROUP BY h.patient_key, t.topic, t.role
)"""

DONE = """
part AS (
  SELECT s.patient_key, e.topic, e.alternative, e.part, max(e.parts) AS parts, bool_or(s.holds) AS holds,
    max(s.fact_no) AS fact_no, max(s.last_fact_no) AS last_fact_no
  FROM rule_evidence e JOIN state s ON s.criterion = e.criterion
  GROUP BY s.patient_key, e.topic, e.alternative, e.part
),
alternative AS (
  SELECT patient_key, topic, count(*) FILTER (WHERE holds) = max(parts) AS holds,
    max(fact_no) AS fact_no, max(last_fact_no) AS last_fact_no
  FROM part
  GROUP BY patient_key, topic, alternative
),
done AS (
  SELECT patient_key, topic, bool_or(holds) AS holds, max(fact_no) FILTER (WHERE holds) AS fact_no,
    max(last_fact_no) AS last_fact_no
  FROM alternative
  GROUP BY patient_key, topic
)"""

FOLLOWED = """
abnormal_result AS (
  SELECT DISTINCT o.fact_type, o.resource_key, r.abnormal
  FROM guideline_outcome o JOIN rule_abnormal_result r ON r.outcome = o.outcome
),
positive AS (
  SELECT c.patient_key, a.topic, a.abnormal, c.fact_no, c.on_day, t.follow_up_within_days
  FROM counted c
  JOIN rule_abnormal a ON a.criterion = c.criterion
  JOIN rule_topic t ON t.topic = a.topic
  JOIN done d ON d.patient_key = c.patient_key AND d.topic = a.topic AND d.fact_no = c.fact_no
  LEFT JOIN abnormal_result r
    ON r.abnormal = a.abnormal AND r.fact_type = c.fact_type AND r.resource_key = c.resource_key
  WHERE r.abnormal IS NOT NULL OR c.number >= a.number_at_least
),
followed AS (
  SELECT p.patient_key, p.topic,
    max(s.fact_no) FILTER (WHERE s.counts AND s.on_day >= p.on_day + u.earliest_day
      AND s.on_day <= p.on_day + p.follow_up_within_days) AS fact_no
  FROM positive p
  JOIN rule_follow_up u ON u.abnormal = p.abnormal
  LEFT JOIN counted s ON s.patient_key = p.patient_key AND s.criterion = u.criterion
  GROUP BY p.patient_key, p.topic
)"""

ANSWER = f"""
watch AS (
  SELECT s.patient_key, w.topic, min(s.next_begin) AS next_change
  FROM state s JOIN rule_watch w ON w.criterion = s.criterion
  WHERE s.next_begin IS NOT NULL
  GROUP BY s.patient_key, w.topic
),
judged AS (
  SELECT w.key_id, w.patient_key, w.topic, t.version, t.kind, w.begins, w.ends, w.verdict, w.condition_fact_no,
    w.verdict = '9in' AS in_population,
    CASE WHEN w.died THEN 'died_in_period' ELSE x.reason END AS exclusion, x.fact_no AS exclusion_fact_no, w.died,
    e.reason AS exception, e.fact_no AS exception_fact_no,
    coalesce(d.holds, FALSE) AND (p.patient_key IS NULL OR u.fact_no IS NOT NULL)
      AND CASE WHEN q.topic IS NULL THEN TRUE ELSE coalesce(
        g.unit = q.unit AND (q.diastolic_below IS NULL OR g.diastolic < q.diastolic_below)
          AND CASE coalesce(g.comparator, '=')
            WHEN '=' THEN g.number < q.below WHEN '<' THEN g.number <= q.below WHEN '<=' THEN g.number < q.below
            ELSE FALSE END, FALSE) END
      AS met,
    CASE WHEN q.topic IS NULL THEN coalesce(d.fact_no, d.last_fact_no) ELSE d.last_fact_no END AS done_fact_no,
    h.next_change
  FROM who w
  JOIN rule_topic t ON t.topic = w.topic
  LEFT JOIN unless x ON x.patient_key = w.patient_key AND x.topic = w.topic AND x.role = 'exclusion'
  LEFT JOIN unless e ON e.patient_key = w.patient_key AND e.topic = w.topic AND e.role = 'exception'
  LEFT JOIN done d ON d.patient_key = w.patient_key AND d.topic = w.topic
  LEFT JOIN rule_goal q ON q.topic = w.topic
  LEFT JOIN guideline_fact g ON q.topic IS NOT NULL AND g.fact_no = d.last_fact_no
  LEFT JOIN (SELECT DISTINCT patient_key, topic FROM positive) p
    ON p.patient_key = w.patient_key AND p.topic = w.topic
  LEFT JOIN followed u ON u.patient_key = w.patient_key AND u.topic = w.topic
  LEFT JOIN watch h ON h.patient_key = w.patient_key AND h.topic = w.topic
),
flagged AS (
  SELECT *, in_population AND exclusion IS NOT NULL AS is_excluded,
    in_population AND exclusion IS NULL AND NOT met AND exception IS NOT NULL AS is_excepted
  FROM judged
),
placed AS (
  SELECT *, CASE
      WHEN NOT in_population THEN NULL
      WHEN is_excluded THEN CASE WHEN died THEN NULL ELSE exclusion_fact_no END
      WHEN is_excepted THEN exception_fact_no
      ELSE done_fact_no
    END AS evidence_fact_no
  FROM flagged
),
said AS (
  SELECT fact_type, resource_key, arg_min(words, rank) AS words FROM guideline_outcome GROUP BY fact_type, resource_key
)
SELECT p.key_id, p.patient_key, p.topic, p.version, p.begins, p.ends,
  p.verdict NOT BETWEEN '4' AND '7', CASE WHEN p.verdict BETWEEN '4' AND '7' THEN substr(p.verdict, 2) END,
  p.in_population, p.in_population, p.is_excluded, p.is_excepted,
  p.in_population AND NOT p.is_excluded AND NOT p.is_excepted AND p.met,
  CASE WHEN p.is_excluded THEN p.exclusion WHEN p.is_excepted THEN p.exception END,
  f.resource_type, f.resource_key, f.on_day, f.system, f.code, coalesce(f.words, o.words),
  substr(greatest({sensitivity_rank("f.sensitivity")}, {sensitivity_rank("c.sensitivity")}), 2),
  $as_of, least(p.next_change, CASE WHEN $turns THEN p.ends + 1 END)
FROM placed p
LEFT JOIN guideline_fact f ON f.fact_no = p.evidence_fact_no
LEFT JOIN guideline_fact c ON p.in_population AND c.fact_no = p.condition_fact_no
LEFT JOIN said o ON o.fact_type = f.fact_type AND o.resource_key = f.resource_key
"""

MEASURES = "WITH" + ",".join((FACTS, WHO, UNLESS, DONE, FOLLOWED, ANSWER))
