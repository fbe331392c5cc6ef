"""Pairs of records that may be one person's, among those changed most recently and all others; and what people said."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row, text

from data_contracts.api.merging import DuplicatePair, DuplicatePairs, NotTheSame
from data_contracts.api.registration import AnotherPerson
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.registration.matching.grading import Judgement, judge
from ehr_core.registration.matching.identity import identity_of
from ehr_core.registration.presenters import present_hits
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.registering import GRADE_ORDER, remember_different

RECORDS_LOOKED_AT = 2000
"""The most recently changed records: a new pair has at least one of them. Each is compared through indexes."""
NEAREST, MOST_PAIRS, PAIRS_SHOWN = 20, 1000, 100

NEAR_PAIRS = text("""
WITH recent AS MATERIALIZED (
  SELECT id, birth_date, name_sounds, phone_digits FROM fhir.patient
  WHERE NOT deleted AND replaced_by IS NULL AND name_sounds IS NOT NULL ORDER BY last_updated DESC, id LIMIT :recent)
SELECT DISTINCT least(r.id, p.id) AS one_id, greatest(r.id, p.id) AS other_id
FROM recent r CROSS JOIN LATERAL (
  SELECT near.id FROM fhir.patient near
  WHERE near.id <> r.id AND NOT near.deleted AND near.replaced_by IS NULL
    AND (near.birth_date = r.birth_date OR near.phone_digits && r.phone_digits)
    AND near.name_sounds && r.name_sounds LIMIT :nearest) p
WHERE NOT EXISTS (SELECT 1 FROM registration.not_the_same n
                  WHERE n.one_id = least(r.id, p.id) AND n.other_id = greatest(r.id, p.id))
LIMIT :most
""")
BODIES = text("SELECT id, body FROM fhir.patient WHERE id = ANY(:ids)")
RECORDS = text("SELECT count(*) FROM fhir.patient WHERE NOT deleted AND replaced_by IS NULL")


def duplicate_pairs(work: UnitOfWork) -> DuplicatePairs:
    """Pairs that somebody has to look at, the certain ones first. One audit row with the patients sealed."""
    work.actor.require("registration.merge")
    rows = work.connection.execute(
        NEAR_PAIRS, {"recent": RECORDS_LOOKED_AT, "nearest": NEAREST, "most": MOST_PAIRS}
    ).all()
    judged = _judged(work, rows)
    pairs = _presented(work, judged[:PAIRS_SHOWN])
    work.audit(
        "duplicate_pairs_listed",
        patient_ids=[side for one, other, _ in judged[:PAIRS_SHOWN] for side in (one, other)],
        detail={"pairs": len(pairs)},
    )
    records = work.connection.execute(RECORDS).scalar_one()
    return DuplicatePairs(pairs=pairs, looked_at=min(records, RECORDS_LOOKED_AT), records=records)


def _judged(work: UnitOfWork, rows: Sequence[Row]) -> list[tuple[str, str, Judgement]]:
    ids = {side for row in rows for side in (row.one_id, row.other_id)}
    found = {
        row.id: identity_of(decode(row.body)) for row in work.connection.execute(BODIES, {"ids": sorted(ids)})
    }
    judged = [(row.one_id, row.other_id, judge(found[row.one_id], found[row.other_id])) for row in rows]
    likely = [pair for pair in judged if pair[2].grade != "certainly_not"]
    return sorted(likely, key=lambda pair: (GRADE_ORDER[pair[2].grade], -pair[2].points, pair[0]))


def _presented(work: UnitOfWork, judged: Sequence[tuple[str, str, Judgement]]) -> list[DuplicatePair]:
    people = people_by_id(work, {side for one, other, _ in judged for side in (one, other)})
    hits = {hit.patient_id: hit for hit in present_hits(list(people.values()), work.today())}
    return [
        DuplicatePair(
            one=hits[one], other=hits[other], grade=judgement.grade, reasons=list(judgement.reasons)
        )
        for one, other, judgement in judged
    ]


def say_not_the_same(work: UnitOfWork, *, said: NotTheSame) -> None:
    """The pair is not offered again. Raises BadRequest, NotFound."""
    work.actor.require("registration.merge")
    ids = sorted({said.one_id, said.other_id})
    if len(ids) < 2:
        raise BadRequest("other_id: this needs two different records.")
    if len(people_by_id(work, ids)) < 2:
        raise NotFound("One of the two records is not there any more.")
    remember_different(work, ids[0], [AnotherPerson(patient_id=ids[1], reason=said.reason)])
    work.audit("not_the_same_said", resource_type="Patient", patient_ids=ids)
