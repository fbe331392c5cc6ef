"""Orders in words: a line of the basket, a signed order, what is missing."""

from __future__ import annotations

from dashboards.shared.markup import lines, tag, text
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.orders import (
    CONTRAST_WORDS,
    KIND_WORDS,
    ORDER_STATUS_WORDS,
    PREGNANCY_WORDS,
    PRIORITY_WORDS,
    CatalogueItem,
    DraftOrder,
    OrderDetails,
    OrderLine,
    Repeat,
)

STATUS_KIND = {"active": "waiting", "on-hold": "open", "completed": "closed"}


def item_label(item: CatalogueItem) -> str:
    """As the list shows it and as typing finds it: name, kind, other names, code."""
    also = f" · {', '.join(item.also)}" if item.also else ""
    return f"{item.name} · {KIND_WORDS[item.kind]}{also} · {item.code}"


def detail_words(details: OrderDetails) -> list[str]:
    """How it is to be done, one fact a part; nothing for what was not said."""
    told = [
        PRIORITY_WORDS[details.priority] if details.priority != "routine" else None,
        f"from {show_date(details.start_on)}" if details.start_on else None,
        details.laterality.capitalize() if details.laterality else None,
        CONTRAST_WORDS[details.contrast] if details.contrast else None,
        {True: "fasting", False: "not fasting"}.get(details.fasting),
        details.specimen,
        f"pregnancy: {PREGNANCY_WORDS[details.pregnancy].lower()}" if details.pregnancy else None,
        repeat_words(details.repeat) if details.repeat else None,
        f"standing until {show_date(details.standing_until)}" if details.standing_until else None,
        f"for: {details.indication}" if details.indication else None,
        f"question: {details.question}" if details.question else None,
        f"note: {details.note}" if details.note else None,
    ]
    return [part for part in told if part]


def repeat_words(repeat: Repeat) -> str:
    every = repeat.unit if repeat.every == 1 else f"{repeat.every} {repeat.unit}s"
    until = f" until {show_date(repeat.until)}" if repeat.until else ""
    return f"every {every}{until}" + (f", {repeat.times} times" if repeat.times else "")


def draft_html(draft: DraftOrder) -> str:
    """One line of the basket: what, how, who prepared it; then what it lacks."""
    state = tag("Incomplete", "open") if draft.missing else tag("To be signed", "waiting")
    facts = " · ".join(text(part) for part in detail_words(draft.details))
    lacking = "".join(f'<p class="warn">{text(sentence)}</p>' for _, sentence in draft.missing)
    return (
        f"<h4>{text(draft.name)} {tag(KIND_WORDS[draft.kind], 'apart')} {state}</h4><p>{facts}</p>"
        f"{lacking}"
        f'<p class="quiet">Prepared by {text(draft.prepared_by)}, {text(show_instant(draft.prepared_at))}</p>'
    )


def order_html(order: OrderLine) -> str:
    """A signed order: where it stands, by when it is expected, what has come back."""
    status = ORDER_STATUS_WORDS.get(order.status, order.status)
    marks = [tag(status, STATUS_KIND.get(order.status, "apart"))]
    if order.overdue:
        marks.append(tag(f"Overdue since {show_date(order.due_on)}", "open"))
    facts = [*order.details, f"for: {order.reason}" if order.reason else ""]
    about = [
        f"ordered {show_date(order.ordered_on)} by {order.ordered_by or 'a name that is not recorded'}",
        f"result expected by {show_date(order.due_on)}" if order.due_on and order.status == "active" else "",
        order.repeat or "",
        f"next on {show_date(order.next_due_on)}" if order.next_due_on else "",
        "one of a repeating order" if order.part_of else "",
        f"{len(order.results)} results have come" if order.results else "",
    ]
    return (
        f"<h4>{text(order.name)} {' '.join(marks)}</h4>"
        f"<p>{' · '.join(text(part) for part in facts if part)}</p>{_waiting(order)}{_note(order)}"
        f'<p class="quiet">{" · ".join(text(part) for part in about if part)}</p>'
    )


def _waiting(order: OrderLine) -> str:
    return f"<p><b>Still to come:</b> {text(', '.join(order.waits_for))}</p>" if order.waits_for else ""


def _note(order: OrderLine) -> str:
    return f"<p>{text(order.last_note)}</p>" if order.last_note else ""


def closed_html(orders: list[OrderLine]) -> str:
    """Closed orders, a line each."""
    return lines((order_html(order) for order in orders), "No closed orders")
