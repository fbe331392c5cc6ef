"""Reads the risk of one patient, with what is behind each score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from data_contracts.api.risk import (
    SCORE_TITLES,
    UNKNOWN_WORDS,
    CareTier,
    PatientRisk,
    RiskDriver,
    RiskScore,
    TierAdjustment,
    TierEvent,
)
from data_contracts.tables.risk import CLINICAL_SCORES, PAYMENT_SCORES
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.db.outbox import waiting_since
from ehr_core.kernel.errors import Conflict, NotFound
from ehr_core.kernel.fhir_json import words
from ehr_core.risk.sight import ADJUSTED, OPEN, SHOWN
from ehr_core.store.repository import Store

ORDER = (*CLINICAL_SCORES, *PAYMENT_SCORES)
NO_SUCH_PATIENT = "There is no such patient."
EVENTS_SHOWN = 50

TIERS = f"""
SELECT care_tier.*, {OPEN.format(alias="care_tier")} AS open, {ADJUSTED} AS in_force, {SHOWN} AS shown
FROM risk.care_tier AS care_tier WHERE care_tier.patient_id = ANY(:ids)"""
SCORES = (
    f"SELECT score.*, {OPEN.format(alias='score')} AS open FROM risk.score AS score WHERE patient_id = :id"
)
DRIVERS = """SELECT * FROM risk.driver WHERE patient_id = :id
ORDER BY score_id, part, evidence_on DESC NULLS LAST, evidence_key"""

Row = Mapping[str, Any]


def risk_of_patient(work: UnitOfWork, patient_id: str) -> PatientRisk:
    """Tier, scores, facts and history. Raises NotFound for a patient whom this actor may not see."""
    work.actor.require("chart.read")
    check_known(work, patient_id)
    tier = tier_row(work, patient_id)
    shown = as_care_tier(tier)
    night = work.connection.execute(
        text("SELECT as_of, taken_at FROM risk.night ORDER BY taken_at DESC LIMIT 1")
    ).one_or_none()
    days = (night and night.as_of, tier and tier["as_of"])
    instants = (night and night.taken_at, tier and tier["computed_at"])
    found = PatientRisk(
        patient_id=patient_id,
        tier=shown,
        scores=_scores(work, patient_id),
        history=[] if shown.masked else _history(work, patient_id),
        as_of=max((day for day in days if day), default=None),
        computed_at=max((at for at in instants if at), default=None),
        waiting_since=waiting_since(work.connection, patient_id),
    )
    work.audit("risk.read", patient_id=patient_id)
    return found


def check_known(work: UnitOfWork, patient_id: str, *, to_act: bool = False) -> None:
    """Raises NotFound for a patient whom this actor may not see; to act, Conflict for a record that is closed."""
    known = text("SELECT deceased, replaced_by FROM fhir.patient WHERE id = :id AND NOT deleted")
    row = work.connection.execute(known, {"id": patient_id}).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_PATIENT)
    if to_act and (row.deceased or row.replaced_by is not None):
        raise Conflict(
            "The patient has died, or the record was merged into another one: no tier is adjusted here."
        )


def tier_row(work: UnitOfWork, patient_id: str, *, lock: bool = False) -> Row | None:
    """The stored tier, with whether this actor may see it; None before any run has said anything."""
    statement = text(f"{TIERS} {'FOR UPDATE' if lock else ''}")
    values = {"ids": [patient_id], "today": work.today()}
    return work.connection.execute(statement, values).mappings().one_or_none()


def tiers_of(work: UnitOfWork, patient_ids: Sequence[str]) -> dict[str, CareTier]:
    """The tier of each, for callers that have checked permission and audit; unknown where nothing was computed."""
    rows = work.connection.execute(text(TIERS), {"ids": list(patient_ids), "today": work.today()}).mappings()
    found = {row["patient_id"]: as_care_tier(row) for row in rows}
    return {patient_id: found.get(patient_id) or as_care_tier(None) for patient_id in patient_ids}


def as_care_tier(row: Row | None) -> CareTier:
    if row is None:
        return CareTier(
            computed="unknown", basis=[], adjustment=None, shown="unknown", masked=False, version=0
        )
    masked = not row["open"]
    basis = row["basis"].split(", ") if row["basis"] and not masked else []
    return CareTier(
        computed=None if masked else row["tier"],
        basis=[SCORE_TITLES[one] for one in basis],
        adjustment=_adjustment(row) if row["in_force"] and not masked else None,
        shown=row["shown"],
        masked=masked,
        version=row["version"],
    )


def _adjustment(row: Row) -> TierAdjustment:
    return TierAdjustment(
        tier=row["adjusted_tier"],
        reason=row["adjusted_reason"],
        note=row["adjusted_note"],
        by=row["adjusted_by_name"],
        at=row["adjusted_at"],
        until=row["adjusted_until"],
        computed_then=row["adjusted_from"],
        computed_has_changed=row["adjusted_from"] != row["tier"],
    )


def _scores(work: UnitOfWork, patient_id: str) -> list[RiskScore]:
    rows = work.connection.execute(text(SCORES), {"id": patient_id}).mappings().all()
    open_scores = {row["score_id"] for row in rows if row["open"]}
    drivers, withheld = _drivers(work, patient_id, open_scores)
    return [
        RiskScore(
            score_id=row["score_id"],
            title=SCORE_TITLES[row["score_id"]],
            version=row["score_version"],
            purpose=row["purpose"],
            value=row["value"] if row["open"] else None,
            unit="%" if row["score_id"] == "prevent" else None,
            tier=row["tier"] if row["open"] else None,
            unknown=_unknown(row),
            drivers=drivers.get(row["score_id"], []),
            withheld=withheld[row["score_id"]] if work.actor.kind == "user" else 0,
            as_of=row["as_of"],
            masked=not row["open"],
        )
        for row in sorted(rows, key=lambda row: ORDER.index(row["score_id"]))
    ]


def _unknown(row: Row) -> str | None:
    if row["unknown_reason"] is None or not row["open"]:
        return None
    return row["unknown_words"] or UNKNOWN_WORDS[row["unknown_reason"]]


def _drivers(
    work: UnitOfWork, patient_id: str, score_ids: set[str]
) -> tuple[dict[str, list[RiskDriver]], Counter[str]]:
    """By score: the facts that the store hands to this actor, whatever the last run said of them, and how many it
    does not."""
    rows = work.connection.execute(text(DRIVERS), {"id": patient_id}).mappings().all()
    rows = [row for row in rows if row["score_id"] in score_ids]
    names = _names(work, patient_id, rows)
    found: dict[str, list[RiskDriver]] = {}
    withheld: Counter[str] = Counter()
    for row in rows:
        if (row["evidence_type"], row["evidence_id"]) not in names:
            withheld[row["score_id"]] += 1
            continue
        found.setdefault(row["score_id"], []).append(
            RiskDriver(
                part=row["part"],
                resource_type=row["evidence_type"],
                resource_id=row["evidence_id"],
                what=names[row["evidence_type"], row["evidence_id"]],
                code=row["evidence_code"],
                on=row["evidence_on"],
                value=row["evidence_value"],
            )
        )
    return found, withheld


def _names(work: UnitOfWork, patient_id: str, rows: Sequence[Row]) -> dict[tuple[str, str], str | None]:
    """What the chart calls each fact, of those that this actor may read."""
    wanted: dict[str, set[str]] = {}
    for row in rows:
        if row["evidence_id"]:
            wanted.setdefault(row["evidence_type"], set()).add(row["evidence_id"])
    names = {}
    for kind, ids in wanted.items():
        for stored in Store(work).read_many(kind, sorted(ids)):
            if stored.patient_id == patient_id:
                body = msgspec.json.decode(stored.body)
                names[kind, stored.id] = words(body.get("code") or body.get("medicationCodeableConcept"))
    return names


def _history(work: UnitOfWork, patient_id: str) -> list[TierEvent]:
    rows = work.connection.execute(
        text("SELECT * FROM risk.tier_event WHERE patient_id = :id ORDER BY event_id DESC LIMIT :most"),
        {"id": patient_id, "most": EVENTS_SHOWN},
    ).mappings()
    return [
        TierEvent(
            at=row["at"],
            by=row["actor_name"],
            act=row["act"],
            from_tier=row["from_tier"],
            to_tier=row["to_tier"],
            reason=row["reason"],
            note=row["note"],
            until=row["until"],
        )
        for row in rows
    ]
