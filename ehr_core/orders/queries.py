"""Reads orders: those of one patient, those that are overdue, and the baskets that wait for a signature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text

from data_contracts.api.orders import OrderKind, OrderLine, PatientOrders
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.display import show_date
from ehr_core.kernel.clock import in_zone
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import codings, decode, words
from ehr_core.orders.resources import detail_words, due_day, member_codes, ordered_of, parent_of
from ehr_core.orders.subjects import read_subject
from ehr_core.store.tokens import reference_token

MOST_CLOSED = 60
OPEN = ("active", "on-hold")

HISTORY_DAYS = 60
"""An imported order whose result was expected this long before it came here is history: nobody here waits for it.
The same span decides which imported results await a review."""

COLUMNS = "id, version_id, patient_id, imported, last_updated, body"

OF_PATIENT = text(f"""
(SELECT {COLUMNS}, 0 AS rank, 0 AS closed FROM fhir.service_request
  WHERE patient_id = :id AND NOT deleted AND status IN ('active', 'on-hold') ORDER BY date_low DESC NULLS LAST, id)
UNION ALL
(SELECT {COLUMNS}, 1, count(*) OVER () FROM fhir.service_request
  WHERE patient_id = :id AND NOT deleted AND status NOT IN ('active', 'on-hold')
  ORDER BY date_low DESC NULLS LAST, id LIMIT :most)
