"""The allergy state, exactly one of four, and the allergies behind it. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from data_contracts.api.chart import Allergy, AllergyState
from ehr_core.kernel.fhir_json import codes, codings, words

Resource = dict[str, Any]

NOT_TRUE = frozenset({"entered-in-error", "refuted"})
NOT_CURRENT = frozenset({"inactive", "resolved"})


@lru_cache(maxsize=1)
def absence_codes() -> dict[tuple[str, str], bool]:
    """(system, code) of entries that record an absence, and whether they speak of every allergy.

    'No known drug allergy' says nothing about latex; 'not asked' says nothing at all. The SNOMED CT file may be absent.
    """
    here = Path(__file__).parent
    found: dict[tuple[str, str], bool] = {}
    for path in (here / "absent_allergies.csv", here / "snomed" / "absent_allergies.csv"):
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as lines:
                rows = csv.DictReader(lines)
                found |= {(row["system"], row["code"]): row["speaks_of_all"] == "yes" for row in rows}
    return found


def judge_allergies(
    recorded: Iterable[Resource] | None, *, some_are_hidden: bool = False
) -> tuple[AllergyState, list[Allergy]]:
    """The state and the known allergies, worst first.

    `recorded` None means that they could not be read. A denial counts only when it speaks of every allergy, and
    never against a recorded allergy; when something is held back from this actor, nothing is said to be absent.
    """
    if recorded is None:
        return "unavailable", []
    true_now = [item for item in recorded if _counts(item)]
    absences = [_speaks_of_all(item) for item in true_now]
    known = [item for item, absence in zip(true_now, absences, strict=True) if absence is None]
    if known:
        return "known", sorted(map(_line, known), key=_worst_first)
    if some_are_hidden:
        return "unavailable", []
    return ("none_known" if any(absences) else "not_recorded"), []


def _counts(item: Resource) -> bool:
    """Neither retracted, refuted, nor over. A missing clinical status counts as active: the safe reading."""
    return not (
        codes(item.get("verificationStatus")) & NOT_TRUE or codes(item.get("clinicalStatus")) & NOT_CURRENT
    )


def _speaks_of_all(item: Resource) -> bool | None:
    """For an entry that records an absence: does it speak of every allergy? None for an allergy."""
    found = [absence_codes()[coding] for coding in codings(item.get("code")) if coding in absence_codes()]
    return any(found) if found else None


def _line(item: Resource) -> Allergy:
    reactions = item.get("reaction") or []
    manifestations = [words(said) for reaction in reactions for said in reaction.get("manifestation") or ()]
    severities = {reaction["severity"] for reaction in reactions if reaction.get("severity")}
    return Allergy(
        allergy_id=item["id"],
        substance=words(item.get("code")) or _first_substance(reactions) or "substance not recorded",
        reactions=[said for said in manifestations if said],
        severity=next((level for level in ("severe", "moderate", "mild") if level in severities), None),
        criticality=item.get("criticality"),
    )


def _first_substance(reactions: list[Resource]) -> str | None:
    return next(filter(None, (words(reaction.get("substance")) for reaction in reactions)), None)


def _worst_first(line: Allergy) -> tuple[bool, bool, str]:
    return (line.criticality != "high", line.severity != "severe", line.substance.lower())
