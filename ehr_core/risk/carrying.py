"""What somebody adjusted, carried to the record that survives a merge, and taken back at an un-merge."""

from __future__ import annotations

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.risk.reading import tier_row
from ehr_core.risk.service import END, keep, tell


def carry_over_adjustment(work: UnitOfWork, source: str, target: str) -> bool:
    """Whether the survivor took over an adjustment in force. One of its own stays: it is about what goes on."""
    was, now = tier_row(work, source, lock=True), tier_row(work, target, lock=True)
    if was is None or not was["in_force"] or (now is not None and now["in_force"]):
        return False
    keep(
        work,
        target,
        tier=was["adjusted_tier"],
        reason=was["adjusted_reason"],
        note=was["adjusted_note"],
        computed=now["tier"] if now and now["present"] else "unknown",
        until=was["adjusted_until"],
        by=was["adjusted_by"],
        name=was["adjusted_by_name"],
        at=was["adjusted_at"],
    )
    tell(work, target, "carried_over", to_tier=was["adjusted_tier"], until=was["adjusted_until"])
    return True


def take_back_adjustment(work: UnitOfWork, source: str, target: str) -> None:
    """Ends what was carried over from `source` to `target`, where nobody has adjusted anew since."""
    was, now = tier_row(work, source), tier_row(work, target, lock=True)
    same = ("adjusted_tier", "adjusted_at", "adjusted_by")
    if was is None or now is None or [was[name] for name in same] != [now[name] for name in same]:
        return
    work.connection.execute(text(END), {"id": target})
    tell(work, target, "taken_back", from_tier=now["adjusted_tier"])
