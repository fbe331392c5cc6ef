"""The audit log for those who may read it, page by page. Reading it is an act like any other, and audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text

from ehr_core.access.roles import PATIENT_ROLES
from ehr_core.access.unit_of_work import UnitOfWork

MOST_COUNTED = 100_000
"""Matching events are counted up to here: a log of years would take longer to count than anybody turns pages."""


@dataclass(frozen=True)
class AuditFilter:
    """Whose record, who acted, what was done with which outcome, and from the first to the last day of the site's, both
    included. Null: any."""

    patient_id: str | None = None
    actor_id: str | None = None
    since: date | None = None
    until: date | None = None
    act: str | None = None
    outcome: str | None = None


def read_events(work: UnitOfWork, wanted: AuditFilter, *, page: int, size: int) -> tuple[Sequence[Row], int]:
    """(one page of the events that match, newest first; how many match, counted up to `MOST_COUNTED`).

    A patient's events are those about the record and every search or export that contained it.
    """
    work.actor.require("audit.read")
    conditions, values = _conditions(wanted, work.site_time_zone)
    rows = work.connection.execute(
        text(
            f"""
            SELECT e.id, e.at, e.actor_id, e.actor_kind, coalesce(a.display_name, p.name) AS actor_name,
              e.act, e.outcome, e.resource_type, e.resource_id, e.patient_id,
              cardinality(e.patient_ids) AS patients, e.detail
            FROM audit.event e LEFT JOIN access.account a ON a.id = e.actor_id
              LEFT JOIN access.application p ON e.actor_id = 'app:' || p.client_id
            WHERE {conditions} ORDER BY e.at DESC, e.id DESC LIMIT :size OFFSET :skip
            """
        ),
        {**values, "size": size, "skip": (page - 1) * size},
    ).all()
    counted = text(
        f"SELECT count(*) FROM (SELECT FROM audit.event e WHERE {conditions} LIMIT :most) AS matching"
    )
    total = work.connection.execute(counted, {**values, "most": MOST_COUNTED}).scalar_one()
    work.audit(
        "audit_read",
        patient_id=wanted.patient_id,
        patient_ids={row.patient_id for row in rows if row.patient_id} or None,
        detail={"of_actor": wanted.actor_id, "events": len(rows), "page": page},
    )
    return rows, total


def export_events(work: UnitOfWork, wanted: AuditFilter) -> Sequence[Row]:
    """Every event that matches, up to `MOST_COUNTED`, oldest first, with its place in its chain. Audited."""
    work.actor.require("audit.read")
    conditions, values = _conditions(wanted, work.site_time_zone)
    rows = work.connection.execute(
        text(
            f"""
            SELECT e.at, e.actor_id, e.actor_kind, coalesce(a.display_name, p.name) AS actor_name,
              e.session_id, e.act, e.outcome,
              e.resource_type, e.resource_id, e.patient_id, cardinality(e.patient_ids) AS patients, e.writer,
              e.sequence, encode(e.chain, 'hex') AS chain, e.id
            FROM audit.event e LEFT JOIN access.account a ON a.id = e.actor_id
              LEFT JOIN access.application p ON e.actor_id = 'app:' || p.client_id
            WHERE {conditions} ORDER BY e.at, e.id LIMIT :most
            """
        ),
        {**values, "most": MOST_COUNTED},
    ).all()
    work.audit("audit_exported", patient_id=wanted.patient_id, detail={"events": len(rows)})
    return rows


def who_looked(work: UnitOfWork, *, most: int = 500) -> Sequence[Row]:
    """Who did what in the record that this portal session looks at, the newest first, one row a person, act and day.

    The person's own acts are left out, and those of our own services that no person asked for.
    """
    work.actor.require("own.read")
    rows = work.connection.execute(
        text(
            """
            SELECT CAST(e.at AT TIME ZONE :zone AS date) AS day, e.actor_id, a.display_name AS name, a.roles, e.act,
              bool_or(e.outcome = 'refused') AS refused, count(*) AS times, max(e.at) AS last
            FROM audit.event e LEFT JOIN access.account a ON a.id = e.actor_id
            WHERE e.patient_id = :patient AND e.actor_id IS DISTINCT FROM :me
              AND e.actor_kind IS DISTINCT FROM 'service'
            GROUP BY 1, 2, 3, 4, 5 ORDER BY last DESC LIMIT :most
            """
        ),
        {
            "zone": work.site_time_zone,
            "patient": work.actor.patient_id,
            "me": work.actor.actor_id,
            "most": most,
        },
    ).all()
    work.audit("access_log_read", patient_id=work.actor.patient_id, detail={"rows": len(rows)})
    return rows


def staff_who_act(work: UnitOfWork) -> list[tuple[str, str]]:
    """(id, name) of every staff account, closed ones too: what they did stays in the log."""
    work.actor.require("audit.read")
    rows = work.connection.execute(
        text(
            "SELECT id, display_name FROM access.account WHERE NOT roles && CAST(:patients AS text[]) "
            "ORDER BY display_name, id"
        ),
        {"patients": sorted(PATIENT_ROLES)},
    )
    return [(row.id, row.display_name) for row in rows]


def _conditions(wanted: AuditFilter, time_zone: str) -> tuple[str, Mapping[str, Any]]:
    parts, values = ["true"], {}
    if wanted.patient_id is not None:
        parts.append("(e.patient_id = :patient_id OR e.patient_ids @> ARRAY[CAST(:patient_id AS text)])")
        values["patient_id"] = wanted.patient_id
    if wanted.actor_id is not None:
        parts.append("e.actor_id = :actor_id")
        values["actor_id"] = wanted.actor_id
    if wanted.act is not None:
        parts.append("e.act = :act")
        values["act"] = wanted.act
    if wanted.outcome is not None:
        parts.append("e.outcome = :outcome")
        values["outcome"] = wanted.outcome
    if wanted.since is not None:
        parts.append("e.at >= :since")
        values["since"] = _midnight(wanted.since, time_zone)
    if wanted.until is not None:
        parts.append("e.at < :end")
        values["end"] = _midnight(wanted.until + timedelta(days=1), time_zone)
    return " AND ".join(parts), values


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(time_zone))
