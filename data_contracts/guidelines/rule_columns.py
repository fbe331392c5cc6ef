"""The columns of the rule tables that packs are compiled into."""

from __future__ import annotations

import pyarrow as pa

_TEXT, _NUMBER, _WHOLE, _YES = pa.string(), pa.float64(), pa.int32(), pa.bool_()

RULE_COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "rule_topic": {
        "topic": _TEXT,
        "version": _TEXT,
        "kind": _TEXT,
        "period": _TEXT,
        "follow_up_within_days": _WHOLE,
    },
    "rule_population": {
        "topic": _TEXT,
        "rank": _WHOLE,
        "population": _TEXT,
        "from_months": _WHOLE,
        "until_months": _WHOLE,
        "organ_criterion": _WHOLE,
        "condition_criterion": _WHOLE,
        "period": _TEXT,
        "age_on": _TEXT,
    },
    "rule_criterion": {
        "criterion": _WHOLE,
        "mode": _TEXT,
        "months": _WHOLE,
        "window_mode": _TEXT,
        "months_before": _WHOLE,
        "period": _TEXT,
        "age_at_least_months": _WHOLE,
        "needs_number": _YES,
        "needs_result": _YES,
        "number_at_least": _NUMBER,
        "number_unit": _TEXT,
    },
    "rule_source": {"criterion": _WHOLE, "value_set": _TEXT, "fact_type": _TEXT},
    "rule_result": {"criterion": _WHOLE, "outcome": _TEXT},
    "rule_exclusion": {
        "name": _TEXT,
        "way": _WHOLE,
        "parts": _WHOLE,
        "criterion": _WHOLE,
        "age_at_least_months": _WHOLE,
        "period": _TEXT,
    },
    "rule_topic_exclusion": {
        "topic": _TEXT,
        "name": _TEXT,
        "exclusion": _TEXT,
        "rank": _WHOLE,
        "role": _TEXT,
    },
    "rule_evidence": {
        "topic": _TEXT,
        "population_rank": _WHOLE,
        "alternative": _TEXT,
        "part": _TEXT,
        "parts": _WHOLE,
        "criterion": _WHOLE,
        "waiting": _YES,
    },
    "rule_abnormal": {
        "abnormal": _TEXT,
        "topic": _TEXT,
        "criterion": _WHOLE,
        "number_at_least": _NUMBER,
        "only_latest": _YES,
        "relevant_for_months": _WHOLE,
        "deadline_days": _WHOLE,
    },
    "rule_abnormal_result": {"abnormal": _TEXT, "outcome": _TEXT},
    "rule_follow_up": {"abnormal": _TEXT, "criterion": _WHOLE, "earliest_day": _WHOLE},
    "rule_watch": {"topic": _TEXT, "criterion": _WHOLE},
    "rule_goal": {
        "topic": _TEXT,
        "unit": _TEXT,
        "below": _NUMBER,
        "diastolic_below": _NUMBER,
        "recheck_months": _WHOLE,
    },
    "rule_code": {"fact_type": _TEXT, "value_set": _TEXT, "system": _TEXT, "code": _TEXT},
    "rule_prefix": {"fact_type": _TEXT, "value_set": _TEXT, "system": _TEXT, "prefix": _TEXT},
    "rule_outcome": {
        "outcome": _TEXT,
        "rank": _WHOLE,
        "words": _TEXT,
        "system": _TEXT,
        "code": _TEXT,
    },
}
