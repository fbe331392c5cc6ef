"""Finds the records that may be of a person who is about to be registered: few, through indexes, in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.fhir_json import decode
from ehr_core.kernel.name_sounds import sound
from ehr_core.registration.matching.comparing import near_dates
from ehr_core.registration.matching.identity import Identity, identity_of
from ehr_core.registration.matching.nicknames import other_forms
from ehr_core.store.marked import hashed
from ehr_core.store.tokens import identifier_token

Resource = dict[str, Any]

MOST_CANDIDATES = 200
"""Records that are read and compared. Whoever shares most with the person comes first."""
MOST_NAMESAKES = 20
"""Of those who share the name and were born on quite another day: shown as a warning, so a few are enough."""

CANDIDATES = text("""
WITH near AS (
  SELECT id, (identifier_tokens && :identifiers) IS TRUE AS one_number,
         (birth_date = ANY(:exact)) IS TRUE AS one_birth
  FROM fhir.patient
  WHERE NOT deleted AND id <> :own AND (
    identifier_tokens && :identifiers
    OR phone_digits && :phones
    OR (birth_date = ANY(:near) AND name_sounds && :any_sound)
    OR (birth_date IS NULL AND name_sounds && :family_sounds AND name_sounds && :given_sounds)
    OR (:birth_unknown AND name_sounds && :family_sounds AND name_sounds && :given_sounds))
  ORDER BY one_number DESC, one_birth DESC, last_updated DESC LIMIT :most),
namesakes AS (
  SELECT id FROM fhir.patient
  WHERE NOT deleted AND id <> :own AND name_sounds && :family_sounds AND name_sounds && :given_sounds
  ORDER BY last_updated DESC LIMIT :namesakes)
SELECT p.id, p.version_id, p.replaced_by, p.body FROM fhir.patient p
WHERE p.id IN (SELECT id FROM near UNION SELECT id FROM namesakes)
""")
SURVIVORS = text("""
WITH RECURSIVE onward (start, id, replaced_by) AS (
  SELECT id, id, replaced_by FROM fhir.patient WHERE id = ANY(:ids)
  UNION ALL SELECT onward.start, p.id, p.replaced_by FROM fhir.patient p JOIN onward ON p.id = onward.replaced_by)
SELECT start, id FROM onward WHERE replaced_by IS NULL
""")


def near_records(work: UnitOfWork, person: Identity, *, own: str = "") -> list[tuple[str, Identity]]:
    """(patient id, facts) of those who may be this person or may be taken for them. `own` is left out."""
    rows = work.connection.execute(CANDIDATES, _parameters(person) | {"own": own})
    return [(row.id, identity_of(decode(row.body))) for row in rows]


def survivors_of(work: UnitOfWork, patient_ids: Iterable[str]) -> dict[str, str]:
    """The record that stands for each of these today: the surviving one after merges, else the record itself."""
    rows = work.connection.execute(SURVIVORS, {"ids": sorted(set(patient_ids))})
    return {row.start: row.id for row in rows}


def _parameters(person: Identity) -> dict[str, Any]:
    family = {sound(word) for name in person.names for word in name.family}
    given = {sound(word) for name in person.names for word in _all_forms(name.given)}
    exact = _whole_date(person.birth_date)
    return {
        "identifiers": [
            identifier_token(system, spelled)
            for system, value in sorted(person.identifiers)
            for spelled in (value, hashed(value))
        ],
        "phones": sorted(person.phones),
        "exact": [exact] if exact else [],
        "near": list(near_dates(exact)) if exact else [],
        "any_sound": sorted(family | given),
        "family_sounds": sorted(family),
        "given_sounds": sorted(given),
        "birth_unknown": exact is None,
        "most": MOST_CANDIDATES,
        "namesakes": MOST_NAMESAKES,
    }


def _all_forms(words: Iterable[str]) -> set[str]:
    listed = list(words)
    return set(listed).union(*(other_forms(word) for word in listed))


def _whole_date(written: str | None) -> date | None:
    return date.fromisoformat(written) if written and len(written) == 10 else None
