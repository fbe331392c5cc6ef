"""How many people stand in each tier: for planning. Small numbers are hidden from who may not open the charts."""

from __future__ import annotations

from sqlalchemy import text

from data_contracts.api.risk import TIER_WORDS, TierCount, TierCounts
from data_contracts.suppression import suppress_counts
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.risk.sight import ADJUSTED, SHOWN

COUNTS = f"""
SELECT {SHOWN} AS shown, count(*) AS people,
  count(*) FILTER (WHERE {ADJUSTED} AND {SHOWN} <> 'restricted') AS adjusted
FROM risk.care_tier AS care_tier
JOIN fhir.patient AS person ON person.id = care_tier.patient_id AND NOT person.deleted
{{join}}
WHERE (care_tier.present OR {ADJUSTED}) {{only}} GROUP BY 1"""
BY_CLINIC = "JOIN quality.patient_stratum AS stratum ON stratum.patient_id = care_tier.patient_id"


def tier_counts(work: UnitOfWork, small_cell: int, clinic_id: str | None = None) -> TierCounts:
    """Over everybody whom this actor may see, or one clinic. An audit row; no patient is named in it."""
    work.actor.require("aggregate.read")
    join, only, values = ("", "", {"today": work.today()})
    if clinic_id is not None:
        join, only = BY_CLINIC, "AND stratum.clinic = :clinic"
        values["clinic"] = clinic_id
    rows = work.connection.execute(text(COUNTS.format(join=join, only=only)), values).all()
    people = {row.shown: row.people for row in rows}
    adjusted = {row.shown: row.adjusted for row in rows}
    night = work.connection.execute(
        text("SELECT as_of FROM risk.night ORDER BY taken_at DESC LIMIT 1")
    ).scalar_one_or_none()
    work.audit("risk.counts.read", detail={"clinic": clinic_id})
    return _counts(work, people, adjusted, small_cell, night)


def _counts(work, people, adjusted, small_cell, night) -> TierCounts:
    """Who may open the charts sees every number: their own list tells it anyway."""
    tiers = [tier for tier in TIER_WORDS if tier != "restricted" or people.get(tier)]
    listed = [people.get(tier, 0) for tier in tiers]
    by_hand = [adjusted.get(tier, 0) for tier in tiers]
    total: int | None = sum(listed)
    shown: list[int | None] = list(listed)
    shown_by_hand: list[int | None] = list(by_hand)
    if not work.actor.may("worklist.read"):
        shown, shown_by_hand = suppress_counts(listed, small_cell), suppress_counts(by_hand, small_cell)
        shown_by_hand = [
            None if all_ is None or (count and all_ - count and all_ - count < small_cell) else count
            for all_, count in zip(shown, shown_by_hand, strict=True)
        ]
        total = None if 0 < total < small_cell else total
    return TierCounts(
        counts=[
            TierCount(tier=tier, people=count, adjusted=hand)
            for tier, count, hand in zip(tiers, shown, shown_by_hand, strict=True)
        ],
        total=total,
        small_cell=small_cell,
        as_of=night,
    )
