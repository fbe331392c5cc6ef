"""What is noted when a person checks in: identity and coverage looked at, a copay, what they told. Never the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from data_contracts.api.check_in import CheckIn, NoteCopay, NotedCopay
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.money import Money, read_money

CURRENCY = "USD"


def noted(work: UnitOfWork, appointment_id: str) -> Mapping[str, Any]:
    """The row; empty when nothing was noted yet."""
    row = (
        work.connection.execute(
            text("SELECT * FROM scheduling.check_in WHERE appointment_id = :id"), {"id": appointment_id}
        )
        .mappings()
        .one_or_none()
    )
    return row or {}


def note(work: UnitOfWork, appointment_id: str, patient_id: str, wanted: CheckIn) -> None:
    """Adds what this act says to what was noted before; nothing that was noted is taken away."""
    values = _identity(work, wanted) | _coverage(work, wanted) | _copay(work, wanted.copay)
    if wanted.reported is not None:
        values["reported_at"] = work.now()
    columns = ", ".join(["appointment_id", "patient_id", *values])
    places = ", ".join([":appointment_id", ":patient_id", *(f":{name}" for name in values)])
    changes = ", ".join(
        [*(f"{name} = :{name}" for name in values), "version = scheduling.check_in.version + 1"]
    )
    work.connection.execute(
        text(
            f"INSERT INTO scheduling.check_in ({columns}) VALUES ({places}) "
            f"ON CONFLICT (appointment_id) DO UPDATE SET {changes}"
        ),
        values | {"appointment_id": appointment_id, "patient_id": patient_id},
    )


def noted_copay(row: Mapping[str, Any]) -> NotedCopay | None:
    if row.get("copay_noted_at") is None:
        return None
    amount = row["copay_amount"]
    return NotedCopay(
        amount="0.00" if amount is None else f"{amount:.2f}",
        currency=row["copay_currency"] or CURRENCY,
        how=row["copay_how"],
        noted_at=row["copay_noted_at"],
    )


def _identity(work: UnitOfWork, wanted: CheckIn) -> dict[str, Any]:
    """A patient who signed in at the portal is who they are; staff compare two identifiers."""
    how = "portal_sign_in" if work.actor.kind == "patient" else wanted.identity
    if how is None:
        return {}
    return {
        "identity_checked_at": work.now(),
        "identity_checked_by": work.actor.actor_id,
        "identity_how": how,
    }


def _coverage(work: UnitOfWork, wanted: CheckIn) -> dict[str, Any]:
    if wanted.coverage is None:
        return {}
    if wanted.coverage == "changed" and not (wanted.coverage_note or "").strip():
        raise BadRequest("coverage_note: say what has changed, so that registration can correct it.")
    return {
        "coverage_answer": wanted.coverage,
        "coverage_note": wanted.coverage_note,
        "coverage_checked_at": work.now(),
    }


def _copay(work: UnitOfWork, given: NoteCopay | None) -> dict[str, Any]:
    if given is None:
        return {}
    if given.how != "none_due" and not given.amount:
        raise BadRequest("amount: write how much, such as 25.00, or choose that none is due.")
    if given.how == "none_due" and given.amount:
        raise BadRequest("how: an amount was written, so say how it is paid.")
    money: Money | None = read_money(given.amount, CURRENCY) if given.amount else None
    return {
        "copay_amount": money.amount if money else None,
        "copay_currency": money.currency if money else None,
        "copay_how": given.how,
        "copay_noted_at": work.now(),
        "copay_noted_by": work.actor.actor_id,
    }
