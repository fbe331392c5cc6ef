"""Finds people in the record: by what was typed, or by their ids; always as one set, never one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, and_, extract, func, or_, select, text, true

from ehr_core.access.sensitivity import split_visible
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.fhir_json import decode
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.query_words import SearchWords, Token
from ehr_core.registration.reading import read_person
from ehr_core.store.names import folded
from ehr_core.store.tables import current_table
from ehr_core.store.tokens import ANY_SYSTEM, identifier_token

PEOPLE = text("""
SELECT p.id, p.body,
       clinic.display_name AS clinic, clinician.display_name AS clinician,
       (SELECT array_agg(f.body ORDER BY f.id) FROM fhir.flag f
         WHERE f.patient_id = p.id AND NOT f.deleted AND f.status = 'active'
           AND (f.date_low IS NULL OR f.date_low <= :now) AND (f.date_high IS NULL OR f.date_high >= :now)) AS flags
FROM fhir.patient p
LEFT JOIN LATERAL (
  SELECT o.display_name FROM unnest(p.reference_tokens) AS t(token)
  JOIN fhir.organization o ON o.id = substr(token, length('organization:Organization/') + 1)
  WHERE token LIKE 'organization:Organization/%' AND NOT o.deleted LIMIT 1) clinic ON true
LEFT JOIN LATERAL (
  SELECT c.display_name FROM unnest(p.reference_tokens) WITH ORDINALITY AS t(token, place)
  JOIN fhir.practitioner c ON c.id = substr(token, length('general-practitioner:Practitioner/') + 1)
  WHERE token LIKE 'general-practitioner:Practitioner/%' AND NOT c.deleted ORDER BY place LIMIT 1) clinician ON true
WHERE p.id = ANY(:ids) AND NOT p.deleted
""")


def people_by_id(work: UnitOfWork, patient_ids: Iterable[str]) -> dict[str, PersonFacts]:
    """Facts of those patients that exist and this actor reaches, in one statement. Audits nothing: its callers do."""
    wanted = sorted(set(patient_ids))
    if not wanted:
        return {}
    rows = work.connection.execute(PEOPLE, {"ids": wanted, "now": work.now()})
    return {row.id: _person(work, row) for row in rows}


def _person(work: UnitOfWork, row: Any) -> PersonFacts:
    flags, _ = split_visible(work.actor.kind, map(decode, row.flags or ()))
    return replace(
        read_person(decode(row.body), work.today()),
        clinic=row.clinic,
        clinician=row.clinician,
        flags=tuple(flags),
    )


def find_people(work: UnitOfWork, wanted: SearchWords, *, limit: int) -> tuple[list[PersonFacts], int]:
    """(hits, number of all matches), present people before merged and inactive ones, then by name."""
    patient = current_table("Patient")
    conditions = [
        patient.c.deleted.is_(False),
        *(_matches(patient, token, work.site_time_zone) for token in wanted.tokens),
    ]
    ids, total = _page(work, and_(*conditions), limit, *_order(patient))
    if not ids and wanted.name_words and len(wanted.name_words) == len(wanted.tokens):
        return _find_alike(work, wanted, limit)
    return _in_order(work, ids), total


def _find_alike(work: UnitOfWork, wanted: SearchWords, limit: int) -> tuple[list[PersonFacts], int]:
    """Misspelt names: each word alike to one of the person's. Only when nothing matched as it was typed."""
    patient = current_table("Patient")
    alike = [func.word_similarity(word, patient.c.name_text) for word in wanted.name_words]
    near = [patient.c.name_text.op("%>")(word) for word in wanted.name_words]
    best_first = sum(alike[1:], alike[0]).desc()
    ids, total = _page(work, and_(patient.c.deleted.is_(False), *near), limit, best_first, *_order(patient))
    return _in_order(work, ids), total


def _page(work: UnitOfWork, where: ColumnElement[bool], limit: int, *order: Any) -> tuple[list[str], int]:
    patient = current_table("Patient")
    query = (
        select(patient.c.id, func.count().over().label("total")).where(where).order_by(*order).limit(limit)
    )
    rows = work.connection.execute(query).all()
    return [row.id for row in rows], rows[0].total if rows else 0


def _order(patient: Any) -> tuple[Any, ...]:
    gone = or_(patient.c.replaced_by.is_not(None), patient.c.active.is_(False))
    return gone, patient.c.family_text, patient.c.given_text, patient.c.date_low, patient.c.id


def _in_order(work: UnitOfWork, ids: Sequence[str]) -> list[PersonFacts]:
    found = people_by_id(work, ids)
    return [found[patient_id] for patient_id in ids if patient_id in found]


def _matches(patient: Any, token: Token, time_zone: str) -> ColumnElement[bool]:
    """Any of the meanings of what was typed."""
    meanings: list[ColumnElement[bool]] = []
    if token.name_word:
        meanings.append(patient.c.name_text.like(f"% {_escaped(token.name_word)}%"))
    if token.identifier:
        spellings = {token.identifier, token.identifier.upper()}
        meanings.append(
            patient.c.identifier_tokens.overlap([identifier_token(ANY_SYSTEM, each) for each in spellings])
        )
        meanings.append(patient.c.id == token.identifier)
    if token.phone_digits:
        meanings.append(patient.c.phone_digits.overlap([token.phone_digits]))
    if token.birth_date:
        meanings.append(patient.c.birth_date == token.birth_date)
    if token.birth_year:
        meanings.append(_born_in(patient, token.birth_year, time_zone))
    return or_(*meanings) if meanings else true()


def _born_in(patient: Any, year: int, time_zone: str) -> ColumnElement[bool]:
    """Also finds a birth date of which only the year or month is known: their first day lies in the year."""
    return extract("year", func.timezone(time_zone, patient.c.date_low)) == year


def _escaped(word: str) -> str:
    return folded(word).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