""")

LATE = text(f"""
SELECT {COLUMNS} FROM fhir.service_request
 WHERE NOT deleted AND status = 'active' AND date_low < :now AND patient_id IS NOT NULL
   AND coalesce(CAST(body AS jsonb) #>> '{{occurrencePeriod,end}}', '') < :today
   AND NOT jsonb_exists(CAST(body AS jsonb), 'occurrenceTiming')
   AND (CAST(:requester AS text) IS NULL OR reference_tokens @> ARRAY[:requester])
 ORDER BY date_low, id
""")
"""What may be overdue; `due_day` judges each exactly."""

TASKS = text("""
SELECT token AS focus, body FROM fhir.task, unnest(reference_tokens) AS token
 WHERE reference_tokens && CAST(:focus AS text[]) AND NOT deleted AND token = ANY(:focus)
""")


@dataclass(frozen=True)
class LateOrder:
    """An order past its day."""

    line: OrderLine
    due_on: date


def orders_of_patient(work: UnitOfWork, patient_id: str) -> PatientOrders:
    """Open ones first, then the newest closed ones; audited."""
    work.actor.require("chart.read")
    rows = work.connection.execute(OF_PATIENT, {"id": patient_id, "most": MOST_CLOSED}).all()
    if not rows:
        read_subject(work, patient_id)
    closed = max((row.closed for row in rows), default=0)
    work.audit("orders.read", patient_id=patient_id, detail={"orders": len(rows)})
    return PatientOrders(
        patient_id=patient_id,
        orders=order_lines(work, sorted(rows, key=lambda row: row.rank)),
        closed_not_shown=max(0, closed - MOST_CLOSED),
    )


def order_line(work: UnitOfWork, order_id: str) -> OrderLine:
    """One order as it stands now, unaudited. Raises NotFound."""
    row = work.connection.execute(
        text(f"SELECT {COLUMNS} FROM fhir.service_request WHERE id = :id AND NOT deleted"), {"id": order_id}
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such order.")
    return order_lines(work, [row])[0]


def late_orders(work: UnitOfWork, *, practitioner_id: str | None = None) -> list[LateOrder]:
    """Active orders whose result was expected before today, of one clinician or of all; unaudited. The most urgent
    first, then the longest overdue."""
    requester = reference_token("requester", f"Practitioner/{practitioner_id}") if practitioner_id else None
    rows = work.connection.execute(
        LATE, {"now": work.now(), "today": work.today().isoformat(), "requester": requester}
    ).all()
    late = [(row, due) for row in rows if (due := due_day(decode(row.body))) and _is_late(work, row, due)]
    lines = order_lines(work, [row for row, _ in late])
    found = [LateOrder(line, due) for line, (_, due) in zip(lines, late, strict=True)]
    return sorted(found, key=lambda one: (one.line.priority == "routine", one.due_on, one.line.order_id))


def _is_late(work: UnitOfWork, row: Row[Any], due: date) -> bool:
    entered = in_zone(row.last_updated, ZoneInfo(work.site_time_zone)).date()
    is_history = row.imported and due < entered - timedelta(days=HISTORY_DAYS)
    return due < work.today() and not is_history


def order_lines(work: UnitOfWork, rows: Sequence[Row[Any]]) -> list[OrderLine]:
    """Orders as lists show them, with what has come back for them and how they repeat."""
    ids = [row.id for row in rows]
    tasks, repeats = _tasks(work, ids), _repeats(work, ids)
    return [_line(work, row, tasks.get(row.id), repeats.get(row.id)) for row in rows]


def _tasks(work: UnitOfWork, order_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    focus = {reference_token("focus", f"ServiceRequest/{one}"): one for one in order_ids}
    if not focus:
        return {}
    rows = work.connection.execute(TASKS, {"focus": list(focus)})
    return {focus[row.focus]: decode(row.body) for row in rows}


def _repeats(work: UnitOfWork, order_ids: Sequence[str]) -> dict[str, Row[Any]]:
    rows = work.connection.execute(
        text("SELECT * FROM orders.repeat WHERE order_id = ANY(:ids)"), {"ids": list(order_ids)}
    )
    return {row.order_id: row for row in rows}


def _line(
    work: UnitOfWork, row: Row[Any], task: Mapping[str, Any] | None, repeat: Row[Any] | None
) -> OrderLine:
    order = decode(row.body)
    what, due = ordered_of(order), due_day(order)
    status = order.get("status", "unknown")
    outputs = (task or {}).get("output") or ()
    return OrderLine(
        order_id=row.id,
        version_id=row.version_id,
        patient_id=row.patient_id or "",
        kind=what.kind,
        name=what.name,
        status=status,
        priority=order.get("priority", "routine"),
        ordered_on=order.get("authoredOn"),
        ordered_by=(order.get("requester") or {}).get("display"),
        reason="; ".join(filter(None, map(words, order.get("reasonCode") or ()))) or None,
        details=detail_words(order),
        due_on=due,
        overdue=bool(status == "active" and due and _is_late(work, row, due)),
        results=[one["valueReference"]["reference"] for one in outputs if "valueReference" in one],
        waits_for=_waits_for(what, status, outputs),
        last_note=_last_note(order),
        repeat=_repeat_words(repeat),
        next_due_on=repeat.next_due_on if repeat else None,
        may_release=bool(
            repeat and repeat.mode == "standing" and status == "active" and work.today() <= repeat.ends_on
        ),
        part_of=parent_of(order),
    )


def _waits_for(what: Any, status: str, outputs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The members of a panel of which some, and these not, have come back."""
    answered = {code for one in outputs for _, code in codings(one.get("type"))}
    members = member_codes(what)
    if status != "active" or not answered & members.keys():
        return []
    return [name for code, name in members.items() if code not in answered]


def _last_note(order: Mapping[str, Any]) -> str | None:
    """The newest dated note: those without a time came with the order itself."""
    dated = [note for note in order.get("note") or () if note.get("time")]
    return dated[-1]["text"] if dated else None


def _repeat_words(repeat: Row[Any] | None) -> str | None:
    if repeat is None:
        return None
    if repeat.mode == "standing":
        return f"Standing until {show_date(repeat.ends_on)}; {repeat.made} released"
    every = repeat.unit if repeat.every == 1 else f"{repeat.every} {repeat.unit}s"
    end = f" until {show_date(repeat.ends_on)}" if repeat.ends_on else ""
    most = f", {repeat.most} times in all" if repeat.most else ""
    return f"Every {every}{end}{most}; {repeat.made} made"


@dataclass(frozen=True)
class WaitingBasket:
    patient_id: str
    names: list[str]
    prepared_by: list[str]
    since: datetime


def baskets_to_sign(work: UnitOfWork, most: int = 100) -> list[WaitingBasket]:
    """Every basket with something in it, the oldest first; unaudited."""
    rows = work.connection.execute(
        text(
            "SELECT patient_id, array_agg(display ORDER BY place) AS names, min(prepared_at) AS since, "
            "array_agg(DISTINCT prepared_by_name) AS prepared_by FROM orders.draft WHERE state = 'draft' "
            "GROUP BY patient_id ORDER BY since LIMIT :most"
        ),
        {"most": most},
    )
    return [WaitingBasket(row.patient_id, row.names, row.prepared_by, row.since) for row in rows]


def count_by_kind(late: Iterable[LateOrder]) -> dict[OrderKind, int]:
    counted: dict[OrderKind, int] = {}
    for one in late:
        counted[one.line.kind] = counted.get(one.line.kind, 0) + 1
    return counted
