"""Finds people in the record: by what was typed, or by their ids; always as one set, never one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, extract, false, func, or_, select, text, true

from ehr_core.access.chart_policy import LabelSieve
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.fhir_json import decode
from ehr_core.kernel.name_sounds import folded
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.query_words import SearchWords, Token
from ehr_core.registration.reading import read_person
from ehr_core.store.marked import hashed
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
    sight, today = LabelSieve(work), work.today()
    return {row.id: _person(row, sight, today) for row in rows}


def _person(row: Any, sight: LabelSieve, today: date) -> PersonFacts:
    flags, _ = sight.split(map(decode, row.flags or ()))
    return replace(
        read_person(decode(row.body), today),
        clinic=row.clinic,
        clinician=row.clinician,
        flags=tuple(flags),
    )


@dataclass(frozen=True)
class Found:
    """One page of a search. `alike` are those of `people` that were not found as typed; `total` counts all matches."""

    people: list[PersonFacts]
    alike: frozenset[str]
    total: int


def find_people(work: UnitOfWork, wanted: SearchWords, *, limit: int) -> Found:
    """Those found as typed before those whose name sounds alike or is another form; the present before the past ones.

    When nobody is found by names alone, those whose names are spelled alike.
    """
    patient = current_table("Patient")
    there = patient.c.deleted.is_(False)
    as_typed = and_(*(_matches(patient, token, work.site_time_zone) for token in wanted.tokens))
    or_alike = and_(
        *(
            or_(_matches(patient, token, work.site_time_zone), _sounds(patient, token))
            for token in wanted.tokens
        )
    )
    found = _page(work, and_(there, or_alike), as_typed, limit, as_typed.desc(), *_order(patient))
    if found.people or not wanted.name_words or len(wanted.name_words) < len(wanted.tokens):
        return found
    return _find_spelled_alike(work, wanted, limit)


def _find_spelled_alike(work: UnitOfWork, wanted: SearchWords, limit: int) -> Found:
    """Misspelt names: each word alike to one of the person's. Only when nothing else matched."""
    patient = current_table("Patient")
    alike = [func.word_similarity(word, patient.c.name_text) for word in wanted.name_words]
    near = [patient.c.name_text.op("%>")(word) for word in wanted.name_words]
    best_first = sum(alike[1:], alike[0]).desc()
    return _page(
        work, and_(patient.c.deleted.is_(False), *near), false(), limit, best_first, *_order(patient)
    )


def _page(
    work: UnitOfWork, where: ColumnElement[bool], as_typed: ColumnElement[bool], limit: int, *order: Any
) -> Found:
    patient = current_table("Patient")
    query = (
        select(patient.c.id, func.count().over().label("total"), as_typed.label("as_typed"))
        .where(where)
        .order_by(*order)
        .limit(limit)
    )
    rows = work.connection.execute(query).all()
    people = people_by_id(work, [row.id for row in rows])
    return Found(
        people=[people[row.id] for row in rows if row.id in people],
        alike=frozenset(row.id for row in rows if not row.as_typed),
        total=rows[0].total if rows else 0,
    )


def _order(patient: Any) -> tuple[Any, ...]:
    gone = or_(patient.c.replaced_by.is_not(None), patient.c.active.is_(False))
    return gone, patient.c.family_text, patient.c.given_text, patient.c.date_low, patient.c.id


def _sounds(patient: Any, token: Token) -> ColumnElement[bool]:
    return patient.c.name_sounds.overlap(token.sounds) if token.sounds else false()


def _matches(patient: Any, token: Token, time_zone: str) -> ColumnElement[bool]:
    """Any of the meanings of what was typed."""
    meanings: list[ColumnElement[bool]] = []
    if token.name_word:
        meanings.append(patient.c.name_text.like(f"% {_escaped(token.name_word)}%"))
    if token.identifier:
        spellings = {token.identifier, token.identifier.upper()}
        spellings |= {hashed(each) for each in spellings}
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
