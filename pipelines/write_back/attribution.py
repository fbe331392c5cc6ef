"""Attribution: the clinician and the clinic of most visits, for people whose record names none."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data_contracts.guidelines.sql import anniversary
from ehr_core.kernel.errors import BadSetting

RULES = Path(__file__).with_name("attribution.toml")
CODE = re.compile(r"[A-Za-z-]{1,32}")


@dataclass(frozen=True)
class AttributionRules:
    """Which visits count, and for how many months."""

    months: int
    statuses: tuple[str, ...]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises BadSetting for rules that cannot be: they become part of statements."""
        if not 1 <= self.months <= 120:
            raise BadSetting("attribution.toml: months is a whole number from 1 to 120.")
        for name, codes in (("statuses", self.statuses), ("classes", self.classes)):
            if not codes or not all(CODE.fullmatch(code) for code in codes):
                raise BadSetting(f'attribution.toml: {name} is a list of codes, such as "finished" or "AMB".')


@cache
def attribution_rules() -> AttributionRules:
    read = tomllib.loads(RULES.read_text(encoding="utf-8"))
    return AttributionRules(read["months"], tuple(read["statuses"]), tuple(read["classes"]))


def attribution_sql(rules: AttributionRules) -> str:
    """CTEs that end with `attributed`: clinician, clinic, and the first day on which time alone may change them.

    A row a person who has visits that count, or will. They read the flat table `encounter` and the day `$as_of`.
    """
    counts_until = anniversary("start_low", str(rules.months))
    return f"""
visited AS (
  SELECT patient_key, clinician_key, clinic_key, start_low, {counts_until} AS counts_until
  FROM encounter
  WHERE status IN ({_listed(rules.statuses)}) AND class_code IN ({_listed(rules.classes)}) AND sensitivity IS NULL
    AND start_low IS NOT NULL AND (clinician_key IS NOT NULL OR clinic_key IS NOT NULL)
),
counted AS (SELECT * FROM visited WHERE start_low <= $as_of AND counts_until > $as_of),
{_most_visits("clinician")},
{_most_visits("clinic")},
attributed AS (
  SELECT patient_key, most_by_clinician.clinician_key, most_by_clinic.clinic_key, turning.next_change_on
  FROM (
    SELECT patient_key,
      least(min(start_low) FILTER (WHERE start_low > $as_of),
            min(counts_until) FILTER (WHERE start_low <= $as_of AND counts_until > $as_of)) AS next_change_on
    FROM visited GROUP BY patient_key
  ) AS turning
  LEFT JOIN most_by_clinician USING (patient_key) LEFT JOIN most_by_clinic USING (patient_key)
)"""


def _most_visits(whose: str) -> str:
    return f"""most_by_{whose} AS (
  SELECT patient_key, arg_max({whose}_key, row(visits, newest, {whose}_key)) AS {whose}_key
  FROM (
    SELECT patient_key, {whose}_key, count(*) AS visits, max(start_low) AS newest
    FROM counted WHERE {whose}_key IS NOT NULL GROUP BY patient_key, {whose}_key
  ) AS by_{whose} GROUP BY patient_key
)"""


def _listed(codes: tuple[str, ...]) -> str:
    return ", ".join(f"'{code}'" for code in codes)
