"""The first day on which a person's scores may be others without any change of the record.

A birthday, a measurement that is too old from then on, something of a day to come, a cover that begins or ends. A day
too early costs one look in vain; a day too late would leave an old answer standing.
"""

from __future__ import annotations

from data_contracts.guidelines.sql import anniversary, moved

TO_COME = {
    "observation": ("effective_low",),
    "condition": ("onset_low", "recorded_low", "abatement_low"),
    "procedure": ("performed_low",),
    "medication_request": ("authored_low",),
    "coverage": ("start_low", "end_high + 1"),
}
"""Days of the flat tables that the scores compare with the day that they are for."""

NEXT_CHANGE = f"""
SELECT patient_key, min(day) AS next_change_on FROM (
  SELECT patient_key, {
    anniversary("birth_low", "(age + 1) * 12")
} AS day FROM risk_person WHERE age IS NOT NULL
  UNION ALL
  SELECT patient_key, unnest([lapses, lapses + 1, lapses + 2]) FROM (
    SELECT measured.patient_key, {moved("measured.on_day", "since.months")} AS lapses
    FROM risk_measured AS measured JOIN risk_since AS since USING (topic) WHERE measured.counts)
  {
    " ".join(
        f"UNION ALL SELECT patient_key, {day} FROM {table} WHERE {day} > $as_of"
        for table, days in TO_COME.items()
        for day in days
    )
}
) WHERE day > $as_of GROUP BY patient_key
"""
