"""What time alone brings about in the clinic: results are routed, unacknowledged critical ones passed on, repeating
orders made. Each step is safe to repeat, and safe beside another process that does the same."""

from __future__ import annotations

from datetime import timedelta

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.orders.repeats import make_due_orders
from ehr_core.results_inbox.escalation import escalate_unacknowledged
from ehr_core.workflows.take_results import take_results


def route_results(work: UnitOfWork) -> int:
    """One batch of arrivals; 0 when none waits."""
    return take_results(work)


def follow_the_clock(work: UnitOfWork, *, critical_after_minutes: int) -> tuple[int, int]:
    """(critical results passed on, orders made) since the last time."""
    passed_on = escalate_unacknowledged(work, timedelta(minutes=critical_after_minutes))
    return passed_on, make_due_orders(work)
