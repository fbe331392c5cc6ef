"""Rules about one patient's chart: who is kept from it, or from a kind of item in it, and who is let in.

A rule that denies beats every rule that allows. Rules are ended, never deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Row, text

from ehr_core.access.accounts import find_account
from ehr_core.access.roles import STAFF_ROLES
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.ids import new_id

AskedBy = Literal["patient", "site", "law"]
SubjectKind = Literal["account", "role", "everyone"]


@dataclass(frozen=True)
class NewRule:
    """`subject` is an account's id or a role; none for everyone of the staff. `label` none: the whole chart."""

    patient_id: str
    effect: Literal["allow", "deny"]
    subject_kind: SubjectKind
    subject: str | None
    label: str | None
    asked_by: AskedBy
    reason: str
    even_in_emergency: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def make_rule(work: UnitOfWork, wanted: NewRule) -> str:
    """The rule's id; it holds at once, or from `starts_at` on.

    Raises BadRequest, naming what is wrong, and NotFound for an account that is not there.
    """
    work.actor.require("access.manage")
    if (wanted.subject_kind == "everyone") != (wanted.subject is None):
        raise BadRequest("Name whom the rule is about: an account, a role, or everyone without a name.")
    if wanted.subject_kind == "role" and wanted.subject not in STAFF_ROLES:
        raise BadRequest(f"The role is one of {', '.join(sorted(STAFF_ROLES))}.")
    if wanted.subject_kind == "account":
        find_account(work, wanted.subject or "")
    starts_at = wanted.starts_at or work.now()
    if wanted.ends_at is not None and wanted.ends_at <= starts_at:
        raise BadRequest("A rule has to end after it starts.")
    rule_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO access.chart_rule (id, patient_id, effect, subject_kind, subject, label, even_in_emergency, "
            "asked_by, reason, starts_at, ends_at, made_by, made_at) VALUES (:id, :patient_id, :effect, "
            ":subject_kind, :subject, :label, :even_in_emergency, :asked_by, :reason, :starts_at, :ends_at, :by, :now)"
        ),
        vars(wanted) | {"id": rule_id, "starts_at": starts_at, "by": work.actor.actor_id, "now": work.now()},
    )
    work.audit(
        "chart_rule_made",
        patient_id=wanted.patient_id,
        detail={"rule": rule_id, "effect": wanted.effect, "to": wanted.subject or "everyone"},
    )
    return rule_id


def end_rule(work: UnitOfWork, rule_id: str) -> None:
    """Raises NotFound when there is no such rule or it has ended."""
    work.actor.require("access.manage")
    row = work.connection.execute(
        text(
            "UPDATE access.chart_rule SET ended_at = :now, ended_by = :by WHERE id = :id AND ended_at IS NULL "
            "RETURNING patient_id"
        ),
        {"id": rule_id, "now": work.now(), "by": work.actor.actor_id},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such rule, or it has ended.")
    work.audit("chart_rule_ended", patient_id=row.patient_id, detail={"rule": rule_id})


def rules_of(work: UnitOfWork, patient_id: str) -> list[Row]:
    """The rules about a patient that have not been ended, newest first; audited."""
    work.actor.require("access.manage")
    rows = work.connection.execute(
        text(
            "SELECT r.id, r.effect, r.subject_kind, r.subject, a.display_name AS subject_name, r.label, r.asked_by, "
            "r.reason, r.even_in_emergency, r.starts_at, r.ends_at FROM access.chart_rule r "
            "LEFT JOIN access.account a ON r.subject_kind = 'account' AND a.id = r.subject "
            "WHERE r.patient_id = :patient_id AND r.ended_at IS NULL ORDER BY r.made_at DESC, r.id"
        ),
        {"patient_id": patient_id},
    ).all()
    work.audit("chart_rules_read", patient_id=patient_id, detail={"rules": len(rows)})
    return list(rows)
