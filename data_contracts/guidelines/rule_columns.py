"""The columns of the rule tables that packs are compiled into."""

from __future__ import annotations

import pyarrow as pa

_TEXT, _NUMBER, _WHOLE, _YES = pa.string(), pa.float64(), pa.int32(), pa.bool_()
_DAY = pa.date32()

RULE_COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "rule_topic": {
        "topic_no": _WHOLE,
        "topic": _TEXT,
        "version": _TEXT,
        "kind": _TEXT,
        "asked_from_month": _WHOLE,
        "goal_unit": _TEXT,
        "goal_below": _NUMBER,
        "goal_diastolic_below": _NUMBER,
        "recheck_months": _WHOLE,
    },
    "rule_population": {
        "topic_no": _WHOLE,
        "rank": _WHOLE,
        "population": _TEXT,
        "from_months": _WHOLE,
        "until_months": _WHOLE,
        "organ_criterion": _WHOLE,
        "condition_criterion": _WHOLE,
        "age_on": _TEXT,
        "period": _TEXT,
        "begins": _DAY,
        "ends": _DAY,
    },
    "rule_criterion": {
        "criterion": _WHOLE,
        "source_no": _WHOLE,
        "value_set": _TEXT,
        "fact_type": _TEXT,
        "mode": _TEXT,
        "months": _WHOLE,
        "window_mode": _TEXT,
        "months_before": _WHOLE,
        "age_at_least_months": _WHOLE,
        "needs_number": _YES,
        "needs_results": _WHOLE,
        "result_sets": _TEXT,
        "number_at_least": _NUMBER,
        "number_unit": _TEXT,
        "period": _TEXT,
        "begins": _DAY,
        "ends": _DAY,
        "anchor": _DAY,
    },
    "rule_exclusion": {
        "exclusion_no": _WHOLE,
        "name": _TEXT,
        "way": _WHOLE,
        "parts": _WHOLE,
        "criterion": _WHOLE,
        "age_at_least_months": _WHOLE,
        "period": _TEXT,
        "ends": _DAY,
    },
    "rule_topic_exclusion": {
        "topic_no": _WHOLE,
        "exclusion_no": _WHOLE,
        "exclusion": _TEXT,
        "rank": _WHOLE,
        "role": _TEXT,
    },
    "rule_evidence": {
        "topic_no": _WHOLE,
        "population_rank": _WHOLE,
        "alternative": _WHOLE,
        "part": _WHOLE,
        "parts": _WHOLE,
        "criterion": _WHOLE,
        "waiting": _YES,
        "evidence": _TEXT,
    },
    "rule_abnormal": {
        "abnormal_no": _WHOLE,
        "abnormal": _TEXT,
        "topic_no": _WHOLE,
        "criterion": _WHOLE,
        "number_at_least": _NUMBER,
        "results": _WHOLE,
        "result_sets": _TEXT,
        "only_latest": _YES,
        "relevant_for_months": _WHOLE,
        "deadline_days": _WHOLE,
        "follow_up_within_days": _WHOLE,
    },
    "rule_follow_up": {"abnormal_no": _WHOLE, "criterion": _WHOLE, "earliest_day": _WHOLE},
    "rule_watch": {"topic_no": _WHOLE, "criterion": _WHOLE},
    "rule_code": {
        "source_no": _WHOLE,
        "fact_type": _TEXT,
        "value_set": _TEXT,
        "system": _TEXT,
        "code": _TEXT,
    },
    "rule_prefix": {
        "source_no": _WHOLE,
        "fact_type": _TEXT,
        "value_set": _TEXT,
        "system": _TEXT,
        "prefix": _TEXT,
    },
    "rule_outcome": {
        "outcome_no": _WHOLE,
        "outcome": _TEXT,
        "words": _TEXT,
        "system": _TEXT,
        "code": _TEXT,
    },
}
"""A criterion has a row a source: few joins and wide rules make one patient quick, whom planning and joining cost most.

Sets of results are numbers with one bit a set, as a fact's `outcomes` are. The days of a period stand beside its name:
null where none was asked about.
"""

PERIOD_DAYS = ("begins", "ends", "anchor")
