"""The SQL of the care gaps: who still has a place on a worklist, and what each recommendation means for them."""

from __future__ import annotations

from data_contracts.code_systems import PANEL_STATUS

LEFT_THE_PANEL = ("outreach-opt-out", "transferred-out")
_LEFT = ", ".join(f"'{code}'" for code in LEFT_THE_PANEL)

LEFT_THE_PANEL_SELECT = f"""
  SELECT f.patient_key, min(f.start_low) FILTER (WHERE f.start_low > $as_of) AS leaves_on,
    bool_or(coalesce(f.start_low, $as_of) <= $as_of AND coalesce(f.end_high, $as_of) >= $as_of) AS is_out
  FROM flag f
  WHERE f.status = 'active' AND coalesce(f.end_high, $as_of) >= $as_of
    AND EXISTS (
      SELECT 1 FROM flag_coding c
      WHERE c.resource_key = f.resource_key AND c.element = 'code'
        AND c.system = '{PANEL_STATUS.uri}' AND c.code IN ({_LEFT}))
  GROUP BY f.patient_key
"""
"""Who opted out or was transferred out, and who will on a day to come."""

ON_THE_PANEL = """l.is_out IS DISTINCT FROM TRUE
  AND n.replaced_by_key IS NULL AND n.active IS DISTINCT FROM FALSE
  AND n.deceased IS DISTINCT FROM TRUE AND n.deceased_low IS NULL"""
"""Over the aliases `n` of patient and `l` of left_the_panel."""

CARE_GAPS = f"""
WITH left_the_panel AS ({LEFT_THE_PANEL_SELECT})
SELECT r.key_id, r.patient_key, 'recommendation', r.recommendation_id, r.recommendation_version,
  CASE r.status
    WHEN 'up_to_date' THEN 'closed' WHEN 'excluded' THEN 'excluded' WHEN 'not_evaluable' THEN 'not_evaluable'
    ELSE 'open' END,
  CASE WHEN r.status IN ('due', 'above_goal', 'follow_up_due') THEN r.status ELSE 'none' END,
  r.reason_code, r.due_on, p.priority,
  r.evidence_type, r.evidence_key, r.evidence_on, r.evidence_code_system, r.evidence_code, r.evidence_value,
  r.evidence_sensitivity, r.rests_also_on, r.as_of, least(r.next_change_on, l.leaves_on)
FROM recommendation_results r
JOIN patient n ON n.patient_key = r.patient_key
LEFT JOIN left_the_panel l ON l.patient_key = r.patient_key
LEFT JOIN gap_priority p ON p.topic = r.recommendation_id AND p.gap_kind = r.status
WHERE r.status <> 'not_applicable' AND {ON_THE_PANEL}
"""
