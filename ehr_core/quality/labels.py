"""The words of a stratum: clinic and clinician by name, codes as people read them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

from ehr_core.quality.cells import NOT_RECORDED

NOT_RECORDED_WORDS = "Not recorded"

CODE_WORDS: dict[str, dict[str, str]] = {
    "all": {"all": "Everyone"},
    "sex": {"male": "Male", "female": "Female", "other": "Other", "unknown": "Unknown"},
    "race": {
        "1002-5": "American Indian or Alaska Native",
        "2028-9": "Asian",
        "2054-5": "Black or African American",
        "2076-8": "Native Hawaiian or Other Pacific Islander",
        "2106-3": "White",
        "2131-1": "Other race",
        "UNK": "Unknown",
        "ASKU": "Asked but unknown",
    },
    "ethnicity": {
        "2135-2": "Hispanic or Latino",
        "2186-5": "Not Hispanic or Latino",
        "UNK": "Unknown",
        "ASKU": "Asked but unknown",
    },
    "payer": {
        "1": "Medicare",
        "2": "Medicaid",
        "3": "Other government",
        "5": "Private health insurance",
        "6": "Blue Cross / Blue Shield",
        "8": "No payer",
        "81": "Self-pay",
        "9": "Miscellaneous",
    },
}
"""OMB race and ethnicity categories (US Core) and the top of the Source of Payment Typology (NAHDO)."""

NAMED_BY = {"clinic": ("fhir.organization",), "clinician": ("fhir.practitioner",)}


def labels(connection: Connection, kind: str, values: Collection[str]) -> dict[str, str]:
    """The words for each value of one stratum kind; an unlisted code stands for itself."""
    words = dict(CODE_WORDS.get(kind, {}))
    for table in NAMED_BY.get(kind, ()):
        rows = connection.execute(
            text(f"SELECT id, display_name FROM {table} WHERE id = ANY(:ids) AND display_name IS NOT NULL"),
            {"ids": sorted(values)},
        )
        words |= {row.id: row.display_name for row in rows}
    words[NOT_RECORDED] = NOT_RECORDED_WORDS
    return {value: words.get(value) or _by_first_digit(kind, value) or value for value in values}


def _by_first_digit(kind: str, value: str) -> str | None:
    """A finer payer code belongs to the group of its first digit."""
    return CODE_WORDS["payer"].get(value[:1]) if kind == "payer" else None
