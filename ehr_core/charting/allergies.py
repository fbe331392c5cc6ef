"""The allergy state, exactly one of four, and the allergies behind it. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from data_contracts.api.chart import Allergy, AllergyState
from ehr_core.kernel.fhir_json import codes, codings, words

Resource = dict[str, Any]

NOT_TRUE = frozenset({"entered-in-error", "refuted"})
NOT_CURRENT = frozenset({"inactive", "resolved"})


@dataclass(frozen=True)
class Absence:
    """An entry that records an absence. `category` is what it denies: all, one kind, or nothing ('not asked')."""

    speaks_of_all: bool
    category: str | None


@lru_cache(maxsize=1)
def absence_codes() -> dict[tuple[str, str], Absence]:
    """(system, code) of entries that record an absence, and what they speak of.

    'No known drug allergy' says nothing about latex; 'not asked' says nothing at all. The SNOMED CT file may be absent.
    """
    here = Path(__file__).parent
    found: dict[tuple[str, str], Absence] = {}
    for path in (here / "absent_allergies.csv", here / "snomed" / "absent_allergies.csv"):
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as lines:
                for row in csv.DictReader(lines):
                    absence = Absence(row["speaks_of_all"] == "yes", row["category"] or None)
                    found[row["system"], row["code"]] = absence
    return found


def contradicted_denials(recorded: Iterable[Resource]) -> list[Resource]:
    """Denials that are true now beside an allergy that they deny: they must not stay side by side.

    An allergy of no recorded kind contradicts every denial: the safe reading.
    """
    true_now = [item for item in recorded if _counts(item)]
    known = [item for item in true_now if not _absences(item)]
    kinds = {kind for item in known for kind in item.get("category") or ("unknown",)}
    return [item for item in true_now if any(_contradicted(absence, kinds) for absence in _absences(item))]


def _contradicted(absence: Absence, kinds: set[str]) -> bool:
    if absence.category is None or not kinds:
        return False
    return absence.category == "all" or absence.category in kinds or "unknown" in kinds


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
    found = _absences(item)
    return any(absence.speaks_of_all for absence in found) if found else None


def _absences(item: Resource) -> list[Absence]:
    return [absence_codes()[coding] for coding in codings(item.get("code")) if coding in absence_codes()]


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
